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

    internal const string WhoPrints = "Look at what the host's sh, or a wrapper of it, prints: the form and the size of a reply are fixed (docs/architecture.md, Processes and values). " + HostRemedies.LookAgain;

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
        using var deadline = script.Changes ? new CancellationTokenSource() : CancellationTokenSource.CreateLinkedTokenSource(stop);
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
        output.Expect(script);
        errors.Expect(script);
        Interlocked.Exchange(ref heard, Stopwatch.GetTimestamp());
        using var sending = CancellationTokenSource.CreateLinkedTokenSource(stop, deadline.Token);
        var written = WriteAsync(script.Text, sending.Token);
        var replied = RepliedAsync(written);
        var cut = Task.Delay(Timeout.Infinite, deadline.Token);
        var silent = SilenceAsync(deadline.Token);
        var left = startTimeout is { } start && !output.Begun.IsCompleted ? start - age.Elapsed : Timeout.InfiniteTimeSpan;
        var late = Task.Delay(left > TimeSpan.Zero || left == Timeout.InfiniteTimeSpan ? left : TimeSpan.Zero, deadline.Token);
        // Before all of it is sent nothing of it runs, so even a change can still be given up.
        if (await Task.WhenAny(written, ended, replied, silent, late).ConfigureAwait(false) == written && !await written.ConfigureAwait(false))
            stop.ThrowIfCancellationRequested();
        if (left != Timeout.InfiniteTimeSpan && await Task.WhenAny(replied, ended, cut, silent, output.Begun, late).ConfigureAwait(false) == late && !deadline.IsCancellationRequested)
            throw Failure(HostFailure.Unreachable, string.Create(CultureInfo.InvariantCulture, $"'{executable}' brought no answer from a shell within {startTimeout!.Value.TotalSeconds:0.###} seconds and was stopped"), "Check that the host is up and sshd listens there.");
        await Task.WhenAny(replied, ended, cut, silent).ConfigureAwait(false);

        var reply = FrameReader.Join(output, errors, out var bad);
        var sent = written.IsCompleted && await written.ConfigureAwait(false);
        if (reply is not null && sent)
            return reply;
        if (replied.IsCompletedSuccessfully && !deadline.IsCancellationRequested)
            bad ??= "it was there before all of the program was read";
        if (bad is not null)
            throw Failure(HostFailure.BadReply, NotUsable(bad), WhoPrints);
        if (ended.IsCompleted)
            throw Ended();
        if (!script.Changes)
            stop.ThrowIfCancellationRequested();
        var what = sent ? "the program did not end" : "the host did not read all of the program";
        var hasBegun = sent && script.Changes;
        throw deadline.IsCancellationRequested ? TooLong(what, most, "-CommandTimeout", hasBegun) : TooLong(sent ? "no byte came from the host" : what, timeouts.Idle!.Value, "-IdleTimeout", hasBegun);
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

    // Not WhenAll: a stream with contradictory frames fails the reply at once, even if the other one never ends. An answer to a program that was not read whole is not one.
    private async Task RepliedAsync(Task written)
    {
        var first = await Task.WhenAny(output.Done, errors.Done).ConfigureAwait(false);
        await first.ConfigureAwait(false);
        await (first == output.Done ? errors.Done : output.Done).ConfigureAwait(false);
        await written.ConfigureAwait(false);
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

    // Whether all of it was sent.
    private async Task<bool> WriteAsync(string text, CancellationToken stop)
    {
        try
        {
            var input = process.StandardInput.BaseStream;
            await input.WriteAsync(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetBytes(text), stop).ConfigureAwait(false);
            await input.FlushAsync(stop).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The shell ended before it had read everything, or its time did: that says more than the broken pipe.
            return false;
        }
    }

    /// <summary>What it means that the sh ended before the program did. A killed one, or one that has answered before, is a sh all the same.</summary>
    internal static (HostFailure Failure, string What, string Remedy) EarlyEnd(string executable, int? exitCode, bool hasAnswered)
    {
        // sh and .NET add 128 to the number of the signal.
        var killed = exitCode is > 128 and <= 128 + 64;
        var how = string.Create(CultureInfo.InvariantCulture, $"'{executable}' {(exitCode is null ? "ended" : killed ? $"was killed by signal {exitCode - 128}" : $"ended with exit code {exitCode}")}");
        return hasAnswered || killed
            ? (HostFailure.ConnectionLost, $"{how} before the program did", HostRemedies.LookAgain)
            : (HostFailure.NoPosixShell, $"what answered is not a POSIX sh: {how} and no frame of the program came back", "The host needs a /bin/sh that reads its standard input.");
    }

    internal static string NotUsable(string reason) => $"its reply cannot be the program's: {reason}";

    private HostException Ended()
    {
        var (failure, what, remedy) = EarlyEnd(executable, process.HasExited ? process.ExitCode : null, output.Begun.IsCompleted || errors.Begun.IsCompleted);
        return Failure(failure, what, remedy);
    }

    private HostException TooLong(string what, TimeSpan most, string parameter, bool hasBegun) => Failure(
        HostFailure.Timeout, string.Create(CultureInfo.InvariantCulture, $"{what} within {most.TotalSeconds:0.###} seconds, and the conversation was ended"),
        HostRemedies.MoreTime(parameter, hasBegun));

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
