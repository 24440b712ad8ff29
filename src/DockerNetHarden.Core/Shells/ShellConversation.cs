using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Shells;

/// <summary>One process and its three streams, while it lives.</summary>
internal sealed class ShellConversation
{
    // How long streams may stay open after their process is gone: a grandchild can hold them for ever (ssh with a background job is
    // known for it).
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    internal const string LookAgain = "Whether the work there was done is unknown: look at the host with Get-FirewallRule, then apply again.";
    internal const string NeedsSh = "The host needs a /bin/sh that reads its standard input.";

    private readonly string host;
    private readonly string executable;
    private readonly Process process;
    private readonly FrameReader output;
    private readonly FrameReader errors;
    private readonly Task pumps;
    private readonly Task ended;

    private readonly Stopwatch age = Stopwatch.StartNew();
    private readonly TimeSpan? startTimeout;
    private readonly ShellTimeouts timeouts;
    private long heard;

    private ShellConversation(string host, string executable, Process process, long limit, TimeSpan? startTimeout, ShellTimeouts timeouts)
    {
        (this.host, this.executable, this.process, this.startTimeout, this.timeouts) = (host, executable, process, startTimeout, timeouts);
        output = new FrameReader(limit);
        errors = new FrameReader(limit);
        pumps = Task.WhenAll(
            PumpAsync(process.StandardOutput.BaseStream, output),
            PumpAsync(process.StandardError.BaseStream, errors));
        ended = EndAsync();
    }

    /// <exception cref="HostException">The process could not be started.</exception>
    internal static ShellConversation Start(string host, string executable, IReadOnlyList<string> arguments, long limit, TimeSpan? startTimeout, ShellTimeouts timeouts)
    {
        var start = new ProcessStartInfo(executable)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        try
        {
            var started = Process.Start(start) ?? throw new InvalidOperationException("no new process");
            return new ShellConversation(host, executable, started, limit, startTimeout, timeouts);
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException)
        {
            throw new HostException(
                HostFailure.CannotStart, host,
                $"'{executable}' could not be started for host '{host}': {error.Message}.", "Install it or put its folder into PATH.",
                inner: error);
        }
    }

    internal async Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var most = timeouts.Command ?? script.Timeout;
        deadline.CancelAfter(most);
        try
        {
            return await ReplyAsync(script, deadline, most, stop).ConfigureAwait(false);
        }
        finally
        {
            // Nothing needs its time limit any more.
            await deadline.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task<ShellReply> ReplyAsync(ShellScript script, CancellationTokenSource deadline, TimeSpan most, CancellationToken stop)
    {
        output.Expect(script.Nonce);
        errors.Expect(script.Nonce);
        Interlocked.Exchange(ref heard, Stopwatch.GetTimestamp());
        var written = WriteAsync(script.Text);
        var replied = BothAsync(output.Done, errors.Done);
        var cut = Task.Delay(Timeout.Infinite, deadline.Token);
        if (startTimeout is { } start && !output.Begun.IsCompleted)
        {
            var left = start - age.Elapsed;
            var late = Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, deadline.Token);
            if (await Task.WhenAny(replied, ended, cut, output.Begun, late).ConfigureAwait(false) == late && !deadline.IsCancellationRequested)
                throw Failure(HostFailure.Unreachable, string.Create(CultureInfo.InvariantCulture, $"'{executable}' brought no answer from a shell within {start.TotalSeconds:0.###} seconds and was stopped"), "Check that the host is up and sshd listens there.");
        }
        await Task.WhenAny(replied, ended, cut, SilenceAsync(deadline.Token)).ConfigureAwait(false);

        var bad = output.Done.Exception ?? errors.Done.Exception;
        if (bad is not null)
            throw Failure(HostFailure.ConnectionLost, $"the frames of its reply contradict each other: {bad.InnerException!.Message}", LookAgain);
        if (replied.IsCompletedSuccessfully)
        {
            await written.ConfigureAwait(false);
            return Join(output.Done.Result, errors.Done.Result);
        }
        if (ended.IsCompleted)
            throw Ended();
        stop.ThrowIfCancellationRequested();
        throw deadline.IsCancellationRequested ? TooLong("the program did not end", most, "-CommandTimeout") : TooLong("no byte came from the host", timeouts.Idle!.Value, "-IdleTimeout");
    }

