using System.Text;
using DockerNetHarden.Docker;
using FsCheck;
using FsCheck.Fluent;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class DockerResponseReaderTests
{
    private const string Whole =
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 5\r\n\r\nhello"
        + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;name=\"v\"\r\nwiki\r\nA \r\n0123\r\n6789\r\n0\r\nExpires: never\r\n\r\n"
        + "HTTP/1.1 204 No Content\r\n\r\n"
        + "HTTP/1.1 404 Not Found\nContent-Length: 2, 2\n\n{}"
        + "HTTP/1.1 200\r\nWarning: a\r\nwarning:b\r\nConnection: close\r\n\r\nuntil the end";

    [Fact]
    public async Task Replies_of_every_framing_are_read_in_order()
    {
        var replies = await ReadAllAsync(Whole, int.MaxValue);
        Assert.Equal([200, 200, 204, 404, 200], replies.Select(reply => reply.Status));
        Assert.Equal(["hello", "wiki0123\r\n6789", "", "{}", "until the end"], replies.Select(reply => Encoding.Latin1.GetString(reply.Body.Span)), StringComparer.Ordinal);
        Assert.Equal("1.41", replies[0].Headers["api-version"]);
        Assert.Equal("a, b", replies[4].Headers["Warning"]);
    }

    [Fact]
    public void Any_split_of_the_stream_gives_the_same_replies()
    {
        var expected = Render(ReadAll(Whole, int.MaxValue));
        var splits = Gen.Choose(1, 40).NonEmptyListOf();
        Prop.ForAll(splits.ToArbitrary(), sizes =>
            string.Equals(expected, Render(ReadAll(Whole, [.. sizes])), StringComparison.Ordinal)).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    // A cut is an error unless it falls between two replies (or within the last one, whose end is the stream's).
    [Fact]
    public async Task A_stream_that_is_cut_is_never_taken_for_a_whole_reply()
    {
        var last = Whole.Length - "until the end".Length;
        var whole = 0;
        for (var cut = 0; cut < last; cut++)
        {
            try
            {
                var replies = await ReadAllAsync(Whole[..cut], 7);
                Assert.StartsWith(Render(replies), Render(await ReadAllAsync(Whole, 7)), StringComparison.Ordinal);
                whole++;
            }
            catch (DockerException error)
            {
                Assert.Equal(DockerFailure.BadReply, error.Failure);
            }
        }
        // Before the first and after each of the four framed ones; not after the interim one.
        Assert.Equal(5, whole);
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0")]
    [InlineData("HTTP/2 200\r\n\r\n", "HTTP/2")]
    [InlineData("HTTP/1.1 2OO OK\r\n\r\n", "2OO")]
    [InlineData("HTTP/1.1 999 x\r\n\r\n", "999")]
    [InlineData("HTTP/1.1 101 Switching\r\n\r\n", "101")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "goes on")]
    [InlineData("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "A : b")]
    [InlineData("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "no colon")]
    [InlineData("HTTP/1.1 200 OK\r\n: empty\r\n\r\n", ": empty")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", "carriage return")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "1, 2")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "-1")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na", "+1")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ambiguous")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "gzip")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "xyz")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "-1")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1FFFFFFFF\r\n", "1FFFFFFFF")]
    public async Task What_is_no_reply_or_ambiguous_is_refused_by_name(string bytes, string named)
    {
        var error = await Assert.ThrowsAsync<DockerException>(() => ReadAllAsync(bytes, 3));
        Assert.Equal(DockerFailure.BadReply, error.Failure);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: aaaaaaaaaaaaaaa\r\nB: bbbbbbbbbbbbbbbbbbbb\r\nC: ccccccccccccccccccccc\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n0123456789a")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n")]
    public async Task What_is_too_large_is_refused(string bytes)
    {
        var error = await Assert.ThrowsAsync<DockerException>(() => ReadAllAsync(bytes, int.MaxValue, new DockerResponseLimits(HeaderBytes: 60, BodyBytes: 10)));
        Assert.Equal(DockerFailure.BadReply, error.Failure);
    }

    [Fact]
    public async Task Interim_replies_without_end_are_refused()
    {
        var bytes = string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 40));
        Assert.Contains("interim", (await Assert.ThrowsAsync<DockerException>(() => ReadAllAsync(bytes, 100))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_closed_conversation_has_no_further_reply()
    {
        const string Closed = "HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        Assert.Single(await ReadAllAsync(Closed, 5));
        Assert.Single(await ReadAllAsync(Closed.Replace("1.1 200", "1.0 200", StringComparison.Ordinal).Replace("Keep-Alive, Close", "x", StringComparison.Ordinal), 5));
        Assert.Equal(2, (await ReadAllAsync(Closed.Replace(", Close", "", StringComparison.Ordinal), 5)).Count);
    }

    [Fact]
    public void A_conversation_that_ends_early_says_how_far_it_came()
    {
        var bytes = Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        Assert.Equal("OK", Encoding.ASCII.GetString(DockerConversation.Read(bytes, 1)[0].Body.Span));
        var error = Assert.Throws<DockerException>(() => DockerConversation.Read(bytes, 3));
        Assert.Contains("1 of 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_for_a_reply_is_cancellable()
    {
        using var stop = new CancellationTokenSource(50);
        var reader = new DockerResponseReader(new SilentStream());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader.ReadAsync(stop.Token));
    }

    // Bytes of any kind are read or refused; nothing else is thrown and nothing hangs.
    [Fact]
    public void Noise_is_read_or_refused()
    {
        string[] parts = ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 x\r\n", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "\r\n", "\n", "3\r\nabc\r\n", "0\r\n\r\n", "abc", " ", ":", "\r", "\0", "é"];
        var noise = Gen.Elements(parts).ListOf().Select(string.Concat);
        Prop.ForAll(noise.ToArbitrary(), text =>
            Record.Exception(() => ReadAll(text, 3)) is null or DockerException { Failure: DockerFailure.BadReply }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    // FsCheck asks in its own thread; the streams of these tests answer at once.
    private static List<DockerResponse> ReadAll(string bytes, params int[] pieces) => ReadAllAsync(bytes, pieces).GetAwaiter().GetResult();

    private static Task<List<DockerResponse>> ReadAllAsync(string bytes, int piece, DockerResponseLimits? limits = null) => ReadAllAsync(bytes, [piece], limits);

    private static async Task<List<DockerResponse>> ReadAllAsync(string bytes, IReadOnlyList<int> pieces, DockerResponseLimits? limits = null)
    {
        var reader = new DockerResponseReader(new PiecewiseStream(Encoding.Latin1.GetBytes(bytes), pieces), limits);
        var replies = new List<DockerResponse>();
        while (await reader.ReadAsync(CancellationToken.None) is { } reply)
            replies.Add(reply);
        return replies;
    }

    private static string Render(IEnumerable<DockerResponse> replies) => string.Concat(replies.Select(reply =>
        $"{reply.Status}[{string.Join('|', reply.Headers.Select(header => $"{header.Key}={header.Value}"))}]{Encoding.Latin1.GetString(reply.Body.Span)}\n"));

    private sealed class PiecewiseStream(byte[] bytes, IReadOnlyList<int> pieces) : MemoryStream(bytes)
    {
        private int _turn;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, pieces[_turn++ % pieces.Count])], cancellationToken);
    }

    private sealed class SilentStream : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }
    }
}
