using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>Nothing was ours when the host was read, and another administrator with the same module is faster than the write.</summary>
public sealed class BareHostTests
{
    private static readonly IReadOnlyList<FirewallRule> Metadata =
    [
        FirewallRule.Parse("-t mangle -A POSTROUTING -s 172.17.0.0/16 -d 192.0.2.1/32 -m comment --comment \"DockerNetHarden:MetadataAccess\" -j DROP"),
        FirewallRule.Parse("-A DOCKER-USER -d 192.0.2.1/32 -m comment --comment \"DockerNetHarden:MetadataAccess\" -j DROP"),
    ];

    // It may let through what another control blocks.
    private static readonly IReadOnlyList<FirewallRule> Custom = [FirewallRule.Parse("-A DOCKER-USER -d 192.0.2.1/32 -j ACCEPT")];

    [SkippableTheory]
    [InlineData("iptables-nft", "mangle")]
    [InlineData("iptables-nft", "filter")]
    [InlineData("iptables-legacy", "mangle")]
    [InlineData("iptables-legacy", "filter")]
    public async Task A_chain_that_came_since_it_was_looked_fails_the_write_wholly(string tool, string table)
    {
        using var space = Host(tool);
        var plans = await ApplyAsync(space, Metadata, () => Other(space, tool, table, "DNH-METADATA", "MetadataAccess/aws"));
        Assert.Empty(plans[0].Premises);
        // Nothing of the first plan was left in any table. The second one was made on what the other administrator wrote, and compares that table.
        Assert.DoesNotContain(plans[1].Before.Rules[Family.IPv4].AllRules, static line => line.Text.Contains("192.0.2.1/32", StringComparison.Ordinal));
        Assert.Contains(plans[1].Premises, premise => premise.Table == table && premise.Lines.Contains("MetadataAccess/aws", StringComparison.Ordinal));
        AssertBothOnce(space, tool, "DNH-METADATA", "DNH-METADATA", table is "filter");
    }

    [SkippableTheory]
    [InlineData("iptables-nft", "filter", "DNH-CUSTOM", "Custom")]
    [InlineData("iptables-nft", "mangle", "DNH-INTERNAL", "InternalAccess")]
    [InlineData("iptables-legacy", "filter", "DNH-CUSTOM", "Custom")]
    [InlineData("iptables-legacy", "mangle", "DNH-INTERNAL", "InternalAccess")]
    public async Task Another_control_that_came_stays_and_is_asked_behind_ours(string tool, string table, string chain, string mark)
    {
        using var space = Host(tool);
        var plans = await ApplyAsync(space, Metadata, () => Other(space, tool, table, chain, mark));
        Assert.Empty(plans[0].Premises);
        AssertBothOnce(space, tool, "DNH-METADATA", chain, table is "filter");
    }

    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task Custom_rules_never_come_before_a_control_that_was_faster(string tool)
    {
        using var space = Host(tool);
        var plans = await ApplyAsync(space, Custom, () => Other(space, tool, "filter", "DNH-METADATA", "MetadataAccess"));
        Assert.Equal("", Assert.Single(plans[0].Premises).Lines);
        Assert.DoesNotContain(plans[1].Before.Rules[Family.IPv4].AllRules, static line => line.Text.Contains("192.0.2.1/32", StringComparison.Ordinal));
        AssertBothOnce(space, tool, "DNH-METADATA", "DNH-CUSTOM", filter: true);
    }

    private static HostNamespace Host(string tool)
    {
        var space = HostNamespace.Make();
        space.Restore(tool, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n");
        return space;
    }

    private static void Other(HostNamespace space, string tool, string table, string chain, string mark)
    {
        var (hook, match, target) = table is "mangle" ? ("POSTROUTING", "-s 172.17.0.0/16 ", "DROP") : ("DOCKER-USER", "", chain is "DNH-CUSTOM" ? "ACCEPT" : "DROP");
        space.Restore(tool, $"*{table}\n:{chain} - [0:0]\n-A {chain} {match}-d 192.0.2.9/32 -m comment --comment \"DockerNetHarden:{mark}\" -j {target}\n-I {hook} -m comment --comment DockerNetHarden -j {chain}\nCOMMIT\n");
    }

    // The plans in order. The other administrator writes after the first.
    private static async Task<IReadOnlyList<Plan>> ApplyAsync(HostNamespace space, IReadOnlyList<FirewallRule> rules, Action other)
    {
        await using var shell = space.Open();
        var plans = new List<Plan>();
        var result = await new DockerHost(shell).ApplyAsync(
            snapshot =>
            {
                plans.Add(Plan.From(rules, snapshot, new PlanOptions { Force = true }));
                if (plans.Count == 1)
                    other();
                return plans[^1];
            },
            new CollectingSink(), CancellationToken.None);
        Assert.True(result.Verified);
        return plans;
    }

    private static void AssertBothOnce(HostNamespace space, string tool, string first, string second, bool filter)
    {
        var lines = space.Run(tool + "-save").Split('\n');
        Assert.Single(lines, static line => line.StartsWith("-A DNH-", StringComparison.Ordinal) && line.Contains("192.0.2.9/32", StringComparison.Ordinal));
        var ours = lines.Where(static line => line.Contains("192.0.2.1/32", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(ours);
        Assert.Equal(ours.Distinct(StringComparer.Ordinal), ours);
        var jumps = lines.Where(line => line.StartsWith(filter ? "-A DOCKER-USER " : "-A POSTROUTING ", StringComparison.Ordinal)).Select(static line => line.Split(' ')[^1]);
        Assert.Equal(new[] { first, second }.Distinct(StringComparer.Ordinal), jumps);
    }
}
