using System.Globalization;

namespace DockerNetHarden.Hosts;

/// <summary>After a change with a rollback: confirms it by a new connection, or finds out that it was taken back.</summary>
internal sealed class RollbackSettling(string host, Func<CancellationToken, Task<IShell>> reconnect, string id, DateTimeOffset at, Action<string> trace)
{
    // How long the host may take from its time on until it can be reached again and has put all back.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Confirmed or RolledBack.</summary>
    /// <exception cref="HostException">Neither could be found out, or the host could not put all back.</exception>
    internal async Task<InvocationStatus> SettleAsync(bool confirm, CancellationToken stop)
    {
        HostException? last = null;
        for (var end = at + Grace; DateTimeOffset.UtcNow < end; await Task.Delay(Pause, stop).ConfigureAwait(false))
        {
            var early = confirm && DateTimeOffset.UtcNow < at;
            try
            {
                switch (await AskAsync(early, early ? at : end, stop).ConfigureAwait(false))
                {
                    case (RollbackState.Confirmed, _):
                        return InvocationStatus.Confirmed;
                    case (RollbackState.Restored, _):
                        return InvocationStatus.RolledBack;
                    case (RollbackState.Failed, var said):
                        throw RollbackConfirmation.Failed(host, said);
                    case (RollbackState.Unknown, _):
                        throw RollbackConfirmation.Unknown(host, id);
                }
            }
            catch (HostException error) when (error.Failure is not (HostFailure.RollbackFailed or HostFailure.RollbackUnknown))
            {
                last = error;
                trace($"No new connection {(early ? "to confirm the change" : "to see how it stands")}: {error.Message}");
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                trace("A new connection did not answer in time.");
            }
        }
        throw new HostException(
            HostFailure.Unreachable, host,
            string.Create(CultureInfo.InvariantCulture, $"Host '{host}' was changed, and no new connection to it succeeded. It takes the change back by itself (rollback {id}, due at {at.UtcDateTime:HH:mm:ss} UTC), but that could not be seen. ")
            + $"Look at it with Get-FirewallRule when it answers.{(last is null ? "" : " Last: " + last.Message)}", last?.ExitCode, last?.Errors, last);
    }

    private async Task<(RollbackState State, string Said)> AskAsync(bool confirm, DateTimeOffset until, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var left = until - DateTimeOffset.UtcNow;
        deadline.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        var shell = await reconnect(deadline.Token).ConfigureAwait(false);
        await using (shell.ConfigureAwait(false))
            return await RollbackConfirmation.AskAsync(shell, id, confirm, deadline.Token).ConfigureAwait(false);
    }
}
