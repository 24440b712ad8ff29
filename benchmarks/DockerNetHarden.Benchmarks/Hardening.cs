using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Benchmarks;

/// <summary>The four controls, applied through any shell.</summary>
internal static class Hardening
{
    public static readonly IReadOnlyList<FirewallRule> Rules =
        [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()];

    public static Task ApplyAsync(IReadOnlyList<FleetHost> hosts, int parallel) => RunAsync(hosts, parallel, snapshot => Plan.From(Rules, snapshot));

    /// <summary>Takes everything that is ours away, without SSH; returns the rules' texts as they were written.</summary>
    public static async Task<IReadOnlyList<PlanStep>> CleanAsync(LabHost lab)
    {
        IReadOnlyList<PlanStep> written = [];
        await LocallyAsync(lab, async host =>
        {
            await RunAsync([new FleetHost(host)], 1, snapshot => Plan.Without(_ => true, snapshot)).ConfigureAwait(false);
            written = Plan.From(Rules, await host.ReadAsync(CancellationToken.None).ConfigureAwait(false)).Steps;
        }).ConfigureAwait(false);
        return written;
    }

    public static async Task LocallyAsync(LabHost lab, Func<DockerHost, Task> work)
    {
        var docker = HostDocker.At(DockerEndpoint.Parse(lab.DockerHost));
        await using (docker.ConfigureAwait(false))
        {
            var shell = new ProcessShell(lab.Name, lab.Shell[0], [.. lab.Shell.Skip(1), "/bin/sh"]);
            await using (shell.ConfigureAwait(false))
                await work(new DockerHost(shell, docker)).ConfigureAwait(false);
        }
    }

    private static async Task RunAsync(IReadOnlyList<FleetHost> hosts, int parallel, Func<HostSnapshot, Plan> planner)
    {
        var sink = new Sink();
        await Fleet.ApplyAsync(hosts, planner, parallel, sink, CancellationToken.None).ConfigureAwait(false);
        if (sink.Error is { } error)
            throw new InvalidOperationException(error.Message, error);
    }

    private sealed class Sink : IFleetSink
    {
        public Exception? Error { get; private set; }

        public void Result(InvocationResult result)
        {
        }

        public void Failure(string host, Exception error) => Error = error;

        public void Warning(string host, string message)
        {
        }

        public void Trace(string host, string message)
        {
        }

        public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Task.FromResult(true);
    }
}
