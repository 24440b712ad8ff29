using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Iptables;

/// <summary>The closed vocabularies of iptables-extensions(8), in the order and spelling in which iptables-save prints them.</summary>
internal static class RuleWords
{
    private static readonly string[] States = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];

    private static readonly string[] AddressTypes =
        ["UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE"];

    private static readonly string[] Flags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

    private static readonly string[] HashModes = ["srcip", "srcport", "dstip", "dstport"];

    private static readonly string[] Reject4 =
        ["icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-port-unreachable", "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited", "tcp-reset"];

    private static readonly string[] Reject6 =
        ["icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-policy-fail", "icmp6-reject-route", "tcp-reset"];

    // The names that iptables-save prints for protocol numbers, whatever the machine's /etc/protocols says.
    private static readonly (string Name, int Number)[] Protocols =
        [("tcp", 6), ("udp", 17), ("icmp", 1), ("ipv6-icmp", 58), ("sctp", 132), ("dccp", 33), ("udplite", 136), ("esp", 50), ("ah", 51), ("gre", 47)];

    public static bool HasPorts(string? protocol) => protocol is "tcp" or "udp" or "sctp" or "dccp" or "udplite";

    public static string State(string text) => Subset(text, States, "ConnectionState");

    // For IPv6, xt_addrtype knows fewer types: the kernel refuses the others (net/netfilter/xt_addrtype.c).
    public static string AddressType(string text, string part, Family family) =>
        Subset(text, family == Family.IPv4 ? AddressTypes : ["UNSPEC", "UNICAST", "LOCAL", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE"], part);

    public static string HashMode(string text) => Subset(text.ToLowerInvariant(), HashModes, "HashLimitMode");

    public static string Direction(string text) => One(text.ToUpperInvariant(), ["ORIGINAL", "REPLY"], "ConnectionDirection");

    public static string RejectWith(string text, Family family)
    {
        // The short forms that iptables accepts.
        var full = text switch
        {
            "tcp-rst" => "tcp-reset",
            "port-unreach" => family == Family.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable",
            "adm-prohibited" => "icmp6-adm-prohibited",
            "admin-prohib" => "icmp-admin-prohibited",
            _ => text,
        };
        return One(full, family == Family.IPv4 ? Reject4 : Reject6, "RejectWith");
    }

    public static string Protocol(string text, Family family)
    {
        var name = text.ToLowerInvariant() switch { "icmpv6" or "icmp6" => "ipv6-icmp", var other => other };
        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 255)
            name = Array.Find(Protocols, known => known.Number == number).Name ?? number.ToString(CultureInfo.InvariantCulture);
        else if (!Array.Exists(Protocols, known => string.Equals(known.Name, name, StringComparison.Ordinal)))
            throw new RefusedValueException("Protocol", text, $"a protocol is one of {string.Join(", ", Protocols.Select(known => known.Name))} or a number from 1 to 255.");
        return (name, family) switch
        {
            ("icmp", Family.IPv6) => throw new RefusedValueException("Protocol", text, "an IPv6 rule matches ICMPv6; write icmpv6."),
            ("ipv6-icmp", Family.IPv4) => throw new RefusedValueException("Protocol", text, "an IPv4 rule matches ICMP; write icmp, or make the rule's family IPv6."),
            _ => name,
        };
    }

    public static string TcpFlags(string text)
    {
        var parts = text.ToUpperInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return parts switch
        {
            ["SYN"] => "FIN,SYN,RST,ACK SYN",
            [var mask, var set] => $"{FlagSet(mask)} {FlagSet(set)}",
            _ => throw new RefusedValueException("TcpFlags", text, "write SYN, or the flags to look at and those that are set: FIN,SYN,RST,ACK SYN."),
        };
    }

    private static string FlagSet(string text) => text switch
    {
        "ALL" => string.Join(',', Flags),
        "NONE" => "NONE",
        _ => Subset(text, Flags, "TcpFlags"),
    };

    public static string IcmpType(string text, Family family)
    {
        var named = (text, family) switch
        {
            ("echo-request", Family.IPv4) => "8",
            ("echo-reply", Family.IPv4) => "0",
            ("echo-request", Family.IPv6) => "128",
            ("echo-reply", Family.IPv6) => "129",
            ("packet-too-big", Family.IPv6) => "2",
            ("router-solicitation", Family.IPv6) => "133",
            ("router-advertisement", Family.IPv6) => "134",
            ("neighbour-solicitation" or "neighbor-solicitation", Family.IPv6) => "135",
            ("neighbour-advertisement" or "neighbor-advertisement", Family.IPv6) => "136",
            _ => text,
        };
        return named.Split('/') is { Length: 1 or 2 } parts && Array.TrueForAll(parts, IsOctet)
            ? named
            : throw new RefusedValueException("IcmpType", text, "an ICMP type is a number from 0 to 255, with /code behind it if need be.");
    }

    private static bool IsOctet(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 255 && (text.Length == 1 || text[0] != '0');

    private static string Subset(string text, string[] words, string part)
    {
        var given = text.Split(',').Select(word => word.Trim()).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var unknown = given.FirstOrDefault(word => !words.Contains(word, StringComparer.OrdinalIgnoreCase));
        return unknown is null
            ? string.Join(',', words.Where(given.Contains))
            : throw new RefusedValueException(part, text, $"'{unknown}' is not one of {string.Join(", ", words)}.");
    }

    private static string One(string text, string[] words, string part) =>
        words.Contains(text, StringComparer.Ordinal) ? text : throw new RefusedValueException(part, text, $"it is not one of {string.Join(", ", words)}.");
}
