using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// What a rule matches, in nft's words. One rule can need several, of which at most one matches a packet: nft has no "or" over different things, and a packet
/// without a connection ends a rule that asks for one. Source: nft(8), iptables-extensions(8), xt_conntrack and nft_ct of Linux.
/// </summary>
internal static class NftMatches
{
    private static readonly string[] Untracked = ["INVALID", "UNTRACKED"];
    private static readonly string[] Tracked = ["NEW", "RELATED", "ESTABLISHED"];

    /// <summary>The alternatives, each ready to stand before a verdict; empty where no packet can match.</summary>
    /// <exception cref="NftException">nft cannot say it.</exception>
    public static IReadOnlyList<string> Of(FirewallRule rule)
    {
        var packet = Join([.. Interfaces(rule), .. Addresses(rule), .. Transport(rule)]);
        var types = Join([.. AddressType(rule, "saddr", rule.SourceAddressType), .. AddressType(rule, "daddr", rule.DestinationAddressType)]);
        return [.. Connection(rule).Select(connection => Join([packet, connection, types]))];
    }

    /// <summary>The word for an address of a rule's family: <c>ip</c> or <c>ip6</c>.</summary>
    public static string Word(Family family) => family == Family.IPv4 ? "ip" : "ip6";

    private static IEnumerable<string> Interfaces(FirewallRule rule)
    {
        foreach (var (key, text) in new[] { ("iifname", rule.InInterface), ("oifname", rule.OutInterface) })
        {
            if (text is null)
                continue;
            var (not, name) = Read(text);
            yield return $"{key} {not}\"{(name.EndsWith('+') ? name[..^1] + "*" : name.EndsWith('*') ? name[..^1] + @"\*" : name)}\"";
        }
    }

    private static IEnumerable<string> Addresses(FirewallRule rule)
    {
        foreach (var (key, text) in new[] { ("saddr", rule.Source), ("daddr", rule.Destination) })
        {
            if (text is null)
                continue;
            var (not, address) = Read(text);
            yield return $"{Word(rule.Family)} {key} {not}{Prefix(address)}";
        }
    }

    private static IEnumerable<string> Transport(FirewallRule rule)
    {
        if (rule.Protocol is { } protocol)
        {
            var (not, name) = Read(protocol);
            yield return $"meta l4proto {not}{Protocol(name)}";
        }
        foreach (var (key, text) in new[] { ("sport", rule.SourcePort), ("dport", rule.DestinationPort) })
        {
            if (text is null)
                continue;
            var (not, ports) = Read(text);
            yield return $"{rule.Protocol} {key} {not}{Ports(ports)}";
        }
        if (rule.TcpFlags is { } flags)
        {
            var (not, value) = Read(flags);
            var parts = value.Split(' ');
            yield return $"tcp flags & {Flags(parts[0])} {(not.Length > 0 ? "!=" : "==")} {Flags(parts[1])}";
        }
        if (rule.IcmpType is { } type)
        {
            var (not, value) = Read(type);
            var parts = value.Split('/');
            var word = rule.Family == Family.IPv4 ? "icmp" : "icmpv6";
            if (parts.Length == 2 && not.Length > 0)
                throw new NftException(rule, "an ICMP type and code together cannot be negated in nft; negate the type alone.");
            yield return $"{word} type {not}{parts[0]}" + (parts.Length == 2 ? $" {word} code {parts[1]}" : "");
        }
    }

