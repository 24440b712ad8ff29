using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Effects;

/// <summary>An open connection of a container: which side is the container, and what it sends and gets.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Network">The network of the container's address.</param>
/// <param name="Container">The container's name; null if no running container has the address.</param>
/// <param name="IsOpener">Whether the container opened it.</param>
internal sealed record ContainerConnection(TrackedConnection Connection, DockerNetwork Network, string? Container, bool IsOpener)
{
    // FIN, SYN, RST and ACK; a packet with data has only ACK (RFC 9293, 3.1).
    private const int FlagsOfOpening = 0x17;
    private const int Ack = 0x10;

    /// <summary>The packets that the container sends.</summary>
    public SentPackets Sent(int protocol) => Side(protocol, isReply: !IsOpener);

    /// <summary>The packets that it gets.</summary>
    public SentPackets Got(int protocol) => Side(protocol, isReply: IsOpener);

    private SentPackets Side(int protocol, bool isReply)
    {
        var (side, other) = isReply ? (Connection.Reply, Connection.Original) : (Connection.Original, Connection.Reply);
        // Each side's packets go where the other's come from: where that differs, conntrack translates them.
        var rewriting = new Rewriting(
            side.Destination == other.Source ? null : other.Source.Bits,
            side.DestinationPort == other.SourcePort || Protocols.IsIcmp(protocol) ? null : other.SourcePort);
        var isRedirected = Connection.Original.Destination != Connection.Reply.Source || (Connection.Original.DestinationPort != Connection.Reply.SourcePort && Protocols.HasPorts(protocol));
        var state = isReply ? Tracking.EstablishedReply : Connection.IsReplied ? Tracking.Established : Tracking.New;
        return new SentPackets(this, Packets(side, protocol, state), Header(side, protocol), Header(Connection.Original, protocol), new Connected(rewriting, isReply, isRedirected));
    }

    private static Packet Header(ConnectionSide side, int protocol) => new(side.Source.Family, side.Source, side.Destination, protocol, side.SourcePort, side.DestinationPort);

    private static PacketSet Packets(ConnectionSide side, int protocol, Tracking state)
    {
        var packets = Transport.Protocol(protocol).Intersect(Transport.InStates([state])!);
        if (Protocols.HasPorts(protocol) || Protocols.IsIcmp(protocol))
            packets = packets?.Intersect(Transport.ToPorts([One(side.DestinationPort)]))?.Intersect(Transport.FromPorts([One(side.SourcePort)]));
        if (protocol == Protocols.Tcp)
            packets = packets?.Intersect(Transport.WithFlags(FlagsOfOpening, Ack)!);
        return packets is null ? PacketSet.None(side.Source.Family)
            : PacketSet.From(side.Source.Family, packets, [(side.Source.Bits, side.Source.Last)], [(side.Destination.Bits, side.Destination.Last)]);
    }

    private static (UInt128, UInt128) One(int number) => ((UInt128)number, (UInt128)number);
}

/// <summary>The packets that one side of a connection still sends.</summary>
/// <param name="Of">The connection.</param>
/// <param name="Packets">The packets, as they enter.</param>
/// <param name="Header">What they all have in their headers.</param>
/// <param name="First">The first packet of the connection.</param>
/// <param name="Connected">What conntrack does to them.</param>
internal sealed record SentPackets(ContainerConnection Of, PacketSet Packets, Packet Header, Packet First, Connected Connected);

/// <summary>Finds the containers' connections among all that a host tracks.</summary>
internal static class OpenConnections
{
    /// <summary>The names of the containers that have addresses now, by address.</summary>
    public static Dictionary<Cidr, string> Owners(HostSnapshot host)
    {
        var owners = new Dictionary<Cidr, string>();
        foreach (var container in host.Containers.Where(static container => container.IsUp))
        {
            foreach (var address in container.Addresses.SelectMany(static address => new[] { address.IPv4, address.IPv6 }).OfType<Cidr>())
                owners.TryAdd(address, container.Name);
        }
        return owners;
    }

    /// <summary>The connections that a container opened, or that were opened to one. The rest is the host's own business.</summary>
    public static IEnumerable<ContainerConnection> OfContainers(HostSnapshot host, IEnumerable<TrackedConnection> connections)
    {
        var own = host.Addresses.Select(static address => address.Address).ToHashSet();
        var containers = Owners(host);
        var networks = host.Networks.Where(static network => network.Bridge is not null).SelectMany(static network => network.Subnets, static (network, subnet) => (Network: network, Subnet: subnet)).ToList();
        foreach (var connection in connections)
        {
            if (At(connection.Original.Source) is { } opener)
                yield return new ContainerConnection(connection, opener, containers.GetValueOrDefault(connection.Original.Source), IsOpener: true);
            else if (At(connection.Reply.Source) is { } server)
                yield return new ContainerConnection(connection, server, containers.GetValueOrDefault(connection.Reply.Source), IsOpener: false);
        }

        DockerNetwork? At(Cidr address) => own.Contains(address) ? null : networks.Find(each => each.Subnet.Contains(address)).Network;
    }
}
