using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Works on hosts side by side. One host's failure is told to the sink; the others go on.</summary>
public static class Fleet
{
    /// <summary>Brings hosts to a plan, each read, planned, asked about, written and read back by itself.</summary>
    /// <param name="hosts">The hosts.</param>
    /// <param name="planner">Makes a host's plan of its snapshot; called again where somebody else wrote in between.</param>
    /// <param name="throttle">How many at once, at least 1; so many are open at most. A new connection that confirms a change comes beside its host's own.</param>
    /// <param name="sink">Where results, failures, warnings and questions go.</param>
    /// <param name="stop">Ends the work; a host that is being written is finished and told first.</param>
    /// <param name="rollback">When each host takes its change back unless it is confirmed: by <see cref="FleetHost.Reconnect"/>, or by a
    /// person where a host has none. Null: the change stands at once.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public static async Task ApplyAsync(IReadOnlyList<FleetHost> hosts, Func<HostSnapshot, Plan> planner, int throttle, IFleetSink sink, CancellationToken stop, RollbackOptions? rollback = null)
    {
        ArgumentNullException.ThrowIfNull(hosts);
        ArgumentNullException.ThrowIfNull(planner);
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentOutOfRangeException.ThrowIfLessThan(throttle, 1);
        await Parallel.ForEachAsync(hosts, new ParallelOptions { MaxDegreeOfParallelism = throttle, CancellationToken = stop }, async (host, token) =>
        {
            try
            {
                var turn = await host.Open(token).ConfigureAwait(false);
                await using (turn.ConfigureAwait(false))
                    sink.Result(await ApplyAsync(turn.Host, host, planner, sink, rollback, token).ConfigureAwait(false));
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                throw;
            }
            // Whatever goes wrong with one host must not end the loop over the others.
            catch (Exception error)
            {
                sink.Failure(host.Name, error);
            }
        }).ConfigureAwait(false);
    }

    private static async Task<InvocationResult> ApplyAsync(DockerHost opened, FleetHost host, Func<HostSnapshot, Plan> planner, IFleetSink sink, RollbackOptions? rollback, CancellationToken stop)
    {
        var name = host.Name;
        var applier = new RuleApplier(opened, planner, sink, rollback);
        InvocationResult? result = null;
        HostException? lost = null;
        try
        {
            result = await applier.RunAsync(stop).ConfigureAwait(false);
        }
        // The rule that was written may be the one that cut the conversation off.
        catch (HostException error) when (applier.Armed is not null && host.Reconnect is not null)
        {
            lost = error;
            sink.Trace(name, $"The answer got lost; the host is asked how it stands. {error.Message}");
        }
        if (applier.Armed is not var (id, due))
            return result!;
        if (host.Reconnect is null)
            return result! with { Status = InvocationStatus.AwaitingConfirmation };
        var settling = new RollbackSettling(name, host.Reconnect, id, due, text => sink.Trace(name, text));
        try
        {
            var status = await settling.SettleAsync(confirm: lost is null, stop).ConfigureAwait(false);
            return result is null ? applier.Lost(status) : result with { Status = status, Verified = result.Verified && status == InvocationStatus.Confirmed };
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // A host that was written is always reported. Nobody confirms any more, so it takes the change back by itself.
            return result is null ? applier.Lost(InvocationStatus.AwaitingConfirmation) : result with { Status = InvocationStatus.AwaitingConfirmation };
        }
        catch (HostException error) when (lost is not null && error.Failure == HostFailure.RollbackUnknown)
        {
            // The program had not come so far: what was lost is the whole story.
            throw new HostException(lost.Failure, lost.Host, lost.Message, lost.ExitCode, lost.Errors, lost);
        }
    }
}
