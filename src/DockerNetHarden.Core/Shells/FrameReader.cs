using System.Globalization;
using System.Text;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Shells;

/// <summary>
/// Finds the frames of one program in one of its streams. A frame is a line that begins with <c>@NONCE</c>, with a newline of its own before it, so that output without a last
/// newline keeps its end. Anything outside the frames is noise (banners, motd): kept, bounded, for messages. Nothing that the far end sends makes this grow without bound: the
/// stream, its lines and a frame have a limit, and sections only come in the program's order.
/// </summary>
/// <param name="limit">How many bytes the stream may have for one program, noise included.</param>
internal sealed class FrameReader(long limit)
{
    /// <summary>How many lines the stream may have: as many as a million rules in each of four readings. What reads them keeps some bytes for each, even an empty one.</summary>
    internal const int MostLines = 4_000_000;

    /// <summary>How long a frame may be; the program's own have a name and a number.</summary>
    internal const int LongestFrame = 256;

    private const int NoiseKept = 4096;

    private readonly object gate = new();
    private readonly List<FramedPart> sections = [];
    private IReadOnlyList<(string Name, bool Always)> expected = [];
    private int place;
    private byte[] buffer = new byte[8192];
    private int first;
    private int length;
    private int scanned;
    private long received;
    private long lines;
    private byte[] noise = [];
    private byte[]? marker;
    private string? open;
    private bool anyFrame;
    private TaskCompletionSource<IReadOnlyList<FramedPart>> done = New();
    private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the sections when the program's last frame has come; fails if what came cannot be the program's.</summary>
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
                var rest = Tail(buffer.AsSpan(first, length - first));
                return (anyFrame, open, Encoding.UTF8.GetString(open is null ? Tail([.. noise, .. rest]) : rest).Trim());
            }
        }
    }

    /// <summary>Waits for the frames of a program; anything before them is noise.</summary>
    internal void Expect(ShellScript script)
    {
        lock (gate)
        {
            KeepNoise(length);
            marker = Encoding.ASCII.GetBytes("\n@" + script.Nonce + " ");
            (open, anyFrame, done) = (null, false, New());
            (expected, place, received, lines) = (script.Sections, 0, 0, 0);
            sections.Clear();
        }
    }

    /// <summary>Adds what the stream brought.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        lock (gate)
        {
            // After a failure the end of what failed stays, for its message.
            if (done.Task.IsFaulted)
                return;
            received += bytes.Length;
            lines += bytes.Count((byte)'\n');
            Hold(bytes);
            if (marker is null || done.Task.IsCompleted || (received <= limit && lines <= MostLines))
                Scan();
            else
                Fail($"{(open is null ? "it" : $"it, with section '{open}' open,")} is longer than {(received > limit ? $"{limit} bytes" : $"{MostLines} lines")}");
        }
    }

    /// <summary>The sections of both streams as one reply; null, with a reason if it can no longer come.</summary>
    internal static ShellReply? Join(FrameReader output, FrameReader errors, out string? reason)
    {
        reason = (output.Done.Exception ?? errors.Done.Exception)?.InnerException!.Message;
        if (!output.Done.IsCompletedSuccessfully || !errors.Done.IsCompletedSuccessfully)
            return null;
        var (parts, complaints) = (output.Done.Result, errors.Done.Result);
        if (!parts.Select(static part => (part.Name, part.ExitCode)).SequenceEqual(complaints.Select(static part => (part.Name, part.ExitCode))))
        {
            reason = $"standard output has {parts.Count} sections and standard error {complaints.Count}, or they differ";
            return null;
        }
        return new ShellReply([.. parts.Zip(complaints, static (part, error) => new ShellSection(part.Name, part.ExitCode, part.Content, Encoding.UTF8.GetString(error.Content)))]);
    }

    private static TaskCompletionSource<IReadOnlyList<FramedPart>> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static byte[] Tail(ReadOnlySpan<byte> bytes) => bytes[^Math.Min(NoiseKept, bytes.Length)..].ToArray();

    private void Hold(ReadOnlySpan<byte> bytes)
    {
        var held = length - first;
        if (length + bytes.Length > buffer.Length)
        {
            // Moving what is held pays off only if it makes much room.
            var target = held + (long)bytes.Length > buffer.Length / 2 ? new byte[Math.Min(Array.MaxLength, Math.Max(held + (long)bytes.Length, buffer.Length * 2L))] : buffer;
            buffer.AsSpan(first, held).CopyTo(target);
            (buffer, scanned, first, length) = (target, scanned - first, 0, held);
        }
        bytes.CopyTo(buffer.AsSpan(length));
        length += bytes.Length;
    }

    private void Scan()
    {
        while (marker is not null && !done.Task.IsCompleted)
        {
            var at = buffer.AsSpan(scanned, length - scanned).IndexOf(marker);
            if (at < 0)
            {
                // The marker's beginning may have come already; its end is still to come.
                scanned = Math.Max(first, length - marker.Length + 1);
                break;
            }
            at += scanned;
            var text = at + marker.Length;
            var end = buffer.AsSpan(text, Math.Min(LongestFrame, length - text)).IndexOf((byte)'\n');
            if (end < 0)
            {
                scanned = at;
                if (length - text >= LongestFrame)
                    Fail($"a frame is longer than {LongestFrame} bytes");
                return;
            }
            Take(Encoding.ASCII.GetString(buffer, text, end), at);
            if (!done.Task.IsFaulted)
                first = scanned = text + end + 1;
        }
        if (open is null)
            KeepNoise(marker is null || done.Task.IsCompletedSuccessfully ? length : scanned);
    }

    private void Take(string frame, int contentEnd)
    {
        anyFrame = true;
        begun.TrySetResult();
        var words = frame.TrimEnd('\r').Split(' ');
        switch (words)
        {
            case ["begin", var name] when open is null && Advance(name):
                KeepNoise(contentEnd);
                open = name;
                break;
            case ["end", var name, var code] when string.Equals(name, open, StringComparison.Ordinal)
                && int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var exitCode):
                sections.Add(new FramedPart(name, exitCode, buffer.AsSpan(first, contentEnd - first).ToArray()));
                open = null;
                break;
            case ["done"] when open is null && Advance(null):
                KeepNoise(contentEnd);
                done.TrySetResult([.. sections]);
                break;
            default:
                var next = expected.Skip(place).FirstOrDefault(static section => section.Always).Name;
                Fail($"the frame '{frame}' does not fit where {(open is not null ? $"section '{open}' is open" : next is not null ? $"section '{next}' must still come" : "no section is open")}");
                break;
        }
    }

    // Sections come in the program's order, and only those with a condition may be left out. Null is the end of the program.
    private bool Advance(string? name)
    {
        for (var i = place; i < expected.Count; i++)
        {
            if (string.Equals(expected[i].Name, name, StringComparison.Ordinal))
            {
                place = i + 1;
                return true;
            }
            if (expected[i].Always)
                return false;
        }
        return name is null;
    }

    private void Fail(string reason) => done.TrySetException(new InvalidDataException(reason));

    private void KeepNoise(int until)
    {
        if (until == first)
            return;
        noise = Tail([.. noise, .. Tail(buffer.AsSpan(first, until - first))]);
        first = scanned = until;
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
    /// <exception cref="HostException"><see cref="HostFailure.NoPosixShell"/> if no frame came, <see cref="HostFailure.ConnectionLost"/> if the last one did not or
    /// the sh was killed, <see cref="HostFailure.BadReply"/> if what came is not the program's.</exception>
    public static ShellReply Read(string host, ShellScript script, ReadOnlyMemory<byte> output, ReadOnlyMemory<byte> errors, int exitCode)
    {
        ArgumentNullException.ThrowIfNull(script);
        var (outputs, complaints) = (Frames(script, output), Frames(script, errors));
        if (FrameReader.Join(outputs, complaints, out var reason) is { } reply)
            return reply;
        var seen = FarText.Seen(complaints.State.Tail, outputs.State.Tail);
        var (failure, what, remedy) = reason is not null
            ? (HostFailure.BadReply, ShellConversation.NotUsable(reason), ShellConversation.WhoPrints)
            : ShellConversation.EarlyEnd("/bin/sh", exitCode, outputs.State.AnyFrame || complaints.State.AnyFrame);
        throw new HostException(
            failure, host, $"Host '{host}': {what}. {(seen.Length == 0 ? "It printed nothing." : $"It printed: {seen}")}", remedy, exitCode, complaints.State.Tail) { Output = outputs.State.Tail };
    }

    private static FrameReader Frames(ShellScript script, ReadOnlyMemory<byte> stream)
    {
        var frames = new FrameReader(ProcessShell.DefaultReplyLimit);
        frames.Expect(script);
        frames.Append(stream.Span);
        return frames;
    }
}
