using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>Collects the rules of one mark. The parts of every block are written here once.</summary>
internal sealed class RuleList(string control, string? subject, string? network)
{
    private readonly List<FirewallRule> _rules = [];

    public IReadOnlyList<FirewallRule> Rules => _rules;

    public void Add(RuleSpec spec) => _rules.Add(new FirewallRule(spec with { Control = control, Subject = subject, Network = network }));

    /// <summary>Packets that the control lets pass.</summary>
    public void Except(RuleSpec match) => Add(match with { Action = RuleAction.Return });

    /// <summary>
    /// A block in table filter, for what the container sends on its own connections: replies on connections from elsewhere pass, and an open keep-alive connection ends.
    /// </summary>
    public void Block(RuleSpec match, RuleAction action, bool log)
    {
        if (log)
            Log(match with { ConnectionDirection = "ORIGINAL" });
        Add(match with { Connections = VerdictChain.Opened, Action = action });
    }

    /// <summary>A log line before a block, at most ten a minute.</summary>
    public void Log(RuleSpec match) => Add(match with { Action = RuleAction.Log, Limit = "10/min", LimitBurst = 5, LogPrefix = $"DNH {control} " });

    /// <summary>
    /// The half of a forward block that Docker never touches, in mangle POSTROUTING. It holds while Docker removes its jump to DOCKER-USER and puts it
    /// back, and against another tool's ACCEPT before the jump. The host's own packets pass. In IPv6 it decides as the block does: neighbour discovery and packet-too-big pass.
    /// </summary>
    /// <param name="match">The packets.</param>
    /// <param name="sparesReplies">Whether packets on connections that were opened elsewhere pass in IPv4 too.</param>
    public void Backstop(RuleSpec match, bool sparesReplies) => Add(match with
    {
        Table = "mangle",
        Chain = "POSTROUTING",
        SourceAddressType = "!LOCAL",
        Connections = match.Family == Family.IPv6 ? VerdictChain.Opened : null,
        ConnectionDirection = match.Family == Family.IPv4 && sparesReplies ? "ORIGINAL" : null,
        Action = RuleAction.Drop,
    });
}

/// <summary>Exceptions for ports, for addresses, or for ports at addresses.</summary>
internal static class AllowList
{
    /// <summary>Ports alone are open at every address; addresses alone are open on every port; with both, these ports are open at these addresses.</summary>
    public static void Except(RuleList list, RuleSpec scope, IReadOnlyList<PortSpec> ports, IReadOnlyList<Cidr> addresses, Family family)
    {
        var ofFamily = addresses.Where(address => address.Family == family).Select(address => (string?)address.ToString()).ToList();
        if (addresses.Count > 0 && ofFamily.Count == 0)
            return;
        foreach (var address in addresses.Count == 0 ? [null] : ofFamily)
        {
            var match = scope with { Destination = address };
            if (ports.Count == 0 && address is not null)
                list.Except(match);
            foreach (var (protocol, joined) in PortSpec.Joined(ports))
                list.Except(match with { Protocol = protocol, DestinationPort = joined });
        }
    }
}
