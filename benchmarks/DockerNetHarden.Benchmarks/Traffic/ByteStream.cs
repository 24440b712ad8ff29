using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DockerNetHarden.Benchmarks;

/// <summary>One TCP connection in one direction, as fast as it goes, with small segments.</summary>
internal static class ByteStream
{
    /// <summary>The largest segment, in bytes, which both sides announce (RFC 9293, 3.7.1: the least that every host takes).</summary>
    public const int Segment = 536;

    private const int Chunk = 64 << 10;

    public static long Send(IPEndPoint from, IPEndPoint to, double seconds)
    {
        using var socket = Open();
        socket.Bind(from);
        socket.Connect(to);
        var (sent, buffer, clock) = (0L, new byte[Chunk], Stopwatch.StartNew());
        while (clock.Elapsed.TotalSeconds < seconds)
            sent += socket.Send(buffer);
        socket.Shutdown(SocketShutdown.Send);
        return sent;
    }

    public static Arrived Receive(IPEndPoint at, Action ready)
    {
        using var listener = Open();
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(at);
        listener.Listen(1);
        ready();
        // A sender that never comes must not keep this process.
        if (!listener.Poll(TimeSpan.FromSeconds(10), SelectMode.SelectRead))
            return new Arrived(0, 0);
        using var socket = listener.Accept();
        socket.ReceiveTimeout = 10_000;
        var (count, buffer, first, last) = (0L, new byte[4 * Chunk], 0L, 0L);
        while (socket.Receive(buffer) is > 0 and var got)
        {
            last = Stopwatch.GetTimestamp();
            first = first == 0 ? last : first;
            count += got;
        }
        return new Arrived(count, Stopwatch.GetElapsedTime(first, last).TotalSeconds);
    }

    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // TCP_MAXSEG (tcp(7)), before connection or listening.
        socket.SetRawSocketOption(6, 2, BitConverter.GetBytes(Segment));
        return socket;
    }
}
