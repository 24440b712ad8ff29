using System.Net.Sockets;
using System.Text;

namespace DockerNetHarden.Lab;

internal static class DockerPing
{
    /// <summary>Whether a Docker engine answers on the socket (GET /_ping of the Engine API).</summary>
    public static async Task<bool> AnswersAsync(string socketPath, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(TimeSpan.FromSeconds(5));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), limit.Token).ConfigureAwait(false);
            await socket.SendAsync("GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"u8.ToArray(), SocketFlags.None, limit.Token).ConfigureAwait(false);
            var answer = new byte[64];
            var length = await socket.ReceiveAsync(answer, SocketFlags.None, limit.Token).ConfigureAwait(false);
            return Encoding.ASCII.GetString(answer, 0, length).Contains(" 200 ", StringComparison.Ordinal);
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return false;
        }
    }
}
