using System.Diagnostics;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>A mistake in a rule never costs the way in.</summary>
[Collection(FleetCollection.Name)]
public sealed class RollbackOverSshTests(FleetLab lab) : IAsyncLifetime
{
    private static readonly RollbackOptions FiveSeconds = new(TimeSpan.FromSeconds(5));

    private static readonly IReadOnlyList<FirewallRule> LocksOut = [FirewallRule.Parse("-A INPUT -p tcp --dport 22 -j DROP")];

    private LabHost Host => lab.Fleet.Hosts[2];

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => lab.ResetAsync();

    [FleetTheory]
    [InlineData("root")]
    [InlineData("ops")]
    public async Task A_rule_that_drops_the_ssh_port_is_gone_after_its_time_and_the_host_answers_again(string user)
    {
        await ApplyAsync(new MetadataAccess());
        var before = await HostState.OursAsync(Host);
        var clock = Stopwatch.StartNew();
        await using (var run = new FleetRun(lab.Fleet))
        {
            await run.ApplyAsync([run.Open(Host.Name, user, TimeSpan.FromSeconds(2))], LocksOut, rollback: FiveSeconds, options: new PlanOptions { Force = true });
            Assert.Equal(InvocationStatus.RolledBack, run.Sink.SingleResult().Status);
        }
        Assert.InRange(clock.Elapsed.TotalSeconds, 5, 20);
        Assert.Equal(before, await HostState.OursAsync(Host));
        Assert.Equal(InvocationStatus.Unchanged, (await ApplyAsync(new MetadataAccess())).Status);
    }

    [FleetFact]
    public async Task It_is_gone_too_where_another_admin_has_changed_our_chains_and_the_rest_meanwhile()
    {
        await ApplyAsync(new MetadataAccess());
        await using (var first = new FleetRun(lab.Fleet))
        {
            await first.ApplyAsync([first.Open(Host.Name)], [FirewallRule.Parse("-A INPUT -p tcp --dport 2323 -j DROP")], options: new PlanOptions { Force = true });
            Assert.True(first.Sink.SingleResult().Verified);
        }
        var mine = Chain(await HostState.OursAsync(Host), "DNH-CUSTOM-IN");
        await using (var run = new FleetRun(lab.Fleet))
        {
            var applied = run.ApplyAsync([run.Open(Host.Name, connectTimeout: TimeSpan.FromSeconds(2))], LocksOut, rollback: FiveSeconds, options: new PlanOptions { Force = true });
            while (!(await HostState.OursAsync(Host)).Values.Any(lines => lines.Contains("--dport 22 ", StringComparison.Ordinal)))
                await Task.Delay(20);
            // Somebody at the console: a control of ours, a line in the chain that was changed and in one that was not, and rules of their own.
            await using (var console = await Hardening.Hardening.OfAsync(Host))
            {
                console.CompareForeign = false;
                await console.ApplyAsync(new SmtpRate());
                foreach (var chain in new[] { "DNH-CUSTOM-IN", "DNH-METADATA" })
                    (await Host.ExecAsync(["iptables", "-A", chain, "-d", "192.0.2.77", "-m", "comment", "--comment", chain == "DNH-METADATA" ? "DockerNetHarden:MetadataAccess" : "DockerNetHarden:Custom", "-j", "DROP"])).OrThrow();
                var others = (Chain(await HostState.OursAsync(Host), "DNH-METADATA"), Chain(await HostState.OursAsync(Host), "DNH-SMTP"));
                (await Host.ExecAsync(["iptables", "-I", "INPUT", "-p", "udp", "--dport", "9", "-m", "comment", "--comment", "the console's * \"own\"", "-j", "DROP"])).OrThrow();
                (await Host.ExecAsync(["iptables", "-t", "mangle", "-A", "PREROUTING", "-p", "udp", "--dport", "9", "-j", "MARK", "--set-mark", "7"])).OrThrow();
                var foreign = await HostState.ForeignAsync(Host, _ => false);
                await applied;
                Assert.Equal(InvocationStatus.RolledBack, run.Sink.SingleResult().Status);
                Assert.Equal(foreign, await HostState.ForeignAsync(Host, _ => false));
                var after = await HostState.OursAsync(Host);
                Assert.Equal(mine, Chain(after, "DNH-CUSTOM-IN"));
                Assert.Equal(others, (Chain(after, "DNH-METADATA"), Chain(after, "DNH-SMTP")));
            }
        }
        (await Host.ExecAsync(["iptables", "-D", "INPUT", "-p", "udp", "--dport", "9", "-m", "comment", "--comment", "the console's * \"own\"", "-j", "DROP"])).OrThrow();
        (await Host.ExecAsync(["iptables", "-t", "mangle", "-D", "PREROUTING", "-p", "udp", "--dport", "9", "-j", "MARK", "--set-mark", "7"])).OrThrow();
        Assert.True((await ApplyAsync(new MetadataAccess())).Verified);
    }

    [FleetFact]
    public async Task A_change_that_leaves_the_way_in_is_confirmed_by_a_new_connection_and_stays()
    {
        await using var run = new FleetRun(lab.Fleet);
        var clock = Stopwatch.StartNew();
        await run.ApplyAsync([.. lab.Fleet.Hosts.Select(host => run.Open(host.Name, "ops"))], new MetadataAccess().Rules(), rollback: FiveSeconds);
        run.Sink.ThrowFirst();
        Assert.Equal([InvocationStatus.Confirmed, InvocationStatus.Confirmed, InvocationStatus.Confirmed], run.Sink.Results.Select(result => result.Result.Status));
        var after = await HostState.OursAsync(Host);
        Assert.NotEmpty(after);
        // Longer than the timer would have waited.
        await Task.Delay(TimeSpan.FromSeconds(7) - clock.Elapsed is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero);
        Assert.Equal(after, await HostState.OursAsync(Host));
    }

    private static string Chain(SortedDictionary<string, string> ours, string chain) =>
        string.Join('\n', ours.SelectMany(table => table.Value.Split('\n').Where(line => line.StartsWith("-A " + chain + " ", StringComparison.Ordinal)).Select(line => table.Key + " " + line)));

    private async Task<InvocationResult> ApplyAsync(Control control)
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(Host.Name)], control);
        return run.Sink.SingleResult();
    }
}
