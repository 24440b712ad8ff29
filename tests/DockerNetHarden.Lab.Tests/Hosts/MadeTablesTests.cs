using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>iptables-nft makes tables and leaves them. Tables that did not exist before our rules do not exist after them; those that did, or that others use, stay.</summary>
public sealed class MadeTablesTests
{
    private static readonly IReadOnlyList<FirewallRule> Both =
    [
        FirewallRule.Parse("-t mangle -A POSTROUTING -s 172.17.0.0/16 -d 192.0.2.1/32 -m comment --comment \"DockerNetHarden:MetadataAccess\" -j DROP"),
        FirewallRule.Parse("-A INPUT -i docker0 -p tcp -m comment --comment \"DockerNetHarden:HostAccess\" -j DROP"),
        FirewallRule.Parse("ip6tables -A INPUT -i docker0 -p tcp -m comment --comment \"DockerNetHarden:HostAccess\" -j DROP"),
    ];

    [SkippableFact]
    public async Task Tables_that_were_not_there_are_gone_with_the_last_rule()
    {
        using var space = Host();
        await ApplyAsync(space);
        Assert.Equal(["table ip filter", "table ip mangle", "table ip6 filter"], Tables(space));
        // A part of it stays, so the table stays.
        await RemoveAsync(space, static mark => mark.Control is "MetadataAccess");
        Assert.Equal(["table ip filter", "table ip6 filter"], Tables(space));
        await RemoveAsync(space, static _ => true);
        Assert.Empty(Tables(space));
        // Nothing to remove: looking makes nothing.
        await RemoveAsync(space, static _ => true);
        Assert.Empty(Tables(space));
        Assert.Equal("", space.Run("iptables-save") + space.Run("ip6tables-save"));
    }

    [SkippableFact]
    public async Task Tables_that_were_there_stay_as_they_were()
    {
        using var space = Host();
        space.Run("iptables", "-t", "mangle", "-N", "theirs");
        space.Run("iptables", "-t", "mangle", "-X", "theirs");
        space.Run("ip6tables", "-P", "FORWARD", "DROP");
        var before = space.Run("nft", "list", "ruleset");
        await ApplyAsync(space);
        await RemoveAsync(space, static _ => true);
        Assert.Equal(["table ip mangle", "table ip6 filter"], Tables(space));
        Assert.DoesNotContain("DockerNetHarden", space.Run("nft", "list", "ruleset"), StringComparison.Ordinal);
        // A built-in chain that our jump needed is now there, empty.
        Assert.Contains("policy drop", before, StringComparison.Ordinal);
        Assert.Contains("policy drop", space.Run("nft", "list", "table", "ip6", "filter"), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("iptables -t mangle -A POSTROUTING -d 192.0.2.9/32 -j ACCEPT", "-A POSTROUTING -d 192.0.2.9/32 -j ACCEPT")]
    [InlineData("iptables -t mangle -A PREROUTING -d 192.0.2.9/32 -j ACCEPT", "-A PREROUTING -d 192.0.2.9/32 -j ACCEPT")]
    [InlineData("iptables -t mangle -N theirs", ":theirs - [0:0]")]
    [InlineData("iptables -t mangle -P OUTPUT DROP", ":OUTPUT DROP [0:0]")]
    [InlineData("nft add set ip mangle theirs { type ipv4_addr; }", null)]
    [InlineData("nft add chain ip mangle theirs { type filter hook input priority 5; }", null)]
    public async Task What_others_put_in_stays_and_only_our_mark_goes(string theirs, string? line)
    {
        using var space = Host();
        await ApplyAsync(space);
        space.Run([.. theirs.StartsWith("nft ", StringComparison.Ordinal) ? ["nft", theirs[4..]] : theirs.Split(' ')]);
        await RemoveAsync(space, static _ => true);
        Assert.Equal(["table ip mangle"], Tables(space));
        Assert.DoesNotContain("DockerNetHarden", space.Run("nft", "list", "ruleset"), StringComparison.Ordinal);
        Assert.Contains(line ?? "theirs", line is null ? space.Run("nft", "list", "ruleset") : space.Run("iptables-save", "-t", "mangle"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_write_that_is_taken_back_leaves_no_table()
    {
        using var space = Host();
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        var plan = Plan.From(Both, await host.ReadAsync(CancellationToken.None), new PlanOptions { Force = true });
        var outcome = await host.WriteAsync(
            new WriteRequest
            {
                Tool = plan.Before.Iptables,
                Steps = [.. plan.Steps, new PlanStep(Family.IPv4, "raw", "*raw\n-A PREROUTING -j NOWHERE\nCOMMIT\n", "*raw\nCOMMIT\n")],
                NewTables = [.. plan.NewTables, new PlanTable(Family.IPv4, "raw")],
            },
            CancellationToken.None);
        Assert.Equal((WriteStatus.Failed, false), (outcome.Status, outcome.UndoFailed));
        Assert.Empty(Tables(space));
    }

    [SkippableFact]
    public async Task A_rollback_takes_the_tables_back_too()
    {
        using var space = Host();
        await using var shell = space.Open();
        var result = await new DockerHost(shell).ApplyAsync(
            static snapshot => Plan.From(Both, snapshot, new PlanOptions { Force = true }), new CollectingSink(), CancellationToken.None, new RollbackOptions(TimeSpan.FromSeconds(2)));
        Assert.Equal(InvocationStatus.AwaitingConfirmation, result.Status);
        Assert.Equal(3, Tables(space).Count());
        for (var waited = 0; waited < 150 && Tables(space).Any(); waited++)
            await Task.Delay(100);
        Assert.Empty(Tables(space));
    }

    // Somebody keeps writing rules while ours come and go: none of theirs may be lost.
    [SkippableFact]
    public async Task Whoever_writes_at_the_same_moment_loses_nothing()
    {
        using var space = Host();
        for (var round = 0; round < 10; round++)
        {
            await ApplyAsync(space);
            var theirs = Task.Run(() => space.Run("iptables", "-t", "mangle", "-A", "POSTROUTING", "-d", $"192.0.2.{100 + round}/32", "-j", "ACCEPT"));
            await RemoveAsync(space, static _ => true);
            await theirs;
            Assert.Contains($"-A POSTROUTING -d 192.0.2.{100 + round}/32 -j ACCEPT", space.Run("iptables-save", "-t", "mangle"), StringComparison.Ordinal);
            space.Run("nft", "flush", "ruleset");
        }
    }

    private static HostNamespace Host()
    {
        var space = HostNamespace.Make();
        Skip.IfNot(File.Exists("/usr/sbin/nft"), "needs nft");
        Skip.IfNot(space.Run("iptables", "--version").Contains("nf_tables", StringComparison.Ordinal), "needs an iptables that is iptables-nft");
        Assert.Empty(Tables(space));
        return space;
    }

    private static IEnumerable<string> Tables(HostNamespace space) => space.Run("nft", "list", "tables").Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal);

    private static Task ApplyAsync(HostNamespace space) => ToAsync(space, static snapshot => Plan.From(Both, snapshot, new PlanOptions { Force = true }));

    private static Task RemoveAsync(HostNamespace space, Func<RuleMark, bool> remove) => ToAsync(space, snapshot => Plan.Without(remove, snapshot));

    private static async Task ToAsync(HostNamespace space, Func<DockerNetHarden.Snapshots.HostSnapshot, Plan> planner)
    {
        await using var shell = space.Open();
        Assert.True((await new DockerHost(shell).ApplyAsync(planner, new CollectingSink(), CancellationToken.None)).Verified);
    }
}
