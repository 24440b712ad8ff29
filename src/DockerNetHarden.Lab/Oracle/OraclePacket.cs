using System.Globalization;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>The first packet of a connection, and the bridge of the router by which it comes in.</summary>
internal sealed record OraclePacket(string InLink, Packet Header)
{
    public const int Icmp = 1;
    public const int Tcp = 6;
    public const int Udp = 17;
    public const int Esp = 50;
    public const int IcmpV6 = 58;
    public const int Ospf = 89;
    public const int Sctp = 132;

    public static bool HasPorts(int protocol) => protocol is Tcp or Udp or Sctp;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"in {InLink}, {Name(Header.Protocol)} {Header.Source.Address}{Port(Header.SourcePort)} -> {Header.Destination.Address}{Port(Header.DestinationPort)}");

    private static string Name(int protocol) => protocol switch
    {
        Icmp => "icmp echo-request",
        Tcp => "tcp SYN",
        Udp => "udp",
        Esp => "esp",
        IcmpV6 => "icmpv6 echo-request",
        Ospf => "ospf",
        Sctp => "sctp INIT",
        _ => protocol.ToString(CultureInfo.InvariantCulture),
    };

    private string Port(int port) => HasPorts(Header.Protocol) ? string.Create(CultureInfo.InvariantCulture, $" port {port}") : "";
}
