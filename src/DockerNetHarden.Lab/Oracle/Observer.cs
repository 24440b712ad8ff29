using System.Buffers.Binary;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>Where a packet arrived.</summary>
/// <param name="OutLink">The router's link by which it left; null if the router itself took it.</param>
/// <param name="Destination">Its destination then.</param>
internal sealed record Arrival(string? OutLink, Cidr Destination);

/// <summary>
/// Sends packets and sees what happens to each: packet sockets at the far ends of the cables and, for what the router takes itself, raw sockets inside it,
/// which get a copy of everything that passed INPUT (raw(7)).
/// </summary>
internal sealed class Observer : IDisposable
{
    private static readonly int[] Protocols4 = [OraclePacket.Icmp, OraclePacket.Tcp, OraclePacket.Udp, OraclePacket.Esp, OraclePacket.Ospf, OraclePacket.Sctp];
    private static readonly int[] Protocols6 = [OraclePacket.IcmpV6, OraclePacket.Tcp, OraclePacket.Udp, OraclePacket.Esp, OraclePacket.Ospf, OraclePacket.Sctp];

    private readonly byte[] _buffer = new byte[4096];
    private readonly List<(string Link, PacketSocket Socket)> _cables = [];
    private readonly List<(Family Family, int Protocol, PacketSocket Socket)> _local = [];
    private readonly PacketSocket _netfilter;
    private uint _batch;

    public Observer(OracleRouter router)
    {
        try
        {
            foreach (var (link, end) in OracleRouter.WireEnds)
            {
                _cables.Add((link, PacketSocket.OfLink(router.Wire, end, 0x0800)));
                _cables.Add((link, PacketSocket.OfLink(router.Wire, end, 0x86dd)));
            }
            foreach (var protocol in Protocols4)
                _local.Add((Family.IPv4, protocol, PacketSocket.OfProtocol(router.Space, Family.IPv4, protocol)));
            foreach (var protocol in Protocols6)
                _local.Add((Family.IPv6, protocol, PacketSocket.OfProtocol(router.Space, Family.IPv6, protocol)));
            _netfilter = PacketSocket.OfNetfilter(router.Space);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Sends all packets and returns where each arrived, in the same order; null for one that did not.</summary>
    public IReadOnlyList<Arrival?> Send(IReadOnlyList<OraclePacket> packets)
    {
        const int Most = 4096;
        if (packets.Count > Most)
            throw new ArgumentOutOfRangeException(nameof(packets), packets.Count, $"A batch has at most {Most} packets.");
        ForgetConnections();
        Collect(static (_, _) => { });
        _batch = (_batch + 1) & 0xfffff;
        for (var i = 0; i < packets.Count; i++)
        {
            var cable = _cables.Find(cable => string.Equals(cable.Link, packets[i].InLink, StringComparison.Ordinal));
            cable.Socket.Send(PacketBytes.Frame(OracleRouter.HardwareAddress(packets[i].InLink), [2, 0, 0, 0, 0, 0x99], packets[i], (_batch << 12) | (uint)i));
        }
        var arrivals = new Arrival?[packets.Count];
        Collect((number, arrival) =>
        {
            if (number >> 12 != _batch || (number & 0xfff) >= packets.Count)
                return;
            ref var place = ref arrivals[number & 0xfff];
            if (place is not null)
                throw new LabException($"The packet '{packets[(int)(number & 0xfff)]}' arrived twice: {place} and {arrival}.");
            place = arrival;
        });
        return arrivals;
    }

    public void Dispose()
    {
        foreach (var (_, socket) in _cables)
            socket.Dispose();
        foreach (var (_, _, socket) in _local)
            socket.Dispose();
        _netfilter?.Dispose();
    }

    // A veth hands a frame over within the sender's own system call; only under load does ksoftirqd get the rest.
    private void Collect(Action<uint, Arrival> found)
    {
        foreach (var (link, socket) in _cables)
        {
            for (int length; (length = socket.Receive(_buffer)) > 0;)
            {
                if (length > PacketBytes.EthernetLength && PacketBytes.Read(_buffer.AsSpan(PacketBytes.EthernetLength, length - PacketBytes.EthernetLength)) is { } packet)
                    found(packet.Number, new Arrival(link, packet.Destination));
            }
        }
        foreach (var (family, protocol, socket) in _local)
        {
            if (family == Family.IPv4)
            {
                for (int length; (length = socket.Receive(_buffer)) > 0;)
                {
                    if (PacketBytes.Read(_buffer.AsSpan(0, length)) is { } packet)
                        found(packet.Number, new Arrival(null, packet.Destination));
                }
                continue;
            }
            for (int length; (length = socket.Receive(_buffer, out var destination)) > 0;)
            {
                if (PacketBytes.Number(protocol, _buffer.AsSpan(0, length)) is { } number)
                    found(number, new Arrival(null, destination));
            }
        }
    }

    // conntrack -F: IPCTNL_MSG_CT_DELETE without a tuple, with an acknowledgement to wait for (linux/netfilter/nfnetlink_conntrack.h).
    private void ForgetConnections()
    {
        var message = new byte[20];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), (1 << 8) | 2);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), 1 | 4);
        _netfilter.Send(message);
        if (_netfilter.Receive(_buffer) < 20 || BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(16)) != 0)
            throw new LabException("The kernel does not forget its connections. Is nf_conntrack_netlink loaded?");
    }
}
