using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>Random first packets of connections. No two of a batch belong to one connection, and no translation of addresses can make them so.</summary>
internal static class PacketGenerator
{
    public static IReadOnlyList<OraclePacket> Take(int seed, Family family, int count)
    {
        var dice = new Dice(seed);
        var packets = new List<OraclePacket>(count);
        var taken = new HashSet<(Cidr, int, int)>();
        while (packets.Count < count)
        {
            var packet = One(dice, family);
            var header = packet.Header;
            // Whatever the destination is, a translation can turn it into another packet's. If two connections would become one, conntrack changes a port of the later
            // one and marks it DNAT, which no single packet would show.
            if (taken.Add((header.Source, header.Protocol, header.SourcePort)))
                packets.Add(packet);
        }
        return packets;
    }

    private static OraclePacket One(Dice dice, Family family)
    {
        var protocol = dice.Number(1, 100) switch
        {
            <= 50 => OraclePacket.Tcp,
            <= 75 => OraclePacket.Udp,
            <= 86 => family == Family.IPv4 ? OraclePacket.Icmp : OraclePacket.IcmpV6,
            <= 96 => OraclePacket.Sctp,
            <= 98 => OraclePacket.Esp,
            _ => OraclePacket.Ospf,
        };
        var (from, to) = OraclePacket.HasPorts(protocol) ? (SourcePort(dice), DestinationPort(dice)) : (IsIcmp(protocol) ? SourcePort(dice) : 0, TypeAndCode(dice, protocol));
        var source = Cidr.Parse(dice.Pick(OracleSites.Sources(family)));
        var destination = Cidr.Parse(dice.Chance(55) ? dice.Pick(OracleSites.Outside(family)) : dice.Pick(OracleSites.Destinations(family)));
        var bridge = dice.Pick(OracleSites.Bridges);
        // Neighbours on the same bridge are reached past the router: such a packet would not get to it.
        while (Array.IndexOf(OracleSites.Neighbours(family), destination.Address) is >= 0 and var at && at == Array.IndexOf(OracleSites.Bridges, bridge))
            destination = Cidr.Parse(dice.Pick(OracleSites.Destinations(family)));
        return new OraclePacket(bridge, new Packet(family, source, destination, protocol, from, to), Flags(dice));
    }

    private static bool IsIcmp(int protocol) => protocol is OraclePacket.Icmp or OraclePacket.IcmpV6;

    private static int TypeAndCode(Dice dice, int protocol) => protocol switch
    {
        OraclePacket.Icmp => (dice.Chance(70) ? 8 : dice.Pick(OraclePacket.OpeningTypes4)) << 8,
        OraclePacket.IcmpV6 => (dice.Chance(80) ? 128 : dice.Pick(OraclePacket.OpeningTypes6)) << 8,
        _ => 0,
    };

    private static int Flags(Dice dice) => OraclePacket.Syn | (dice.Chance(80) ? 0 : dice.Pick(OraclePacket.Psh, OraclePacket.Urg, OraclePacket.EceCwr, OraclePacket.Psh | OraclePacket.Urg));

    private static int SourcePort(Dice dice) => dice.Chance(20) ? dice.Pick(OracleSites.Ports) : dice.Number(1024, 65535);

    // Also the edges of what rules name: the numbers beside each port.
    private static int DestinationPort(Dice dice) => dice.Chance(15) ? dice.Number(1, 65535) : Math.Clamp(dice.Pick(OracleSites.Ports) + dice.Pick(0, 0, 0, 0, 1, -1), 1, 65535);
}
