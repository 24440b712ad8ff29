using System.Threading.Channels;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Policy;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Cli;

/// <summary>
/// Listens to Docker and applies the policy when something happens; several events close together count as one. A listener that breaks (the daemon stops, is
/// restarted) is opened again, and then everything is applied once more, because events in between were missed.
/// </summary>
/// <param name="listen">Opens the stream of events.</param>
/// <param name="apply">Applies; the first argument names the cause. False: it did not succeed and is tried again.</param>
/// <param name="report">Where to report.</param>
internal sealed class Watcher(Func<CancellationToken, IAsyncEnumerable<DockerEvent>> listen, Func<string, CancellationToken, Task<bool>> apply, Report report)
{
    private readonly Channel<string> _causes = Channel.CreateUnbounded<string>();

    /// <summary>How long it has to be quiet before it applies; docker compose makes several networks within that time.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long it waits for quiet at most.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long after a failure it tries again; doubled each time, up to a hundred times as long.</summary>
    public TimeSpan Again { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The events that matter to a policy: those of containers only if a rule depends on what they publish or ask.</summary>
    public static IReadOnlyList<string> TypesFor(HardeningPolicy policy) =>
        policy.Rules().Any(rule => rule.ToString().Contains("docker:published", StringComparison.Ordinal) || rule.ToString().Contains("docker:resolvers", StringComparison.Ordinal))
            ? ["network", "daemon", "container"] : ["network", "daemon"];

    /// <summary>Applies for a reason that Docker does not report.</summary>
    public void Poke(string cause) => _causes.Writer.TryWrite(cause);

    /// <summary>Runs until it is stopped; a write in progress is finished first.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        Poke("start");
        var listening = ListenAsync(stop);
        try
        {
            await ApplyAsync(stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            report.Event("stopped", null, "Stopped; the rules stay.");
        }
        await listening.ConfigureAwait(false);
    }

    private async Task ListenAsync(CancellationToken stop)
    {
        var wait = Again;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await foreach (var happened in listen(stop).ConfigureAwait(false))
                {
                    wait = Again;
                    if (Matters(happened))
                        Poke(happened.ToString());
                }
                report.Event("disconnected", null, "Docker ended the connection; opening it again.");
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (DockerException error)
            {
                report.Trace("docker", error.Message);
            }
            // Soon, the first time: a restarted daemon is back within a second, and its networks with it.
            if (await DelayAsync(wait, stop).ConfigureAwait(false))
                return;
            wait = Longer(wait);
            Poke("reconnect");
        }
    }

    private async Task ApplyAsync(CancellationToken stop)
    {
        var wait = Again;
        while (true)
        {
            var cause = await NextAsync(stop).ConfigureAwait(false);
            if (await TryAsync(cause, stop).ConfigureAwait(false))
            {
                wait = Again;
                continue;
            }
            await Task.Delay(wait, stop).ConfigureAwait(false);
            wait = Longer(wait);
            Poke(cause);
        }
    }

    private async Task<bool> TryAsync(string cause, CancellationToken stop)
    {
        try
        {
            return await apply(cause, stop).ConfigureAwait(false);
        }
        // The daemon is away or a network is being made: try again, and keep the service running.
        catch (Exception error) when (error is HostException or DockerException)
        {
            report.Error(null, error.Message);
            return false;
        }
    }

    // All events until it is quiet are one cause.
    private async Task<string> NextAsync(CancellationToken stop)
    {
        var cause = await _causes.Reader.ReadAsync(stop).ConfigureAwait(false);
        var others = 0;
        var end = DateTimeOffset.UtcNow + Longest;
        while (DateTimeOffset.UtcNow < end)
        {
            using var quiet = CancellationTokenSource.CreateLinkedTokenSource(stop);
            quiet.CancelAfter(Quiet);
            try
            {
                await _causes.Reader.ReadAsync(quiet.Token).ConfigureAwait(false);
                others++;
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                break;
            }
        }
        return others == 0 ? cause : $"{cause} and {others} more";
    }

    // A container's start and die tell when it comes or goes; the rest of its life (exec, health checks) would be noise.
    private static bool Matters(DockerEvent happened) => happened.Type switch
    {
        "network" => happened.Action is "create" or "destroy" or "remove",
        "container" => happened.Action is "start" or "die",
        _ => true,
    };

    private TimeSpan Longer(TimeSpan wait) => TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, Again.Ticks * 100));

    private static async Task<bool> DelayAsync(TimeSpan wait, CancellationToken stop)
    {
        try
        {
            await Task.Delay(wait, stop).ConfigureAwait(false);
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }
}
