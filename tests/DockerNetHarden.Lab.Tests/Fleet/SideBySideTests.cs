using System.Diagnostics;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>How many hosts run at once, how the work ends when it is stopped, and what two people do to each other.</summary>
[Collection(FleetCollection.Name)]
public sealed class SideBySideTests(FleetLab lab) : IAsyncLifetime
{
    private LabFleet All => lab.Fleet;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => lab.ResetAsync();

    [FleetFact]
    public async Task A_throttle_of_two_never_has_three_ssh_processes()
    {
        await using var run = new FleetRun(All);
        (string Host, string User)[] logins = [.. from host in All.Hosts from user in new[] { "root", "ops", "in-bash" } select (host.Name, user)];
        using var ended = new CancellationTokenSource();
        var most = 0;
        var watching = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested)
                most = Math.Max(most, HostState.SshOf(All.Client).Count);
        });
        await run.ApplyAsync([.. logins.Select(login => run.Open(login.Host, login.User))], new MetadataAccess(), throttle: 2);
        await ended.CancelAsync();
        await watching;
        run.Sink.ThrowFirst();
        Assert.Equal(logins.Length, run.Sink.Results.Count);
        Assert.Equal(2, most);
    }

    [FleetFact]
    public async Task Cancelled_it_ends_soon_and_its_ssh_processes_are_gone()
    {
        await using var run = new FleetRun(All);
        using var stop = new CancellationTokenSource();
        // Three hosts wait for an answer, with an ssh each; one for a connection that will not come.
        var asked = new SemaphoreSlim(0);
        run.Sink.Answer = async (_, _, token) =>
        {
            asked.Release();
            await Task.Delay(Timeout.Infinite, token);
            return true;
        };
        var applied = run.ApplyAsync([run.Open(LabFleet.DeadHost), .. run.OpenAll()], new MetadataAccess(), stop: stop.Token);
        for (var host = 0; host < All.Hosts.Count; host++)
            Assert.True(await asked.WaitAsync(TimeSpan.FromSeconds(20)), "A host was not asked about.");
        var children = HostState.SshOf(All.Client);
        Assert.Equal(4, children.Count);
        var clock = Stopwatch.StartNew();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => applied);
        // As a cmdlet does when it is stopped.
        await run.DisposeAsync();
        // The waits that it cut short are ten seconds and longer.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 6);
        Assert.All(children, child => Assert.False(child.IsAlive()));
        Assert.Empty(run.Sink.Failures);
        foreach (var host in All.Hosts)
            Assert.Empty(await HostState.OursAsync(host));
    }

    [FleetFact]
    public async Task Cancelled_in_mid_write_each_host_is_wholly_changed_or_wholly_not()
    {
        var random = new Random(3);
        for (var round = 0; round < FleetLab.Rounds; round++)
        {
            await using (var run = new FleetRun(All))
            {
                using var stop = new CancellationTokenSource();
                var applied = run.ApplyAsync(run.OpenAll(), new InternalAccess(), stop: stop.Token);
                await Task.Delay(random.Next(50, 700));
                await stop.CancelAsync();
                await Task.WhenAny(applied);
                // Every write is reported, and every report is true.
                foreach (var host in All.Hosts)
                {
                    var told = run.Sink.Results.Any(result => result.Result.HostName == host.Name && result.Result is { Status: InvocationStatus.Applied, Verified: true });
                    var there = await HostState.OursAsync(host);
                    Assert.True(told ? there.Count > 1 : there.Count == 0, $"{host.Name}: told {told}, there {string.Join(", ", there.Keys)}.");
                }
            }
            await lab.ResetAsync();
        }
    }

    [FleetFact]
    public async Task Two_admins_at_once_while_networks_come_and_go_leave_both_controls_once_and_foreign_rules_as_they_were()
    {
        var host = All.Hosts[0];
        string[] foreign = ["INPUT -p udp --dport 9 -m comment --comment \"admin's: \\\" * own\" -j ACCEPT", "DOCKER-USER -d 198.51.100.7/32 -j REJECT"];
        foreach (var rule in foreign)
            (await host.ExecAsync(["iptables-restore", "--noflush"], $"*filter\n-I {rule}\nCOMMIT\n")).OrThrow();
        var before = await HostState.ForeignAsync(host, IsDockers);
        using var ended = new CancellationTokenSource();
        var networks = 0;
        var churn = Task.Run(async () =>
        {
            while (!ended.IsCancellationRequested)
            {
                await host.CreateNetworkAsync("churn");
                await host.RemoveNetworkAsync("churn");
                networks++;
            }
        });
        try
        {
            for (var round = 0; round < Math.Min(20, 2 * FleetLab.Rounds); round++)
            {
                await using var first = new FleetRun(All);
                await using var second = new FleetRun(All);
                // Another control or another form of it in each round, so that both write each time.
                Control one = round % 2 == 0 ? new MetadataAccess() : new MetadataAccess { Action = Rules.RuleAction.Drop };
                Control other = round % 2 == 0 ? new SmtpRate { PerMinute = 7 } : new SmtpRate { PerMinute = 11 };
                await Task.WhenAll(first.ApplyAsync([first.Open(host.Name)], one), second.ApplyAsync([second.Open(host.Name, "ops")], other));
                Assert.True(first.Sink.SingleResult().Verified);
                Assert.True(second.Sink.SingleResult().Verified);
                var filter = (await HostState.OursAsync(host))["ip filter"].Split('\n');
                Assert.Single(filter, line => line.StartsWith("-A DOCKER-USER", StringComparison.Ordinal) && line.EndsWith("-j DNH-METADATA", StringComparison.Ordinal));
                Assert.Single(filter, line => line.StartsWith("-A DOCKER-USER", StringComparison.Ordinal) && line.EndsWith("-j DNH-SMTP", StringComparison.Ordinal));
                foreach (var (table, lines) in await HostState.OursAsync(host))
                    Assert.True(lines.Split('\n').Distinct(StringComparer.Ordinal).Count() == lines.Split('\n').Length, $"A line appears twice in '{table}':\n{lines}");
            }
        }
        finally
        {
            await ended.CancelAsync();
            await churn;
        }
        // The bridges that came and went were part of the rules: once it is quiet, both are brought up to date and then stay.
        foreach (var expected in new[] { InvocationStatus.Applied, InvocationStatus.Unchanged })
        {
            await using var check = new FleetRun(All);
            await check.ApplyAsync([check.Open(host.Name)], [.. new MetadataAccess().Rules(), .. new SmtpRate { PerMinute = 7 }.Rules()]);
            Assert.Equal(expected, check.Sink.SingleResult().Status);
        }
        Assert.True(networks > 5, $"Only {networks} networks came and went: this shows nothing.");
        Assert.Equal(before, await HostState.ForeignAsync(host, IsDockers));
        foreach (var rule in foreign)
            (await host.ExecAsync(["iptables-restore", "--noflush"], $"*filter\n-D {rule}\nCOMMIT\n")).OrThrow();
    }

    // Docker removes its jumps and its networks' lines and puts them back elsewhere whenever a network comes or goes.
    private static bool IsDockers(string line) => !line.Contains("admin's", StringComparison.Ordinal) && !line.Contains("198.51.100.7", StringComparison.Ordinal);
}
