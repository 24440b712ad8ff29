using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DockerNetHarden.Benchmarks;

/// <summary>UDP in one direction, as fast as one core can. The receiver answers the first datagram, so that the connection is established like an ordinary one.</summary>
internal static unsafe class Datagrams
{
    /// <summary>The payload of a packet of 64 bytes: 20 of IPv4, 8 of UDP and this.</summary>
    public const int Payload = 36;

    private const int Batch = 64;
    private const int MostWaiting = 64 << 20;

    /// <summary>Sends for some time, or so many datagrams; returns how many were sent.</summary>
    public static long Send(IPEndPoint from, IPEndPoint to, double seconds, long most)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(from);
        socket.Connect(to);
        Greet(socket);
        var messages = Messages(Payload);
        var (sent, clock) = (0L, Stopwatch.StartNew());
        while (sent < most && clock.Elapsed.TotalSeconds < seconds)
        {
            var done = Native.SendMany(socket.Handle, messages, (uint)Math.Min(Batch, most - sent), 0);
            if (done < 0 && Marshal.GetLastPInvokeError() is var error)
                throw new SocketException(error);
            sent += done;
        }
        return sent;
    }

    /// <summary>Receives until it is told to stop; the time is that from the first to the last datagram.</summary>
    public static Arrived Receive(IPEndPoint at, Action ready, Func<bool> stop)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        // SO_RCVBUFFORCE (socket(7)): beyond the machine's limit, so that a pause of the receiver loses nothing.
        socket.SetRawSocketOption(1, 33, BitConverter.GetBytes(MostWaiting));
        socket.ReceiveTimeout = 50;
        socket.Bind(at);
        ready();
        Answer(socket, stop);
        var messages = Messages(2048);
        var (count, first, last) = (0L, 0L, 0L);
        while (!stop())
        {
            // MSG_WAITFORONE: return what is there, wait only for the first.
            var got = Native.ReceiveMany(socket.Handle, messages, Batch, 0x10000, 0);
            if (got <= 0)
                continue;
            last = Stopwatch.GetTimestamp();
            first = first == 0 ? last : first;
            count += got;
        }
        return new Arrived(count, Stopwatch.GetElapsedTime(first, last).TotalSeconds);
    }

    private static void Greet(Socket socket)
    {
        socket.ReceiveTimeout = 1000;
        for (var attempt = 0; ; attempt++)
        {
            socket.Send(new byte[Payload]);
            try
            {
                socket.Receive(new byte[Payload]);
                return;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock or SocketError.TryAgain && attempt < 3)
            {
                // A first packet may be lost while the neighbour's address is asked for.
            }
        }
    }

    private static void Answer(Socket socket, Func<bool> stop)
    {
        while (!stop())
        {
            try
            {
                EndPoint sender = new IPEndPoint(IPAddress.Any, 0);
                var length = socket.ReceiveFrom(new byte[Payload], ref sender);
                socket.SendTo(new byte[length], sender);
                return;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock or SocketError.TryAgain)
            {
            }
        }
    }

    // Native memory that stays where it is; it lives as long as the process, which is short.
    private static Message* Messages(int size)
    {
        var messages = (Message*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(Message));
        var parts = (Part*)NativeMemory.AllocZeroed(Batch, (nuint)sizeof(Part));
        for (var number = 0; number < Batch; number++)
        {
            parts[number] = new Part { Start = (nint)NativeMemory.AllocZeroed((nuint)size), Length = size };
            messages[number] = new Message { Buffers = (nint)(parts + number), BufferCount = 1 };
        }
        return messages;
    }
}

/// <summary>What arrived: datagrams or bytes, and the seconds from the first to the last.</summary>
internal sealed record Arrived(long Amount, double Seconds);
