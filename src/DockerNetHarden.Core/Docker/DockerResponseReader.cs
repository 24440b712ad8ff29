using System.Buffers;
using System.Globalization;

namespace DockerNetHarden.Docker;

/// <summary>How much a reply may hold, so that what answers cannot fill the memory.</summary>
/// <param name="HeaderBytes">The status line with all headers (also: all trailers), in bytes.</param>
/// <param name="BodyBytes">The body, in bytes.</param>
public sealed record DockerResponseLimits(int HeaderBytes = 64 * 1024, int BodyBytes = 64 * 1024 * 1024);

/// <summary>
/// Reads a sequence of HTTP/1.1 replies from a byte stream (RFC 9112): lengths given, chunked or until the end; interim 1xx replies are
/// skipped. What is ambiguous is refused and never guessed, because the stream may come from another machine through other programs.
/// </summary>
public sealed class DockerResponseReader
{
    // More interim replies than this are no conversation.
    private const int MostInterim = 16;

    private readonly DockerResponseLimits _limits;
    private readonly HttpByteSource _source;
    private bool _ended;

    /// <summary>Reads from a stream, which stays the caller's.</summary>
    public DockerResponseReader(Stream stream, DockerResponseLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _limits = limits ?? new DockerResponseLimits();
        _source = new HttpByteSource(stream);
    }

    /// <summary>The next reply; null where the conversation has ended between two replies.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>: what came is no HTTP/1.1 reply, ends within one, or is too large.</exception>
    public async Task<DockerResponse?> ReadAsync(CancellationToken stop)
    {
        if (_ended)
            return null;
        for (var interim = 0; interim <= MostInterim; interim++)
        {
            var budget = _limits.HeaderBytes;
            var statusLine = await _source.ReadLineAsync(budget, mayEnd: interim == 0, stop).ConfigureAwait(false);
            if (statusLine is null)
            {
                _ended = true;
                return null;
            }
            var status = ReadStatus(statusLine, out var closes);
            var headers = await ReadHeadersAsync(budget - statusLine.Length, stop).ConfigureAwait(false);
            if (status == 101)
                throw HttpByteSource.Bad("the reply switches protocols (101), which was not asked for");
            if (status < 200)
                continue;

            if (headers.TryGetValue("Connection", out var connection))
                closes = HasToken(connection, "close") || (closes && !HasToken(connection, "keep-alive"));
            var body = await ReadBodyAsync(status, headers, stop).ConfigureAwait(false);
            _ended |= closes;
            return new DockerResponse(status, headers, body);
        }
        throw HttpByteSource.Bad($"more than {MostInterim} interim (1xx) replies came in a row");
    }

    private static int ReadStatus(string line, out bool closes)
    {
        // status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last space is often left out (RFC 9112 section 4).
        var fits = line.Length >= 12 && line.StartsWith("HTTP/1.", StringComparison.Ordinal) && line[7] is '0' or '1' && line[8] == ' '
            && (line.Length == 12 || line[12] == ' ');
        if (!fits || !int.TryParse(line.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status) || status is < 100 or > 599)
            throw HttpByteSource.Bad($"'{DockerNames.Printable(line)}' is not the first line of an HTTP/1.1 reply");
        closes = line[7] == '0';
        return status;
    }

    private async Task<Dictionary<string, string>> ReadHeadersAsync(int budget, CancellationToken stop)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (true)
        {
            var line = (await _source.ReadLineAsync(budget, mayEnd: false, stop).ConfigureAwait(false))!;
            if (line.Length == 0)
                return headers;
            budget -= line.Length;
            if (line[0] is ' ' or '\t')
                throw HttpByteSource.Bad("a header goes on in the next line, which RFC 9112 section 5.2 forbids");
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 1 || !IsToken(line.AsSpan(0, colon)))
                throw HttpByteSource.Bad($"'{DockerNames.Printable(line)}' is not a header");
            var name = line[..colon];
            var value = line[(colon + 1)..].Trim(' ', '\t');
            headers[name] = headers.TryGetValue(name, out var before) ? $"{before}, {value}" : value;
        }
    }

    // RFC 9112 section 6.3, in its order.
    private async Task<byte[]> ReadBodyAsync(int status, Dictionary<string, string> headers, CancellationToken stop)
    {
        if (status is 204 or 304)
            return [];
        var length = headers.GetValueOrDefault("Content-Length");
        if (headers.TryGetValue("Transfer-Encoding", out var coding))
        {
            if (length is not null)
                throw HttpByteSource.Bad("the reply has both a Content-Length and a Transfer-Encoding: its end is ambiguous");
            if (!coding.Equals("chunked", StringComparison.OrdinalIgnoreCase))
                throw HttpByteSource.Bad($"the transfer coding '{DockerNames.Printable(coding)}' is not known; chunked is");
            return await ReadChunkedAsync(stop).ConfigureAwait(false);
        }
        var body = new ArrayBufferWriter<byte>();
        if (length is null)
        {
            _ended = true;
            await _source.ReadToEndAsync(body, _limits.BodyBytes, stop).ConfigureAwait(false);
        }
        else
        {
            await _source.ReadExactlyAsync(body, Length(length), _limits.BodyBytes, stop).ConfigureAwait(false);
        }
        return body.WrittenSpan.ToArray();
    }

    private async Task<byte[]> ReadChunkedAsync(CancellationToken stop)
    {
        var body = new ArrayBufferWriter<byte>();
        while (true)
        {
            var line = (await _source.ReadLineAsync(_limits.HeaderBytes, mayEnd: false, stop).ConfigureAwait(false))!;
            var extension = line.IndexOf(';', StringComparison.Ordinal);
            var size = (extension < 0 ? line : line[..extension]).TrimEnd(' ', '\t');
            if (size.Length is 0 or > 8 || !long.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var count))
                throw HttpByteSource.Bad($"'{DockerNames.Printable(line)}' is not the size of a chunk");
            if (count == 0)
            {
                // Trailers are headers in form; nothing of Docker's is in them.
                await ReadHeadersAsync(_limits.HeaderBytes, stop).ConfigureAwait(false);
                return body.WrittenSpan.ToArray();
            }
            await _source.ReadExactlyAsync(body, count, _limits.BodyBytes, stop).ConfigureAwait(false);
            if (await _source.ReadLineAsync(2, mayEnd: false, stop).ConfigureAwait(false) is not "")
                throw HttpByteSource.Bad("a chunk is longer than its size");
        }
    }

    // The same length twice is one length (RFC 9110 section 8.6); two lengths are an attack or a defect.
    private static long Length(string text)
    {
        long? length = null;
        foreach (var part in text.Split(','))
        {
            if (!long.TryParse(part.Trim(' ', '\t'), NumberStyles.None, CultureInfo.InvariantCulture, out var value) || (length is { } before && before != value))
                throw HttpByteSource.Bad($"'{DockerNames.Printable(text)}' is not one Content-Length");
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
}
