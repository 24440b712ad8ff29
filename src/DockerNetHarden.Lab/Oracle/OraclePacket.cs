using System.Globalization;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>The first packet of a connection, and the bridge of the router by which it enters.</summary>
/// <param name="InLink">The bridge.</param>
/// <param name="Header">The packet.</param>
/// <param name="Flags">For TCP the flags, as in the header: SYN, and others that a first packet may have.</param>
internal sealed record OraclePacket(string InLink, Packet Header, int Flags = OraclePacket.Syn)
{
    public const int Syn = 2;
    public const int Psh = 8;
    public const int Urg = 32;
    public const int EceCwr = 64 | 128;
    public const int Icmp = 1;
    public const int Tcp = 6;
    public const int Udp = 17;
    public const int Esp = 50;
    public const int IcmpV6 = 58;
    public const int Ospf = 89;
    public const int Sctp = 132;

    // The types that open a connection (net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c).
    public static readonly int[] OpeningTypes4 = [8, 13, 15, 17];
    public static readonly int[] OpeningTypes6 = [128, 139];

    public static bool HasPorts(int protocol) => protocol is Tcp or Udp or Sctp;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"in {InLink}, {Name(Header.Protocol)}{Kind()} {Header.Source.Address}{Port(Header.SourcePort)} -> {Header.Destination.Address}{Port(Header.DestinationPort)}");

    private static string Name(int protocol) => protocol switch
    {
        Icmp => "icmp",
        Tcp => "tcp",
        Udp => "udp",
        Esp => "esp",
        IcmpV6 => "icmpv6",
        Ospf => "ospf",
        Sctp => "sctp INIT",
        _ => protocol.ToString(CultureInfo.InvariantCulture),
    };

    private string Kind() => Header.Protocol switch
    {
        Tcp => string.Create(CultureInfo.InvariantCulture, $" flags 0x{Flags:x2}"),
        Icmp or IcmpV6 => string.Create(CultureInfo.InvariantCulture, $" type {Header.DestinationPort >> 8} code {Header.DestinationPort & 0xff}"),
        _ => "",
    };

    private string Port(int port) => HasPorts(Header.Protocol) ? string.Create(CultureInfo.InvariantCulture, $" port {port}") : "";
}
