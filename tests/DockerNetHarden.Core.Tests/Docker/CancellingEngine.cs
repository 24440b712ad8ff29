using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>
/// Docker's socket as engines from 26 on serve it: a client that half-closes is gone, and its current request is given up. The answers are those of 26.1.5 and
/// 28.5.2: 200 with the body <c>null</c> to GET /info, 499 to requests that change something.
/// </summary>
internal sealed class CancellingEngine : SocketServer
{
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(100);

    public CancellingEngine()
    {
        Listen();
    }

    /// <summary>The answered requests, as method and path, with the body if there is one.</summary>
    public ConcurrentQueue<string> Answered { get; } = new();

    protected override async Task ConverseAsync(Socket socket)
    {
        using var owned = socket;
        using var come = new SemaphoreSlim(0);
        var received = new StringBuilder();
        var pump = PumpAsync();
        try
        {
            while (await NextAsync() is { } request)
            {
                var ping = request.Contains(" /_ping ", StringComparison.Ordinal);
                if (!ping)
                    await Task.WhenAny(pump, Task.Delay(Work, Over));
                var gone = pump.IsCompleted && !ping;
                // The docker command asks first, on a connection of its own.
                if (!gone && !request.StartsWith("HEAD ", StringComparison.Ordinal))
                    Answered.Enqueue(request.Split('\n')[0].Replace(" HTTP/1.1\r", "", StringComparison.Ordinal) + request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..].TrimEnd());
                var (status, body) = (request.Split('?', ' ')[0], request.Split('?', ' ')[1]) switch
                {
                    (_, "/_ping") => (200, "OK"),
                    ("GET", _) when gone => (200, "null\n"),
                    (_, _) when gone => (499, """{"message":"context canceled"}"""),
                    ("GET", "/networks") when Answered.Any(static each => each.StartsWith("POST ", StringComparison.Ordinal)) => (200, $"[{DockerReplies.Network28}]"),
                    (_, "/info") => (200, DockerReplies.Info28),
                    ("POST", _) => (201, $$"""{"Id":"{{DockerReplies.WebId}}","Warning":""}"""),
                    _ => (200, "[]"),
                };
                var reply = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} x\r\nApi-Version: 1.48\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");
                await socket.SendAsync(Encoding.UTF8.GetBytes(request.StartsWith("HEAD ", StringComparison.Ordinal) ? reply[..^body.Length] : reply), Over);
                if (request.Contains("Connection: close", StringComparison.Ordinal))
                    break;
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException)
        {
            // The client is gone, or the test is over.
        }
        socket.Close();
        await pump;

        async Task PumpAsync()
        {
            var buffer = new byte[4096];
            try
            {
                while (await socket.ReceiveAsync(buffer, Over) is > 0 and var count)
                {
                    lock (received)
                        received.Append(Encoding.Latin1.GetString(buffer, 0, count));
                    come.Release();
                }
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // As above.
            }
            come.Release();
        }

        async Task<string?> NextAsync()
        {
            while (true)
            {
                lock (received)
                {
                    var text = received.ToString();
                    var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
                    var at = text.IndexOf("Content-Length: ", StringComparison.Ordinal) + 16;
                    if (end > 3 && at > 15 && at < end)
                        end += int.Parse(text.AsSpan(at, text.IndexOf('\r', at) - at), CultureInfo.InvariantCulture);
                    if (end > 3 && text.Length >= end)
                    {
                        received.Remove(0, end);
                        return text[..end];
                    }
                }
                if (pump.IsCompleted && come.CurrentCount == 0)
                    return null;
                await come.WaitAsync(Over);
            }
        }
    }
}
