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

    // What iptables-save prints for other numbers is the name in the machine's /etc/protocols; these are Debian's (netbase). We write the number.
    private static readonly (string Name, int Number)[] OtherProtocols =
    [
        ("igmp", 2), ("ggp", 3), ("ipencap", 4), ("st", 5), ("egp", 8), ("igp", 9), ("pup", 12), ("hmp", 20), ("xns-idp", 22), ("rdp", 27), ("iso-tp4", 29), ("xtp", 36), ("ddp", 37),
        ("idpr-cmtp", 38), ("ipv6", 41), ("ipv6-route", 43), ("ipv6-frag", 44), ("idrp", 45), ("rsvp", 46), ("skip", 57), ("ipv6-nonxt", 59), ("ipv6-opts", 60), ("rspf", 73), ("vmtp", 81),
        ("eigrp", 88), ("ospf", 89), ("ax.25", 93), ("ipip", 94), ("etherip", 97), ("encap", 98), ("pim", 103), ("ipcomp", 108), ("vrrp", 112), ("l2tp", 115), ("isis", 124), ("fc", 133),
        ("mobility-header", 135), ("ipv6-mh", 135), ("mpls-in-ip", 137), ("manet", 138), ("hip", 139), ("shim6", 140), ("wesp", 141), ("rohc", 142), ("ethernet", 143),
    ];

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

    /// <summary>The one name or number of a protocol.</summary>
    /// <exception cref="RefusedValueException">It is none.</exception>
    public static string ProtocolName(string text) => FindProtocol(text)
        ?? throw new RefusedValueException("Protocol", text, $"a protocol is one of {string.Join(", ", Protocols.Select(known => known.Name))} or a number from 1 to 255.");

    /// <summary>The same; null if it is none.</summary>
    public static string? FindProtocol(string text)
    {
        var name = text.ToLowerInvariant() switch { "icmpv6" or "icmp6" => "ipv6-icmp", var other => other };
        if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            number = Array.Find([.. Protocols, .. OtherProtocols], known => string.Equals(known.Name, name, StringComparison.Ordinal)).Number;
        return number is > 0 and <= 255 ? Array.Find(Protocols, known => known.Number == number).Name ?? number.ToString(CultureInfo.InvariantCulture) : null;
    }

    public static string Protocol(string text, Family family)
    {
        var name = ProtocolName(text);
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
            ["NONE", _] => throw new RefusedValueException("TcpFlags", text, "it looks at no flag, and iptables takes it for every tcp packet; leave it out, or name the flags to look at."),
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
        if (family == Family.IPv4 && (named is "any" or "255" || named.StartsWith("255/", StringComparison.Ordinal)))
            throw new RefusedValueException("IcmpType", text, "iptables takes 255 for any type; leave the type out.");
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