    // xt_conntrack compares states and translations in one list, and a packet without a connection by its state alone; nft knows two different keys, and
    // every key but the state ends the rule for such a packet. So what has no connection is an alternative of its own.
    private static IEnumerable<string> Connection(FirewallRule rule)
    {
        var rest = Join([.. Direction(rule), .. OriginalDestination(rule)]);
        if (rule.ConnectionState is not { } text)
            return [rest];
        var parsed = Negatable.Parse(text);
        var given = parsed.Value.Split(',');
        var without = Untracked.Where(state => given.Contains(state, StringComparer.Ordinal) != parsed.Not).ToList();
        var states = Tracked.Where(state => given.Contains(state, StringComparer.Ordinal) != parsed.Not).ToList();
        var translated = given.Where(state => state is "SNAT" or "DNAT").Select(state => state.ToLowerInvariant()).ToList();

        var all = new List<string>();
        if (without.Count > 0)
            all.Add(State(without));
        if (translated.Count == 0)
        {
            if (states.Count > 0)
                all.Add(Join([State(states), rest]));
        }
        else if (parsed.Not)
        {
            if (states.Count > 0)
                all.Add(Join([State(states), $"ct status & ({string.Join(" | ", translated)}) == 0", rest]));
        }
        else
        {
            if (states.Count > 0)
                all.Add(Join([State(states), rest]));
            var others = Tracked.Except(states, StringComparer.Ordinal).ToList();
            if (others.Count > 0)
                all.Add(Join([State(others), $"ct status & ({string.Join(" | ", translated)}) != 0", rest]));
        }
        return all;
    }

    private static string State(IReadOnlyList<string> states) => $"ct state {{ {string.Join(", ", states.Select(state => state.ToLowerInvariant()))} }}";

    private static IEnumerable<string> Direction(FirewallRule rule)
    {
        if (rule.ConnectionDirection is { } direction)
            yield return $"ct direction {direction.ToLowerInvariant()}";
    }

    private static IEnumerable<string> OriginalDestination(FirewallRule rule)
    {
        if (rule.OriginalDestination is { } address)
        {
            var (not, value) = Read(address);
            yield return $"ct original {Word(rule.Family)} daddr {not}{Prefix(value)}";
        }
        if (rule.OriginalDestinationPort is { } port)
        {
            // nft knows the port's type by the protocol that stands before it.
            if (!RuleWords.HasPorts(rule.Protocol))
                throw new NftException(rule, "an original port is compared within one protocol that has ports; add -p tcp, for example.");
            var (not, value) = Read(port);
            yield return $"ct original proto-dst {not}{value.Replace(':', '-')}";
        }
    }

    private static IEnumerable<string> AddressType(FirewallRule rule, string key, string? text)
    {
        if (text is null)
            yield break;
        var (not, value) = Read(text);
        var types = value.Split(',');
        if (types.FirstOrDefault(type => type is "THROW" or "NAT" or "XRESOLVE") is { } unknown)
            throw new NftException(rule, $"nft has no address type {unknown}; leave it out.");
        var words = types.Select(type => type.ToLowerInvariant()).ToList();
        yield return $"fib {key} type {not}{(words.Count == 1 ? words[0] : $"{{ {string.Join(", ", words)} }}")}";
    }

    private static string Ports(string text)
    {
        var ports = text.Replace(':', '-').Split(',');
        return ports.Length == 1 ? ports[0] : $"{{ {string.Join(", ", ports)} }}";
    }

    private static string Flags(string list) => list is "NONE" ? "0x0" : $"({string.Join(" | ", list.Split(',').Select(flag => flag.ToLowerInvariant()))})";

    // Names that nft knows by itself; the others by number, whatever the host's /etc/protocols says. The numbers: IANA's protocol numbers.
    private static string Protocol(string name) => name switch
    {
        "ipv6-icmp" => "icmpv6",
        "gre" => "47",
        _ => name,
    };

    private static string Prefix(string cidr) => Cidr.Parse(cidr) is { IsSingleAddress: true } ? cidr[..cidr.IndexOf('/', StringComparison.Ordinal)] : cidr;

    private static (string Not, string Value) Read(string text)
    {
        var value = Negatable.Parse(text);
        return (value.Not ? "!= " : "", value.Value);
    }

    private static string Join(IReadOnlyList<string> parts) => string.Join(' ', parts.Where(part => part.Length > 0));
}
