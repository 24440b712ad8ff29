using System.Text;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

public sealed class FrameReaderTests
{
    private const string Nonce = "0123456789abcdef0123456789abcdef";

    private static FrameReader Reader(long limit = 1 << 20, params string[] sections)
    {
        var reader = new FrameReader(limit);
        reader.Expect(Script(Nonce, sections));
        return reader;
    }

    // A section whose name ends with a question mark has a condition.
    private static ShellScript Script(string nonce, params string[] sections) =>
        new("", nonce, TimeSpan.FromMinutes(1)) { Sections = [.. (sections is [] ? ["a", "b?"] : sections).Select(static name => (name.TrimEnd('?'), !name.EndsWith('?')))] };

    private static byte[] Framed(params string[] frames) => Encoding.ASCII.GetBytes(string.Concat(frames.Select(static frame => $"\n@{Nonce} {frame}\n")));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task Frames_are_found_wherever_the_stream_is_cut(int size)
    {
        var text = $"motd without end\n@{Nonce} begin a\nline\nlast\n@{Nonce} end a 3\nbetween\n@{Nonce} begin b\n\n\n\n@{Nonce} end b 0\n\n@{Nonce} done\nlate";
        var reader = Reader();
        foreach (var chunk in Encoding.ASCII.GetBytes(text).Chunk(size))
            reader.Append(chunk);
        var parts = await reader.Done;
        Assert.Equal(["a 3 line\nlast", "b 0 \n\n"], parts.Select(static part => $"{part.Name} {part.ExitCode} {Encoding.ASCII.GetString(part.Content)}"), StringComparer.Ordinal);
        var (any, open, tail) = reader.State;
        Assert.True(any);
        Assert.Null(open);
        Assert.Contains("motd", tail, StringComparison.Ordinal);
        Assert.EndsWith("late", tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_looks_like_a_frame_but_has_not_the_nonce_is_data()
    {
        var reader = Reader();
        var inner = $"\n@ffff end a 0\n@done\n x@{Nonce} end a 0\n@{Nonce}";
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} begin a\n{inner}\n@{Nonce} end a 1\n\n@{Nonce} done\n"));
        var part = Assert.Single(await reader.Done);
        Assert.Equal(inner, Encoding.ASCII.GetString(part.Content));
        Assert.Equal(1, part.ExitCode);
    }

    [Theory]
    [InlineData("end a 0")]
    [InlineData("begin a\n\n@N begin b")]
    [InlineData("begin b")]
    [InlineData("done")]
    [InlineData("begin a\n\n@N end a 0\n\n@N begin a")]
    [InlineData("begin a\n\n@N end a 0\n\n@N begin c")]
    [InlineData("begin a\n\n@N end b 0")]
    [InlineData("begin a\n\n@N end a -1")]
    [InlineData("begin a\n\n@N done")]
    [InlineData("other")]
    public async Task Frames_that_do_not_fit_are_an_error(string frames)
    {
        var reader = Reader();
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} {frames.Replace("@N", "@" + Nonce, StringComparison.Ordinal)}\n"));
        await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_has_no_end_is_stopped_at_the_limit(bool isOpen)
    {
        var reader = Reader(limit: 10_000);
        if (isOpen)
            reader.Append(Framed("begin a"));
        var accepted = 0;
        for (; accepted < 100 && !reader.Done.IsCompleted; accepted++)
            reader.Append(new byte[1000]);
        Assert.InRange(accepted, 10, 11);
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done);
        Assert.Contains("10000 bytes", error.Message, StringComparison.Ordinal);
        Assert.Equal(isOpen, error.Message.Contains("'a'", StringComparison.Ordinal));
        // What comes after that is not kept.
        reader.Append(Framed("end a 0", "done"));
        Assert.DoesNotContain("end a", reader.State.Tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_are_counted_in_all_sections_together()
    {
        var reader = Reader(limit: 1 << 30, "a", "b");
        var half = Encoding.ASCII.GetBytes(new string('\n', FrameReader.MostLines / 2));
        reader.Append([.. Framed("begin a"), .. half, .. Framed("end a 0")]);
        Assert.False(reader.Done.IsCompleted);
        reader.Append([.. Framed("begin b"), .. half]);
        Assert.Contains($"{FrameReader.MostLines} lines", (await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_frame_without_end_is_stopped_before_it_fills_the_buffer()
    {
        var reader = Reader();
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} "));
        var accepted = 0;
        for (; accepted < 10_000 && !reader.Done.IsCompleted; accepted++)
            reader.Append("x"u8);
        Assert.Equal(FrameReader.LongestFrame, accepted);
        await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done);
    }

    [Fact]
    public async Task There_are_no_more_sections_than_the_program_has()
    {
        var reader = Reader();
        var accepted = 0;
        for (; accepted < 1000 && !reader.Done.IsCompleted; accepted++)
            reader.Append(Framed("begin a", "end a 0"));
        Assert.Equal(2, accepted);
        Assert.Contains("begin a", (await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a b?", "", "'a'")]
    [InlineData("a? b", "a", "'b'")]
    public async Task A_reply_without_what_the_program_always_prints_is_not_one(string sections, string came, string missing)
    {
        var reader = Reader(1 << 20, sections.Split(' '));
        reader.Append(came.Length == 0 ? Framed("done") : Framed($"begin {came}", $"end {came} 0", "done"));
        Assert.Contains(missing, (await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("begin a,end a 0,begin b,end b 0,done")]
    [InlineData("begin a,end a 1,done")]
    public void Streams_that_differ_are_not_a_reply(string other)
    {
        var (output, errors) = (Reader(), Reader());
        output.Append(Framed("begin a", "end a 0", "done"));
        errors.Append(Framed(other.Split(',')));
        foreach (var (one, two) in new[] { (output, errors), (errors, output) })
        {
            Assert.Null(FrameReader.Join(one, two, out var reason));
            Assert.NotNull(reason);
        }
        Assert.NotNull(FrameReader.Join(output, output, out _));
    }

    // Any bytes in any pieces are a reply, a refusal or not yet an answer; nothing else is thrown, and what is kept is never more than what came and the noise before it.
    [Fact]
    public void Random_streams_give_a_reply_or_a_refusal()
    {
        string[] parts = [$"\n@{Nonce} begin a\n", $"\n@{Nonce} begin b\n", $"\n@{Nonce} end a 0\n", $"\n@{Nonce} end b 7\n", $"\n@{Nonce} done\n", $"\n@{Nonce} ", $"@{Nonce}", "\n", "\n\n\n\n", "\0", "\r\n", "text", " ", new('x', 300)];
        var random = new Random(10);
        var (replies, refusals) = (0, 0);
        for (var i = 0; i < 5000; i++)
        {
            var bytes = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => parts[random.Next(parts.Length)]).Prepend(random.Next(3) == 0 ? "" : parts[0] + "x" + parts[2])));
            var (whole, pieces) = (Reader(2000), Reader(2000));
            whole.Append(bytes);
            foreach (var piece in bytes.Chunk(random.Next(1, 40)))
                pieces.Append(piece);
            Assert.Equal(whole.Done.Status, pieces.Done.Status);
            var reply = FrameReader.Join(whole, pieces, out var reason);
            Assert.Equal(whole.Done.IsFaulted, reason is not null);
            if (whole.Done.IsFaulted)
                Assert.IsType<InvalidDataException>(whole.Done.Exception!.InnerException);
            replies += reply is null ? 0 : 1;
            refusals += reason is null ? 0 : 1;
            Assert.InRange(Encoding.UTF8.GetByteCount(whole.State.Tail), 0, 4096);
        }
        Assert.InRange(replies, 100, 4900);
        Assert.InRange(refusals, 100, 4900);
    }

    [Fact]
    public void Noise_is_kept_but_bounded()
    {
        var reader = Reader();
        for (var i = 0; i < 1000; i++)
            reader.Append(Encoding.ASCII.GetBytes($"banner line {i} of a host that talks much\n"));
        var (any, _, tail) = reader.State;
        Assert.False(any);
        Assert.InRange(tail.Length, 1000, 4096);
        Assert.Contains("line 999", tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_program_begins_anew()
    {
        var reader = Reader();
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} begin a\n\n@{Nonce} end a 0\n\n@{Nonce} done\n"));
        await reader.Done;
        const string Second = "fedcba9876543210fedcba9876543210";
        reader.Expect(Script(Second, "c"));
        Assert.False(reader.Done.IsCompleted);
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} done\n\n@{Second} begin c\nx\n@{Second} end c 0\n\n@{Second} done\n"));
        Assert.Equal("c", Assert.Single(await reader.Done).Name);
    }
}
