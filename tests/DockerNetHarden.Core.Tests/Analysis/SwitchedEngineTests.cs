using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>An engine that was switched from iptables to nftables: FORWARD's jump to DOCKER-USER stays until the next start of the host, and rules there decide until then.</summary>
public sealed class SwitchedEngineTests
{
    private static readonly IReadOnlyList<FirewallRule> Rules = [.. new MetadataAccess().Rules(), .. new HostAccess().Rules()];

    private static HostSnapshot Switched => FixtureHost.Docker28.Applied(Rules) is var host ? host with { Engine = host.Engine! with { Version = "29.0.0", FirewallBackend = "nftables" } } : throw new InvalidOperationException();

    private static HostSnapshot Restarted => Switched.Iptables("-F FORWARD");

    [Fact]
    public void While_the_jump_is_there_the_rules_decide_and_everybody_says_so()
    {
        var findings = HardeningAudit.Of(Switched);
        var backend = Assert.Single(findings, finding => finding.Id == "BACKEND-NFTABLES");
        Assert.Equal(FindingStatus.Warning, backend.Status);
        Assert.Contains("until the next start", backend.Evidence[0], StringComparison.Ordinal);
        Assert.Equal(FindingStatus.Pass, Assert.Single(findings, finding => finding.Id == "RULE-NOT-ASKED").Status);
        Assert.All(findings.Where(finding => finding.Id.StartsWith("METADATA-A", StringComparison.Ordinal)), finding => Assert.NotEqual(FindingStatus.Fail, finding.Status));
        Assert.Empty(RulePresence.Problems(Rules, Switched));
    }

    [Fact]
    public void Without_the_jump_nobody_says_that_they_decide()
    {
        var findings = HardeningAudit.Of(Restarted);
        Assert.Equal(FindingStatus.Fail, Assert.Single(findings, finding => finding.Id == "BACKEND-NFTABLES").Status);
        Assert.Contains(findings, finding => finding is { Id: "RULE-NOT-ASKED", Status: FindingStatus.Fail });
        Assert.NotEmpty(RulePresence.Problems(Rules, Restarted));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_command_moves_the_rules(bool restarted)
    {
        var host = restarted ? Restarted : Switched;
        foreach (var given in new[] { Rules, Assert.Single(HardeningAudit.Of(host), finding => finding.Id == "BACKEND-NFTABLES").Rules, [.. InstalledRule.ReadAll(host).Where(rule => rule is { IsOurs: true, Rule: not null }).Select(rule => rule.Rule!)] })
        {
            var plan = Plan.From(given, host);
            Assert.Equal(FirewallBackend.Nftables, plan.Backend);
            Assert.NotEmpty(plan.Nft!.Added);
            // New before old: the steps for iptables only take away.
            Assert.True(plan.Nft.IsFirst);
            Assert.Empty(plan.Added);
            foreach (var mark in given.Select(rule => rule.Mark).Distinct())
                Assert.Contains(plan.Removed, line => line.Text.Contains(mark.ToComment(), StringComparison.Ordinal));
        }
    }
}
