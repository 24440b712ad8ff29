using System.Globalization;
using System.Text;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Shells;

/// <summary>
/// Finds the frames of one program in one of its streams. A frame is a line that begins with <c>@NONCE</c>, with a newline of its own
/// before it,
/// so that output without a last newline keeps its end. Anything outside the frames is noise (banners, motd): kept, bounded, for
/// messages.
/// </summary>
internal sealed class FrameReader
{
    private const int NoiseKept = 4096;

    private readonly object gate = new();
    private readonly long limit;
    private readonly List<FramedPart> sections = [];
    private byte[] buffer = new byte[8192];
    private int length;
    private int scanned;
    private byte[] noise = [];
    private byte[]? marker;
    private string? open;
    private bool anyFrame;
    private TaskCompletionSource<IReadOnlyList<FramedPart>> done = New();
    private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="limit">How many bytes one section may have.</param>
    internal FrameReader(long limit) => this.limit = limit;

    /// <summary>Completes with the sections when the program's last frame has come; fails if frames contradict each other.</summary>
    internal Task<IReadOnlyList<FramedPart>> Done => done.Task;

    /// <summary>Completes with the first frame of the conversation.</summary>
    internal Task Begun => begun.Task;

    /// <summary>What was seen so far: whether any frame came, the section that is open, and the noise or what the open section printed
    /// last.</summary>
    internal (bool AnyFrame, string? Open, string Tail) State
    {
        get
        {
            lock (gate)
            {
                var rest = Tail(buffer.AsSpan(0, length));
                return (anyFrame, open, Encoding.UTF8.GetString(open is null ? Tail([.. noise, .. rest]) : rest).Trim());
            }
        }
    }

    /// <summary>Waits for the frames of a program; anything before them is noise.</summary>
    internal void Expect(string nonce)
    {
        lock (gate)
        {
            KeepNoise(length);
            marker = Encoding.ASCII.GetBytes("\n@" + nonce + " ");
            (open, anyFrame, done) = (null, false, New());
            sections.Clear();
        }
    }

    /// <summary>Adds what the stream brought.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        lock (gate)
        {
            if (length + bytes.Length > buffer.Length)
                Array.Resize(ref buffer, (int)Math.Min(Array.MaxLength, Math.Max(length + (long)bytes.Length, buffer.Length * 2L)));
            bytes.CopyTo(buffer.AsSpan(length));
            length += bytes.Length;
            Scan();
        }
    }

    private static TaskCompletionSource<IReadOnlyList<FramedPart>> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static byte[] Tail(ReadOnlySpan<byte> bytes) => bytes[^Math.Min(NoiseKept, bytes.Length)..].ToArray();

    private void Scan()
    {
        while (marker is not null && !done.Task.IsCompleted)
        {
            var at = buffer.AsSpan(scanned, length - scanned).IndexOf(marker);
            if (at < 0)
            {
                // The marker's beginning may have come already; its end is still to come.
                scanned = Math.Max(0, length - marker.Length + 1);
                break;
            }
            at += scanned;
            var text = at + marker.Length;
            var end = buffer.AsSpan(text, length - text).IndexOf((byte)'\n');
            if (end < 0)
            {
                scanned = at;
                return;
            }
            Take(Encoding.ASCII.GetString(buffer, text, end), at);
            Consume(text + end + 1);
        }
        if (open is null)
            KeepNoise(marker is null || done.Task.IsCompleted ? length : scanned);
        else if (length > limit)
            Fail($"section '{open}' is longer than {limit} bytes");
    }

    private void Take(string frame, int contentEnd)
    {
        anyFrame = true;
        begun.TrySetResult();
        var words = frame.TrimEnd('\r').Split(' ');
        switch (words)
        {
            case ["begin", var name] when open is null:
                KeepNoise(contentEnd, consume: false);
                open = name;
                break;
            case ["end", var name, var code] when string.Equals(name, open, StringComparison.Ordinal)
                && int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var exitCode):
                sections.Add(new FramedPart(name, exitCode, buffer.AsSpan(0, contentEnd).ToArray()));
                open = null;
                break;
            case ["done"] when open is null:
                KeepNoise(contentEnd, consume: false);
                done.TrySetResult([.. sections]);
                break;
            default:
                Fail($"frame '{frame}' does not fit, {(open is null ? "no section is" : $"section '{open}' is")} open");
                break;
        }
    }

    private void Fail(string reason) => done.TrySetException(new InvalidDataException(reason));

    private void KeepNoise(int until, bool consume = true)
    {
        if (until == 0)
            return;
        noise = Tail([.. noise, .. Tail(buffer.AsSpan(0, until))]);
        if (consume)
            Consume(until);
    }

    private void Consume(int until)
    {
        buffer.AsSpan(until, length - until).CopyTo(buffer);
        length -= until;
        scanned = 0;
    }
}

/// <summary>What one stream carried for one section.</summary>
/// <param name="Name">The section.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Content">The bytes, exactly.</param>
internal sealed record FramedPart(string Name, int ExitCode, byte[] Content);

/// <summary>Reads a program's reply from complete streams: for shells that are not a process of this machine.</summary>
public static class ShellReplyReader
{
    /// <summary>The sections of a reply.</summary>
    /// <param name="host">The host as the user named it.</param>
    /// <param name="script">The program that ran.</param>
    /// <param name="output">All of its standard output.</param>
    /// <param name="errors">All of its standard error.</param>
    /// <param name="exitCode">The exit code of the sh.</param>
    /// <returns>The sections.</returns>
    /// <exception cref="HostException"><see cref="HostFailure.NoPosixShell"/> if no frame came, <see cref="HostFailure.ConnectionLost"/> if the last
    /// one did not.</exception>
    public static ShellReply Read(string host, ShellScript script, ReadOnlyMemory<byte> output, ReadOnlyMemory<byte> errors, int exitCode)
    {
        ArgumentNullException.ThrowIfNull(script);
        var (outputs, complaints) = (Frames(script, output), Frames(script, errors));
        if (outputs.Done.IsCompletedSuccessfully && complaints.Done.IsCompletedSuccessfully)
            return new ShellReply([.. outputs.Done.Result.Zip(complaints.Done.Result, static (part, error) =>
                new ShellSection(part.Name, part.ExitCode, part.Content, Encoding.UTF8.GetString(error.Content)))]);
        var any = outputs.State.AnyFrame || complaints.State.AnyFrame;
        var seen = FarText.Seen(complaints.State.Tail, outputs.State.Tail);
        throw new HostException(
            any ? HostFailure.ConnectionLost : HostFailure.NoPosixShell, host,
            string.Create(CultureInfo.InvariantCulture, $"Host '{host}': {(any ? "sh ended before the program did" : "what answered is not a POSIX sh")}, with exit code {exitCode}. ")
            + (seen.Length == 0 ? "It printed nothing." : $"It printed: {seen}"),
            any ? ShellConversation.LookAgain : ShellConversation.NeedsSh, exitCode, complaints.State.Tail) { Output = outputs.State.Tail };
    }

    private static FrameReader Frames(ShellScript script, ReadOnlyMemory<byte> stream)
    {
        var frames = new FrameReader(int.MaxValue);
        frames.Expect(script.Nonce);
        frames.Append(stream.Span);
        return frames;
    }
}
