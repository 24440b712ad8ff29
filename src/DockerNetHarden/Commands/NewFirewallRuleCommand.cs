using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Errors;
using DockerNetHarden.Input;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>
/// Emits any other rule of the vocabulary. Changes nothing. The parameters use NetSecurity's words where it has them, with the properties of <see cref="FirewallRule"/> as names or aliases.
/// </summary>
[Cmdlet(VerbsCommon.New, "FirewallRule", DefaultParameterSetName = PropertySet)]
[OutputType(typeof(FirewallRule))]
public sealed class NewFirewallRuleCommand : PSCmdlet
{
    private const string PropertySet = "Property";
    private const string TextSet = "Text";

    private readonly RuleScript _script = new();
    private readonly RuleOrder _read = new();
    private readonly EmittedRules _rules = new();

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = TextSet, HelpMessage = "Rules in iptables' own words: -A DOCKER-USER -d 10.0.0.5 -j DROP.")]
    [Alias("Text")]
    [ValidateNotNull]
    [AllowEmptyString]
    public string[]? Rule { get; set; }

    [Parameter(HelpMessage = "A name in the rule's mark: rules with one name are replaced and removed together.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = PropertySet, HelpMessage = "What to do with a packet that matches.")]
    [Alias("Target")]
    public RuleAction Action { get; set; }

    [Parameter(ParameterSetName = PropertySet, ValueFromPipelineByPropertyName = true, HelpMessage = "The host of the network; Invoke-FirewallRule applies the rule there.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [Alias("Host", "ComputerName")]
    [ValidateNotNullOrEmpty]
    public string? HostName { get; set; }

    [Parameter(ParameterSetName = PropertySet, ValueFromPipelineByPropertyName = true, HelpMessage = "The Docker network whose containers the rule is for: in the mark, and as the in-interface unless another is given.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string? Network { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "IPv4 or IPv6; follows from the addresses if it is left out.")]
    public Family? Family { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "filter, mangle or raw.")]
    [ArgumentCompleter(typeof(Completer<TableNames>))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "filter";

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "The chain for the rule: DOCKER-USER, INPUT ...")]
    [ArgumentCompleter(typeof(Completer<ChainNames>))]
    [ValidateNotNullOrEmpty]
    public string Chain { get; set; } = "DOCKER-USER";

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-i: an interface, network:NAME or docker:bridges; '!' in front negates.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [Alias("InInterface")]
    [ValidateNotNullOrEmpty]
    public string? InterfaceAlias { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-o: an interface, network:NAME or docker:bridges; '!' in front negates.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [Alias("OutInterface")]
    [ValidateNotNullOrEmpty]
    public string? OutInterfaceAlias { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-s: the sources, one rule for each; '!' in front negates.")]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    public string[]? LocalAddress { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-d: the destinations, one rule for each; '!' in front negates.")]
    [Alias("Destination")]
    [ValidateNotNullOrEmpty]
    public string[]? RemoteAddress { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-p: tcp, udp, icmp ... or a number; '!' in front negates.")]
    [ArgumentCompleter(typeof(Completer<ProtocolNames>))]
    [ValidateNotNullOrEmpty]
    public string? Protocol { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--sports: source ports and ranges (1000:2000); '!' in front of the first negates.")]
    [Alias("SourcePort", "SPort")]
    [ValidateNotNullOrEmpty]
    public string[]? LocalPort { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--dports: destination ports and ranges (1000:2000); '!' in front of the first negates.")]
    [Alias("DestinationPort", "DPort")]
    [ValidateNotNullOrEmpty]
    public string[]? RemotePort { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--tcp-flags: SYN alone means --syn; else the flags to look at and those that are set: 'FIN,SYN,RST,ACK SYN'.")]
    [ValidateNotNullOrEmpty]
    public string? TcpFlags { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--icmp-type: a number, number/code, or echo-request.")]
    [ValidateNotNullOrEmpty]
    public string? IcmpType { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--ctstate: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, SNAT, DNAT.")]
    [Alias("CtState")]
    [ValidateNotNullOrEmpty]
    public string[]? ConnectionState { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--ctdir: ORIGINAL, from the side that opened the connection, or REPLY.")]
    [Alias("CtDir")]
    [ValidateSet("ORIGINAL", "REPLY")]
    public string? ConnectionDirection { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "Opened: only what a container sends on connections that it opened, and packets of no connection; with the actions Drop and Reject.")]
    [ValidateSet("Opened")]
    public string? Connections { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--ctorigdst: the destination before address translation.")]
    [Alias("CtOrigDst")]
    [ValidateNotNullOrEmpty]
    public string? OriginalDestination { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--ctorigdstport: the destination port before address translation.")]
    [Alias("CtOrigDstPort")]
    [ValidateNotNullOrEmpty]
    public string? OriginalDestinationPort { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-m addrtype --src-type, for example LOCAL.")]
    [Alias("SrcType")]
    [ValidateNotNullOrEmpty]
    public string? SourceAddressType { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-m addrtype --dst-type, for example LOCAL.")]
    [Alias("DstType")]
    [ValidateNotNullOrEmpty]
    public string? DestinationAddressType { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-m set --match-set: the ipset's name and src or dst: 'blocked dst'.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [Alias("MatchSet")]
    [ValidateNotNullOrEmpty]
    public string? Set { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-m limit --limit: the rate up to which the rule matches: 5/min.")]
    [ValidateNotNullOrEmpty]
    public string? Limit { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--limit-burst, in packets.")]
    public int? LimitBurst { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-m hashlimit: 'above 5/min' or 'upto 5/min'.")]
    [ValidateNotNullOrEmpty]
    public string? HashLimit { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--hashlimit-burst, in packets.")]
    public int? HashLimitBurst { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--hashlimit-mode: what gets a bucket of its own, for example srcip.")]
    [ValidateNotNullOrEmpty]
    public string[]? HashLimitMode { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--hashlimit-name; made from the limit if it is left out.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [ValidateNotNullOrEmpty]
    public string? HashLimitName { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "Your own words, in the line's comment after the mark.")]
    [Alias("Description")]
    [ValidateNotNullOrEmpty]
    public string? Comment { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--reject-with: how a rejected packet is answered, for example tcp-reset.")]
    [ValidateNotNullOrEmpty]
    public string? RejectWith { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--log-prefix, at most 29 characters.")]
    [ValidateNotNullOrEmpty]
    public string? LogPrefix { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "The chain to which a rule with -Action Jump goes.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [ValidateNotNullOrEmpty]
    public string? JumpTarget { get; set; }

    [Parameter(HelpMessage = "Block nothing: count and log what the rule would block. The same command without this turns it on.")]
    public SwitchParameter ReportOnly { get; set; }

    // A text that is not a rule is found before the first rule is emitted.
    protected override void ProcessRecord()
    {
        if (ParameterSetName is PropertySet)
        {
            _rules.Add(this, HostName, () => Reported(FromParameters()));
            return;
        }
        try
        {
            foreach (var placed in (Rule ?? []).SelectMany(_script.Read))
                _read.Add(placed);
        }
        catch (RefusedValueException error)
        {
            ThrowTerminatingError(ErrorRecords.From(error, null));
        }
    }

    protected override void EndProcessing()
    {
        if (ParameterSetName is TextSet)
            _rules.Add(this, null, () => Reported(FromText()));
        _rules.Emit(this);
    }

    private IEnumerable<FirewallRule> Reported(IEnumerable<FirewallRule> rules) => ReportOnly ? ReportingRules.Of(rules) : rules;

    // The order of the whole input counts: a later -I comes before an earlier one.
    private IEnumerable<FirewallRule> FromText()
    {
        _script.Complete();
        return _read.Rules.Select(rule => Name is null ? rule : rule.Named(Name));
    }

    // A rule has one source and one destination; a list means one rule for each.
    private IEnumerable<FirewallRule> FromParameters()
    {
        foreach (var source in Prefixes(LocalAddress, nameof(LocalAddress)))
        {
            foreach (var destination in Prefixes(RemoteAddress, nameof(RemoteAddress)))
                yield return FirewallRule.FromProperties(Properties(source, destination));
        }
    }

    // "Not a" and "not b" as two rules match every packet: what one lets pass, the other takes.
    private static IReadOnlyList<string?> Prefixes(string[]? texts, string parameter) =>
        texts is null ? new string?[] { null }
        : texts.Length > 1 && Array.Exists(texts, text => text.StartsWith('!')) ? throw new RefusedValueException(parameter, string.Join(", ", texts), "a negated address must be the only one: with two rules that each negate another address, every packet matches one.")
        : texts;

    private Dictionary<string, object?> Properties(string? source, string? destination)
    {
        var bag = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (parameter, value) in MyInvocation.BoundParameters)
        {
            if (MyInvocation.MyCommand.Parameters[parameter].Aliases.Prepend(parameter).FirstOrDefault(name => typeof(FirewallRule).GetProperty(name) is not null) is { } property)
                bag[property] = value is string[] texts ? string.Join(',', texts) : value;
        }
        bag[nameof(FirewallRule.Subject)] = Name;
        bag[nameof(FirewallRule.Source)] = source;
        bag[nameof(FirewallRule.Destination)] = destination;
        // A container cannot forge the in-interface, so it is used where it is known; elsewhere the network's subnets must do.
        var place = Hook.Check(Table, Chain).HasInInterface ? nameof(FirewallRule.InInterface) : nameof(FirewallRule.Source);
        if (Network is not null && bag.GetValueOrDefault(place) is null)
            bag[place] = "network:" + Operand.CheckNetworkName(Network, nameof(Network));
        return bag;
    }
}
