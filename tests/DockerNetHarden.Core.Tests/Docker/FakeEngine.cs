using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>An engine on a unix socket in a temporary folder that answers as a test says. A null answer hangs; bytes are sent as they are.</summary>
internal sealed class FakeEngine : SocketServer
{
    private readonly Func<string, byte[]?> _answer;
    private int _busy;
    private int _mostBusy;

    public FakeEngine(Func<string, byte[]?> answer)
    {
        _answer = answer;
        Listen();
    }

    public DockerEndpoint Endpoint => DockerEndpoint.Parse("unix://" + SocketPath);

    /// <summary>The requests' first lines, followed by the body if there was one.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>How many requests were open at the same time.</summary>
    public int MostBusy => _mostBusy;

    public static byte[] Reply(int status, string body) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

    /// <summary>What an engine answers to a ping.</summary>
    public static byte[] Pong(string api) => Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nApi-Version: {api}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK");

    protected override async Task ConverseAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        try
        {
            while (await reader.ReadLineAsync(Over) is { Length: > 0 } first)
            {
                var length = 0;
                while (await reader.ReadLineAsync(Over) is { Length: > 0 } header)
                {
                    if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                        length = int.Parse(header.AsSpan(15), CultureInfo.InvariantCulture);
                }
                var body = new char[length];
                // Without a body nothing is read, not even zero characters: the reader would wait for the next request.
                if (length > 0)
                    await reader.ReadBlockAsync(body, Over);
                var request = first.Replace(" HTTP/1.1", "", StringComparison.Ordinal) + (length > 0 ? " " + new string(body) : "");
                Requests.Enqueue(request);

                var busy = Interlocked.Increment(ref _busy);
                for (var most = _mostBusy; busy > most && Interlocked.CompareExchange(ref _mostBusy, busy, most) != most; most = _mostBusy) { }
                if (_answer(request) is not { } reply)
                {
                    await Task.Delay(Timeout.Infinite, Over);
                    return;
                }
                await Task.Delay(5, Over);
                Interlocked.Decrement(ref _busy);
                await stream.WriteAsync(reply, Over);
                if (reply is not [.., (byte)'}' or (byte)']' or (byte)'K'])
                    return;
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The client is gone, or the test is over.
        }
    }
}
