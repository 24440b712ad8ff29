using DockerNetHarden.Addresses;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>Rules find their network by its name on each host, and rules for a network or a bridge that is not there are refused.</summary>
public sealed class NetworkBindingTests
{
    private static readonly HardenedNetwork Apps = new() { Name = "apps", Profile = NetworkProfile.ExternalOnly };

    [Theory]
    [InlineData("-A DOCKER-USER -d 10.0.0.5/32 -i network:web@dnh-web ! -o network:web@dnh-web -m comment --comment \"DockerNetHarden:Custom\" -j DROP", true)]
    [InlineData("-A DOCKER-USER -i network:web@an-interface-too-long -j DROP", false)]
    [InlineData("-A DOCKER-USER -i network:@dnh-web -j DROP", false)]
    [InlineData("-A DOCKER-USER -i network:web@ -j DROP", false)]
    [InlineData("-A DOCKER-USER -i network:web@a+ -j DROP", false)]
    public void A_planned_networks_operand_names_its_bridge(string text, bool isRule)
    {
        if (isRule)
            Assert.Equal(text, FirewallRule.Parse(text).ToString());
        else
            Assert.Throws<RefusedValueException>(() => FirewallRule.Parse(text));
    }

    [Fact]
    public void A_policys_rules_go_to_the_bridge_that_the_network_has_on_the_host()
    {
        var plan = Plan.From(Apps.Rules(), Snapshots.Host());
        Assert.DoesNotContain("dnh-apps", plan.Diff, StringComparison.Ordinal);
        Assert.Contains("-i apps0", plan.Diff, StringComparison.Ordinal);
        Assert.Contains("-s 172.18.0.0/16", plan.Diff, StringComparison.Ordinal);
        Assert.Empty(plan.Warnings);
    }

