using System.Management.Automation;
using System.Reflection;
using DockerNetHarden.Commands;

namespace DockerNetHarden.Tests;

public sealed class CmdletMetadataTests
{
    private static readonly string[] Emitters =
        ["Block-ContainerHostAccess", "Block-ContainerInternalAccess", "Block-ContainerMetadataAccess", "New-FirewallRule", "Set-SmtpRateLimit"];

    private static readonly string[] Writers =
        ["Confirm-FirewallChange", "Export-DockerHostSnapshot", "Export-FirewallRule", "Export-HardeningPolicy", "Export-HardeningReport", "Invoke-FirewallRule", "New-HardenedDockerNetwork", "Remove-FirewallRule", "Save-FirewallRule"];

    // They make texts and objects from their arguments.
    private static readonly string[] Hostless = ["Import-HardeningPolicy", "New-XsoarServerSetting"];

    public static TheoryData<string> Names => ModuleFacts.CmdletNames;

    [Theory]
    [MemberData(nameof(Names))]
    public void A_verb_is_one_of_PowerShells_own(string name)
    {
        // The stub keeps the verbs as constants, which reflection can see.
        var approved = new[] { typeof(VerbsCommon), typeof(VerbsCommunications), typeof(VerbsData), typeof(VerbsDiagnostic), typeof(VerbsLifecycle), typeof(VerbsOther), typeof(VerbsSecurity) }
            .SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Static)).Select(field => (string)field.GetRawConstantValue()!).ToHashSet(StringComparer.Ordinal);
        Assert.Contains(ModuleFacts.Cmdlet(name).Verb, approved);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_noun_is_singular_and_in_Pascal_case(string name)
    {
        var noun = ModuleFacts.Cmdlet(name).Noun;
        Assert.True(char.IsAsciiLetterUpper(noun[0]) && noun.All(char.IsAsciiLetterOrDigit), noun);
        // Access is not a plural.
        Assert.False(noun.EndsWith('s') && !noun.EndsWith("ss", StringComparison.Ordinal), noun);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_cmdlet_stands_in_a_sealed_class_of_its_name(string name)
    {
        var cmdlet = ModuleFacts.Cmdlet(name);
        Assert.True(cmdlet.Type.IsSealed);
        Assert.Equal($"DockerNetHarden.Commands.{cmdlet.Verb}{cmdlet.Noun}Command", cmdlet.Type.FullName);
        Assert.True(File.Exists(Path.Combine(ModuleFacts.Root, "src", "DockerNetHarden", "Commands", cmdlet.Type.Name + ".cs")));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_cmdlet_says_what_it_emits_one_kind_of_object_a_parameter_set(string name)
    {
        var outputs = ModuleFacts.Cmdlet(name).OutputsBySet;
        Assert.NotEmpty(outputs);
        Assert.True(outputs.Count == 1 || outputs.All(output => output.Sets.Length > 0));
        Assert.Distinct(outputs.SelectMany(output => output.Sets.Split(' ')));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_set_takes_at_most_one_parameter_from_the_pipeline_by_value(string name)
    {
        var sets = ModuleFacts.Cmdlet(name).Parameters.SelectMany(CmdletFacts.ParameterData)
            .Where(data => CmdletFacts.Named(data, "ValueFromPipeline") is true).GroupBy(CmdletFacts.SetOf).ToList();
        Assert.All(sets, set => Assert.Single(set));
        if (sets.Any(set => set.Key == "(all)"))
            Assert.Single(sets);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void No_two_parameters_of_a_set_have_one_position(string name)
    {
        var positions = ModuleFacts.Cmdlet(name).Parameters.SelectMany(CmdletFacts.ParameterData)
            .Where(data => CmdletFacts.Named(data, "Position") is not null).GroupBy(data => (CmdletFacts.SetOf(data), CmdletFacts.Named(data, "Position")));
        Assert.All(positions, position => Assert.Single(position));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WhatIf_is_there_exactly_where_something_is_written(string name) =>
        Assert.Equal(Writers.Contains(name), ModuleFacts.Cmdlet(name).SupportsShouldProcess);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_parameter_says_what_it_is_for(string name) =>
        Assert.All(ModuleFacts.Cmdlet(name).Parameters, property => Assert.All(CmdletFacts.ParameterData(property), data =>
            Assert.False(string.IsNullOrWhiteSpace((string?)CmdletFacts.Named(data, "HelpMessage")), property.Name)));

    [Fact]
    public void Emitters_emit_rules_and_ask_no_host()
    {
        foreach (var emitter in Emitters.Select(ModuleFacts.Cmdlet))
        {
            Assert.Equal(typeof(Rules.FirewallRule), emitter.OutputTypes[0]);
            Assert.False(typeof(HostCmdlet).IsAssignableFrom(emitter.Type), emitter.Name);
        }
        Assert.All(ModuleFacts.Cmdlets.Where(cmdlet => !Emitters.Contains(cmdlet.Name) && !Hostless.Contains(cmdlet.Name)), cmdlet => Assert.True(typeof(HostCmdlet).IsAssignableFrom(cmdlet.Type), cmdlet.Name));
    }

    [Theory]
    [InlineData("Invoke-FirewallRule")]
    [InlineData("Test-FirewallRule")]
    [InlineData("Export-FirewallRule")]
    [InlineData("Remove-FirewallRule")]
    public void What_takes_rules_takes_anything_and_judges_itself(string name)
    {
        var input = ModuleFacts.Cmdlet(name).Type.GetProperty("InputObject")!;
        Assert.Equal(typeof(PSObject[]), input.PropertyType);
        var attributes = input.GetCustomAttributesData().Select(data => data.AttributeType).ToList();
        Assert.Contains(typeof(AllowNullAttribute), attributes);
        Assert.Contains(typeof(AllowEmptyCollectionAttribute), attributes);
        Assert.Contains(input.GetCustomAttributesData(), data => data.AttributeType == typeof(AliasAttribute)
            && ((IReadOnlyCollection<CustomAttributeTypedArgument>)data.ConstructorArguments[0].Value!).Any(alias => (string)alias.Value! == "Rule"));
    }

    [Fact]
    public void Emitters_have_two_levels_of_base_classes_and_cmdlets_on_hosts_four_at_most()
    {
        var bases = ModuleFacts.Module.GetTypes().Where(type => type.IsAbstract && !type.IsSealed && typeof(Cmdlet).IsAssignableFrom(type)).ToList();
        Assert.Equal(["AnalysisCmdlet", "AuditCommand", "BlockCommand", "CancellableCmdlet", "ControlCommand", "HostCmdlet", "HostFileCmdlet"], bases.Select(type => type.Name).Order(StringComparer.Ordinal));
        // An analysis works on hosts or on their snapshot files; an audit is one, with parameters that choose its findings; some cmdlets write a file for each host.
        Assert.All(bases.Where(type => type.BaseType != typeof(HostCmdlet) && type.BaseType != typeof(AnalysisCmdlet)), type => Assert.True(type.BaseType == typeof(PSCmdlet) || type.BaseType!.BaseType == typeof(PSCmdlet), type.Name));
    }

    [Fact]
    public void No_class_of_the_module_keeps_state_in_a_static_field()
    {
        var fields = ModuleFacts.Module.GetTypes().Where(type => !type.Name.Contains('<', StringComparison.Ordinal))
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => !field.IsLiteral && !field.IsInitOnly && !field.Name.Contains('<', StringComparison.Ordinal));
        Assert.Empty(fields.Select(field => $"{field.DeclaringType}.{field.Name}"));
    }
}
