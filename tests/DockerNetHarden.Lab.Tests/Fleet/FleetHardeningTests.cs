using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>Several hosts in one call, side by side, and what one host's failure does to the others: nothing.</summary>
[Collection(FleetCollection.Name)]
public sealed class FleetHardeningTests(FleetLab lab) : IAsyncLifetime
{
    private const int SigStop = 19;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => lab.ResetAsync();

    [FleetFact]
    public async Task Three_hosts_are_hardened_in_one_call_each_with_its_own_bridges_and_pools()
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync(run.OpenAll(), [.. new HostAccess().Rules(), .. new MetadataAccess().Rules()]);
        run.Sink.ThrowFirst();
        Assert.Equal(lab.Fleet.Hosts.Select(host => host.Name).Order(StringComparer.Ordinal), run.Sink.Results.Select(result => result.Result.HostName).Order(StringComparer.Ordinal));
        Assert.All(run.Sink.Results, result => Assert.True(result.Result is { Status: InvocationStatus.Applied, Verified: true }));
        for (var number = 1; number <= 3; number++)
        {
            var filter = (await HostState.OursAsync(lab.Fleet.Hosts[number - 1]))["ip filter"];
            Assert.Equal([number], Enumerable.Range(1, 3).Where(other => filter.Contains(string.Create(CultureInfo.InvariantCulture, $"-i apps{other} "), StringComparison.Ordinal)));
            Assert.Equal([number], Enumerable.Range(1, 3).Where(other => filter.Contains(string.Create(CultureInfo.InvariantCulture, $"-s 10.{100 + other}.0.0/16 "), StringComparison.Ordinal)));
        }
        // And with a packet: the rules do what the text says.
        var second = lab.Fleet.Hosts[1];
        await second.RunContainerAsync(new LabContainerOptions("c0") { Network = "apps" });
        try
        {
            Assert.Equal(Reach.Refused, (await second.AskAsync("c0", LabAddresses.Metadata, 80)).Result);
            Assert.Equal(Reach.Open, (await second.AskAsync("c0", LabAddresses.Web, 80)).Result);
        }
        finally
        {
            await second.RemoveContainerAsync("c0");
        }

        run.Sink.Results.Clear();
        await run.ApplyAsync(run.OpenAll(), [.. new HostAccess().Rules(), .. new MetadataAccess().Rules()]);
        Assert.Equal(3, run.Sink.Results.Count);
        Assert.All(run.Sink.Results, result => Assert.Equal(InvocationStatus.Unchanged, result.Result.Status));
    }

    [FleetFact]
    public async Task A_dead_host_gives_one_error_within_its_timeout_and_delays_no_other()
    {
        await using var run = new FleetRun(lab.Fleet);
        // First in line with a throttle of three: anybody who waited for it would be late.
        await run.ApplyAsync([run.Open(LabFleet.DeadHost, connectTimeout: TimeSpan.FromSeconds(4)), .. run.OpenAll()], new MetadataAccess(), throttle: 3);
        var (at, host, error) = Assert.Single(run.Sink.Failures);
        Assert.Equal(LabFleet.DeadHost, host);
        Assert.Equal(HostFailure.Unreachable, Assert.IsType<HostException>(error).Failure);
        Assert.InRange(at.TotalSeconds, 3.5, 6);
        Assert.Equal(3, run.Sink.Results.Count);
        Assert.All(run.Sink.Results, result => Assert.True(result.At < at, $"{result.Result.HostName} came at {result.At}, the dead host's error at {at}."));
    }

    [FleetFact]
    public async Task A_host_that_accepts_and_then_says_nothing_is_an_error_within_its_timeout()
    {
        using var silent = NetNamespace.Named(lab.Fleet.Client.NetworkNamespace).OpenSocket(AddressFamily.InterNetwork, SocketType.Stream, 0);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen(8);
        var clock = Stopwatch.StartNew();
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)silent.LocalEndPoint!).Port}"), connectTimeout: TimeSpan.FromSeconds(2))], new MetadataAccess());
        var failure = run.Sink.SingleFailure();
        Assert.True(failure.Failure is HostFailure.Unreachable or HostFailure.Timeout, failure.Message);
        Assert.InRange(clock.Elapsed.TotalSeconds, 1.5, 9);
        Assert.Empty(HostState.SshOf(lab.Fleet.Client));
    }

    [FleetTheory]
    [InlineData("-IdleTimeout", 4)]
    [InlineData("-CommandTimeout", 10)]
    public async Task A_host_that_falls_silent_in_the_conversation_is_given_up_in_the_time_that_the_user_set(string parameter, int seconds)
    {
        var host = lab.Fleet.Hosts[0];
        IReadOnlyList<ProcessMark> stopped = [];
        var clock = new Stopwatch();
        await using var run = new FleetRun(lab.Fleet) { Timeouts = parameter is "-IdleTimeout" ? new ShellTimeouts { Idle = TimeSpan.FromSeconds(seconds) } : new ShellTimeouts { Command = TimeSpan.FromSeconds(seconds) } };
        run.Sink.Answer = (_, _, _) =>
        {
            stopped = HostState.OnHost(host, (name, arguments) => name == "sh" && arguments[0] == "/bin/sh" && arguments.Length <= 2);
            foreach (var shell in stopped)
                shell.Signal(SigStop);
            clock.Start();
            return Task.FromResult(true);
        };
        try
        {
            await run.ApplyAsync([run.Open(host.Name)], new MetadataAccess());
            var failure = run.Sink.SingleFailure();
            Assert.Equal(HostFailure.Timeout, failure.Failure);
            Assert.Contains(parameter, failure.Message, StringComparison.Ordinal);
            Assert.InRange(clock.Elapsed.TotalSeconds, seconds - 0.1, seconds + 15);
            Assert.NotEmpty(stopped);
            Assert.Empty(HostState.SshOf(lab.Fleet.Client));
        }
        finally
        {
            foreach (var shell in stopped)
                shell.Signal(Native.SigKill);
        }
        Assert.Empty(await HostState.OursAsync(host));
    }

    [FleetFact]
    public async Task A_host_whose_sshd_is_down_is_an_error_at_once()
    {
        var clock = Stopwatch.StartNew();
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(lab.Fleet.Hosts[0].Name + ":2")], new MetadataAccess());
        Assert.Equal(HostFailure.Unreachable, run.Sink.SingleFailure().Failure);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 9);
    }

    [FleetFact]
    public async Task Unknown_and_changed_host_keys_are_refused_with_the_remedy_and_never_learnt()
    {
        var known = await File.ReadAllTextAsync(lab.Fleet.Client.KnownHosts);
        var name = lab.Fleet.Hosts[0].Name;
        foreach (var (host, expected, remedy) in new[] { (name + "-unknown", HostFailure.UnknownHostKey, "compare the fingerprint"), (name + "-changed", HostFailure.ChangedHostKey, "ssh-keygen -R") })
        {
            await using var run = new FleetRun(lab.Fleet);
            await run.ApplyAsync([run.Open(host)], new MetadataAccess());
            var failure = run.Sink.SingleFailure();
            Assert.Equal(expected, failure.Failure);
            Assert.Contains(remedy, failure.Message, StringComparison.Ordinal);
            Assert.Contains(host, failure.Message, StringComparison.Ordinal);
        }
        Assert.Equal(known, await File.ReadAllTextAsync(lab.Fleet.Client.KnownHosts));
        Assert.Empty(await HostState.OursAsync(lab.Fleet.Hosts[0]));
    }
}
