using System.Collections.Frozen;
using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>Names and numbers of protocols. Source: the IANA protocol numbers, in the spelling of iptables and /etc/protocols.</summary>
internal static class Protocols
{
    internal const int Icmp = 1;
    internal const int Tcp = 6;
    internal const int Udp = 17;
    internal const int IcmpV6 = 58;
    internal const int Dccp = 33;
    internal const int Sctp = 132;
    internal const int UdpLite = 136;

    private static readonly (string Name, int Number)[] s_known =
    [
        ("tcp", Tcp), ("udp", Udp), ("icmp", Icmp), ("icmpv6", IcmpV6), ("ipv6-icmp", IcmpV6), ("icmp6", IcmpV6), ("sctp", Sctp), ("dccp", Dccp),
        ("udplite", UdpLite), ("igmp", 2), ("ipencap", 4), ("egp", 8), ("igp", 9), ("ipv6", 41), ("ipv6-route", 43), ("ipv6-frag", 44), ("rsvp", 46),
        ("gre", 47), ("esp", 50), ("ipv6-crypt", 50), ("ah", 51), ("ipv6-auth", 51), ("skip", 57), ("ipv6-nonxt", 59), ("ipv6-opts", 60),
        ("eigrp", 88), ("ospf", 89), ("ipip", 94), ("etherip", 97), ("encap", 98), ("pim", 103), ("ipcomp", 108), ("vrrp", 112), ("l2tp", 115),
        ("isis", 124), ("mobility-header", 135), ("ipv6-mh", 135), ("mh", 135),
    ];

    private static readonly FrozenDictionary<string, int> s_numbers =
        s_known.ToFrozenDictionary(static known => known.Name, static known => known.Number, StringComparer.OrdinalIgnoreCase);

    /// <summary>The number of a protocol, given by name or number; null if the text is neither.</summary>
    internal static int? NumberOf(string text) =>
        s_numbers.TryGetValue(text, out var number) ? number
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= Layers.LastProtocol ? number
        : null;

    internal static string NameOf(int number)
    {
        var at = Array.FindIndex(s_known, known => known.Number == number);
        return at >= 0 ? s_known[at].Name : "protocol " + number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a protocol has ports where conntrack and iptables look for them.</summary>
    internal static bool HasPorts(int number) => number is Tcp or Udp or Sctp or Dccp or UdpLite;

    internal static bool IsIcmp(int number) => number is Icmp or IcmpV6;

    /// <summary>The ICMP types that open a connection. Source: net/netfilter/nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c.</summary>
    internal static IReadOnlyList<int> OpeningTypes(Family family) => family == Family.IPv4 ? [8, 13, 15, 17] : [128, 139];
}
