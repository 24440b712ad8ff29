using System.Text;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class HttpReplyReaderTests
{
    private const string Whole =
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 5\r\n\r\nhello"
        + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;name=\"v\"\r\nwiki\r\nA \r\n0123\r\n6789\r\n0\r\nExpires: never\r\n\r\n"
        + "HTTP/1.1 204 No Content\r\n\r\n"
        + "HTTP/1.1 404 Not Found\nContent-Length: 2, 2\n\n{}"
        + "HTTP/1.1 200\r\nWarning: a\r\nwarning:b\r\nConnection: close\r\n\r\nuntil the end";

    [Fact]
    public void Replies_of_every_framing_are_read_in_order()
    {
        var replies = ReadAll(Whole);
        Assert.Equal([200, 200, 204, 404, 200], replies.Select(reply => reply.Status));
        Assert.Equal(["hello", "wiki0123\r\n6789", "", "{}", "until the end"], replies.Select(reply => Encoding.Latin1.GetString(reply.Body)), StringComparer.Ordinal);
        Assert.Equal("1.41", replies[0].Headers["api-version"]);
        Assert.Equal("a, b", replies[4].Headers["Warning"]);
    }

    // A cut is an error unless it falls between two replies (or within the last one, whose end is the stream's).
    [Fact]
    public void A_stream_that_is_cut_is_never_taken_for_a_whole_reply()
    {
        var last = Whole.Length - "until the end".Length;
        var whole = 0;
        for (var cut = 0; cut < last; cut++)
        {
            try
            {
                var replies = ReadAll(Whole[..cut]);
                Assert.StartsWith(Render(replies), Render(ReadAll(Whole)), StringComparison.Ordinal);
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
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "continues")]
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
    public void What_is_no_reply_or_ambiguous_is_refused_by_name(string bytes, string named)
    {
        var error = Assert.Throws<DockerException>(() => ReadAll(bytes));
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
    public void What_is_too_large_is_refused(string bytes)
    {
        var error = Assert.Throws<DockerException>(() => ReadAll(bytes, 60, 10));
        Assert.Equal(DockerFailure.BadReply, error.Failure);
    }

    [Fact]
    public void Interim_replies_without_end_are_refused()
    {
        var bytes = string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 40));
        Assert.Contains("interim", Assert.Throws<DockerException>(() => ReadAll(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_conversation_has_no_further_reply()
    {
        const string Closed = "HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        Assert.Single(ReadAll(Closed));
        Assert.Single(ReadAll(Closed.Replace("1.1 200", "1.0 200", StringComparison.Ordinal).Replace("Keep-Alive, Close", "x", StringComparison.Ordinal)));
        Assert.Equal(2, (ReadAll(Closed.Replace(", Close", "", StringComparison.Ordinal))).Count);
    }

    [Fact]
    public void A_conversation_that_ends_early_says_how_far_it_came()
    {
        var bytes = Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        Assert.Equal("OK", Encoding.ASCII.GetString(HttpReplyReader.Read(bytes, 1)[0].Body));
        var error = Assert.Throws<DockerException>(() => HttpReplyReader.Read(bytes, 3));
        Assert.Contains("1 of 3", error.Message, StringComparison.Ordinal);
    }

    // Any bytes are read or refused; nothing else is thrown and nothing hangs.
    [Fact]
    public void Noise_is_read_or_refused()
    {
        string[] parts = ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 x\r\n", "Content-Length: 3\r\n", "Content-Length: -5\r\n", "Content-Length: 100000000000000000000\r\n", "Transfer-Encoding: chunked\r\n", "\r\n", "\n", "3\r\nabc\r\n", "0\r\n\r\n", "abc", " ", ":", "\r", "\0", "é"];
        var random = new Random(10);
        for (var i = 0; i < 5000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => parts[random.Next(parts.Length)]));
            Assert.True(Record.Exception(() => ReadAll(text)) is null or DockerException { Failure: DockerFailure.BadReply }, text);
        }
    }

    private static List<HttpReply> ReadAll(string bytes, int headerBytes = 64 * 1024, int bodyBytes = 64 * 1024)
    {
        var reader = new HttpReplyReader(Encoding.Latin1.GetBytes(bytes), headerBytes, bodyBytes);
        var replies = new List<HttpReply>();
        while (reader.Next() is { } reply)
            replies.Add(reply);
        return replies;
    }

    private static string Render(IEnumerable<HttpReply> replies) => string.Concat(replies.Select(reply =>
        $"{reply.Status}[{string.Join('|', reply.Headers.Select(header => $"{header.Key}={header.Value}"))}]{Encoding.Latin1.GetString(reply.Body)}\n"));
}
