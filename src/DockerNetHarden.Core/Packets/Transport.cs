using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>Sets of packets by what follows the addresses: protocol, ports, flags, conntrack state.</summary>
internal static class Transport
{
    private const int Fin = 1, Syn = 2, Rst = 4, Ack = 16;

    // Must come before the sets that use it: static fields are initialized in the order of the text.
    private static readonly ProtocolLayer?[] s_protocols = new ProtocolLayer?[Layers.LastProtocol + 1];

    private static readonly ProtocolLayer s_first4 = MakeFirstPackets(Family.IPv4);
    private static readonly ProtocolLayer s_first6 = MakeFirstPackets(Family.IPv6);

    /// <summary>
    /// Packets that open a connection, as conntrack sees it: state NEW; for TCP those with SYN and without ACK, RST and FIN; for ICMP
    /// the requests. Source: net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_proto_icmp.c.
    /// </summary>
    internal static ProtocolLayer FirstPackets(Family family) => family == Family.IPv4 ? s_first4 : s_first6;

    internal static ProtocolLayer Protocol(int number) =>
        s_protocols[number] ??= ProtocolLayer.Of((UInt128)number, (UInt128)number, Layers.AnyPort);

    internal static ProtocolLayer? ProtocolsBut(int number) => Layers.AnyProtocol.Subtract(Protocol(number));

    internal static ProtocolLayer ToPorts(IEnumerable<(UInt128 First, UInt128 Last)> ports) => OfPorts(DestinationPortLayer.Of(ports, Layers.AnySourcePort)!);

    internal static ProtocolLayer FromPorts(IEnumerable<(UInt128 First, UInt128 Last)> ports) =>
        OfPorts(DestinationPortLayer.Of(0, Layers.LastPort, SourcePortLayer.Of(ports, TrackedFlags.All)!));

    internal static ProtocolLayer? WithFlags(int mask, int compared) => WithLeaf(TrackedFlags.Of(Enum.GetValues<Tracking>(), TrackedFlags.Combinations(mask, compared)));

    internal static ProtocolLayer? InStates(IEnumerable<Tracking> states) => WithLeaf(TrackedFlags.Of(states, ulong.MaxValue));

    private static ProtocolLayer? WithLeaf(TrackedFlags? leaf) => leaf is null ? null : OfPorts(PortsWith(leaf));

    private static ProtocolLayer OfPorts(DestinationPortLayer ports) => ProtocolLayer.Of(0, Layers.LastProtocol, ports);

    private static DestinationPortLayer PortsWith(TrackedFlags leaf) =>
        DestinationPortLayer.Of(0, Layers.LastPort, SourcePortLayer.Of(0, Layers.LastPort, leaf));

    private static ProtocolLayer MakeFirstPackets(Family family)
    {
        var any = PortsWith(TrackedFlags.Of([Tracking.New], ulong.MaxValue)!);
        var opening = PortsWith(TrackedFlags.Of([Tracking.New], TrackedFlags.Combinations(Fin | Syn | Rst | Ack, Syn))!);
        var requests = Protocols.OpeningTypes(family)
            .Select(static type => ((UInt128)(type << 8), (UInt128)((type << 8) | 0xff)));
        var (icmp, other) = family == Family.IPv4 ? (Protocols.Icmp, Protocols.IcmpV6) : (Protocols.IcmpV6, Protocols.Icmp);
        // The other family's ICMP is INVALID to conntrack.
        return ProtocolLayer.Of(0, Layers.LastProtocol, any)
            .Subtract(Protocol(Protocols.Tcp))!.Subtract(Protocol(icmp))!.Subtract(Protocol(other))!
            .Union(Just(Protocols.Tcp, opening))
            .Union(Just(icmp, any.Intersect(DestinationPortLayer.Of(requests, Layers.AnySourcePort)!)!));
    }

    private static ProtocolLayer Just(int number, DestinationPortLayer ports) => ProtocolLayer.Of((UInt128)number, (UInt128)number, ports);
}
