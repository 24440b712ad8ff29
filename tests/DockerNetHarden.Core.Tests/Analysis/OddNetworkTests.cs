using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Networks that engines accept and rules cannot name: none of them keeps the others from being audited, asked about, listed and hardened.</summary>
public sealed class OddNetworkTests
{
    private static readonly HostSnapshot Bare = FixtureHost.Docker20.WithIPv4Only();
    private static readonly HostAccess OfTwin = new() { Network = new NetworkReference("twin") };

    private static readonly HostSnapshot Twins = Bare with
    {
        Networks = [.. Bare.Networks.Select(network => network.Name is "plain" or "quiet" ? network with { Name = "twin", Id = network.Name } : network)],
        Containers = [.. Bare.Containers.Select(container => container with { Addresses = [.. container.Addresses.Select(address => address.Network is "plain" or "quiet" ? address with { Network = "twin" } : address)] })],
    };

    [Theory]
    [InlineData("my net")]
    [InlineData("red\u001b[31mname")]
    [InlineData("-net")]
    [InlineData("n\u00e9t")]
    public void A_network_with_an_odd_name_is_a_finding_and_the_audit_goes_on(string name)
    {
        var host = Renamed(name);
        var findings = HardeningAudit.Of(host);
        var odd = Assert.Single(findings, finding => finding is { Id: "NETWORK-NAME", Status: FindingStatus.Fail });
        Assert.Equal((ShownText.Plain(name), Severity.Low), (odd.Network, odd.Severity));
        Assert.Contains("docker network rm", odd.Remedy!, StringComparison.Ordinal);
        Assert.Equal(FindingStatus.Fail, Find(findings, "HOST-ACCESS", "quiet").Status);
        Assert.NotEmpty(Find(findings, "HOST-ACCESS", "quiet").Rules);
        // It is asked about too, but no rule can be bound to it.
        var open = Find(findings, "HOST-ACCESS", ShownText.Plain(name));
        Assert.Equal(FindingStatus.Fail, open.Status);
        Assert.Empty(open.Rules);
        Assert.Contains("without -Network", open.Remedy!, StringComparison.Ordinal);
        Assert.DoesNotContain(findings.SelectMany(finding => finding.Evidence.Append(finding.Remedy).Append(finding.Network)), text => text?.Any(letter => char.IsControl(letter) && letter != '\n') == true);

        var hardened = HardeningAudit.Of(host.Applied([.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new SmtpRate().Rules()]));
        Assert.Equal(["NETWORK-NAME"], hardened.Where(finding => finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable)).Select(finding => finding.Id));
        Assert.Empty(TraceQuestions.Of(new TraceRequest(), host).Problems);
        Assert.Empty(PolicyCapture.Of(host).Networks);
    }

    [Theory]
    [InlineData("dnh\"0")]
    [InlineData("br+")]
    [InlineData("!web0")]
    public void A_bridge_that_no_rule_can_name_is_a_finding_and_a_warning_and_the_others_are_hardened(string bridge)
    {
        var host = Moved(bridge);
        var findings = HardeningAudit.Of(host);
        Assert.Contains(bridge, string.Join('\n', Find(findings, "NETWORK-NAME", "plain").Evidence), StringComparison.Ordinal);
        Assert.Empty(Find(findings, "HOST-ACCESS", "plain").Rules);
        // What does not help is not advised, and what is said to help does.
        Assert.DoesNotContain("only controls without -Network cover it", Find(findings, "NETWORK-NAME", "plain").Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("Block-ContainerHostAccess", Find(findings, "HOST-ACCESS", "plain").Remedy, StringComparison.Ordinal);
        Assert.Contains("Block-ContainerMetadataAccess | Invoke-FirewallRule", Find(findings, "HOST-ACCESS", "plain").Remedy, StringComparison.Ordinal);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(new MetadataAccess().Rules())), "METADATA-AWS", "plain").Status);
        Assert.NotEmpty(Find(findings, "HOST-ACCESS", "quiet").Rules);

        var plan = Plan.From(new HostAccess().Rules(), host);
        Assert.Contains(plan.Warnings, warning => warning.Contains("'plain' is not covered", StringComparison.Ordinal));
        Assert.Contains(plan.Added, line => line.Tokens.Contains("quiet0"));
        var refused = Assert.Throws<PlanException>(() => Plan.From(new HostAccess { Network = new NetworkReference("plain") }.Rules(), host));
        Assert.Contains("no rule can name its bridge", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_for_a_name_are_for_every_network_of_that_name()
    {
        var plan = Plan.From(OfTwin.Rules(), Twins);
        Assert.Contains(plan.Warnings, warning => warning.Contains("2 networks are called 'twin', and the rules are for all of them (plain0, quiet0)", StringComparison.Ordinal));
        Assert.Single(plan.Warnings, warning => warning.Contains("twin", StringComparison.Ordinal));
        foreach (var bridge in new[] { "plain0", "quiet0" })
            Assert.Contains(plan.Added, line => line.Tokens.Contains(bridge) && line.Tokens.Contains("DNH-REJECT"));
        // As addresses too: the backstop has a line for each subnet.
        var backstop = Plan.From(new InternalAccess { Network = new NetworkReference("twin") }.Rules(), Twins).Added.Where(line => line.Table == "mangle").SelectMany(line => line.Tokens);
        Assert.Superset(new HashSet<string> { "172.18.0.0/16", "172.20.0.0/16" }, backstop.ToHashSet());
    }

    [Fact]
    public void Two_networks_of_one_name_are_a_finding_and_what_mends_one_mends_both()
    {
        var findings = HardeningAudit.Of(Twins);
        Assert.Equal(2, Find(findings, "NETWORK-NAME", "twin").Evidence.Count);
        Assert.DoesNotContain("without -Network", Find(findings, "NETWORK-NAME", "twin").Remedy, StringComparison.Ordinal);
        Assert.Contains("rules for the name are for all of these networks", Find(findings, "NETWORK-NAME", "twin").Remedy, StringComparison.Ordinal);
        var host = Twins;
        foreach (var finding in findings.Where(finding => finding.Network == "twin" && finding.Rules.Count > 0))
            host = host.Applied(finding.Rules);
        Assert.Equal(["NETWORK-NAME"], HardeningAudit.Of(host).Where(finding => finding is { Network: "twin", Status: FindingStatus.Fail or FindingStatus.Warning }).Select(finding => finding.Id));

        // One half is closed by hand: mending the other keeps the first.
        var half = Twins.Iptables("-I INPUT -i plain0 -j DROP");
        var mended = half.Applied(Find(HardeningAudit.Of(half), "HOST-ACCESS", "twin").Rules);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(mended), "HOST-ACCESS", "twin").Status);
        var without = mended with { Rules = mended.Rules.ToDictionary(pair => pair.Key, pair => pair.Value.WithRules("filter", "INPUT", [.. pair.Value["filter", "INPUT"].Where(line => !line.Tokens.Contains("plain0"))])) };
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(without), "HOST-ACCESS", "twin").Status);
    }

    [Fact]
    public void Twins_are_kept_apart_and_not_cut_off_from_themselves()
    {
        var host = (Twins with { DaemonSettings = new Dictionary<string, string> { ["iptables"] = "false" } })
            .Iptables("-F FORWARD", "-A FORWARD -j ACCEPT", "-I FORWARD -i inner0 -o plain0 -j DROP", "-I FORWARD -i inner0 -o docker0 -j DROP");
        var rules = Assert.Single(HardeningAudit.Of(host), finding => finding.Id == "DAEMON-IPTABLES").Rules;
        Assert.Equal(["quiet0"], rules.Where(rule => rule.InInterface == "inner0").Select(rule => rule.OutInterface).Distinct());
        Assert.DoesNotContain(rules, rule => rule.InInterface == rule.OutInterface || rule.InInterface!.StartsWith("network:", StringComparison.Ordinal));
        Assert.Contains(rules, rule => rule is { InInterface: "plain0", OutInterface: "quiet0" });
        var after = host.Applied(rules);
        Assert.Equal(FindingStatus.Pass, Assert.Single(HardeningAudit.Of(after), finding => finding.Id == "DAEMON-IPTABLES").Status);
        Assert.DoesNotContain(after.Rules[Family.IPv4]["mangle", "DNH-CUSTOM-FWD"], line => line.Tokens is [_, var one, _, var other, ..] && one == other);
    }

    [Fact]
    public void A_container_is_on_the_namesake_that_holds_its_address()
    {
        var questions = TraceQuestions.Of(new TraceRequest { Containers = ["silent"] }.To("10.0.0.9"), Twins).All;
        Assert.Equal("quiet0", Assert.Single(questions, question => question.Query.Family == Family.IPv4).Query.InInterface);
        Assert.Equal(2, TraceQuestions.Of(new TraceRequest { Networks = ["twin"] }.To("10.0.0.9"), Twins).All.Count(question => question.Query.Family == Family.IPv4));
    }

    [Fact]
    public void A_policy_says_what_it_does_not_have()
    {
        var applied = Twins.Applied(OfTwin.Rules());
        Assert.IsType<HostAccess>(Assert.Single(PolicyCapture.Of(applied).Controls));
        Assert.Empty(PolicyCapture.LeftOut(applied, PolicyCapture.Of(applied)));

        var strange = Bare.Applied(new HostAccess().Rules()).WithNetwork("plain", network => network.WithProfile("ExternalOnly"))
            .Iptables("-A DNH-HOST -m u32 --u32 \"6&0xFF=0x6\" -m comment --comment DockerNetHarden:HostAccess -j DROP");
        strange = strange with { Networks = [.. strange.Networks, .. Renamed("my net").Networks.Where(network => network.Name == "my net").Select(network => network.WithProfile("Default"))] };
        var left = PolicyCapture.LeftOut(strange, PolicyCapture.Of(strange));
        Assert.Equal(3, left.Count);
        Assert.Contains("-m u32 --u32 \"6&0xFF=0x6\"", left[0], StringComparison.Ordinal);
        Assert.Contains("-Prune would remove it", left[0], StringComparison.Ordinal);
        Assert.Contains("'plain' (profile ExternalOnly): the rules", left[1], StringComparison.Ordinal);
        Assert.Contains("'my net' (profile Default): a policy cannot name it", left[2], StringComparison.Ordinal);

        var policy = new HardeningPolicy { Networks = [new HardenedNetwork { Name = "twin", Profile = NetworkProfile.Default }], Controls = [], SingleRules = [] };
        Assert.Contains("not clear which one", Assert.Throws<PlanException>(() => policy.PlanOn(Twins, new PlanOptions())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("::9f56:1", "::159.86.0.1/128")]
    [InlineData("64:ff9b::192.0.2.33", "64:ff9b::c000:221/128")]
    [InlineData("fe80::5efe:a00:1", "fe80::5efe:a00:1/128")]
    public void A_rule_with_a_dotted_IPv6_address_is_read_back_and_exported(string source, string printed)
    {
        var rule = FirewallRule.Parse($"ip6tables -t mangle -A FORWARD -s {source} -i plain0 -j DROP").Named("dotted");
        Assert.Contains(printed, rule.Tokens);
        var host = Bare.Applied([rule]);
        Assert.Contains($"-s {printed} ", host.Rules[Family.IPv6].ToString(), StringComparison.Ordinal);
        Assert.Equal([rule], PolicyCapture.Of(host).SingleRules);
        Assert.True(Plan.From([rule], host).IsEmpty);
    }

    private static HostSnapshot Renamed(string name) => Bare.WithNetwork("plain", network => network with { Name = name }) with
    {
        Containers = [.. Bare.Containers.Select(container => container with { Addresses = [.. container.Addresses.Select(address => address.Network is "plain" ? address with { Network = name } : address)] })],
    };

    private static HostSnapshot Moved(string bridge)
    {
        string Name(string link) => link is "plain0" ? bridge : link;
        return Bare.WithNetwork("plain", network => network with { Bridge = bridge }) with
        {
            Links = [.. Bare.Links.Select(Name)],
            LinkDetails = [.. Bare.LinkDetails.Select(link => link with { Name = Name(link.Name) })],
            Addresses = [.. Bare.Addresses.Select(address => address with { Link = Name(address.Link) })],
            Routes = [.. Bare.Routes.Select(route => route with { Links = [.. route.Links.Select(Name)] })],
        };
    }

    private static HardeningFinding Find(IEnumerable<HardeningFinding> findings, string id, string network) => Assert.Single(findings, finding => finding.Id == id && finding.Network == network);
}
