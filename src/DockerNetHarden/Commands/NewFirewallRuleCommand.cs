using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Errors;
using DockerNetHarden.Input;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits any other rule of the vocabulary. Changes nothing.</summary>
[Cmdlet(VerbsCommon.New, "FirewallRule", DefaultParameterSetName = PropertySet)]
[OutputType(typeof(FirewallRule))]
public sealed partial class NewFirewallRuleCommand : PSCmdlet
{
    private const string PropertySet = "Property";
    private const string TextSet = "Text";

    private readonly List<FirewallRule> _read = [];

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = TextSet, HelpMessage = "Rules in iptables' own words: -A DOCKER-USER -d 10.0.0.5 -j DROP.")]
    [Alias("Text")]
    [ValidateNotNullOrEmpty]
    public string[]? Rule { get; set; }

    [Parameter(HelpMessage = "A name in the rule's mark: what is applied under one name is replaced and removed by itself.")]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    // A text that is no rule is found before the first rule goes out.
    protected override void ProcessRecord()
    {
        try
        {
            _read.AddRange((Rule ?? []).Select(FirewallRule.Parse));
        }
        catch (RefusedValueException error)
        {
            ThrowTerminatingError(ErrorRecords.From(error, null));
        }
    }

    protected override void EndProcessing() => ControlInput.Emit(this, () =>
        ParameterSetName is TextSet ? _read.Select(rule => Name is null ? rule : rule.Named(Name)) : FromParameters());

    // One rule has one source and one destination; a list means a rule each.
    private IEnumerable<FirewallRule> FromParameters()
    {
        foreach (var source in Prefixes(LocalAddress, nameof(LocalAddress)))
        {
            foreach (var destination in Prefixes(RemoteAddress, nameof(RemoteAddress)))
                yield return FirewallRule.FromProperties(Properties(source, destination));
        }
    }

    // "Not a" and "not b" as two rules are every packet: what one lets by the other takes.
    private static IReadOnlyList<string?> Prefixes(string[]? texts, string parameter) =>
        texts is null ? new string?[] { null }
        : texts.Length > 1 && Array.Exists(texts, text => text.StartsWith('!')) ? throw new RefusedValueException(parameter, string.Join(", ", texts), "a negated address stands alone: of two rules, each with another '!', every packet matches one.")
        : texts;

    private static string? Joined(string[]? texts) => texts is null ? null : string.Join(',', texts);
}
