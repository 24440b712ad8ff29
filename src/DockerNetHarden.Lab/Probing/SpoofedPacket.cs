using System.Buffers.Binary;
using System.Net;

namespace DockerNetHarden.Lab.Probing;

/// <summary>
/// IPv4 packets with a source that is not the sender's, as a container with NET_RAW (Docker's default) can send them (raw(7): with IPPROTO_RAW the
/// header is the sender's own, and the kernel fills in its checksum and length).
/// </summary>
internal static class SpoofedPacket
{
    private const int HeaderLength = 20;

    public static byte[] Udp(IPAddress source, IPAddress destination, int sourcePort, int port, ReadOnlySpan<byte> payload)
    {
        var datagram = new byte[8 + payload.Length];
        Ports(datagram, sourcePort, port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        payload.CopyTo(datagram.AsSpan(8));
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(6), Checksum(source, destination, 17, datagram));
        return Packet(source, destination, 17, datagram);
    }

    public static byte[] TcpSyn(IPAddress source, IPAddress destination, int sourcePort, int port)
    {
        var segment = new byte[20];
        Ports(segment, sourcePort, port);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), (uint)Random.Shared.Next());
        segment[12] = 5 << 4;
        segment[13] = 0x02;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), 64240);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), Checksum(source, destination, 6, segment));
        return Packet(source, destination, 6, segment);
    }

    private static void Ports(byte[] segment, int sourcePort, int port)
    {
        BinaryPrimitives.WriteUInt16BigEndian(segment, (ushort)sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), (ushort)port);
    }

    private static byte[] Packet(IPAddress source, IPAddress destination, byte protocol, byte[] payload)
    {
        var packet = new byte[HeaderLength + payload.Length];
        packet[0] = 0x45;
        packet[8] = 64;
        packet[9] = protocol;
        source.TryWriteBytes(packet.AsSpan(12), out _);
        destination.TryWriteBytes(packet.AsSpan(16), out _);
        payload.CopyTo(packet.AsSpan(HeaderLength));
        return packet;
    }

    // RFC 1071 over the pseudo-header and the segment, whose own field is still zero.
    private static ushort Checksum(IPAddress source, IPAddress destination, byte protocol, ReadOnlySpan<byte> segment)
    {
        byte[] text = [.. source.GetAddressBytes(), .. destination.GetAddressBytes(), 0, protocol, (byte)(segment.Length >> 8), (byte)segment.Length, .. segment, 0];
        uint sum = 0;
        for (var i = 0; i + 1 < text.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(text.AsSpan(i));
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        var checksum = (ushort)~sum;
        return checksum == 0 ? (ushort)0xffff : checksum;
    }
}
