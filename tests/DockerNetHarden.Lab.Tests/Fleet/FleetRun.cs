using System.Collections.Concurrent;
using System.Diagnostics;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>Works on hosts as the cmdlets do: one ssh of the client for each, with Docker asked in the same conversation.</summary>
internal sealed class FleetRun(LabFleet fleet, string? program = null) : IAsyncDisposable
{
    private readonly ConcurrentBag<DockerHost> opened = [];

    public TimedSink Sink { get; init; } = new();

    public ShellTimeouts? Timeouts { get; init; }

    public DockerHost Open(string hostName, string? userName = null, TimeSpan? connectTimeout = null)
    {
        var host = DockerHost.BySsh(SshTarget.Parse(hostName, userName, connectTimeout: connectTimeout ?? TimeSpan.FromSeconds(10)), sudo: true, Timeouts, program ?? fleet.Client.Program);
        opened.Add(host);
        return host;
    }

    public IReadOnlyList<DockerHost> OpenAll() => [.. fleet.Hosts.Select(host => Open(host.Name))];

    public Task ApplyAsync(IReadOnlyList<DockerHost> hosts, Control control, int throttle = 32, RollbackOptions? rollback = null, CancellationToken stop = default) =>
        ApplyAsync(hosts, control.Rules(), throttle, rollback, stop: stop);

    public Task ApplyAsync(
        IReadOnlyList<DockerHost> hosts, IReadOnlyList<FirewallRule> rules, int throttle = 32, RollbackOptions? rollback = null, PlanOptions? options = null, CancellationToken stop = default) =>
        ApplyAsync(hosts, snapshot => Plan.From(rules, snapshot, options), throttle, rollback, stop);

    public Task ApplyAsync(IReadOnlyList<DockerHost> hosts, Func<HostSnapshot, Plan> planner, int throttle = 32, RollbackOptions? rollback = null, CancellationToken stop = default) => Fleet.RunAsync(
        hosts, static host => host.Name, static host => host, async (_, host, token) => Sink.Result(await host!.ApplyAsync(planner, Sink, token, rollback)), throttle, Sink, stop);

    public async ValueTask DisposeAsync() => await Task.WhenAll(opened.Select(host => host.DisposeAsync().AsTask()));
}

/// <summary>Collects a fleet's messages, with the time since it began.</summary>
internal sealed class TimedSink : IFleetSink
{
    private readonly Stopwatch clock = Stopwatch.StartNew();

    public ConcurrentQueue<(TimeSpan At, InvocationResult Result)> Results { get; } = new();

    public ConcurrentQueue<(TimeSpan At, string Host, Exception Error)> Failures { get; } = new();

    public Func<string, Plan, CancellationToken, Task<bool>> Answer { get; set; } = (_, _, _) => Task.FromResult(true);

    public void Result(InvocationResult result) => Results.Enqueue((clock.Elapsed, result));

    public void Failure(string host, Exception error) => Failures.Enqueue((clock.Elapsed, host, error));

    public void Warning(string host, string message)
    {
    }

    public void Trace(string host, string message)
    {
    }

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Answer(host, plan, stop);

    /// <summary>The only failure, with its reason.</summary>
    public HostException SingleFailure()
    {
        Assert.Empty(Results);
        return Assert.IsType<HostException>(Assert.Single(Failures).Error);
    }

    /// <summary>The only result; a failure is thrown with its own text.</summary>
    public InvocationResult SingleResult()
    {
        ThrowFirst();
        return Assert.Single(Results).Result;
    }

    public void ThrowFirst()
    {
        if (Failures.TryPeek(out var failure))
            throw new InvalidOperationException($"{failure.Host}: {failure.Error.Message}", failure.Error);
    }
}