    [Fact]
    public void Before_the_network_is_made_its_rules_are_for_the_bridge_that_it_will_have_and_a_warning_says_so()
    {
        var plan = Plan.From((Apps with { Name = "later" }).Rules(), Snapshots.Host());
        Assert.Contains("-i dnh-later", plan.Diff, StringComparison.Ordinal);
        Assert.DoesNotContain(plan.Added, line => line.Table is "mangle" && line.Chain is "DNH-INTERNAL");
        Assert.Contains("New-HardenedDockerNetwork", Assert.Single(plan.Warnings), StringComparison.Ordinal);
        // What New-HardenedDockerNetwork -WhatIf emits names the bridge itself.
        Assert.Contains("-i dnh-later", Plan.From((Apps with { Name = "later" }).RulesOn(null), Snapshots.Host()).Diff, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -i dnh-apps -m comment --comment DockerNetHarden:InternalAccess:apps -j DROP", "has the bridge apps0", "network:apps")]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -i dnh-lan -m comment --comment DockerNetHarden:InternalAccess:lan -j DROP", "has no bridge", "network:lan")]
    [InlineData("-I DOCKER-USER -i docker-external -d 10.0.0.0/8 -j DROP", "no such bridge", "network:NAME")]
    [InlineData("-I DOCKER-USER -o br-0123456789ab -j DROP", "no such bridge", "network:NAME")]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -i apps1 -m comment --comment DockerNetHarden:InternalAccess:apps -j DROP", "has the bridge apps0", "network:apps")]
    [InlineData("-A DOCKER-USER -i eth0 -o apps1 -m comment --comment DockerNetHarden:Custom/outside:apps -j DROP", "has the bridge apps0", "network:apps")]
    public void A_rule_for_a_bridge_that_is_not_there_is_refused(string text, string reason, string wayOut)
    {
        var rule = FirewallRule.Parse(text);
        var error = Assert.Throws<PlanException>(() => Plan.From([rule], Snapshots.Host()));
        Assert.Equal(PlanFailure.NeedsForce, error.Failure);
        Assert.Contains(reason, error.Cause, StringComparison.Ordinal);
        Assert.Contains(wayOut, error.Remedy, StringComparison.Ordinal);
        Assert.False(Plan.From([rule], Snapshots.Host(), new PlanOptions { Force = true }).IsEmpty);
        // Before Docker runs nobody knows which bridges there will be.
        Assert.False(Plan.From([rule], Snapshots.Host() with { Engine = null, Networks = [], Links = ["lo", "eth0"] }).IsEmpty);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -i wg0 -d 10.0.0.5 -j DROP")] // comes and goes by itself
    [InlineData("-A DOCKER-USER -i br-+ -d 10.0.0.5 -j DROP")]
    [InlineData("-A DOCKER-USER ! -i docker7 -d 10.0.0.5 -j DROP")]
    [InlineData("-A DOCKER-USER -i dnh-web -d 10.0.0.5 -m comment --comment DockerNetHarden:InternalAccess:web -j DROP")] // the network is yet to be made
    [InlineData("-A DOCKER-USER -i apps0 -d 10.0.0.5 -m comment --comment DockerNetHarden:Custom:apps -j DROP")]
    [InlineData("-A DOCKER-USER -i network:apps -o wg0 -d 10.0.0.5 -m comment --comment DockerNetHarden:Custom/vpn:apps -j DROP")] // the network's bridge is there
    public void Other_rules_are_not(string text) => Assert.False(Plan.From([FirewallRule.Parse(text)], Snapshots.Host()).IsEmpty);

    [Theory]
    [InlineData(null, true)]
    [InlineData("ExternalOnly", false)]
    public void The_rules_of_a_network_keep_its_profile_if_it_has_no_label(string? label, bool isKept)
    {
        var host = label is null ? Snapshots.Host() : Labelled(label);
        host = Apply(host, Apps.Rules());
        Assert.Equal(isKept, AdoptedProfiles.Of(host).ContainsKey("apps"));
        Assert.True(Plan.From(Apps.Rules(), host).IsEmpty);
        Assert.Equal(isKept, Apps.RulesOn(host.Networks[1])[0].Comment is "profile=ExternalOnly");
        var audited = HardeningAudit.Of(host);
        Assert.DoesNotContain("does not forbid", string.Join(' ', audited.Single(finding => finding is { Id: "INTERNAL-ACCESS", Network: "apps" }).Evidence), StringComparison.Ordinal);
        Assert.Equal((NetworkProfile.ExternalOnly, "apps0"), Assert.Single(PolicyCapture.Of(host).Networks) is var network ? (network.Profile, network.BridgeName) : default);
    }

    [Fact]
    public void Other_commands_for_an_adopted_network_do_not_lose_its_profile()
    {
        var host = Apply(Snapshots.Host(), Apps.Rules());
        foreach (var control in new Control[] { new HostAccess { AllowPorts = PortSpec.ParseAll(["8443/tcp"]) }, new MetadataAccess(), new InternalAccess { Dns = true } })
            host = Apply(host, (control with { Network = new NetworkReference("apps") }).Rules());
        Assert.Equal("ExternalOnly", AdoptedProfiles.Of(host)["apps"]);
        Assert.Empty(RulePresence.Problems(new InternalAccess { Network = new NetworkReference("apps"), Dns = true }.Rules(), host));
        // It is gone with the last of its rules.
        Assert.Empty(AdoptedProfiles.Of(host.After(Plan.Without(mark => mark.Network is "apps", host).Steps.Select(step => (step.Family, step.Restore)))));
    }

    // Docker is down, or the network is gone: nobody knows whether it has the label.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rules_of_a_network_that_is_not_known_stay_as_they_are(bool isDockerDown)
    {
        var host = Apply(Snapshots.Host(), Apps.Rules());
        var kept = host.Rules.Values.SelectMany(OurChain.ReadAll).SelectMany(chain => chain.Lines).Select(line => line.Rule!).ToList();
        Assert.All(kept, rule => Assert.Equal("profile=ExternalOnly", rule.Comment));
        host = host with { Engine = isDockerDown ? null : host.Engine, Networks = isDockerDown ? [] : [host.Networks[0]] };
        Assert.Empty(RulePresence.Problems(kept, host));
        // Docker names no bridge of its own then, so rules in INPUT need Force.
        var force = new PlanOptions { Force = true };
        Assert.True(Plan.From(kept, host, force).IsEmpty);
        var bare = Snapshots.Host() with { Engine = host.Engine, Networks = host.Networks };
        Assert.Equal("ExternalOnly", AdoptedProfiles.Of(bare.After(Plan.From(kept, bare, force).Steps.Select(step => (step.Family, step.Restore))))["apps"]);
        Assert.Empty(host.After(Plan.WithoutRules(kept, host).Steps.Select(step => (step.Family, step.Restore))).Rules.Values.SelectMany(OurChain.ReadAll));
    }

    [Fact]
    public void A_rule_is_removed_as_it_was_read_even_if_the_network_has_got_a_label_since()
    {
        var host = Apply(Snapshots.Host(), Apps.Rules());
        var kept = host.Rules.Values.SelectMany(OurChain.ReadAll).SelectMany(chain => chain.Lines).Select(line => line.Rule!).ToList();
        host = host with { Networks = Labelled("ExternalOnly").Networks };
        Assert.Empty(host.After(Plan.WithoutRules(kept, host).Steps.Select(step => (step.Family, step.Restore))).Rules.Values.SelectMany(OurChain.ReadAll));
    }

    [Fact]
    public void Without_Docker_a_policy_does_not_replace_rules_by_those_of_another_bridge()
    {
        var host = Apply(Snapshots.Host(), Apps.Rules()) with { Engine = null, Networks = [], Links = ["lo", "eth0"] };
        var error = Assert.Throws<PlanException>(() => Plan.From(Apps.Rules(), host));
        Assert.Equal(PlanFailure.NeedsForce, error.Failure);
        Assert.Contains("is for dnh-apps, and the rules of that network which are there are for apps0", error.Cause, StringComparison.Ordinal);
        Assert.False(Plan.From(Apps.Rules(), host, new PlanOptions { Force = true }).IsEmpty);
        // The same bridge, and a network without rules, are as before.
        Assert.True(Plan.From((Apps with { BridgeName = "apps0" }).Rules(), host).Removed.Count > 0);
        Assert.False(Plan.From((Apps with { Name = "later" }).Rules(), host).IsEmpty);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -m comment --comment \"DockerNetHarden:Custom profile=ExternalOnly\" -j DROP")]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -m comment --comment \"DockerNetHarden:InternalAccess profile=ExternalOnly\" -j DROP")]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -i apps0 -m comment --comment \"DockerNetHarden:Custom/own:apps profile=ExternalOnly\" -j DROP")]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -i apps0 -m comment --comment \"DockerNetHarden:InternalAccess:apps profile=of my own\" -j DROP")]
    public void A_persons_comment_that_begins_like_a_profile_is_only_a_comment(string text)
    {
        var host = Apply(Snapshots.Host(), [FirewallRule.Parse(text)]);
        Assert.Empty(AdoptedProfiles.Of(host));
        Assert.Contains("profile=", host.Rules[Family.IPv4].ToString(), StringComparison.Ordinal);
        Assert.Equal(Enum.GetNames<NetworkProfile>(), RuleMark.Profiles);
    }

    [Fact]
    public void An_adopted_network_does_not_get_a_second_profile()
    {
        var host = Apply(Snapshots.Host(), Apps.Rules());
        var rules = (Apps with { Profile = NetworkProfile.Default }).Rules();
        var error = Assert.Throws<PlanException>(() => Plan.From(rules, host));
        Assert.Equal(PlanFailure.NeedsForce, error.Failure);
        Assert.Contains("ExternalOnly", error.Cause, StringComparison.Ordinal);
        // A wider one replaces all rules of a narrower one.
        var narrow = Apply(Snapshots.Host(), rules);
        Assert.Equal("ExternalOnly", AdoptedProfiles.Of(Apply(narrow, Apps.Rules()))["apps"]);
    }

    private static HostSnapshot Labelled(string profile)
    {
        var host = Snapshots.Host();
        return host with { Networks = [.. host.Networks.Select(network => network.Name is "apps" ? network with { Labels = new Dictionary<string, string> { [DockerNetwork.ProfileLabel] = profile } } : network)] };
    }

    private static HostSnapshot Apply(HostSnapshot host, IReadOnlyList<FirewallRule> rules) => host.After(Plan.From(rules, host).Steps.Select(step => (step.Family, step.Restore)));
}
