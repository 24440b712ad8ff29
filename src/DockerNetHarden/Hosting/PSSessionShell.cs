using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Remoting;
using System.Management.Automation.Runspaces;
using System.Text;
using DockerNetHarden.Errors;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosting;

/// <summary>
/// The sh at the far end of a PowerShell session. Each program is a process of its own there, started by .NET's Process: its input and output are bytes, in
/// base64, because a session's native pipelines would decode and split them. The session belongs to the user and stays open.
/// </summary>
/// <param name="name">The host as results call it.</param>
/// <param name="session">The session.</param>
/// <param name="patience">How long the far end may take to identify itself: some transports never report that theirs died.</param>
/// <param name="timeouts">How long its programs may take, and how long they may be silent.</param>
internal sealed class PSSessionShell(string name, PSSession session, TimeSpan patience, ShellTimeouts timeouts) : IShell
{
    private const string Sent = "sent";
    private const string Silent = "silent";
    private const string Unread = "unread";
    private const string Long = "long";
    private static readonly string TooMuch = string.Create(CultureInfo.InvariantCulture, $"it is longer than {ProcessShell.DefaultReplyLimit} bytes");

    // Runs there. Waits in short steps, because a stopped pipeline only notices between statements; what it started ends with it, a change that has begun after some time. Whether the
    // program is silent or does not end to print can only be seen there: its output travels after it has ended.
    private const string Run = """
        param([string] $Program, [double] $Idle, [long] $Limit, [bool] $Changes)
        $ErrorActionPreference = 'Stop'
        $start = [Diagnostics.ProcessStartInfo]::new('/bin/sh')
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
        $start.UseShellExecute = $false
        $output = [IO.MemoryStream]::new()
        $errors = [IO.MemoryStream]::new()
        $sent = $false
        $process = [Diagnostics.Process]::Start($start)
        try {
            $reading = [Threading.Tasks.Task[]] @($process.StandardOutput.BaseStream.CopyToAsync($output), $process.StandardError.BaseStream.CopyToAsync($errors))
            $bytes = [Convert]::FromBase64String($Program)
            $writing = $process.StandardInput.BaseStream.WriteAsync($bytes, 0, $bytes.Length)
            $seen = 0
            $quiet = [Diagnostics.Stopwatch]::StartNew()
            $null = [Threading.Tasks.Task]::WaitAny(@($writing), 50)
            for (;;) {
                if (-not $sent -and $writing.IsCompleted) {
                    $process.StandardInput.Close()
                    $sent = $true
                    'sent'
                }
                if ($process.WaitForExit(50)) { break }
                if ($output.Length -gt $Limit -or $errors.Length -gt $Limit) { return 'long' }
                if ($seen -ne $output.Length + $errors.Length) {
                    $seen = $output.Length + $errors.Length
                    $quiet.Restart()
                }
                if ($Idle -gt 0 -and $quiet.Elapsed.TotalSeconds -gt $Idle) { return ($sent ? 'silent' : 'unread') }
            }
            $patience = 40
            while (-not [Threading.Tasks.Task]::WaitAll($reading, 50) -and $patience--) { }
            if ($output.Length -gt $Limit -or $errors.Length -gt $Limit) { return 'long' }
            if (-not $sent) { 'sent' }
            $process.ExitCode
            foreach ($stream in $output, $errors) {
                $all = $stream.ToArray()
                $all.Length
                for ($at = 0; $at -lt $all.Length; $at += 524288) { [Convert]::ToBase64String($all, $at, [Math]::Min(524288, $all.Length - $at)) }
            }
        }
        finally {
            if ($sent -and $Changes) { $null = $process.WaitForExit(5000) }
            if (-not $process.HasExited) { $process.Kill($true) }
            $process.Dispose()
        }
        """;

    private const string Probe = """
        "$($ExecutionContext.SessionState.LanguageMode)"
        "$IsLinux"
        """;

    // A far end that is gone does not report that it stopped.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private bool _probed;

    public string HostName => name;

