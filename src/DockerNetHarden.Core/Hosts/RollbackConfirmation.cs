using System.Globalization;
using DockerNetHarden.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts;

/// <summary>Confirms a change that its host would take back, and asks about its state.</summary>
public static class RollbackConfirmation
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // How long the host may take after the time is up to be reachable again and to have restored everything.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Confirms a change: the host keeps it. It does no harm to confirm twice.</summary>
    /// <param name="shell">A new conversation with the host, as the same user, so that it proves the way in.</param>
    /// <param name="id">The rollback's id, from <see cref="InvocationResult.RollbackId"/>.</param>
    /// <param name="stop">Ends the attempt; whether it was in time is then unknown.</param>
    /// <returns>A task that ends when the host has confirmed.</returns>
    /// <exception cref="HostException"><see cref="HostFailure.RolledBack"/>: too late; <see cref="HostFailure.RollbackUnknown"/>: the host has no rollback
    /// with this id; or the conversation failed.</exception>
    public static async Task ConfirmAsync(IShell shell, string id, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(shell);
        var (state, said) = await AskAsync(shell, id, confirm: true, stop).ConfigureAwait(false);
        switch (state)
        {
            case RollbackState.Confirmed:
                return;
            case RollbackState.Unknown:
                throw Unknown(shell.HostName, id);
            case RollbackState.Failed:
                throw Failed(shell.HostName, said);
            default:
                throw new HostException(HostFailure.RolledBack, shell.HostName, $"Host '{shell.HostName}': too late, the change {id} was taken back.", "Apply it again, with a longer time or a quicker confirmation.");
        }
    }

    /// <summary>The state of a rollback.</summary>
    /// <exception cref="HostException">The conversation failed.</exception>
    private static async Task<(RollbackState State, string Said)> AskAsync(IShell shell, string id, bool confirm, CancellationToken stop)
    {
        if (id is not { Length: 32 } || !id.All(char.IsAsciiHexDigitLower))
            throw new ArgumentException($"'{id}' is not a rollback id: it has 32 hexadecimal digits and is in the result of Invoke-FirewallRule.", nameof(id));
        var script = new ShellProgram().Section("ask", RollbackProgram.Ask, data: [id, confirm ? "confirm" : "look"]).Build(Patience);
        var section = (await shell.RunAsync(script, stop).ConfigureAwait(false)).Find("ask")!;
        if (section.ExitCode == RollbackProgram.Unknown)
            return (RollbackState.Unknown, "");
        var lines = section.Text.Split('\n', 2);
        return (lines[0], lines.Length > 1 ? lines[1].Trim() : "") switch
        {
            ("pending", _) => (RollbackState.Pending, ""),
            ("confirmed", _) => (RollbackState.Confirmed, ""),
            ("fired", "restored") => (RollbackState.Restored, ""),
            ("fired", "") => (RollbackState.Firing, ""),
            ("fired", var said) => (RollbackState.Failed, said),
            ("lost", _) => (RollbackState.Failed, "its timer was killed"),
            ("disarmed", _) => (RollbackState.Unknown, ""),
            _ => throw new HostException(
                HostFailure.RollbackFailed, shell.HostName, $"Host '{shell.HostName}': the state of the rollback {id} cannot be read ({FarText.Line(section.Errors + section.Text)}; exit code {section.ExitCode}).", "Look at the host with Get-FirewallRule.",
                section.ExitCode, section.Errors),
        };
    }

    /// <summary>After a change with a rollback: confirms it through a new connection, or finds out that it was taken back.</summary>
    /// <param name="host">The host as the user named it.</param>
    /// <param name="reconnect">Opens a new connection.</param>
    /// <param name="id">The rollback's id.</param>
    /// <param name="at">When the host takes the change back.</param>
    /// <param name="confirm">Whether it is confirmed, or only asked about.</param>
    /// <param name="trace">Gets what did not succeed.</param>
    /// <param name="stop">Ends the attempts.</param>
    /// <returns>Confirmed or RolledBack.</returns>
    /// <exception cref="HostException">Neither could be found out, or the host could not restore everything.</exception>
    internal static async Task<InvocationStatus> SettleAsync(string host, Func<IShell> reconnect, string id, DateTimeOffset at, bool confirm, Action<string> trace, CancellationToken stop)
    {
        HostException? last = null;
        for (var end = at + Grace; DateTimeOffset.UtcNow < end; await Task.Delay(Pause, stop).ConfigureAwait(false))
        {
            var early = confirm && DateTimeOffset.UtcNow < at;
            try
            {
                switch (await AskAnewAsync(reconnect, id, early, early ? at : end, stop).ConfigureAwait(false))
                {
                    case (RollbackState.Confirmed, _):
                        return InvocationStatus.Confirmed;
                    case (RollbackState.Restored, _):
                        return InvocationStatus.RolledBack;
                    case (RollbackState.Failed, var said):
                        throw Failed(host, said);
                    case (RollbackState.Unknown, _):
                        throw Unknown(host, id);
                }
            }
            catch (HostException error) when (error.Failure is not (HostFailure.RollbackFailed or HostFailure.RollbackUnknown))
            {
                last = error;
                trace($"No new connection {(early ? "to confirm the change" : "to see what happened to it")}: {error.Message}");
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                trace("A new connection did not answer in time.");
            }
        }
        throw new HostException(
            HostFailure.Unreachable, host,
            string.Create(CultureInfo.InvariantCulture, $"Host '{host}' was changed, and no new connection to it succeeded. It takes the change back by itself (rollback {id}, due at {at.UtcDateTime:HH:mm:ss} UTC), but that could not be checked.")
            + (last is null ? "" : " Last: " + last.Message),
            "Look at the host with Get-FirewallRule when it answers.", last?.ExitCode, last?.Errors, last);
    }

    private static async Task<(RollbackState State, string Said)> AskAnewAsync(Func<IShell> reconnect, string id, bool confirm, DateTimeOffset until, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var left = until - DateTimeOffset.UtcNow;
        deadline.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        var shell = reconnect();
        await using (shell.ConfigureAwait(false))
            return await AskAsync(shell, id, confirm, deadline.Token).ConfigureAwait(false);
    }

    private static HostException Unknown(string host, string id) => new(
        HostFailure.RollbackUnknown, host, $"Host '{host}' has no rollback {id}: it was made by another user or in another network namespace, nothing was written, or the host was restarted.", "Look at the host with Get-FirewallRule.");

    private static HostException Failed(string host, string said) => new(
        HostFailure.RollbackFailed, host, $"Host '{host}': the change was not confirmed, and not all of it could be taken back ({said}).", "Look at the host with Get-FirewallRule, then apply again or Remove-FirewallRule -All.");
}

/// <summary>The state of a rollback.</summary>
internal enum RollbackState
{
    /// <summary>The host has no rollback with this id, or it ended because nothing was written.</summary>
    Unknown,

    /// <summary>It waits.</summary>
    Pending,

    /// <summary>The change stays.</summary>
    Confirmed,

    /// <summary>Its time is up; the chains are being restored.</summary>
    Firing,

    /// <summary>Our chains are as they were.</summary>
    Restored,

    /// <summary>Not everything could be restored, or the timer was killed.</summary>
    Failed,
}
