using System.Globalization;
using System.Text;

namespace DockerNetHarden.Docker;

/// <summary>
/// One request to Docker's Engine API, as data: what is sent, not how. Made by <see cref="DockerApi"/> only, so that a path can hold
/// nothing that was not escaped.
/// </summary>
public sealed record DockerRequest
{
    internal DockerRequest(string method, string path, string purpose, ReadOnlyMemory<byte>? body = null) =>
        (Method, Path, Purpose, Body) = (method, path, purpose, body);

    /// <summary><c>GET</c>, <c>POST</c> or <c>DELETE</c>.</summary>
    public string Method { get; }

    /// <summary>The path with its query, escaped: <c>/v1.41/networks/web</c>.</summary>
    public string Path { get; }

    /// <summary>What the request is for, as it completes "Docker could not ...": <c>read the network 'web'</c>.</summary>
    public string Purpose { get; }

    /// <summary>The body, JSON in UTF-8; null where the request has none.</summary>
    public ReadOnlyMemory<byte>? Body { get; }

    /// <summary>
    /// Writes the request as HTTP/1.1 (RFC 9112). Used where the engine is reached through another program's streams,
    /// for example <c>docker system dial-stdio</c>.
    /// </summary>
    /// <param name="output">Where to write.</param>
    /// <param name="host">The value of the header Host, which RFC 9112 section 3.2 wants; the engine ignores it on a unix socket.</param>
    /// <param name="close">Whether this is the last request of the conversation: the engine then closes it after its reply.</param>
    /// <exception cref="ArgumentException">The host holds something else than printable ASCII without spaces.</exception>
    public void WriteTo(Stream output, string host, bool close)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentException.ThrowIfNullOrEmpty(host);
        if (host.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new ArgumentException($"'{host}' cannot stand in a Host header: printable ASCII without spaces can.", nameof(host));

        var head = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{Method} {Path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n");
        if (Body is { } counted)
            head.Append(CultureInfo.InvariantCulture, $"Content-Type: application/json\r\nContent-Length: {counted.Length}\r\n");
        if (close)
            head.Append("Connection: close\r\n");
        output.Write(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        if (Body is { } body)
            output.Write(body.Span);
    }
}
