using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// Limits new mail connections from containers to the outside. Not counted: connections translated to a container (clients of a published mail server)
/// and connections that leave by the bridge they came from. Each family is counted by itself.
/// </summary>
public sealed record SmtpRate : Control
{
    /// <summary>The mail ports: relay, submission over TLS, submission (RFC 5321, RFC 8314, RFC 6409).</summary>
    public const string DefaultPorts = "25,465,587";

    /// <summary>What exceeds the limit is dropped: a mail server retries by itself, and a dropped SYN does not count against the rate.</summary>
    public SmtpRate() => Action = RuleAction.Drop;

    /// <summary>New connections a minute, on average.</summary>
    public int PerMinute { get; init; } = 5;

    /// <summary>How many may come at once before the rate counts.</summary>
    public int Burst { get; init; } = 5;

    /// <summary>The ports, in iptables' form.</summary>
    public string Ports { get; init; } = DefaultPorts;

    /// <summary>Whether each container (source address) has its own rate; otherwise all share one.</summary>
    public bool PerContainer { get; init; }

    /// <summary>Networks whose containers are not limited.</summary>
    public IReadOnlyList<string> ExceptNetworks { get; init; } = [];

    private protected override IReadOnlyList<FirewallRule> Blocks()
    {
        CheckAction();
        var ports = PortList.Parse(Ports, "Port").ToString();
        if (PerMinute < 1)
            throw new RefusedValueException("PerMinute", PerMinute.ToString(CultureInfo.InvariantCulture), "at least one connection a minute; to let none out, block the ports with New-FirewallRule.");
        var list = new RuleList(nameof(SmtpRate), ports.Replace(':', '-'), Network?.Name);
        var rate = string.Create(CultureInfo.InvariantCulture, $"{PerMinute}/min");
        foreach (var family in Enum.GetValues<Family>())
        {
            foreach (var network in ExceptNetworks)
                list.Except(new RuleSpec { Family = family, InInterface = "network:" + network });
            foreach (var place in Network is null ? ["docker:bridges", "docker:new-bridges"] : new[] { Network.Interface })
                list.Except(new RuleSpec { Family = family, InInterface = place, OutInterface = place });

            var mail = new RuleSpec { Family = family, Protocol = "tcp", TcpFlags = "SYN", DestinationPort = ports, ConnectionState = "!DNAT" };
            if (PerContainer)
                EachContainer(list, mail, rate, family);
            else
                AllTogether(list, mail with { InInterface = Network?.Interface }, rate);
        }
        return list.Rules;
    }

    private void AllTogether(RuleList list, RuleSpec mail, string rate)
    {
        list.Add(mail with { Limit = rate, LimitBurst = Burst, Action = RuleAction.Return });
        if (Log)
            list.Log(mail);
        list.Add(Blocked(mail));
    }

    // Bound to the network's subnets: with spoofed sources a container could fill the table of buckets, and a full table drops everybody's connections. A spoofed
    // source from elsewhere is not counted, but no answer ever reaches it, so it opens no connection.
    private void EachContainer(RuleList list, RuleSpec mail, string rate, Family family)
    {
        // Docker does not say from which prefix it takes the IPv6 subnets of later networks; by default they are unique local addresses (RFC 4193).
        var later = family == Family.IPv4 ? "docker:pools" : "fc00::/7";
        IEnumerable<(string Place, string Source)> places = Network is null
            ? [("docker:bridges", "docker:bridges"), ("docker:new-bridges", later)]
            : Network.Sources(family).Select(source => (Network.Interface, source));
        foreach (var (place, source) in places)
        {
            var own = mail with { InInterface = place, Source = source };
            // A connection within the rate returns at once: a bridge can be covered by two of these, and no connection may be counted twice.
            list.Add(own with { HashLimit = "upto " + rate, HashLimitBurst = Burst, HashLimitMode = "srcip", Action = RuleAction.Return });
            if (Log)
                list.Log(own);
            list.Add(Blocked(own));
        }
    }

    private RuleSpec Blocked(RuleSpec mail) => mail with { Action = Action, RejectWith = Action == RuleAction.Reject ? "tcp-reset" : null };
}
