namespace DockerNetHarden.Hosts;

/// <summary>Works on hosts side by side: each is opened when its turn comes and closed before the next one, so that a limit on hosts also limits connections.</summary>
public static class Fleet
{
    /// <summary>Works on hosts. A host's failure goes to the sink, and the others go on. An exception from the sink ends the loop.</summary>
    /// <typeparam name="T">What names a host.</typeparam>
    /// <param name="targets">The hosts.</param>
    /// <param name="name">The host as the user named it.</param>
    /// <param name="open">Opens the host; null if no connection is needed, as for the file of a snapshot.</param>
    /// <param name="work">What is done with it; the host is null if none was opened.</param>
    /// <param name="throttle">How many at once, at least 1. A new connection that confirms a change is in addition to its host's own.</param>
    /// <param name="sink">Where failures and progress go.</param>
    /// <param name="stop">Ends the work; a host that is being written is finished and reported first.</param>
    /// <returns>A task that ends when all hosts are done.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public static async Task RunAsync<T>(
        IReadOnlyList<T> targets, Func<T, string> name, Func<T, DockerHost?> open, Func<T, DockerHost?, CancellationToken, Task> work, int throttle, IFleetSink sink, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentOutOfRangeException.ThrowIfLessThan(throttle, 1);
        var done = 0;
        await Parallel.ForEachAsync(targets, new ParallelOptions { MaxDegreeOfParallelism = throttle, CancellationToken = stop }, async (target, token) =>
        {
            try
            {
                var host = open(target);
                try
                {
                    await work(target, host, token).ConfigureAwait(false);
                }
                finally
                {
                    if (host is not null)
                        await host.DisposeAsync().ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                throw;
            }
            // Whatever goes wrong with one host must not end the loop over the others.
            catch (Exception error)
            {
                sink.Failure(name(target), error);
            }
            sink.Done(Interlocked.Increment(ref done));
        }).ConfigureAwait(false);
    }
}