    public async Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
    {
        // A session runs one pipeline at a time.
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (!_probed)
                await ProbeAsync(stop).ConfigureAwait(false);
            _probed = true;
            var most = timeouts.Command ?? script.Timeout;
            var lines = await InvokeAsync(Run, script, most, stop).ConfigureAwait(false);
            if (lines is [Sent, Silent] or [Unread])
                throw TooLong(lines is [Unread] ? "the sh there did not read all of the program" : "no byte came from the program", timeouts.Idle ?? most, "-IdleTimeout", script.Changes && lines is not [Unread]);
            if (lines is [.., Long])
                throw NotUsable(TooMuch);
            return Read(script, new Queue<string>(lines));
        }
        finally
        {
            _turn.Release();
        }
    }

    public ValueTask DisposeAsync()
    {
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ProbeAsync(CancellationToken stop)
    {
        var runspace = session.Runspace;
        if (runspace.RunspaceStateInfo.State != RunspaceState.Opened)
            throw CommandFailure.UnusableSession(name, $"it is {runspace.RunspaceStateInfo.State}.");
        if (runspace.RunspaceAvailability != RunspaceAvailability.Available)
            throw CommandFailure.UnusableSession(name, $"it is {runspace.RunspaceAvailability}: another command runs in it.");
        IReadOnlyList<string> answer;
        try
        {
            answer = await InvokeAsync(Probe, null, patience, stop).ConfigureAwait(false);
        }
        catch (RuntimeException error) when (error is not PSRemotingTransportException and not PipelineStoppedException)
        {
            // An endpoint in NoLanguage mode refuses every script, which shows what it is.
            throw CommandFailure.UnusableSession(name, $"its far end runs no scripts ({error.Message.TrimEnd('.')}).", error);
        }
        if (answer is not [var language, var linux])
            throw CommandFailure.UnusableSession(name, $"its far end answered with {answer.Count} lines instead of two.");
        if (language is not nameof(PSLanguageMode.FullLanguage))
            throw CommandFailure.UnusableSession(name, $"its far end is in {language} mode, but only the full language can start processes.");
        if (linux is not "True")
            throw CommandFailure.UnusableSession(name, "its far end does not run Linux, which Docker's firewall needs.");
    }

    private async Task<IReadOnlyList<string>> InvokeAsync(string code, ShellScript? script, TimeSpan timeout, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(timeout);
        // Not disposed if the far end no longer answers: that would wait for it.
        var shell = PowerShell.Create();
        shell.Runspace = session.Runspace;
        shell.AddScript(code);
        if (script is not null)
            shell.AddArgument(Convert.ToBase64String(new UTF8Encoding(false).GetBytes(script.Text))).AddArgument(timeouts.Idle?.TotalSeconds ?? 0).AddArgument((long)ProcessShell.DefaultReplyLimit).AddArgument(script.Changes);
        var answer = new Answer(deadline, shell.Streams);
        Task running;
        try
        {
            running = Task.Factory.FromAsync(shell.BeginInvoke<PSObject, PSObject>(null, answer.Lines), shell.EndInvoke);
        }
        catch (Exception error) when (error is InvalidOperationException or InvalidRunspaceStateException or IOException)
        {
            throw Lost($"its session cannot be used ({error.Message})", error);
        }
        // A change can be given up until the sh there has all of it.
        using var giveUp = stop.Register(() =>
        {
            if (script is not { Changes: true } || !answer.HasBegun)
                deadline.Cancel();
        });
        try
        {
            await running.WaitAsync(deadline.Token).ConfigureAwait(false);
            shell.Dispose();
            return [.. answer.Lines.ReadAll().Select(Answer.Text)];
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            BeginStop(shell);
            _ = await Task.WhenAny(running, Task.Delay(Grace, CancellationToken.None)).ConfigureAwait(false);
            if (answer.Fault is { } fault)
                throw NotUsable(fault);
            if (script is not { Changes: true } || !answer.HasBegun)
                stop.ThrowIfCancellationRequested();
            throw script is null
                ? new HostException(HostFailure.Timeout, name, string.Create(CultureInfo.InvariantCulture, $"Host '{name}': the far end of its session did not answer within {timeout.TotalSeconds:0.###} seconds."), "Open a new session.")
                : TooLong(answer.HasBegun ? "the program did not end" : "the sh there did not read all of the program", timeout, "-CommandTimeout", script.Changes && answer.HasBegun);
        }
        catch (PSRemotingTransportException error)
        {
            throw Lost($"the session broke ({error.Message.TrimEnd('.')})", error);
        }
        catch (RuntimeException error) when (script is not null)
        {
            throw new HostException(HostFailure.CannotStart, name, $"Host '{name}': the program could not be run in the session: {error.Message}", "Check that /bin/sh exists there and may be executed.", inner: error);
        }
    }

    private static void BeginStop(PowerShell shell)
    {
        try
        {
            shell.BeginStop(null, null);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException or RuntimeException)
        {
            // The far end is gone, together with what ran there.
        }
    }

    private HostException Lost(string reason, Exception inner) =>
        new(HostFailure.ConnectionLost, name, $"Host '{name}': {reason}.", HostRemedies.LookAgain, inner: inner);

    private HostException TooLong(string what, TimeSpan most, string parameter, bool hasBegun) => new(
        HostFailure.Timeout, name, string.Create(CultureInfo.InvariantCulture, $"Host '{name}': {what} within {most.TotalSeconds:0.###} seconds, and it was stopped."), HostRemedies.MoreTime(parameter, hasBegun));

    private HostException NotUsable(string reason) => new(HostFailure.BadReply, name, $"Host '{name}': its reply cannot be the program's: {reason}.", "Look at what the sh there prints, and open a new session. " + HostRemedies.LookAgain);

    private ShellReply Read(ShellScript script, Queue<string> lines)
    {
        try
        {
            if (lines.Dequeue() is not Sent)
                throw new FormatException();
            var exitCode = int.Parse(lines.Dequeue(), CultureInfo.InvariantCulture);
            return ShellReplyReader.Read(name, script, Bytes(lines), Bytes(lines), exitCode);
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or OverflowException)
        {
            throw NotUsable("the far end did not answer the question");
        }
    }

    private static byte[] Bytes(Queue<string> lines)
    {
        var length = int.Parse(lines.Dequeue(), NumberStyles.None, CultureInfo.InvariantCulture);
        using var all = new MemoryStream();
        while (all.Length < length)
            all.Write(Convert.FromBase64String(lines.Dequeue()));
        return all.ToArray();
    }

    /// <summary>
    /// What the far end sends, as it comes. Its own limit on the program's output is not trusted: both streams as base64 fit into three times that. The program sends texts and whole numbers, so anything
    /// else is too much, and so is more on the other streams than an error or two.
    /// </summary>
    private sealed class Answer
    {
        private const int MostAside = 100;

        private readonly CancellationTokenSource _deadline;
        private long _received;

        public Answer(CancellationTokenSource deadline, PSDataStreams streams)
        {
            _deadline = deadline;
            Lines.DataAdding += (_, added) =>
            {
                HasBegun = true;
                var isText = (added.ItemAdded as PSObject)?.BaseObject is string or int;
                _received += isText ? Text(added.ItemAdded as PSObject).Length + 16 : 0;
                if (!isText || _received > 3L * ProcessShell.DefaultReplyLimit)
                    End(isText ? TooMuch : "it is neither text nor a number");
            };
            Bound(streams.Error);
            Bound(streams.Warning);
            Bound(streams.Verbose);
            Bound(streams.Debug);
            Bound(streams.Information);
            Bound(streams.Progress);
        }

        public PSDataCollection<PSObject> Lines { get; } = [];

        public bool HasBegun { get; private set; }

        /// <summary>Why it cannot be the program's answer; null if nothing speaks against it.</summary>
        public string? Fault { get; private set; }

        // Nobody reads them here.
        private void Bound<T>(PSDataCollection<T> stream)
        {
            var count = 0;
            stream.DataAdded += (_, _) =>
            {
                stream.Clear();
                if (++count > MostAside)
                    End("too many errors, warnings or the like came with it");
            };
        }

        private void End(string fault)
        {
            Fault ??= fault;
            _deadline.Cancel();
        }

        public static string Text(PSObject? line) => Convert.ToString(line?.BaseObject, CultureInfo.InvariantCulture) ?? "";
    }
}
