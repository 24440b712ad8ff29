using System.Buffers;
using System.Globalization;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>One reply of an engine.</summary>
/// <param name="Status">The HTTP status, 200 to 599.</param>
/// <param name="Headers">The headers; their names ignore case, and repeated ones are joined by <c>", "</c>.</param>
/// <param name="Body">The body without its transfer coding; empty if there is none.</param>
internal sealed record HttpReply(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body);

/// <summary>
/// Reads a sequence of HTTP/1.1 replies that were written one after the other (RFC 9112): with a length, chunked, or until the end; interim 1xx replies are skipped.
/// Anything ambiguous is refused and never guessed, because it may have come from another machine through other programs.
/// </summary>
/// <param name="bytes">Everything that came.</param>
/// <param name="headerBytes">How long the status line with all headers may be, and also all trailers.</param>
/// <param name="bodyBytes">How long a body may be.</param>
internal sealed class HttpReplyReader(ReadOnlyMemory<byte> bytes, int headerBytes = 64 * 1024, int bodyBytes = 64 * 1024 * 1024)
{
    // No engine sends more interim replies than this.
    private const int MostInterim = 16;

    private int _at;
    private bool _ended;

    /// <summary>Reads this many replies.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>: fewer replies, or bytes that are not a reply. An inner <see cref="EndOfStreamException"/> says that
    /// only the end is missing.</exception>
    public static IReadOnlyList<HttpReply> Read(ReadOnlyMemory<byte> bytes, int count)
    {
        var reader = new HttpReplyReader(bytes);
        var replies = new List<HttpReply>(count);
        while (replies.Count < count)
        {
            replies.Add(reader.Next()
                ?? throw new DockerException(DockerFailure.BadReply, $"Docker gave {replies.Count} of {count} replies before the conversation ended: the connection broke, or the engine stopped.", inner: new EndOfStreamException(), remedy: "Try again; `systemctl status docker` shows how it is."));
        }
        return replies;
    }

    /// <summary>The next reply; null if the conversation has ended between two replies.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>: what came is not an HTTP/1.1 reply, ends within one, or is too large.</exception>
    public HttpReply? Next()
    {
        for (var interim = 0; interim <= MostInterim; interim++)
        {
            if (_ended || (interim == 0 && _at == bytes.Length))
                return null;
            var line = Line(headerBytes);
            var status = ReadStatus(line, out var closes);
            var headers = ReadHeaders(headerBytes - line.Length);
            if (status == 101)
                throw Bad("the reply switches protocols (101), which was not asked for");
            if (status < 200)
                continue;

            if (headers.TryGetValue("Connection", out var connection))
                closes = HasToken(connection, "close") || (closes && !HasToken(connection, "keep-alive"));
            var body = ReadBody(status, headers);
            _ended |= closes;
            return new HttpReply(status, headers, body);
        }
        throw Bad($"more than {MostInterim} interim (1xx) replies came in a row");
    }

    private static int ReadStatus(string line, out bool closes)
    {
        // status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last space is often left out (RFC 9112 section 4).
        var fits = line.Length >= 12 && line.StartsWith("HTTP/1.", StringComparison.Ordinal) && line[7] is '0' or '1' && line[8] == ' ' && (line.Length == 12 || line[12] == ' ');
        if (!fits || !int.TryParse(line.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status) || status is < 100 or > 599)
            throw Bad($"'{ShownText.Value(line)}' is not the first line of an HTTP/1.1 reply");
        closes = line[7] == '0';
        return status;
    }

