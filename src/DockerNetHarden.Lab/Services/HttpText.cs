using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace DockerNetHarden.Lab.Services;

// HTTP/1.1 as both ends of the lab speak it (RFC 9112): a head, a Content-Length, a body. HttpClient would hide what a probe wants to see:
// which connection a request went over, and how exactly it failed.
internal static class HttpText
{
    private const int LongestHead = 16 * 1024;

    public static byte[] Request(string host, bool close) =>
        Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {host}\r\nMetadata: true\r\nConnection: {(close ? "close" : "keep-alive")}\r\n\r\n");

    public static byte[] Response(string body) => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

    /// <summary>Reads one message; null if the other end closed before it began.</summary>
    public static async Task<(string Head, string Body)?> ReadAsync(Socket socket, CancellationToken stop)
    {
        var buffer = new byte[LongestHead];
        var length = 0;
        while (true)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None, stop).ConfigureAwait(false);
            if (read == 0)
                return length == 0 ? null : throw new IOException("The connection ended within an HTTP message.");
            length += read;
            var end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                var head = Encoding.ASCII.GetString(buffer, 0, end);
                var total = end + 4 + ContentLength(head);
                if (total > buffer.Length)
                    throw new IOException("The HTTP message is longer than any of the lab's.");
                if (length >= total)
                    return (head, Encoding.UTF8.GetString(buffer, end + 4, total - end - 4));
            }
            else if (length == buffer.Length)
            {
                throw new IOException("What was received is not an HTTP message.");
            }
        }
    }

    public static bool WantsClose(string head) => head.Contains("\r\nConnection: close", StringComparison.OrdinalIgnoreCase);

    private static int ContentLength(string head)
    {
        const string Name = "\r\nContent-Length:";
        var at = head.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return 0;
        var value = head[(at + Name.Length)..];
        var end = value.IndexOf('\r', StringComparison.Ordinal);
        return int.Parse((end < 0 ? value : value[..end]).Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
    }
}
