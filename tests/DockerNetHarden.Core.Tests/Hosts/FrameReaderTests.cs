using System.Text;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

public sealed class FrameReaderTests
{
    private const string Nonce = "0123456789abcdef0123456789abcdef";

    private static FrameReader Reader(long limit = 1 << 20)
    {
        var reader = new FrameReader(limit);
        reader.Expect(Nonce);
        return reader;
    }

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

    [Fact]
    public async Task A_section_without_end_is_stopped_at_the_limit()
    {
        var reader = Reader(limit: 10_000);
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} begin a\n"));
        for (var i = 0; i < 11 && !reader.Done.IsCompleted; i++)
            reader.Append(new byte[1000]);
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => reader.Done);
        Assert.Contains("'a'", error.Message, StringComparison.Ordinal);
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
        reader.Expect(Second);
        Assert.False(reader.Done.IsCompleted);
        reader.Append(Encoding.ASCII.GetBytes($"\n@{Nonce} done\n\n@{Second} begin c\nx\n@{Second} end c 0\n\n@{Second} done\n"));
        Assert.Equal("c", Assert.Single(await reader.Done).Name);
    }
}
