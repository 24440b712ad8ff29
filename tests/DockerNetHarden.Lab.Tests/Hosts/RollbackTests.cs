using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;
using static DockerNetHarden.Lab.Tests.Hosts.RollbackHost;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>A change that its host takes back by itself, on a real kernel, with both backends of iptables.</summary>
public sealed class RollbackTests
{
    public static TheoryData<IptablesBackend> Backends => [IptablesBackend.Nft, IptablesBackend.Legacy];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task Confirmed_by_a_new_connection_the_change_stays(IptablesBackend backend)
    {
        using var space = await PreparedAsync(backend);
        await using var shell = space.Open();
        var result = await ApplyAsync(new DockerHost(shell, reconnect: space.Open), New, 4);
        Assert.Equal(InvocationStatus.Confirmed, result.Status);
        Assert.True(result.Verified);
        var ours = Ours(space, backend);
        Assert.Contains(ours, static line => line.Contains("--dport 22 ", StringComparison.Ordinal));
        await Task.Delay(TimeSpan.FromSeconds(5));
        Assert.Equal(ours, Ours(space, backend));
        Assert.False(HasTimer(result.RollbackId!));
        // Doing it again does no harm, even when the timer is long gone.
        await RollbackConfirmation.ConfirmAsync(shell, result.RollbackId!, CancellationToken.None);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task Not_confirmed_our_chains_come_back_and_what_others_did_meanwhile_stays(IptablesBackend backend)
    {
        using var space = await PreparedAsync(backend);
        var tool = Tool(backend);
        var before = Ours(space, backend);
        await using var shell = space.Open();
        var result = await ApplyAsync(new DockerHost(shell), New, 4);
        Assert.Equal(InvocationStatus.AwaitingConfirmation, result.Status);
        Assert.True(result.Verified);
        Assert.InRange(result.RollbackAt!.Value - DateTimeOffset.UtcNow, TimeSpan.FromSeconds(-4), TimeSpan.FromSeconds(4));
        Assert.NotEqual(before, Ours(space, backend));

        // Another administrator: our jump removed, our lines changed, his own rules in the hooks and in a chain of ours, and one that leads to a chain
        // that will be removed.
        var custom = before.First(static line => line.StartsWith("-A INPUT ", StringComparison.Ordinal) && line.Contains("DNH-CUSTOM", StringComparison.Ordinal)).Split(' ')[^1];
        space.Run(tool, "-D", "INPUT", "-m", "comment", "--comment", "DockerNetHarden", "-j", custom);
        space.Run(tool, "-D", custom, "1");
        space.Run(tool, "-I", "INPUT", "-s", "192.0.2.79/32", "-j", "DROP");
        space.Run(tool, "-A", "ADMIN", "-j", "RETURN");
        space.Run(tool, "-I", "DNH-METADATA", "-s", "192.0.2.80/32", "-j", "ACCEPT");
        space.Run(tool, "-A", "DNH-METADATA", "-s", "192.0.2.81/32", "-j", "ACCEPT");
        space.Run(tool, "-A", "ADMIN", "-j", "DNH-SMTP");
        space.Run(tool, "-t", "nat", "-A", "POSTROUTING", "-s", "192.0.2.82/32", "-j", "ACCEPT");
        var foreign = NotOurs(space, backend);

        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
        // DNH-SMTP itself cannot be removed, because his rule leads to it; it is empty.
        Assert.Equal(before, Ours(space, backend).Where(static line => line != ":DNH-SMTP"));
        Assert.Equal(foreign, NotOurs(space, backend));
        var metadata = space.Run(tool, "-S", "DNH-METADATA").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("192.0.2.80/32", metadata[1], StringComparison.Ordinal);
        Assert.Contains("192.0.2.81/32", metadata[^1], StringComparison.Ordinal);

        var late = await Assert.ThrowsAsync<HostException>(() => RollbackConfirmation.ConfirmAsync(shell, result.RollbackId!, CancellationToken.None));
        Assert.Equal(HostFailure.RolledBack, late.Failure);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task Where_there_was_nothing_nothing_is_left(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        space.Restore(Tool(backend), Foreign);
        var foreign = NotOurs(space, backend);
        await using var shell = space.Open();
        var result = await ApplyAsync(new DockerHost(shell), New, 2);
        Assert.NotEmpty(Ours(space, backend));
        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
        Assert.Empty(Ours(space, backend));
        Assert.Equal(foreign, NotOurs(space, backend));
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task The_timer_outlives_the_conversation_that_started_it(IptablesBackend backend)
    {
        using var space = await PreparedAsync(backend);
        var before = Ours(space, backend);
        await using var shell = space.Open();
        var reply = await shell.RunAsync(new ShellProgram().Section("pid", "echo $$").Build(TimeSpan.FromSeconds(10)), CancellationToken.None);
        var result = await ApplyAsync(new DockerHost(shell), New, 3);
        // Kills the shell and everything that belongs to it, as the end of sshd does.
        using (var victim = Process.GetProcessById(int.Parse(reply.Find("pid")!.Text, System.Globalization.CultureInfo.InvariantCulture)))
            victim.Kill(entireProcessTree: true);
        Assert.True(HasTimer(result.RollbackId!));
        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
        Assert.Equal(before, Ours(space, backend));
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task A_fleet_says_that_a_host_took_the_change_back(IptablesBackend backend)
    {
        using var space = await PreparedAsync(backend);
        var before = Ours(space, backend);
        await using var shell = space.Open();
        var due = DateTimeOffset.UtcNow.AddSeconds(3);
        var tried = 0;
        // The way in is closed until the change is gone.
        var host = new DockerHost(shell, reconnect: () => DateTimeOffset.UtcNow < due.AddSeconds(0.5)
            ? throw new HostException(HostFailure.Unreachable, "x", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"closed {++tried}."), "Wait.")
            : space.Open());
        var result = await ApplyAsync(host, New, 3);
        Assert.Equal(InvocationStatus.RolledBack, result.Status);
        Assert.False(result.Verified);
        Assert.True(tried > 1, "Only one connection was tried.");
        Assert.Equal(before, Ours(space, backend));
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task Two_changes_do_not_wait_at_once(IptablesBackend backend)
    {
        using var space = await PreparedAsync(backend);
        await using var shell = space.Open();
        var first = await ApplyAsync(new DockerHost(shell), New, 600);
        var between = Ours(space, backend);
        await using var other = space.Open();
        var refused = await Assert.ThrowsAsync<HostException>(() => ApplyAsync(new DockerHost(other), Old, 600));
        Assert.Equal(HostFailure.RollbackPending, refused.Failure);
        Assert.Contains(first.RollbackId!, refused.Message, StringComparison.Ordinal);
        Assert.Equal(between, Ours(space, backend));
        await RollbackConfirmation.ConfirmAsync(other, first.RollbackId!, CancellationToken.None);
        await UntilAsync(() => !HasTimer(first.RollbackId!), TimeSpan.FromSeconds(15));
        var second = await ApplyAsync(new DockerHost(other, reconnect: space.Open), Old, 600);
        Assert.Equal(InvocationStatus.Confirmed, second.Status);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task A_write_that_is_refused_leaves_no_timer(IptablesBackend backend)
    {
        using var space = await PreparedAsync(backend);
        await using var shell = space.Open();
        var plan = Plan.From(New, await new DockerHost(shell).ReadAsync(CancellationToken.None), new PlanOptions { Force = true });
        var arm = RollbackArm.For(plan, new RollbackOptions(TimeSpan.FromMinutes(10)));
        var before = Ours(space, backend);
        var outcome = await new DockerHost(shell).WriteAsync(
            new WriteRequest { Tool = plan.Before.Iptables, Steps = [.. plan.Steps, new PlanStep(Family.IPv4, "filter", "*filter\n-A INPUT -j NO-SUCH-CHAIN\nCOMMIT\n", "*filter\nCOMMIT\n")], Rollback = arm }, CancellationToken.None);
        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.False(outcome.RollbackArmed);
        Assert.Equal(before, Ours(space, backend));
        await UntilAsync(() => !HasTimer(arm.Id), TimeSpan.FromSeconds(15));
        Assert.Equal(HostFailure.RollbackUnknown, (await Assert.ThrowsAsync<HostException>(() => RollbackConfirmation.ConfirmAsync(shell, arm.Id, CancellationToken.None))).Failure);
    }

    // systemd-logind kills everything in the control group of an ending session if it is configured to (KillUserProcesses=).
    [SkippableFact]
    public async Task The_timer_leaves_the_control_group_of_the_session()
    {
        using var space = await PreparedAsync(IptablesBackend.Nft);
        var hierarchy = new[] { "/sys/fs/cgroup/systemd", "/sys/fs/cgroup" }.FirstOrDefault(static folder => File.Exists(folder + "/cgroup.procs"));
        Skip.If(hierarchy is null, "needs a control group hierarchy that can be written");
        var group = Directory.CreateDirectory(Path.Combine(hierarchy!, space.Name)).FullName;
        try
        {
            string? id;
            // nsenter and not "ip netns exec": that mounts another /sys.
            await using (var shell = new ProcessShell("session", "/bin/sh", ["-c", "echo $$ >\"$1/cgroup.procs\" && exec nsenter --net=/run/netns/\"$2\" /bin/sh", "sh", group, space.Name]))
            {
                id = (await ApplyAsync(new DockerHost(shell), New, 2)).RollbackId;
                Assert.True(HasTimer(id!));
                // The shell is in it, the timer is not.
                Assert.Single(await File.ReadAllLinesAsync(group + "/cgroup.procs"));
            }
            Assert.True(HasTimer(id!));
            await UntilAsync(() => !HasTimer(id!), TimeSpan.FromSeconds(15));
        }
        finally
        {
            Directory.Delete(group);
        }
    }

    [SkippableFact]
    public async Task Of_confirming_and_firing_at_one_moment_one_wins()
    {
        using var space = await PreparedAsync(IptablesBackend.Nft);
        var before = Ours(space, IptablesBackend.Nft);
        foreach (var early in new[] { 0, 150, 300 })
        {
            await using var shell = space.Open();
            var result = await ApplyAsync(new DockerHost(shell), New, 2);
            var changed = Ours(space, IptablesBackend.Nft);
            await Task.Delay(Math.Max(0, (int)(result.RollbackAt!.Value - DateTimeOffset.UtcNow).TotalMilliseconds + 300 - early));
            await using var other = space.Open();
            var confirmed = true;
            try
            {
                await RollbackConfirmation.ConfirmAsync(other, result.RollbackId!, CancellationToken.None);
            }
            catch (HostException error)
            {
                Assert.Equal(HostFailure.RolledBack, error.Failure);
                confirmed = false;
            }
            await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
            Assert.Equal(confirmed ? changed : before, Ours(space, IptablesBackend.Nft));
            if (confirmed)
                await ApplyAsync(new DockerHost(shell), Old, null, prune: true);
        }
    }
}
