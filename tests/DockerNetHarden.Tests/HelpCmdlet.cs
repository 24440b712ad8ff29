using System.Reflection;

namespace DockerNetHarden.Tests;

/// <summary>
/// What the help has to describe, by the assembly's metadata. Attributes are read as data and never made: the System.Management.Automation at hand is a
/// reference assembly whose attributes know nothing.
/// </summary>
internal sealed record HelpCmdlet(string Name, IReadOnlyList<string> Parameters, bool EmitsRules)
{
    public static IReadOnlyDictionary<string, HelpCmdlet> All { get; } = new SortedDictionary<string, HelpCmdlet>(
        Assembly.Load("DockerNetHarden").GetExportedTypes().Select(Read).OfType<HelpCmdlet>().ToDictionary(cmdlet => cmdlet.Name, StringComparer.Ordinal), StringComparer.Ordinal);

    private static HelpCmdlet? Read(Type type)
    {
        if (type.IsAbstract || Find(type.CustomAttributes, "CmdletAttribute").FirstOrDefault() is not { } cmdlet)
            return null;
        var asks = cmdlet.NamedArguments.Any(argument => argument is { MemberName: "SupportsShouldProcess", TypedValue.Value: true });
        var parameters = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => Find(property.CustomAttributes, "ParameterAttribute").Any() && !Find(property.CustomAttributes, "HiddenAttribute").Any())
            .Select(property => property.Name)
            .Concat(asks ? ["Confirm", "WhatIf"] : []);
        var output = Find(type.CustomAttributes, "OutputTypeAttribute").SelectMany(attribute => attribute.ConstructorArguments).SelectMany(Types).ToList();
        return new HelpCmdlet($"{cmdlet.ConstructorArguments[0].Value}-{cmdlet.ConstructorArguments[1].Value}", [.. parameters], !asks && output.Contains("FirewallRule", StringComparer.Ordinal));
    }

    private static IEnumerable<CustomAttributeData> Find(IEnumerable<CustomAttributeData> attributes, string name) =>
        attributes.Where(attribute => string.Equals(attribute.AttributeType.Name, name, StringComparison.Ordinal));

    private static IEnumerable<string> Types(CustomAttributeTypedArgument argument) => argument.Value switch
    {
        Type type => [type.Name],
        IEnumerable<CustomAttributeTypedArgument> several => several.SelectMany(Types),
        _ => [],
    };
}
