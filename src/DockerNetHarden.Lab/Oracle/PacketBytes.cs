using System.Buffers.Binary;
using System.Numerics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>
/// Packets as Ethernet frames. Each carries its own number in a field that neither NAT nor routing changes, so that an arriving packet can be recognised:
/// TCP's sequence number, SCTP's initiate tag (RFC 9260, 3.3.2), ESP's SPI, otherwise the first bytes of the payload.
/// </summary>
internal static class PacketBytes
{
    public const int EthernetLength = 14;
    private const int HopLimit = 64;

    public static byte[] Frame(ReadOnlySpan<byte> to, ReadOnlySpan<byte> from, OraclePacket asked, uint number)
    {
        var packet = asked.Header;
        var segment = Segment(packet, asked.Flags, number);
        var header = packet.Family == Family.IPv4 ? 20 : 40;
        var frame = new byte[EthernetLength + header + segment.Length];
        to.CopyTo(frame);
        from.CopyTo(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)(packet.Family == Family.IPv4 ? 0x0800 : 0x86dd));
        segment.CopyTo(frame, EthernetLength + header);
        var ip = frame.AsSpan(EthernetLength, header);
        if (packet.Family == Family.IPv4)
            Header4(ip, packet, segment.Length);
        else
            Header6(ip, packet, segment.Length);
        return frame;
    }

    /// <summary>The destination and the number of an IP packet; null if it is not one of ours.</summary>
    public static (Cidr Destination, uint Number)? Read(ReadOnlySpan<byte> ip)
    {
        if (ip.Length < 20)
            return null;
        if (ip[0] >> 4 == 4)
            return Number(ip[9], ip[((ip[0] & 15) * 4)..]) is { } number4 ? (Address(ip.Slice(16, 4)), number4) : null;
        return ip[0] >> 4 == 6 && ip.Length > 40 && Number(ip[6], ip[40..]) is { } number6 ? (Address(ip.Slice(24, 16)), number6) : null;
    }

    /// <summary>The number in what follows the IP header; null if there is none.</summary>
    public static uint? Number(int protocol, ReadOnlySpan<byte> segment)
    {
        var place = NumberPlace(protocol);
        // An ICMP error quotes the packet that it is about, a reply repeats it; neither is that packet.
        var isAnswer = segment.Length > 0 && ((protocol == OraclePacket.Icmp && !OraclePacket.OpeningTypes4.Contains(segment[0])) || (protocol == OraclePacket.IcmpV6 && !OraclePacket.OpeningTypes6.Contains(segment[0])));
        return isAnswer || segment.Length < place + 4 ? null : BinaryPrimitives.ReadUInt32BigEndian(segment[place..]);
    }

    public static Cidr Address(ReadOnlySpan<byte> octets) => Cidr.From(new System.Net.IPAddress(octets));

    private static int NumberPlace(int protocol) => protocol switch
    {
        OraclePacket.Tcp => 4,
        OraclePacket.Udp or OraclePacket.Icmp or OraclePacket.IcmpV6 => 8,
        OraclePacket.Sctp => 16,
        _ => 0,
    };

    private static void Header4(Span<byte> ip, Packet packet, int length)
    {
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + length));
        ip[8] = HopLimit;
        ip[9] = (byte)packet.Protocol;
        Write(packet.Source, ip[12..16]);
        Write(packet.Destination, ip[16..20]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Fold(Sum(ip)));
    }

    private static void Header6(Span<byte> ip, Packet packet, int length)
    {
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)length);
        ip[6] = (byte)packet.Protocol;
        ip[7] = HopLimit;
        Write(packet.Source, ip[8..24]);
        Write(packet.Destination, ip[24..40]);
    }

    private static byte[] Segment(Packet packet, int flags, uint number)
    {
        var segment = new byte[packet.Protocol switch { OraclePacket.Tcp => 20, OraclePacket.Sctp => 32, OraclePacket.Ospf => 24, _ => 16 }];
        if (OraclePacket.HasPorts(packet.Protocol))
        {
            BinaryPrimitives.WriteUInt16BigEndian(segment, (ushort)packet.SourcePort);
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), (ushort)packet.DestinationPort);
        }
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(NumberPlace(packet.Protocol)), number);
        switch (packet.Protocol)
        {
            case OraclePacket.Tcp:
                segment[12] = 5 << 4;
                segment[13] = (byte)flags;
                segment[14] = 0xff; // window
                WriteChecksum(packet, segment, 16);
                break;
            case OraclePacket.Udp:
                BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(4), (ushort)segment.Length);
                WriteChecksum(packet, segment, 6);
                break;
            case OraclePacket.Icmp or OraclePacket.IcmpV6:
                BinaryPrimitives.WriteUInt16BigEndian(segment, (ushort)packet.DestinationPort); // type and code
                BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(4), (ushort)packet.SourcePort); // identifier
                WriteChecksum(packet, segment, 2);
                break;
            case OraclePacket.Sctp:
                WriteInit(segment);
                break;
        }
        return segment;
    }

    // An INIT chunk: verification tag 0, one stream each way. The checksum is CRC32c, least significant byte first (RFC 9260, appendix A).
    private static void WriteInit(byte[] segment)
    {
        segment[12] = 1;
        segment[15] = 20;
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(20), 65536);
        segment[25] = segment[27] = 1;
        var crc = uint.MaxValue;
        foreach (var octet in segment)
            crc = BitOperations.Crc32C(crc, octet);
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(8), ~crc);
    }

    // RFC 1071 over the pseudo-header (ICMP has none) and the segment, whose own field is still zero.
    private static void WriteChecksum(Packet packet, byte[] segment, int place)
    {
        var sum = Sum(segment);
        if (packet.Protocol != OraclePacket.Icmp)
        {
            Span<byte> addresses = stackalloc byte[32];
            var width = packet.Family == Family.IPv4 ? 4 : 16;
            Write(packet.Source, addresses[..width]);
            Write(packet.Destination, addresses[width..(2 * width)]);
            sum += Sum(addresses[..(2 * width)]) + (uint)packet.Protocol + (uint)segment.Length;
        }
        var checksum = Fold(sum);
        // A UDP checksum of zero means that there is none (RFC 768).
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(place), checksum == 0 && packet.Protocol == OraclePacket.Udp ? (ushort)0xffff : checksum);
    }

    private static uint Sum(ReadOnlySpan<byte> data)
    {
        uint sum = 0;
        for (var i = 0; i < data.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(data[i..]);
        return sum;
    }

    private static ushort Fold(uint sum)
    {
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    private static void Write(Cidr address, Span<byte> to)
    {
        var bits = address.Bits;
        for (var i = to.Length - 1; i >= 0; i--, bits >>= 8)
            to[i] = (byte)(bits & 0xff);
    }
}
