using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab.Services;

/// <summary>The sockets of one service inside one namespace. The backlog is large, so that only the firewall under test limits a burst.</summary>
internal sealed class Listener : IDisposable
{
    private const int Backlog = 4096;
    private const int Ipv6Only = 26;
    private const int Ipv6Level = 41;
    private readonly ConcurrentBag<Socket> sockets = [];
    private readonly ConcurrentDictionary<IPAddress, Socket> echoes = new();
    private readonly NetNamespace place;
    private readonly ServiceCounters.Counter counter;
    private readonly ServiceKind kind;
    private readonly string name;
    private readonly CancellationToken stop;

    private Listener(NetNamespace place, string name, ServiceKind kind, ServiceCounters counters, CancellationToken stop) =>
        (this.place, this.name, this.kind, counter, this.stop) = (place, name, kind, counters[name], stop);

    public static Listener Open(NetNamespace place, string name, IPAddress address, int port, ServiceKind kind, ServiceCounters counters, CancellationToken stop)
    {
        var listener = new Listener(place, name, kind, counters, stop);
        var end = new IPEndPoint(address, port);
        try
        {
            if (kind is not ServiceKind.Echo)
                _ = listener.AcceptAsync(listener.Bind(end, SocketType.Stream));
            if (kind is ServiceKind.Echo or ServiceKind.Dns)
                _ = listener.AnswerAsync(listener.Bind(end, SocketType.Dgram));
            return listener;
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var socket in sockets)
            socket.Dispose();
    }

    private Socket Bind(IPEndPoint end, SocketType type)
    {
        var socket = place.OpenSocket(end.AddressFamily, type, 0);
        sockets.Add(socket);
        // SO_REUSEADDR alone: the framework's option also sets SO_REUSEPORT, which would spread datagrams over the echo's sockets.
        socket.SetRawSocketOption(1, 2, BitConverter.GetBytes(1));
        if (end.AddressFamily == AddressFamily.InterNetworkV6)
            socket.SetRawSocketOption(Ipv6Level, Ipv6Only, BitConverter.GetBytes(1));
        if (kind == ServiceKind.Echo)
            socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.PacketInformation, true);
        socket.Bind(end);
        if (type == SocketType.Stream)
            socket.Listen(Backlog);
        return socket;
    }

    private async Task AcceptAsync(Socket socket)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await socket.AcceptAsync(stop).ConfigureAwait(false));
            }
            catch (SocketException)
            {
                // A connection that was reset before it was accepted; the next one is unaffected.
            }
            catch (Exception error) when (error is ObjectDisposedException or OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var owned = client;
        counter.Connection();
        try
        {
            await (kind switch
            {
                ServiceKind.Http => HttpAsync(client),
                ServiceKind.Dns => DnsAsync(client),
                _ => MailAsync(client),
            }).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or IOException or OperationCanceledException)
        {
            // The client went away, as it may.
        }
    }

    private async Task HttpAsync(Socket client)
    {
        var response = HttpText.Response($"{name}: lab-secret\n");
        while (await HttpText.ReadAsync(client, stop).ConfigureAwait(false) is var (head, _))
        {
            counter.Request();
            await client.SendAsync(response, SocketFlags.None, stop).ConfigureAwait(false);
            if (HttpText.WantsClose(head))
                return;
        }
    }

    private async Task MailAsync(Socket client)
    {
        await client.SendAsync(Encoding.ASCII.GetBytes($"220 {name} ready\r\n"), SocketFlags.None, stop).ConfigureAwait(false);
        var sink = new byte[4096];
        while (await client.ReceiveAsync(sink, SocketFlags.None, stop).ConfigureAwait(false) > 0)
            counter.Request();
    }

    private async Task DnsAsync(Socket client)
    {
        // Over TCP each message is preceded by its length (RFC 1035, 4.2.2).
        using var stream = new NetworkStream(client);
        var size = new byte[2];
        await stream.ReadExactlyAsync(size, stop).ConfigureAwait(false);
        var question = new byte[BinaryPrimitives.ReadUInt16BigEndian(size)];
        await stream.ReadExactlyAsync(question, stop).ConfigureAwait(false);
        if (DnsMessage.Answer(question) is not { } answer)
            return;
        counter.Request();
        BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)answer.Length);
        await stream.WriteAsync((byte[])[.. size, .. answer], stop).ConfigureAwait(false);
    }

    private async Task AnswerAsync(Socket socket)
    {
        var buffer = new byte[4096];
        var any = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (kind == ServiceKind.Dns)
                {
                    var received = await socket.ReceiveFromAsync(buffer, SocketFlags.None, any, stop).ConfigureAwait(false);
                    counter.Connection();
                    if (DnsMessage.Answer(buffer.AsSpan(0, received.ReceivedBytes)) is not { } answer)
                        continue;
                    counter.Request();
                    await socket.SendToAsync(answer, SocketFlags.None, received.RemoteEndPoint, stop).ConfigureAwait(false);
                }
                else
                {
                    var received = await socket.ReceiveMessageFromAsync(buffer, SocketFlags.None, any, stop).ConfigureAwait(false);
                    counter.Connection();
                    await From(received.PacketInformation.Address, socket)
                        .SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), SocketFlags.None, received.RemoteEndPoint, stop).ConfigureAwait(false);
                    counter.Request();
                }
            }
            catch (SocketException)
            {
                // An ICMP error for an earlier answer, or no way back to a spoofed source: the datagram arrived, and that is what counts.
            }
            catch (Exception error) when (error is ObjectDisposedException or OperationCanceledException)
            {
                return;
            }
        }
    }

    // A datagram to one of the host's many addresses is answered from that address; the socket bound to it also takes later datagrams to it.
    private Socket From(IPAddress local, Socket wildcard)
    {
        var bound = (IPEndPoint)wildcard.LocalEndPoint!;
        if (!bound.Address.Equals(IPAddress.Any))
            return wildcard;
        return echoes.GetOrAdd(local, address =>
        {
            var socket = Bind(new IPEndPoint(address, bound.Port), SocketType.Dgram);
            _ = AnswerAsync(socket);
            return socket;
        });
    }
}
