using DockerNetHarden.Controls;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>
/// Applies rules to a lab's host as the cmdlets do, and takes everything back at the end: then every foreign rule must be as it was, byte for byte.
/// </summary>
internal sealed class Hardening : IAsyncDisposable
{
    private readonly LabHost _lab;
    private readonly string _before;

    private Hardening(LabHost lab, string before)
    {
        _lab = lab;
        _before = before;
        Host = DockerHost.Beside(new ProcessShell("lab", lab.Shell[0], [.. lab.Shell.Skip(1), "/bin/sh"]), DockerEndpoint.Parse(lab.DockerHost));
    }

    public DockerHost Host { get; }

    public CollectingSink Sink { get; } = new();

    /// <summary>Whether foreign rules are compared at the end; off if the test changes networks.</summary>
    public bool CompareForeign { get; set; } = true;

    /// <summary>Where rules go that are applied without options.</summary>
    public FirewallBackend Backend { get; init; }

    public static async Task<Hardening> OfAsync(LabHost lab, FirewallBackend backend = FirewallBackend.Auto) => new(lab, await ForeignAsync(lab)) { Backend = backend };

    public Task<InvocationResult> ApplyAsync(params Control[] controls) => ApplyAsync([.. controls.SelectMany(control => control.Rules())]);

    public Task<InvocationResult> ApplyAsync(IReadOnlyList<FirewallRule> rules, PlanOptions? options = null) => RunAsync(snapshot => Plan.From(rules, snapshot, options ?? new PlanOptions { Backend = Backend }));

    public Task<InvocationResult> RunAsync(Func<HostSnapshot, Plan> planner) => Host.ApplyAsync(planner, Sink, CancellationToken.None);

    public Task<InvocationResult> RemoveAllAsync() => RunAsync(snapshot => Plan.Without(_ => true, snapshot));

    public async Task<string> SaveAsync(string family = "ip") => (await _lab.ExecAsync([_lab.Iptables.Replace("ip", family, StringComparison.Ordinal) + "-save", "-c"])).OrThrow();

    public async ValueTask DisposeAsync()
    {
        await RemoveAllAsync();
        if (CompareForeign)
            Assert.Equal(_before, await ForeignAsync(_lab));
        await Host.DisposeAsync();
    }

    // Counters change with every packet, the tables' comments every second, and an empty table may or may not be there.
    private static async Task<string> ForeignAsync(LabHost lab)
    {
        var lines = new List<string>();
        foreach (var command in new[] { lab.Iptables + "-save", lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal) + "-save" })
            lines.AddRange((await lab.ExecAsync([command])).OrThrow().Split('\n').Where(line => line.StartsWith("-A", StringComparison.Ordinal) || line.Contains(" - [", StringComparison.Ordinal)));
        return string.Join('\n', lines);
    }
}

/// <summary>Collects a fleet's messages; agrees to every plan unless told otherwise.</summary>
internal sealed class CollectingSink : IFleetSink
{
    public System.Collections.Concurrent.ConcurrentQueue<Exception> Failures { get; } = new();

    public System.Collections.Concurrent.ConcurrentQueue<string> Warnings { get; } = new();

    public System.Collections.Concurrent.ConcurrentQueue<string> Traces { get; } = new();

    public bool Answer { get; set; } = true;

    public void Failure(string host, Exception error) => Failures.Enqueue(error);

    public void Warning(string host, string message) => Warnings.Enqueue(message);

    public void Trace(string host, string message) => Traces.Enqueue(message);

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Task.FromResult(Answer);
}

/// <summary>One line per packet: from, to, port, and what must happen to it.</summary>
internal static class LabExpect
{
    // A busy machine may answer late, so only where silence is expected is it taken for one soon.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    // A host that nobody has is "unreachable" after three seconds: no refusal of ours.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(2.5);

    public static async Task ExpectAsync(this LabHost lab, Reach expected, string from, string to, int port, ProbeProtocol protocol = ProbeProtocol.Http, string? source = null)
    {
        var result = await lab.AskAsync(from, to, port, protocol, source: source, patience: expected switch { Reach.Open => Patience, Reach.Refused => AtOnce, _ => null });
        Assert.True(expected == result.Result, $"{from} -> {to}:{port} {protocol}: {result}, expected {expected}");
    }
    /// <summary>What metadata, host, internal (on apps) and mail rules make of a lab's packets, and what they must leave open.</summary>
    public static async Task ExpectProtectedAsync(this LabHost lab)
    {
        foreach (var container in new[] { "c0", "a1" })
        {
            await lab.ExpectAsync(Reach.Refused, container, LabAddresses.Metadata, 80);
            await lab.ExpectAsync(Reach.Refused, container, LabAddresses.Host, LabAddresses.HostHttpPort);
            await lab.ExpectAsync(Reach.Refused, container, LabAddresses.Host, LabAddresses.HostEchoPort, ProbeProtocol.Udp);
            await lab.ExpectAsync(Reach.Open, container, LabAddresses.Host, 53, ProbeProtocol.Dns);
            await lab.ExpectAsync(Reach.Open, container, LabAddresses.Web, 80);
        }
        await lab.ExpectAsync(Reach.Refused, "c0", lab.LinkLocal("docker0"), LabAddresses.HostHttpPort);
        await lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Internal, 80);
        await lab.ExpectAsync(Reach.Open, "host", LabAddresses.Metadata, 80);
        // DNS on the metadata address stays open; from apps another control, which is also asked, closes the whole range.
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 53, ProbeProtocol.Dns);
        await lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Metadata, 53, ProbeProtocol.Dns);
    }

    /// <summary>The same for a network that is made later, with a published port: a client from outside reaches it and gets its answer.</summary>
    public static async Task ExpectLaterProtectedAsync(this LabHost lab)
    {
        await lab.CreateNetworkAsync("later");
        var later = await lab.RunContainerAsync(new LabContainerOptions("l1") { Network = "later", Publish = ["18080:80"] });
        await lab.ServeAsync("l1", "l1-web", 80);
        await lab.ExpectAsync(Reach.Refused, "l1", LabAddresses.Metadata, 80);
        await lab.ExpectAsync(Reach.Refused, "l1", later.Gateway, LabAddresses.HostHttpPort);
        await lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, 18080);
        await lab.ExpectAsync(Reach.Open, "host", later.Address, 80);
        await lab.RemoveContainerAsync("l1");
        await lab.RemoveNetworkAsync("later");
    }
}
