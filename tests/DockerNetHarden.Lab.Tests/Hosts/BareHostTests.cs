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
    [InlineData("iptables-nft", "mangle")]
    [InlineData("iptables-nft", "filter")]
    [InlineData("iptables-legacy", "mangle")]
    [InlineData("iptables-legacy", "filter")]
    public async Task A_chain_that_came_since_it_was_looked_is_neither_lost_nor_doubled(string tool, string table)
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
                // Another administrator of the same module is faster: his rule stands under another subject of the same control.
                if (plans.Count == 1)
                {
                    var (hook, match) = table is "mangle" ? ("POSTROUTING", "-s 172.17.0.0/16 ") : ("DOCKER-USER", "");
                    space.Restore(tool, $"*{table}\n:DNH-METADATA - [0:0]\n-A DNH-METADATA {match}-d 192.0.2.9/32 -m comment --comment \"DockerNetHarden:MetadataAccess/aws\" -j DROP\n-I {hook} -m comment --comment DockerNetHarden -j DNH-METADATA\nCOMMIT\n");
                }
                return plan;
            },
            1, sink, CancellationToken.None);
        Assert.Empty(sink.Failures);
        Assert.True(Assert.Single(sink.Results).Verified);
        Assert.Empty(plans[0].Premises);
        // The second plan was made on what the other one left, so it compares that table.
        Assert.Contains(plans[1].Premises, premise => premise.Table == table && premise.Lines.Contains("MetadataAccess/aws", StringComparison.Ordinal));

        var lines = space.Run(tool + "-save").Split('\n');
        foreach (var each in new[] { "192.0.2.9/32", "192.0.2.1/32" })
            Assert.Equal(each is "192.0.2.9/32" ? 1 : 2, lines.Count(line => line.StartsWith("-A DNH-METADATA", StringComparison.Ordinal) && line.Contains(each, StringComparison.Ordinal)));
        Assert.Equal(2, lines.Count(line => line.EndsWith("--comment DockerNetHarden -j DNH-METADATA", StringComparison.Ordinal)));
    }
}
