using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Linux;
using Microsoft.Win32.SafeHandles;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>
/// A kind of socket that .NET does not offer: AF_PACKET (packet(7)), netlink (netlink(7)), and raw sockets (raw(7)), for which .NET cannot tell the
/// destination of a received IPv6 packet. It never blocks.
/// </summary>
internal sealed partial class PacketSocket : IDisposable
{
    private const int Packet = 17;
    private const int Netlink = 16;
    private const int Inet = 2;
    private const int Inet6 = 10;
    private const int Raw = 3;
    private const int NetlinkNetfilter = 12;
    private const int DoNotWait = 0x40;
    private const int SocketLevel = 1;
    private const int ReceiveBufferForce = 33;
    private const int IPv6Level = 41;
    private const int ReceivePacketInformation = 49;
    private const int Again = 11;
    private readonly SafeFileHandle _descriptor;

    private PacketSocket(int descriptor) => _descriptor = new SafeFileHandle(descriptor, ownsHandle: true);

    /// <summary>Frames of one link. The protocol is an EtherType: frames that others on this host send are seen only with ETH_P_ALL.</summary>
    public static PacketSocket OfLink(NetNamespace space, string link, ushort etherType) => space.Run(() =>
    {
        var socket = new PacketSocket(Open(Packet));
        // struct sockaddr_ll: family, protocol (network order), interface; 20 bytes.
        var address = new byte[20];
        BinaryPrimitives.WriteUInt16LittleEndian(address, Packet);
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2), etherType);
        BinaryPrimitives.WriteInt32LittleEndian(address.AsSpan(4), (int)Native.InterfaceIndex(link));
        if (Bind(socket._descriptor, address, address.Length) != 0)
            throw Error($"A packet socket on {link} cannot be bound");
        socket.Set(SocketLevel, ReceiveBufferForce, 16 << 20);
        return socket;
    });

    /// <summary>Copies of the packets of one protocol that a namespace itself takes.</summary>
    public static PacketSocket OfProtocol(NetNamespace space, Family family, int protocol) => space.Run(() =>
    {
        var socket = new PacketSocket(Open(family == Family.IPv4 ? Inet : Inet6, protocol));
        socket.Set(SocketLevel, ReceiveBufferForce, 16 << 20);
        if (family == Family.IPv6)
            socket.Set(IPv6Level, ReceivePacketInformation, 1);
        return socket;
    });

    /// <summary>A socket to the kernel's netfilter.</summary>
    public static PacketSocket OfNetfilter(NetNamespace space) => space.Run(() => new PacketSocket(Open(Netlink, NetlinkNetfilter)));

    public void Send(ReadOnlySpan<byte> data)
    {
        if (Send(_descriptor, data, data.Length, 0) != data.Length)
            throw Error("A packet could not be sent");
    }

    /// <summary>The next one; 0 if there is none.</summary>
    public int Receive(Span<byte> buffer) => Received(Receive(_descriptor, buffer, buffer.Length, DoNotWait));

    /// <summary>The next one of an IPv6 raw socket, which gets no IP header (RFC 3542, 3): its destination comes separately from the data.</summary>
    public unsafe int Receive(Span<byte> buffer, out Cidr destination)
    {
        // struct cmsghdr (length, level, type) and struct in6_pktinfo (address, interface), on a 64-bit machine.
        const int HeaderLength = 16;
        Span<byte> control = stackalloc byte[64];
        int length;
        fixed (byte* data = buffer, beside = control)
        {
            var part = new IoVector { Base = data, Length = (nuint)buffer.Length };
            var message = new MessageHeader { Parts = &part, PartCount = 1, Control = beside, ControlLength = (nuint)control.Length };
            length = Received(ReceiveMessage(_descriptor, &message, DoNotWait));
        }
        destination = length > 0 ? PacketBytes.Address(control.Slice(HeaderLength, 16)) : default;
        return length;
    }

    public void Dispose() => _descriptor.Dispose();

    private static int Open(int family, int protocol = 0)
    {
        var descriptor = Native.OpenSocket(family, Raw | Native.SocketCloseOnExec, protocol);
        return descriptor >= 0 ? descriptor : throw Error("A socket cannot be opened");
    }

    private static int Received(nint length) =>
        length >= 0 ? (int)length : Marshal.GetLastPInvokeError() == Again ? 0 : throw Error("A packet could not be received");

    private static Win32Exception Error(string what) => new(Marshal.GetLastPInvokeError(), $"{what}: {Marshal.GetLastPInvokeErrorMessage()}.");

    private void Set(int level, int name, int value)
    {
        if (SetOption(_descriptor, level, name, value, sizeof(int)) != 0)
            throw Error("A socket cannot be set up");
    }

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(SafeHandle descriptor, ReadOnlySpan<byte> address, int length);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(SafeHandle descriptor, int level, int name, in int value, int length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(SafeHandle descriptor, ReadOnlySpan<byte> data, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(SafeHandle descriptor, Span<byte> buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static unsafe partial nint ReceiveMessage(SafeHandle descriptor, MessageHeader* message, int flags);

    // struct iovec and struct msghdr (recvmsg(2)).
    private unsafe struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    private unsafe struct MessageHeader
    {
        public byte* Name;
        public uint NameLength;
        public IoVector* Parts;
        public nuint PartCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
