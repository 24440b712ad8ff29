using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Benchmarks;

/// <summary>A forwarded packet of a connection that its sender opened.</summary>
/// <param name="In">The interface that it came by.</param>
/// <param name="Out">The interface that it leaves by.</param>
/// <param name="Source">Its source address; none of the host's.</param>
/// <param name="Destination">Its destination address; a unicast one, and none of the host's.</param>
/// <param name="Protocol">tcp or udp.</param>
/// <param name="SourcePort">Its source port.</param>
/// <param name="DestinationPort">Its destination port.</param>
/// <param name="State">NEW or ESTABLISHED.</param>
internal sealed record Packet(string In, string Out, string Source, string Destination, string Protocol, int SourcePort, int DestinationPort, string State);

/// <summary>A rule that the packet met, and whether it matched.</summary>
internal sealed record Met(RuleLine Rule, bool Matched);

/// <summary>
/// Which rules the kernel tries on one packet, in their order: every rule of every chain that the packet passes, until one decides. It is written anew for this
/// purpose and knows nothing of the module's own analysis. What it does not understand it refuses, unless the rest of the rule excludes the packet.
/// </summary>
internal sealed class PacketWay
{
    // The hooks that a forwarded packet passes, in the order of their priorities; nat only sees the first packet of a connection.
    private static readonly (string Table, string Chain)[] Hooks =
        [("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("nat", "PREROUTING"), ("mangle", "FORWARD"), ("filter", "FORWARD"), ("security", "FORWARD"), ("mangle", "POSTROUTING"), ("nat", "POSTROUTING")];

    private static readonly string[] Ends = ["ACCEPT", "DROP", "REJECT", "MASQUERADE", "DNAT", "SNAT", "REDIRECT"];
    private static readonly string[] GoOn = ["LOG", "NFLOG", "MARK", "CONNMARK"];

    private readonly Dictionary<(string Table, string Chain), List<RuleLine>> chains;
    private readonly List<Met> met = [];

    private PacketWay(Ruleset rules) => chains = rules.AllRules.GroupBy(static rule => (rule.Table, rule.Chain)).ToDictionary(static chain => chain.Key, static chain => chain.ToList());

    /// <summary>The rules that the packet meets, from raw PREROUTING to its end.</summary>
    /// <exception cref="NotSupportedException">A rule has a match that is not known here, and nothing else in it excludes the packet.</exception>
    public static IReadOnlyList<Met> Of(Ruleset rules, Packet packet)
    {
        var way = new PacketWay(rules);
        foreach (var (table, chain) in Hooks)
        {
            if (table is "nat" && packet.State is not "NEW")
                continue;
            if (way.Pass(table, chain, packet, depth: 0) is "DROP" or "REJECT")
                break;
        }
        return way.met;
    }

    // The verdict of a chain; null if it ends without one.
    private string? Pass(string table, string chain, Packet packet, int depth)
    {
        if (depth > 16)
            throw new NotSupportedException($"The chains of {table} call each other too deeply.");
        foreach (var rule in chains.GetValueOrDefault((table, chain), []))
        {
            var matched = new RuleMatch(rule, packet).Holds;
            met.Add(new Met(rule, matched));
            if (!matched || rule.Target is not { } target || GoOn.Contains(target, StringComparer.Ordinal))
                continue;
            if (target is "RETURN")
                return null;
            if (Ends.Contains(target, StringComparer.Ordinal))
                return target;
            if (Pass(table, target, packet, depth + 1) is { } verdict)
                return verdict;
            if (rule.Tokens.Contains("-g", StringComparer.Ordinal))
                return null;
        }
        return null;
    }
}

/// <summary>Whether a rule matches the packet.</summary>
internal sealed class RuleMatch
{
    private readonly Packet packet;

    public RuleMatch(RuleLine rule, Packet packet)
    {
        this.packet = packet;
        string? unknown = null;
        Holds = true;
        var tokens = rule.Tokens;
        for (var place = 0; place < tokens.Count; place++)
        {
            var negated = tokens[place] is "!";
            place += negated ? 1 : 0;
            var option = tokens[place];
            if (option is "-j" or "-g")
                break;
            if (option is "-m" or "--comment" or "--set-xmark" or "--limit-burst")
            {
                place++;
                continue;
            }
            var arguments = option is "--tcp-flags" or "--match-set" ? 2 : option is "--limit-iface-in" or "--limit-iface-out" ? 0 : 1;
            var value = arguments == 0 ? "" : tokens[place + 1];
            place += arguments;
            if (Matches(option, value) is not { } matches)
                unknown ??= $"{option} {value}";
            else if (matches == negated)
                Holds = false;
        }
        if (Holds && unknown is not null)
            throw new NotSupportedException($"What '{unknown}' matches is not known here, and nothing else in the rule excludes the packet: {rule.Text}");
    }

    public bool Holds { get; }

    private bool? Matches(string option, string value) => option switch
    {
        "-i" => Interface(value, packet.In),
        "-o" => Interface(value, packet.Out),
        "-s" => Cidr.Parse(value).Contains(Cidr.Parse(packet.Source)),
        "-d" or "--ctorigdst" => Cidr.Parse(value).Contains(Cidr.Parse(packet.Destination)),
        "-p" or "--ctproto" => value == packet.Protocol || value is "all",
        "--sport" or "--sports" => Ports(value, packet.SourcePort),
        "--dport" or "--dports" or "--ctorigdstport" => Ports(value, packet.DestinationPort),
        "--ctstate" or "--state" => value.Split(',').Contains(packet.State, StringComparer.Ordinal),
        "--ctdir" => value is "ORIGINAL",
        // Its source is translated, its destination is not.
        "--ctstatus" => value is "DNAT" ? false : null,
        // Only of the values that the packet never has; the ones it has by chance are not known here.
        "--src-type" or "--dst-type" => value is "LOCAL" or "BROADCAST" or "MULTICAST" ? false : value is "UNICAST" ? true : null,
        "--icmp-type" or "--icmpv6-type" => false,
        "--tcp-flags" => packet.Protocol is "tcp" && packet.State is "ESTABLISHED" ? value is "FIN,SYN,RST,ACK" ? false : null : packet.Protocol is "udp" ? false : null,
        _ => null,
    };

    private static bool Interface(string pattern, string name) => pattern.EndsWith('+') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : pattern == name;

    private static bool Ports(string list, int port) => list.Split(',').Any(part =>
    {
        var range = part.Split(':');
        return Number(range[0], 0) <= port && port <= Number(range[^1], ushort.MaxValue);
    });

    private static int Number(string text, int open) => text.Length == 0 ? open : int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
