using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>Where nothing was ours, the restore itself is the premise: a chain that came since it was looked fails it, and the host is planned anew.</summary>
public sealed class BareHostTests
{
    private static readonly IReadOnlyList<FirewallRule> Rules =
    [
        FirewallRule.Parse("-t mangle -A POSTROUTING -s 172.17.0.0/16 -d 192.0.2.1/32 -m comment --comment \"DockerNetHarden:MetadataAccess\" -j DROP"),
        FirewallRule.Parse("-A DOCKER-USER -d 192.0.2.1/32 -m comment --comment \"DockerNetHarden:MetadataAccess\" -j DROP"),
    ];

    [SkippableTheory]
    [InlineData("iptables-nft", "mangle", "DNH-METADATA", "MetadataAccess/aws")]
    [InlineData("iptables-nft", "filter", "DNH-METADATA", "MetadataAccess/aws")]
    [InlineData("iptables-nft", "filter", "DNH-CUSTOM", "Custom")]
    [InlineData("iptables-nft", "mangle", "DNH-INTERNAL", "InternalAccess")]
    [InlineData("iptables-legacy", "mangle", "DNH-METADATA", "MetadataAccess/aws")]
    [InlineData("iptables-legacy", "filter", "DNH-METADATA", "MetadataAccess/aws")]
    [InlineData("iptables-legacy", "filter", "DNH-CUSTOM", "Custom")]
    [InlineData("iptables-legacy", "mangle", "DNH-INTERNAL", "InternalAccess")]
    public async Task What_came_since_it_was_looked_is_neither_lost_nor_doubled(string tool, string table, string chain, string mark)
    {
        using var space = HostNamespace.Make();
        space.Restore(tool, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n");
        await using var shell = space.Open();
        var sink = new CollectingSink();
        var plans = new List<Plan>();
        await Fleet.ApplyAsync(
            [new FleetHost(new DockerHost(shell))],
            snapshot =>
            {
                var plan = Plan.From(Rules, snapshot, new PlanOptions { Force = true });
                plans.Add(plan);
                // Another administrator of the same module is faster: under another subject of the same control, or with another control.
                if (plans.Count == 1)
                {
                    var (hook, match, target) = table is "mangle" ? ("POSTROUTING", "-s 172.17.0.0/16 ", "DROP") : ("DOCKER-USER", "", "ACCEPT");
                    space.Restore(tool, $"*{table}\n:{chain} - [0:0]\n-A {chain} {match}-d 192.0.2.9/32 -m comment --comment \"DockerNetHarden:{mark}\" -j {target}\n-I {hook} -m comment --comment DockerNetHarden -j {chain}\nCOMMIT\n");
                }
                return plan;
            },
            1, sink, CancellationToken.None);
        Assert.Empty(sink.Failures);
        Assert.True(Assert.Single(sink.Results).Verified);
        Assert.Empty(plans[0].Premises);
        // Nothing of the first plan was left, in no table. The second one was made on what the other administrator wrote, and compares that table.
        Assert.DoesNotContain(plans[1].Before.Rules[Family.IPv4].AllRules, line => line.Text.Contains("192.0.2.1/32", StringComparison.Ordinal));
        Assert.Contains(plans[1].Premises, premise => premise.Table == table && premise.Lines.Contains(mark, StringComparison.Ordinal));

        var lines = space.Run(tool + "-save").Split('\n');
        Assert.Single(lines, line => line.StartsWith($"-A {chain} ", StringComparison.Ordinal) && line.Contains("192.0.2.9/32", StringComparison.Ordinal));
        Assert.Equal(2, lines.Count(line => line.StartsWith("-A DNH-METADATA ", StringComparison.Ordinal) && line.Contains("192.0.2.1/32", StringComparison.Ordinal)));
        var jumps = lines.Where(line => line.Contains("--comment DockerNetHarden -j DNH-", StringComparison.Ordinal)).ToList();
        Assert.Equal(jumps.Distinct(StringComparer.Ordinal), jumps);
        Assert.Equal(chain is "DNH-METADATA" ? 2 : 3, jumps.Count);
        // What may ACCEPT is asked last.
        if (chain is "DNH-CUSTOM")
            Assert.EndsWith("DNH-METADATA", jumps.First(line => line.StartsWith("-A DOCKER-USER", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.DoesNotContain(lines, line => line.StartsWith(":DNH-", StringComparison.Ordinal) && !line.StartsWith(":DNH-METADATA ", StringComparison.Ordinal) && !line.StartsWith($":{chain} ", StringComparison.Ordinal));
    }
}
