using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using DockerNetHarden.Commands;

namespace DockerNetHarden.Tests;

/// <summary>What the module says about itself, read without a pwsh: classes through their metadata, the manifest and other files as text.</summary>
internal static class ModuleFacts
{
    public static Assembly Module => typeof(InvokeFirewallRuleCommand).Assembly;

    public static string Root { get; } = FindRoot();

    public static string ManifestText => File.ReadAllText(Path.Combine(Root, "DockerNetHarden.psd1"));

    public static string Version => Regex.Match(ManifestText, @"ModuleVersion\s*=\s*'([0-9.]+)'").Groups[1].Value;

    public static IReadOnlyList<CmdletFacts> Cmdlets { get; } =
        [.. Module.GetTypes().Where(type => type.GetCustomAttributesData().Any(data => data.AttributeType == typeof(CmdletAttribute))).Select(type => new CmdletFacts(type)).OrderBy(cmdlet => cmdlet.Name, StringComparer.Ordinal)];

    public static TheoryData<string> CmdletNames => [.. Cmdlets.Select(cmdlet => cmdlet.Name)];

    public static CmdletFacts Cmdlet(string name) => Cmdlets.Single(cmdlet => cmdlet.Name == name);

    // The names in a list of the manifest: CmdletsToExport = @( 'A' 'B' ).
    public static IReadOnlyList<string> ManifestList(string key) =>
        Regex.Match(ManifestText, $@"^\s*{key}\s*=\s*@\(([^)]*)\)", RegexOptions.Multiline) is { Success: true } match
            ? [.. Regex.Matches(match.Groups[1].Value, "'([^']*)'").Select(name => name.Groups[1].Value)]
            : throw new InvalidOperationException($"The manifest has no list {key}.");

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "DockerNetHarden.psd1")) && Directory.Exists(Path.Combine(folder.FullName, "src")))
                return folder.FullName;
        }
        throw new InvalidOperationException("The tests run outside the project.");
    }
}

/// <summary>A cmdlet class, read through CustomAttributeData.</summary>
internal sealed class CmdletFacts(Type type)
{
    public Type Type { get; } = type;

    public CustomAttributeData Attribute { get; } = type.GetCustomAttributesData().Single(data => data.AttributeType == typeof(CmdletAttribute));

    public string Verb => (string)Attribute.ConstructorArguments[0].Value!;

    public string Noun => (string)Attribute.ConstructorArguments[1].Value!;

    public string Name => $"{Verb}-{Noun}";

    public bool SupportsShouldProcess => Attribute.NamedArguments.Any(argument => argument.MemberName == "SupportsShouldProcess" && (bool)argument.TypedValue.Value!);

    public string? DefaultSet => Attribute.NamedArguments.Where(argument => argument.MemberName == "DefaultParameterSetName").Select(argument => (string?)argument.TypedValue.Value).FirstOrDefault();

    /// <summary>What is emitted in each parameter set; the set is "" if one attribute is for all.</summary>
    public IReadOnlyList<(string Sets, Type Type)> OutputsBySet =>
        [.. Type.GetCustomAttributesData().Where(data => data.AttributeType == typeof(OutputTypeAttribute)).SelectMany(data =>
        {
            var sets = data.NamedArguments.Where(argument => argument.MemberName == "ParameterSetName")
                .SelectMany(argument => (IReadOnlyCollection<CustomAttributeTypedArgument>)argument.TypedValue.Value!).Select(argument => (string)argument.Value!);
            return ((IReadOnlyCollection<CustomAttributeTypedArgument>)data.ConstructorArguments[0].Value!).Select(argument => (string.Join(' ', sets), (Type)argument.Value!));
        })];

    public IReadOnlyList<Type> OutputTypes =>
        [.. Type.GetCustomAttributesData().Where(data => data.AttributeType == typeof(OutputTypeAttribute))
            .SelectMany(data => (IReadOnlyCollection<CustomAttributeTypedArgument>)data.ConstructorArguments[0].Value!).Select(argument => (Type)argument.Value!)];

    public IReadOnlyList<PropertyInfo> Parameters =>
        // A parameter of the class hides its base's parameter of the same name, as in PowerShell.
        [.. Type.GetProperties().Where(property => ParameterData(property).Any()).GroupBy(property => property.Name, StringComparer.Ordinal)
            .Select(same => same.FirstOrDefault(property => property.DeclaringType == Type) ?? same.Single()).OrderBy(property => property.Name, StringComparer.Ordinal)];

    public static IEnumerable<CustomAttributeData> ParameterData(PropertyInfo property) =>
        property.GetCustomAttributesData().Where(data => data.AttributeType == typeof(ParameterAttribute));

    public static object? Named(CustomAttributeData data, string name) =>
        data.NamedArguments.Where(argument => argument.MemberName == name).Select(argument => argument.TypedValue.Value).FirstOrDefault();

    public static string SetOf(CustomAttributeData data) => (string?)Named(data, "ParameterSetName") ?? "(all)";
}
