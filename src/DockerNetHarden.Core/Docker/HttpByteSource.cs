using System.Buffers;
using System.Text;

namespace DockerNetHarden.Docker;

/// <summary>Lines and counted bytes from a stream that gives them in pieces of any size.</summary>
internal sealed class HttpByteSource(Stream stream)
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    /// <summary>A line without its end (CRLF; a bare LF is read too, RFC 9112 section 2.2); null at the end of the stream where it may end here.</summary>
    public async Task<string?> ReadLineAsync(int most, bool mayEnd, CancellationToken stop)
    {
        var line = new ArrayBufferWriter<byte>();
        while (true)
        {
            if (_start == _end && !await FillAsync(stop).ConfigureAwait(false))
            {
                if (mayEnd && line.WrittenCount == 0)
                    return null;
                throw Bad("the stream ends within a line");
            }
            var rest = _buffer.AsSpan(_start, _end - _start);
            var feed = rest.IndexOf((byte)'\n');
            var taken = feed < 0 ? rest : rest[..feed];
            // One more for the CR that does not count.
            if (line.WrittenCount + taken.Length > most + 1)
                throw Bad($"a line or the headers are longer than allowed ({most} bytes were left)");
            line.Write(taken);
            _start += feed < 0 ? rest.Length : feed + 1;
            if (feed < 0)
                continue;

            var whole = line.WrittenSpan;
            if (whole is [.., (byte)'\r'])
                whole = whole[..^1];
            if (whole.ContainsAny((byte)'\r', (byte)0))
                throw Bad("a line holds a bare carriage return or a zero");
            return Encoding.Latin1.GetString(whole);
        }
    }

    /// <summary>So many bytes, appended to a body that may not grow beyond a limit.</summary>
    public async Task ReadExactlyAsync(ArrayBufferWriter<byte> body, long count, int most, CancellationToken stop)
    {
        if (count > most - body.WrittenCount)
            throw Bad($"the body is larger than {most} bytes");
        while (count > 0)
        {
            if (_start == _end && !await FillAsync(stop).ConfigureAwait(false))
                throw Bad($"the stream ends {count} bytes before the end of the body");
            var taken = (int)Math.Min(count, _end - _start);
            body.Write(_buffer.AsSpan(_start, taken));
            _start += taken;
            count -= taken;
        }
    }

    /// <summary>All that is left, appended to a body that may not grow beyond a limit.</summary>
    public async Task ReadToEndAsync(ArrayBufferWriter<byte> body, int most, CancellationToken stop)
    {
        while (_start != _end || await FillAsync(stop).ConfigureAwait(false))
            await ReadExactlyAsync(body, _end - _start, most, stop).ConfigureAwait(false);
    }

    /// <summary>What was read is no reply.</summary>
    public static DockerException Bad(string why) =>
        new(DockerFailure.BadReply, $"What answered does not speak HTTP/1.1 as Docker does: {why}. Is it Docker's socket, and nothing before it that prints or filters?");

    private async Task<bool> FillAsync(CancellationToken stop)
    {
        _start = 0;
        _end = await stream.ReadAsync(_buffer, stop).ConfigureAwait(false);
        return _end > 0;
    }
}
