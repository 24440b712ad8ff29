using System.Globalization;
using System.Text;

namespace DockerNetHarden.Hosts;

/// <summary>Reads a program's reply out of streams that are all there: for shells that are no process of this machine.</summary>
public static class ShellReplyReader
{
    /// <summary>The sections of a reply.</summary>
    /// <param name="host">The host as the user named it.</param>
    /// <param name="script">The program that ran.</param>
    /// <param name="output">All of its standard output.</param>
    /// <param name="errors">All of its standard error.</param>
    /// <param name="exitCode">The exit code of the sh.</param>
    /// <returns>The sections.</returns>
    /// <exception cref="HostException"><see cref="HostFailure.NoPosixShell"/> where no frame came, <see cref="HostFailure.ConnectionLost"/> where the last
    /// one did not.</exception>
    public static ShellReply Read(string host, ShellScript script, ReadOnlyMemory<byte> output, ReadOnlyMemory<byte> errors, int exitCode)
    {
        ArgumentNullException.ThrowIfNull(script);
        var (outputs, complaints) = (Frames(script, output), Frames(script, errors));
        if (outputs.Done.IsCompletedSuccessfully && complaints.Done.IsCompletedSuccessfully)
            return new ShellReply([.. outputs.Done.Result.Zip(complaints.Done.Result, static (part, error) =>
                new ShellSection(part.Name, part.ExitCode, part.Content, Encoding.UTF8.GetString(error.Content)))]);
        var any = outputs.State.AnyFrame || complaints.State.AnyFrame;
        var seen = HostErrors.Seen(complaints.State.Tail, outputs.State.Tail);
        throw new HostException(
            any ? HostFailure.ConnectionLost : HostFailure.NoPosixShell, host,
            string.Create(CultureInfo.InvariantCulture, $"Host '{host}': {(any ? "sh ended before the program did" : "what answered is no POSIX sh")}, with exit code {exitCode}. ")
            + (seen.Length == 0 ? "It printed nothing." : $"It printed: {seen}"),
            exitCode, complaints.State.Tail) { Output = outputs.State.Tail };
    }

    private static FrameReader Frames(ShellScript script, ReadOnlyMemory<byte> stream)
    {
        var frames = new FrameReader(int.MaxValue);
        frames.Expect(script.Nonce);
        frames.Append(stream.Span);
        return frames;
    }
}
