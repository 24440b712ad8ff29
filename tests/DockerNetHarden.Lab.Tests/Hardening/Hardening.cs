using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>
/// Applies rules to a lab's host as the cmdlets do, and takes everything back at the end: then every foreign rule has to be as it was, byte for byte.
/// </summary>
internal sealed class Hardening : IAsyncDisposable
{
    private readonly LabHost _lab;
    private readonly HostDocker _docker;
    private readonly IShell _shell;
    private readonly string _before;

    private Hardening(LabHost lab, string before)
    {
        _lab = lab;
        _before = before;
        _docker = HostDocker.At(DockerEndpoint.Parse(lab.DockerHost));
        _shell = new ProcessShell("lab", lab.Shell[0], [.. lab.Shell.Skip(1), "/bin/sh"]);
        Host = new DockerHost(_shell, _docker);
    }

    public DockerHost Host { get; }

    public CollectingSink Sink { get; } = new();

    /// <summary>Whether foreign rules are compared at the end; off where the test changes networks meanwhile.</summary>
    public bool CompareForeign { get; set; } = true;

    public static async Task<Hardening> OfAsync(LabHost lab) => new(lab, await ForeignAsync(lab));

    public Task<InvocationResult> ApplyAsync(params Control[] controls) => ApplyAsync([.. controls.SelectMany(control => control.Rules())]);

    public Task<InvocationResult> ApplyAsync(IReadOnlyList<FirewallRule> rules, PlanOptions? options = null) => RunAsync(snapshot => Plan.From(rules, snapshot, options));

    public async Task<InvocationResult> RunAsync(Func<HostSnapshot, Plan> planner)
    {
        var known = Sink.Results.Count;
        await Fleet.ApplyAsync([new FleetHost(Host)], planner, 1, Sink, CancellationToken.None);
        if (Sink.Failures.TryDequeue(out var failure))
            throw failure;
        return Sink.Results.Skip(known).Single();
    }

    public Task<InvocationResult> RemoveAllAsync() => RunAsync(snapshot => Plan.Without(_ => true, snapshot));

    public async Task<string> SaveAsync(string family = "ip") => (await _lab.ExecAsync([_lab.Iptables.Replace("ip", family, StringComparison.Ordinal) + "-save", "-c"])).OrThrow();

    public async ValueTask DisposeAsync()
    {
        await RemoveAllAsync();
        if (CompareForeign)
            Assert.Equal(_before, await ForeignAsync(_lab));
        await _shell.DisposeAsync();
        await _docker.DisposeAsync();
    }

    // Counters change with every packet, the tables' comments with every second, and a table that is empty may or may not be there.
    private static async Task<string> ForeignAsync(LabHost lab)
    {
        var lines = new List<string>();
        foreach (var command in new[] { lab.Iptables + "-save", lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal) + "-save" })
            lines.AddRange((await lab.ExecAsync([command])).OrThrow().Split('\n').Where(line => line.StartsWith("-A", StringComparison.Ordinal) || line.Contains(" - [", StringComparison.Ordinal)));
        return string.Join('\n', lines);
    }
}

/// <summary>Collects what a fleet says; agrees to every plan unless told otherwise.</summary>
internal sealed class CollectingSink : IFleetSink
{
    public System.Collections.Concurrent.ConcurrentQueue<InvocationResult> Results { get; } = new();

    public System.Collections.Concurrent.ConcurrentQueue<Exception> Failures { get; } = new();

    public System.Collections.Concurrent.ConcurrentQueue<string> Warnings { get; } = new();

    public System.Collections.Concurrent.ConcurrentQueue<string> Traces { get; } = new();

    public bool Answer { get; set; } = true;

    public void Result(InvocationResult result) => Results.Enqueue(result);

    public void Failure(string host, Exception error) => Failures.Enqueue(error);

    public void Warning(string host, string message) => Warnings.Enqueue(message);

    public void Trace(string host, string message) => Traces.Enqueue(message);

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Task.FromResult(Answer);
}
