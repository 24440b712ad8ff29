using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Rules;

/// <summary>Random rules over the whole vocabulary, from a seed: the same in each run. Linked into the lab tests too.</summary>
internal sealed class RandomRules(int seed)
{
    private readonly Random _random = new(seed);

    public IEnumerable<FirewallRule> Take(int count)
    {
        while (count > 0)
        {
            FirewallRule rule;
            try
            {
                rule = FirewallRule.FromProperties(Bag());
            }
            catch (RefusedValueException)
            {
                // An impossible combination (ports without a protocol, a reset over UDP): try the next one.
                continue;
            }
            count--;
            yield return rule;
        }
    }

    private Dictionary<string, object?> Bag()
    {
        var v6 = Chance(4);
        var bag = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["Family"] = v6 ? Family.IPv6 : Family.IPv4,
            ["Control"] = Pick(RuleMark.Controls.ToArray()),
            ["Subject"] = Maybe(3, "aws", "25,465", "x.y_z"),
            ["Network"] = Maybe(4, "web", "my.net"),
            ["Action"] = Pick("Accept", "Return", "Drop", "Reject", "Log", "Report"),
            ["Source"] = Maybe(3, v6 ? ["fe80::/10", "!fd00::/8"] : ["10.0.0.0/8", "!192.168.7.7", "172.16.0.0/12"]),
            ["Destination"] = Maybe(3, v6 ? ["fd00:ec2::254"] : ["169.254.169.254", "!100.64.0.0/10"]),
            ["Comment"] = Maybe(4, "-j ACCEPT", "$(reboot)", "a \"quoted\" *word* \\ 'x'", "plain"),
        };
        if (Chance(4))
            (bag["Table"], bag["Chain"]) = ("mangle", "POSTROUTING");
        else if (Chance(4))
            (bag["Table"], bag["Chain"]) = ("raw", "PREROUTING");
        else
            bag["Chain"] = v6 ? "INPUT" : Pick("INPUT", "DOCKER-USER");
        if (bag["Chain"] is not "POSTROUTING")
            bag["InInterface"] = Maybe(2, "docker0", "!br-+", "web.0");
        if (bag["Chain"] is "POSTROUTING" or "DOCKER-USER")
            bag["OutInterface"] = Maybe(3, "docker0", "!docker0");
        Transport(bag, v6);
        if (bag["Action"] is "Log")
            bag["LogPrefix"] = Maybe(2, "DNH x ", "p");
        Matches(bag);
        return bag;
    }

    private void Transport(Dictionary<string, object?> bag, bool v6)
    {
        bag["Protocol"] = Maybe(2, "tcp", "udp", "sctp", v6 ? "icmpv6" : "icmp", "47", "!udp", "89", "udplite");
        if (bag["Protocol"] is "tcp" or "udp" or "sctp" or "udplite")
        {
            bag["SourcePort"] = Maybe(4, "1000:2000", "!53", "1,2,5:9");
            bag["DestinationPort"] = Maybe(2, "80", "25,465,587", "!443", "!1,2", "7:9");
        }
        if (bag["Protocol"] is "tcp")
            bag["TcpFlags"] = Maybe(3, "SYN", "!SYN", "ALL SYN,ACK", "ALL NONE");
        if (bag["Protocol"] is "icmp" or "icmpv6")
            bag["IcmpType"] = Maybe(2, "8", "3/4", "!0");
        if (bag["Action"] is "Reject")
            bag["RejectWith"] = bag["Protocol"] is "tcp" ? Maybe(2, "tcp-reset") : v6 ? Maybe(2, "icmp6-adm-prohibited") : Maybe(2, "icmp-host-prohibited");
    }

    private void Matches(Dictionary<string, object?> bag)
    {
        if (bag["Chain"] is not "PREROUTING")
        {
            bag["ConnectionState"] = Maybe(3, "NEW", "INVALID,UNTRACKED", "!DNAT", "RELATED,ESTABLISHED");
            bag["ConnectionDirection"] = Maybe(4, "ORIGINAL", "REPLY");
            bag["OriginalDestinationPort"] = Maybe(6, "80", "80:90");
            bag["OriginalDestination"] = bag["Family"] is Family.IPv4 ? Maybe(6, "169.254.170.2", "!10.0.0.0/8") : null;
            bag["SourceAddressType"] = Maybe(5, "LOCAL", "!LOCAL", "UNICAST,LOCAL");
        }
        bag["DestinationAddressType"] = Maybe(6, "LOCAL", "!LOCAL,BROADCAST");
        bag["Limit"] = Maybe(4, "5/min", "60/min", "150/sec", "7/hour", "2/day");
        if (bag["Limit"] is not null)
            bag["LimitBurst"] = Chance(2) ? _random.Next(1, 20) : null;
        if (Chance(5))
        {
            bag["HashLimit"] = Pick("above 5/min", "upto 60/min", "above 3/sec", "upto 2/hour");
            bag["HashLimitBurst"] = Chance(2) ? _random.Next(1, 20) : null;
            bag["HashLimitMode"] = Maybe(2, "srcip", "srcip,dstport");
        }
    }

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(params T[] choices) => choices[_random.Next(choices.Length)];

    private string? Maybe(int oneIn, params string[] choices) => Chance(oneIn) ? Pick(choices) : null;
}
