using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>What -WhatIf prints: by chain, a line for each rule, short enough for a terminal.</summary>
public sealed class PlanDiffTests
{
    private static readonly HostSnapshot Bare = Snapshots.Host() with { OwnTable = new NftRuleset([], [], []) };

    [Fact]
    public void Rules_stand_under_their_chain_without_comments_and_module_names()
    {
        var plan = Plan.From([FirewallRule.Parse("iptables -A DOCKER-USER -d 10.0.0.5/32 -p tcp --dport 80 -m comment --comment \"DockerNetHarden:Custom/db it's \\\"mine\\\"\" -j DROP")], Bare);
        var lines = PlanDiff.Of(plan).Select(line => line.ToString()).ToList();
        Assert.Contains("  + DROP -d 10.0.0.5/32 -p tcp --dport 80", lines);
        Assert.Equal("iptables DNH-CUSTOM", lines[lines.IndexOf("  + DROP -d 10.0.0.5/32 -p tcp --dport 80") - 1]);
        Assert.Contains("  + first: DNH-CUSTOM", lines);
    }

    [Fact]
    public void Every_rule_is_one_line_of_at_most_80_characters()
    {
        var rules = new Control[] { new MetadataAccess(), new HostAccess(), new InternalAccess { Ranges = [.. Enumerable.Range(1, 40).Select(number => Cidr.Parse($"198.51.100.{number}/32"))] }, new SmtpRate() }.SelectMany(control => control.Rules()).ToList();
        foreach (var backend in new[] { FirewallBackend.Iptables, FirewallBackend.Nftables })
        {
            var plan = Plan.From(rules, Bare, new PlanOptions { Backend = backend });
            var lines = PlanDiff.Of(plan);
            Assert.Equal(plan.AddedCommands.Count, lines.Count(line => line.Sign is '+'));
            Assert.All(lines, line => Assert.InRange(line.ToString().Length, 1, 80));
            Assert.DoesNotContain(lines, line => line.Text.Contains("comment", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_goes_out_is_told_from_what_goes_in()
    {
        var host = Snapshots.After(Bare, Plan.From(new SmtpRate().Rules(), Bare).Steps.Select(step => (step.Family, step.Restore)));
        var plan = Plan.Without(_ => true, host);
        Assert.Equal(plan.RemovedCommands.Count, PlanDiff.Of(plan).Count(line => line.Sign is '-'));
        Assert.Empty(PlanDiff.Of(Plan.From(new SmtpRate().Rules(), host)));
    }
}