    /// <summary>Closes the input, which ends a shell; then does the same as <see cref="KillAsync"/>.</summary>
    internal async Task CloseAsync()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The shell is gone: there is nothing to flush.
        }
        await WaitAsync().ConfigureAwait(false);
        await KillAsync().ConfigureAwait(false);
    }

    /// <summary>Kills the process and its children and waits for its end, at most two seconds.</summary>
    internal async Task KillAsync()
    {
        try
        {
            // .NET reads the state of every process of the machine to find the children. That is skipped if the process has ended, because then they can no longer be found.
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It ended by itself, or a child (sudo's) belongs to another user; the closed streams end that one.
        }
        await WaitAsync().ConfigureAwait(false);
        process.Dispose();
    }

    // Not WhenAll: a stream with contradictory frames fails the reply at once, even if the other one never ends.
    private static async Task BothAsync(Task one, Task other)
    {
        var first = await Task.WhenAny(one, other).ConfigureAwait(false);
        await first.ConfigureAwait(false);
        await (first == one ? other : one).ConfigureAwait(false);
    }

    // Completes when nothing has come for too long; never if there is no such limit.
    private async Task SilenceAsync(CancellationToken stop)
    {
        var left = timeouts.Idle ?? Timeout.InfiniteTimeSpan;
        while (left > TimeSpan.Zero || timeouts.Idle is null)
        {
            await Task.Delay(left, stop).ConfigureAwait(false);
            left = timeouts.Idle!.Value - Stopwatch.GetElapsedTime(Interlocked.Read(ref heard));
        }
    }

    private async Task PumpAsync(Stream stream, FrameReader frames)
    {
        var buffer = new byte[65536];
        try
        {
            while (await stream.ReadAsync(buffer).ConfigureAwait(false) is > 0 and var count)
            {
                Interlocked.Exchange(ref heard, Stopwatch.GetTimestamp());
                frames.Append(buffer.AsSpan(0, count));
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The stream ended with its process.
        }
    }

    private static ShellReply Join(IReadOnlyList<FramedPart> outputs, IReadOnlyList<FramedPart> errors) =>
        new([.. outputs.Select((part, i) => new ShellSection(part.Name, part.ExitCode, part.Content, Encoding.UTF8.GetString(errors[i].Content)))]);

    private async Task WaitAsync()
    {
        using var patience = new CancellationTokenSource(Grace);
        try
        {
            await ended.WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A process that SIGKILL does not end hangs in the kernel; there is nothing more to do from here.
        }
    }

    // Either the process is gone and its streams are read, or the streams are closed and the process had its time.
    private async Task EndAsync()
    {
        var exit = process.WaitForExitAsync();
        await Task.WhenAny(exit, pumps).ConfigureAwait(false);
        await Task.WhenAny(Task.WhenAll(exit, pumps), Task.Delay(Grace)).ConfigureAwait(false);
    }

    private async Task WriteAsync(string text)
    {
        try
        {
            var input = process.StandardInput.BaseStream;
            await input.WriteAsync(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetBytes(text)).ConfigureAwait(false);
            await input.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The shell ended before it had read everything: its end says more than the broken pipe.
        }
    }

    private HostException Ended()
    {
        var code = process.HasExited ? string.Create(CultureInfo.InvariantCulture, $" with exit code {process.ExitCode}") : "";
        return output.State.AnyFrame || errors.State.AnyFrame
            ? Failure(HostFailure.ConnectionLost, $"'{executable}' ended{code} before the program did", LookAgain)
            : Failure(
                HostFailure.NoPosixShell,
                $"what answered is not a POSIX sh: '{executable}' ended{code} and no frame of the program came back",
                NeedsSh);
    }

    private HostException TooLong(string what, TimeSpan most, string parameter) => Failure(
        HostFailure.Timeout, string.Create(CultureInfo.InvariantCulture, $"{what} within {most.TotalSeconds:0.###} seconds, and the conversation was ended"),
        $"Allow more time with {parameter}, or check on the host what it waits for.");

    private HostException Failure(HostFailure failure, string reason, string remedy)
    {
        var (_, open, said) = output.State;
        var (_, openErrors, complaint) = errors.State;
        var seen = FarText.Seen(complaint, said);
        var section = open ?? openErrors;
        return new HostException(
            failure, host,
            $"Host '{host}'{(section is null ? "" : $", section '{section}'")}: {reason}.{(seen.Length == 0 ? " It printed nothing." : $" It printed: {seen}")}",
            remedy, process.HasExited ? process.ExitCode : null, complaint) { Output = said };
    }
}
