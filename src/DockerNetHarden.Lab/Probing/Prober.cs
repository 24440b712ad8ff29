using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Probing;

/// <summary>Sends real packets from inside one namespace and reports exactly what happened to them.</summary>
internal sealed class Prober(NetNamespace from, IPAddress? source, TimeSpan patience)
{
    public async Task<ProbeResult> AskAsync(IPAddress to, int port, ProbeProtocol protocol, CancellationToken stop)
    {
        var end = new IPEndPoint(to, port);
        return await TimedAsync(async limit =>
        {
            using var socket = await ConnectAsync(end, protocol is ProbeProtocol.Udp or ProbeProtocol.Dns, limit).ConfigureAwait(false);
            switch (protocol)
            {
                case ProbeProtocol.Http:
                    return await RequestAsync(socket, end, close: true, limit).ConfigureAwait(false);
                case ProbeProtocol.Udp:
                    await EchoAsync(socket, limit).ConfigureAwait(false);
                    break;
                case ProbeProtocol.Dns:
                    await ResolveAsync(socket, limit).ConfigureAwait(false);
                    break;
                case ProbeProtocol.DnsTcp:
                    await ResolveOverTcpAsync(socket, limit).ConfigureAwait(false);
                    break;
            }
            return null;
        }, stop).ConfigureAwait(false);
    }

    public async Task<BurstResult> BurstAsync(IPAddress to, int port, ProbeProtocol protocol, int count, int parallel, CancellationToken stop)
    {
        var results = new ProbeResult[count];
        var clock = Stopwatch.StartNew();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = stop }, async (i, token) =>
            results[i] = await AskAsync(to, port, protocol, token).ConfigureAwait(false)).ConfigureAwait(false);
        return BurstResult.Of(results, clock.Elapsed);
    }

    /// <summary>Asks at an even rate until stopped; every request has its own connection.</summary>
    public async Task<BurstResult> StreamAsync(IPAddress to, int port, ProbeProtocol protocol, int perSecond, CancellationToken until)
    {
        var running = new List<Task<ProbeResult>>();
        var clock = Stopwatch.StartNew();
        while (!until.IsCancellationRequested)
        {
            // As many as are due, so that a late wake-up does not lower the rate. The probes are not stopped with the stream: each ends by itself.
            for (var due = (int)(clock.Elapsed.TotalSeconds * perSecond) + 1; running.Count < due;)
                running.Add(AskAsync(to, port, protocol, CancellationToken.None));
            await Task.Delay(Math.Max(1, 500 / perSecond), CancellationToken.None).ConfigureAwait(false);
        }
        var elapsed = clock.Elapsed;
        return BurstResult.Of(await Task.WhenAll(running).ConfigureAwait(false), elapsed);
    }

    public async Task<KeepAliveResult> KeepAliveAsync(IPAddress to, int port, Func<Task> between, CancellationToken stop)
    {
        var end = new IPEndPoint(to, port);
        Socket? connection = null;
        try
        {
            var first = await TimedAsync(async limit =>
            {
                connection = await ConnectAsync(end, datagrams: false, limit).ConfigureAwait(false);
                return await RequestAsync(connection, end, close: false, limit).ConfigureAwait(false);
            }, stop).ConfigureAwait(false);
            if (!first.IsOpen)
                throw new LabException($"The first request to {end} was not answered ({first}); there is no connection to keep alive.");
            await between().ConfigureAwait(false);
            var second = await TimedAsync(limit => RequestAsync(connection!, end, close: false, limit), stop).ConfigureAwait(false);
            return new KeepAliveResult(first, second);
        }
        finally
        {
            connection?.Dispose();
        }
    }

    private async Task<Socket> ConnectAsync(IPEndPoint end, bool datagrams, CancellationToken limit)
    {
        var socket = from.OpenSocket(end.AddressFamily, datagrams ? SocketType.Dgram : SocketType.Stream, 0);
        try
        {
            if (source is not null)
                socket.Bind(new IPEndPoint(source, 0));
            await socket.ConnectAsync(end, limit).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<ProbeResult> TimedAsync(Func<CancellationToken, Task<string?>> probe, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(patience);
        var clock = Stopwatch.StartNew();
        ProbeResult Ended(Reach reach, string? body = null) => new(reach, clock.Elapsed.TotalMilliseconds, body);
        try
        {
            return Ended(Reach.Open, await probe(limit.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return Ended(Reach.TimedOut);
        }
        catch (SocketException error)
        {
            return Ended(error.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => Reach.Refused,
                SocketError.TimedOut => Reach.TimedOut,
                // EACCES and EPERM: a local rule, or a route of type prohibit.
                SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.NetworkDown
                    or SocketError.AccessDenied or SocketError.AddressNotAvailable => Reach.Unreachable,
                SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown or SocketError.NotConnected => Reach.Broken,
                _ => throw new LabException($"A probe failed in a way that says nothing about the network: {error.Message}", error),
            });
        }
        catch (IOException)
        {
            return Ended(Reach.Broken);
        }
    }

    private static async Task<string?> RequestAsync(Socket socket, IPEndPoint end, bool close, CancellationToken limit)
    {
        await socket.SendAsync(HttpText.Request(end.ToString(), close), SocketFlags.None, limit).ConfigureAwait(false);
        if (await HttpText.ReadAsync(socket, limit).ConfigureAwait(false) is not var (head, body))
            throw new IOException("The connection was closed without an answer.");
        return head.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) ? body : throw new IOException("The answer is not 200: " + head);
    }

    private static async Task EchoAsync(Socket socket, CancellationToken limit)
    {
        var sent = BitConverter.GetBytes(Random.Shared.NextInt64());
        var received = new byte[sent.Length];
        await socket.SendAsync(sent, SocketFlags.None, limit).ConfigureAwait(false);
        var length = await socket.ReceiveAsync(received, SocketFlags.None, limit).ConfigureAwait(false);
        if (!received.AsSpan(0, length).SequenceEqual(sent))
            throw new IOException("Another datagram came back than was sent.");
    }

    private static async Task ResolveAsync(Socket socket, CancellationToken limit)
    {
        var id = (ushort)Random.Shared.Next(ushort.MaxValue);
        var buffer = new byte[512];
        await socket.SendAsync(DnsMessage.Question(id), SocketFlags.None, limit).ConfigureAwait(false);
        var length = await socket.ReceiveAsync(buffer, SocketFlags.None, limit).ConfigureAwait(false);
        if (!DnsMessage.IsAnswer(buffer.AsSpan(0, length), id))
            throw new IOException("What came back does not answer the question.");
    }

    private static async Task ResolveOverTcpAsync(Socket socket, CancellationToken limit)
    {
        var id = (ushort)Random.Shared.Next(ushort.MaxValue);
        var question = DnsMessage.Question(id);
        using var stream = new NetworkStream(socket);
        var size = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)question.Length);
        await stream.WriteAsync((byte[])[.. size, .. question], limit).ConfigureAwait(false);
        await stream.ReadExactlyAsync(size, limit).ConfigureAwait(false);
        var answer = new byte[BinaryPrimitives.ReadUInt16BigEndian(size)];
        await stream.ReadExactlyAsync(answer, limit).ConfigureAwait(false);
        if (!DnsMessage.IsAnswer(answer, id))
            throw new IOException("What came back does not answer the question.");
    }
}
