using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Works on hosts side by side. One host's failure is told to the sink; the others go on.</summary>
public static class Fleet
{
    /// <summary>Brings hosts to a plan, each read, planned, asked about, written and read back by itself.</summary>
    /// <param name="hosts">The hosts.</param>
    /// <param name="planner">Makes a host's plan of its snapshot; called again where somebody else wrote in between.</param>
    /// <param name="throttle">How many at once, at least 1.</param>
    /// <param name="sink">Where results, failures, warnings and questions go.</param>
    /// <param name="stop">Ends the work; a host that is being written is finished and told first.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public static async Task ApplyAsync(IReadOnlyList<FleetHost> hosts, Func<HostSnapshot, Plan> planner, int throttle, IFleetSink sink, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(hosts);
        ArgumentNullException.ThrowIfNull(planner);
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentOutOfRangeException.ThrowIfLessThan(throttle, 1);
        await Parallel.ForEachAsync(hosts, new ParallelOptions { MaxDegreeOfParallelism = throttle, CancellationToken = stop }, async (host, token) =>
        {
            try
            {
                sink.Result(await new RuleApplier(host.Host, planner, sink).RunAsync(token).ConfigureAwait(false));
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                throw;
            }
            // Whatever goes wrong with one host must not end the loop over the others.
            catch (Exception error)
            {
                sink.Failure(host.Host.ToString(), error);
            }
        }).ConfigureAwait(false);
    }
}