    private Dictionary<string, string> ReadHeaders(int budget)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (Line(budget) is { Length: > 0 } line)
        {
            budget -= line.Length;
            if (line[0] is ' ' or '\t')
                throw Bad("a header continues on the next line, which RFC 9112 section 5.2 forbids");
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 1 || !IsToken(line.AsSpan(0, colon)))
                throw Bad($"'{ShownText.Value(line)}' is not a header");
            var value = line[(colon + 1)..].Trim(' ', '\t');
            headers[line[..colon]] = headers.TryGetValue(line[..colon], out var before) ? $"{before}, {value}" : value;
        }
        return headers;
    }

    // RFC 9112 section 6.3, in its order.
    private byte[] ReadBody(int status, Dictionary<string, string> headers)
    {
        if (status is 204 or 304)
            return [];
        var length = headers.GetValueOrDefault("Content-Length");
        if (headers.TryGetValue("Transfer-Encoding", out var coding))
        {
            if (length is not null)
                throw Bad("the reply has both a Content-Length and a Transfer-Encoding: its end is ambiguous");
            if (!coding.Equals("chunked", StringComparison.OrdinalIgnoreCase))
                throw Bad($"the transfer coding '{ShownText.Value(coding)}' is not supported, only chunked");
            return ReadChunked();
        }
        _ended |= length is null;
        return Take(length is null ? bytes.Length - _at : Length(length), bodyBytes).ToArray();
    }

    private byte[] ReadChunked()
    {
        var body = new ArrayBufferWriter<byte>();
        while (true)
        {
            var line = Line(headerBytes);
            var extension = line.IndexOf(';', StringComparison.Ordinal);
            var size = (extension < 0 ? line : line[..extension]).TrimEnd(' ', '\t');
            if (size.Length is 0 or > 8 || !long.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var count))
                throw Bad($"'{ShownText.Value(line)}' is not the size of a chunk");
            if (count == 0)
            {
                // Trailers have the form of headers; Docker puts nothing into them.
                ReadHeaders(headerBytes);
                return body.WrittenSpan.ToArray();
            }
            body.Write(Take(count, bodyBytes - body.WrittenCount));
            if (Line(2).Length > 0)
                throw Bad("a chunk is longer than its size");
        }
    }

    // A line without its end (CRLF; a bare LF is read too, RFC 9112 section 2.2).
    private string Line(int most)
    {
        var rest = bytes.Span[_at..];
        var feed = rest.IndexOf((byte)'\n');
        // One more for the CR that does not count.
        if ((feed < 0 ? rest.Length : feed) > most + 1)
            throw Bad($"a line or the headers are longer than allowed ({most} bytes were left)");
        if (feed < 0)
            throw Bad("the stream ends in the middle of a line", isCut: true);
        _at += feed + 1;
        var line = rest[..feed];
        if (line is [.., (byte)'\r'])
            line = line[..^1];
        if (line.ContainsAny((byte)'\r', (byte)0))
            throw Bad("a line holds a bare carriage return or a zero");
        return Encoding.Latin1.GetString(line);
    }

    private ReadOnlySpan<byte> Take(long count, int most)
    {
        if (count > most)
            throw Bad($"the body is larger than {bodyBytes} bytes");
        if (count > bytes.Length - _at)
            throw Bad($"the stream ends {count - (bytes.Length - _at)} bytes before the end of the body", isCut: true);
        var taken = bytes.Span.Slice(_at, (int)count);
        _at += (int)count;
        return taken;
    }

    // The same length twice is one length (RFC 9110 section 8.6); two lengths are an attack or a defect.
    private static long Length(string text)
    {
        long? length = null;
        foreach (var part in text.Split(','))
        {
            if (!long.TryParse(part.Trim(' ', '\t'), NumberStyles.None, CultureInfo.InvariantCulture, out var value) || (length is { } before && before != value))
                throw Bad($"'{ShownText.Value(text)}' is not one Content-Length");
            length = value;
        }
        return length!.Value;
    }

    private static bool HasToken(string list, string token) =>
        list.Split(',').Any(item => item.AsSpan().Trim().Equals(token, StringComparison.OrdinalIgnoreCase));

    // token, RFC 9110 section 5.6.2.
    private static bool IsToken(ReadOnlySpan<char> text)
    {
        foreach (var letter in text)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && !"!#$%&'*+-.^_`|~".Contains(letter, StringComparison.Ordinal))
                return false;
        }
        return true;
    }

    // A cut stream does not mean that its content was wrong. Whoever cut it may know why.
    private static DockerException Bad(string why, bool isCut = false) => new(
        DockerFailure.BadReply, $"What answered does not speak HTTP/1.1 as Docker does: {why}. Check that it is Docker's socket, and that nothing in front of it prints or filters.", inner: isCut ? new EndOfStreamException(why) : null);
}
