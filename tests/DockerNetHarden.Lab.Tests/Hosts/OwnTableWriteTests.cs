using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;
using static DockerNetHarden.Lab.Tests.Hosts.RollbackHost;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>Writing our nftables table on a real kernel: on what it is planned on, in one piece, and back.</summary>
public sealed class OwnTableWriteTests
{
    private static readonly PlanOptions Nft = new() { Backend = FirewallBackend.Nftables, Force = true };

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Not_confirmed_the_table_is_as_it_was(bool hadOne)
    {
        using var space = HostNamespace.Make();
        space.Restore("iptables-nft", Foreign);
        var foreign = NotOurs(space, IptablesBackend.Nft);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        if (hadOne)
            await ApplyAsync(host, Old, null);
        var before = List(space);
        var result = await ApplyAsync(host, New, 3);
        Assert.Equal((InvocationStatus.AwaitingConfirmation, true), (result.Status, result.Verified));
        Assert.NotEqual(before, List(space));
        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
        Assert.Equal(before, List(space));
        Assert.Equal(foreign, NotOurs(space, IptablesBackend.Nft));
        Assert.Equal(HostFailure.RolledBack, (await Assert.ThrowsAsync<HostException>(() => RollbackConfirmation.ConfirmAsync(shell, result.RollbackId!, CancellationToken.None))).Failure);
        // What came back is what this module wrote.
        if (hadOne)
            Assert.Equal(InvocationStatus.Unchanged, (await ApplyAsync(host, Old, null)).Status);
    }

    [SkippableFact]
    public async Task Confirmed_it_stays()
    {
        using var space = HostNamespace.Make();
        await using var shell = space.Open();
        var result = await ApplyAsync(new DockerHost(shell, reconnect: space.Open), New, 4);
        Assert.Equal((InvocationStatus.Confirmed, true), (result.Status, result.Verified));
        var there = List(space);
        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
        Assert.Equal(there, List(space));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_change_between_reading_and_writing_is_seen_and_planned_again(bool hadOne)
    {
        using var space = HostNamespace.Make();
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        if (hadOne)
            await ApplyAsync(host, Old, null);
        var plans = 0;
        var result = await host.ApplyAsync(
            snapshot =>
            {
                // Somebody else writes while the first plan is made.
                if (plans++ == 0)
                    space.Run("nft", hadOne ? "add chain inet docker_net_harden somebody_elses" : "add table inet docker_net_harden");
                return Plan.From(New, snapshot, Nft);
            }, new CollectingSink(), CancellationToken.None);
        Assert.Equal((InvocationStatus.Applied, true), (result.Status, result.Verified));
        Assert.True(plans > 2, "The first plan was written.");
        Assert.Contains("SmtpRate", List(space), StringComparison.Ordinal);
        if (hadOne)
            Assert.Contains("somebody_elses", List(space), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task What_nft_refuses_changes_nothing_and_what_came_after_takes_the_table_back()
    {
        using var space = HostNamespace.Make();
        space.Restore("iptables-nft", Foreign);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        await ApplyAsync(host, Old, null);
        var before = List(space);
        var plan = Plan.From(New, await host.ReadAsync(CancellationToken.None), Nft);
        Assert.NotNull(plan.Nft);

        var refused = await host.WriteAsync(new WriteRequest { Tool = plan.Before.Iptables, Steps = [], Nft = plan.Nft with { Text = plan.Nft.Text + "add rule inet docker_net_harden nowhere drop\n" }, HasNft = true }, CancellationToken.None);
        Assert.Equal((WriteStatus.Failed, true, false), (refused.Status, refused.IsTableRefused, refused.UndoFailed));
        Assert.Equal(before, List(space));

        var later = await host.WriteAsync(
            new WriteRequest { Tool = plan.Before.Iptables, Steps = [new PlanStep(Addresses.Family.IPv4, "filter", "*filter\n-A INPUT -j NO-SUCH-CHAIN\nCOMMIT\n", "*filter\nCOMMIT\n")], Nft = plan.Nft, HasNft = true }, CancellationToken.None);
        Assert.Equal((WriteStatus.Failed, false, false), (later.Status, later.IsTableRefused, later.UndoFailed));
        Assert.Equal(before, List(space));
        Assert.Equal(InvocationStatus.Unchanged, (await ApplyAsync(host, Old, null)).Status);

        var stale = await host.WriteAsync(new WriteRequest { Tool = plan.Before.Iptables, Steps = [], Nft = plan.Nft with { Premise = "1\n2" }, HasNft = true }, CancellationToken.None);
        Assert.Equal(WriteStatus.Stale, stale.Status);
        Assert.Equal(before, List(space));
    }

    [SkippableFact]
    public async Task A_thousand_prefixes_are_one_set_and_a_change_of_one_writes_little()
    {
        using var space = HostNamespace.Make();
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        IReadOnlyList<Addresses.Cidr> Ranges(int first) => [.. Enumerable.Range(first, 1000).Select(n => Addresses.Cidr.Parse(FormattableString.Invariant($"10.{n / 120}.{n % 120 * 2}.0/24")))];
        InternalAccess Of(int first) => new() { Network = new NetworkReference("apps", "apps0", [Addresses.Cidr.Parse("172.18.0.0/16")]), Ranges = Ranges(first), Dns = false };
        Assert.True((await ApplyAsync(host, Of(0).Rules(), null)).Verified);
        Assert.Equal(InvocationStatus.Unchanged, (await ApplyAsync(host, Of(0).Rules(), null)).Status);
        Assert.True((await ApplyAsync(host, Of(1).Rules(), null)).Verified);
        var there = InstalledRule.ReadAll(await host.ReadAsync(CancellationToken.None)).Where(rule => rule.IsOurs).ToList();
        // In IPv6 the same ranges come in the three forms that carry IPv4.
        Assert.All(there, rule => Assert.Equal(rule.Rule!.Family == Addresses.Family.IPv4 ? 1000 : 3000, rule.Rule.Destination!.Split(',').Length));
        Assert.Contains(there, rule => rule.Rule!.Family == Addresses.Family.IPv6);
        Assert.True((await host.ApplyAsync(snapshot => Plan.Without(_ => true, snapshot), new CollectingSink(), CancellationToken.None)).Verified);
        Assert.Equal("", List(space));
    }

    private static Task<InvocationResult> ApplyAsync(DockerHost host, IReadOnlyList<FirewallRule> rules, int? seconds) => host.ApplyAsync(
        snapshot => Plan.From(rules, snapshot, Nft), new CollectingSink(), CancellationToken.None, seconds is { } after ? new RollbackOptions(TimeSpan.FromSeconds(after)) : null);

    // Without counters; empty if there is no table.
    private static string List(HostNamespace space) => space.Run("nft", "list", "tables").Contains("docker_net_harden", StringComparison.Ordinal) ? space.Run("nft", "-s", "list", "table", "inet", "docker_net_harden") : "";
}
