using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Completion;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>The parts of a rule: NetSecurity's words where it has them, iptables' words as aliases.</summary>
public sealed partial class NewFirewallRuleCommand
{
    [Parameter(Mandatory = true, ParameterSetName = PropertySet, HelpMessage = "What becomes of a packet that matches.")]
    [Alias("Target")]
    public RuleAction Action { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "The Docker network whose containers are meant: in the mark, and as the in-interface unless another is given.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string? Network { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "IPv4 or IPv6; follows from the addresses where it is left out.")]
    public Family? Family { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "filter, mangle or raw.")]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "filter";

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "The chain that asks the rule: DOCKER-USER, INPUT ...")]
    [ArgumentCompleter(typeof(Completer<ChainNames>))]
    [ValidateNotNullOrEmpty]
    public string Chain { get; set; } = "DOCKER-USER";

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-i: an interface, network:NAME or docker:bridges; '!' in front negates.")]
    [Alias("InInterface")]
    [ValidateNotNullOrEmpty]
    public string? InterfaceAlias { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-o: an interface, network:NAME or docker:bridges; '!' in front negates.")]
    [Alias("OutInterface")]
    [ValidateNotNullOrEmpty]
    public string? OutInterfaceAlias { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-s: the sources, a rule each; '!' in front negates.")]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    public string[]? LocalAddress { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-d: the destinations, a rule each; '!' in front negates.")]
    [Alias("Destination")]
    [ValidateNotNullOrEmpty]
    public string[]? RemoteAddress { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "-p: tcp, udp, icmp ... or a number; '!' in front negates.")]
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

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--tcp-flags: SYN alone means --syn; else what to look at and what is set: 'FIN,SYN,RST,ACK SYN'.")]
    [ValidateNotNullOrEmpty]
    public string? TcpFlags { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--icmp-type: a number, number/code, or echo-request.")]
    [ValidateNotNullOrEmpty]
    public string? IcmpType { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--ctstate: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, SNAT, DNAT.")]
    [Alias("CtState")]
    [ValidateNotNullOrEmpty]
    public string[]? ConnectionState { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--ctdir: ORIGINAL, from who opened the connection, or REPLY.")]
    [Alias("CtDir")]
    [ValidateSet("ORIGINAL", "REPLY")]
    public string? ConnectionDirection { get; set; }

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

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--hashlimit-mode: what has a bucket of its own, for example srcip.")]
    [ValidateNotNullOrEmpty]
    public string[]? HashLimitMode { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "--hashlimit-name; made from the limit where it is left out.")]
    [ValidateNotNullOrEmpty]
    public string? HashLimitName { get; set; }

    [Parameter(ParameterSetName = PropertySet, HelpMessage = "Your own words; they stand in the line's comment behind the mark.")]
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
    [ValidateNotNullOrEmpty]
    public string? JumpTarget { get; set; }

    private Dictionary<string, object?> Properties(string? source, string? destination)
    {
        // Where the in-interface is known it is what a container cannot forge; elsewhere the network's subnets have to do.
        var place = Network is null ? null : "network:" + Operand.CheckNetworkName(Network, nameof(Network));
        var byInterface = Hook.Check(Table, Chain).HasInInterface;
        return new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            [nameof(FirewallRule.Subject)] = Name,
            [nameof(FirewallRule.Network)] = Network,
            [nameof(FirewallRule.Family)] = Family,
            [nameof(FirewallRule.Table)] = Table,
            [nameof(FirewallRule.Chain)] = Chain,
            [nameof(FirewallRule.InInterface)] = InterfaceAlias ?? (byInterface ? place : null),
            [nameof(FirewallRule.OutInterface)] = OutInterfaceAlias,
            [nameof(FirewallRule.Source)] = source ?? (byInterface ? null : place),
            [nameof(FirewallRule.Destination)] = destination,
            [nameof(FirewallRule.Protocol)] = Protocol,
            [nameof(FirewallRule.SourcePort)] = Joined(LocalPort),
            [nameof(FirewallRule.DestinationPort)] = Joined(RemotePort),
            [nameof(FirewallRule.TcpFlags)] = TcpFlags,
            [nameof(FirewallRule.IcmpType)] = IcmpType,
            [nameof(FirewallRule.ConnectionState)] = Joined(ConnectionState),
            [nameof(FirewallRule.ConnectionDirection)] = ConnectionDirection,
            [nameof(FirewallRule.OriginalDestination)] = OriginalDestination,
            [nameof(FirewallRule.OriginalDestinationPort)] = OriginalDestinationPort,
            [nameof(FirewallRule.SourceAddressType)] = SourceAddressType,
            [nameof(FirewallRule.DestinationAddressType)] = DestinationAddressType,
            [nameof(FirewallRule.Set)] = Set,
            [nameof(FirewallRule.Limit)] = Limit,
            [nameof(FirewallRule.LimitBurst)] = LimitBurst,
            [nameof(FirewallRule.HashLimit)] = HashLimit,
            [nameof(FirewallRule.HashLimitBurst)] = HashLimitBurst,
            [nameof(FirewallRule.HashLimitMode)] = Joined(HashLimitMode),
            [nameof(FirewallRule.HashLimitName)] = HashLimitName,
            [nameof(FirewallRule.Comment)] = Comment,
            [nameof(FirewallRule.Action)] = Action,
            [nameof(FirewallRule.RejectWith)] = RejectWith,
            [nameof(FirewallRule.LogPrefix)] = LogPrefix,
            [nameof(FirewallRule.JumpTarget)] = JumpTarget,
        };
    }
}
