using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>A finding's remedy mends it and turns nothing else from Pass to Fail; each on the fixtures, applied in memory.</summary>
public sealed class AuditRemedyTests
{
    private static readonly string[] FixtureNames = ["20.10", "20.10 with IPv6", "20.10 with profiles", "20.10 with exceptions", "28", "28 with IPv6 only"];

    // What mends these stands in a table of nftables, of which there is no model on paper: the lab mends the recorded host (RecordedNftablesTests).
    private static readonly string[] NftablesNames = ["29", "29 with profiles"];

    public static TheoryData<string> Hosts => [.. FixtureNames];

    public static TheoryData<string> HostsOfBothBackends => [.. FixtureNames, .. NftablesNames];

    public static TheoryData<string> AllHosts => [.. FixtureNames, .. RecordedHost.Probed.Where(name => !name.Contains("nftables", StringComparison.Ordinal)).Select(name => "recorded " + name)];

    [Theory]
    [MemberData(nameof(Hosts))]
    public void A_remedy_alone_mends_its_finding_and_breaks_no_other(string name)
    {
        var host = Host(name);
        var before = HardeningAudit.Of(host);
        var mendable = before.Where(finding => finding.Rules.Count > 0).DistinctBy(finding => string.Join('\n', finding.Rules) + finding.Id).ToList();
        Assert.NotEmpty(mendable);
        // An audit for each, the longest test here: one after the other, they would still run when all other tests are done, with a core idle.
        Assert.All(mendable.AsParallel().AsOrdered().Select(finding => (Finding: finding, After: HardeningAudit.Of(host.Applied(finding.Rules)))), each =>
        {
            var (finding, after) = each;
            Assert.Empty(Broken(before, after).Select(other => $"{finding.Id} {finding.Network} broke {other}"));
            Assert.Contains(after, other => Key(other) == Key(finding) && other.Status != FindingStatus.Fail);
        });
    }

    [Theory]
    [MemberData(nameof(AllHosts))]
    public void All_remedies_together_leave_nothing_that_rules_could_mend(string name)
    {
        var host = Host(name);
        var before = HardeningAudit.Of(host);
        var after = HardeningAudit.Of(host.Applied([.. before.Where(finding => finding.Status == FindingStatus.Fail).SelectMany(finding => finding.Rules)]));
        Assert.Empty(Broken(before, after));
        Assert.Empty(after.Where(finding => finding.Status == FindingStatus.Fail && finding.Rules.Count > 0).Select(finding => $"{Key(finding)}: {string.Join("; ", finding.Evidence)}"));
        Assert.All(
            after.Where(finding => finding.Id.StartsWith("METADATA-", StringComparison.Ordinal) || finding.Id is "HOST-ACCESS" or "GATEWAY-ACCESS" or "MAIL-RATE" or "IPV6-OPEN" or "DOCKER-USER-BACKSTOP"),
            finding => Assert.True(finding.Status is FindingStatus.Pass or FindingStatus.NotApplicable, $"{Key(finding)} {finding.Status}: {string.Join("; ", finding.Evidence)}"));
    }

    [Theory]
    [MemberData(nameof(HostsOfBothBackends))]
    public void A_remedy_is_complete_for_its_marks(string name)
    {
        var host = Host(name);
        foreach (var finding in HardeningAudit.Of(host).Where(finding => finding.Rules.Count > 0))
        {
            // Rules under the same mark are kept; only those bound to an interface that no longer exists are removed.
            Assert.Empty(Plan.From(finding.Rules, host).RemovedCommands.Select(line => $"{finding.Id} {finding.Network} removes {line}"));
        }
    }

    [Fact]
    public void A_remedy_keeps_the_existing_rules_of_its_mark()
    {
        // The network's own block, with one address more than the control would block, and without the host's IPv6.
        var own = new HostAccess { Network = new NetworkReference("plain", "plain0"), HostAddresses = [Cidr.Parse("10.0.0.5")] };
        var host = FixtureHost.Docker20.Applied(own.Rules());
        var finding = HardeningAudit.Of(host).Single(each => each is { Id: "GATEWAY-ACCESS", Network: "plain", Status: FindingStatus.Fail });
        Assert.Empty(Plan.From(finding.Rules, host).Removed);
        Assert.Equal(FindingStatus.Pass, HardeningAudit.Of(host.Applied(finding.Rules)).Single(each => each is { Id: "GATEWAY-ACCESS", Network: "plain" }).Status);
    }

    [Fact]
    public void A_network_created_again_gets_its_rules_on_its_new_bridge()
    {
        var old = new NetworkReference("plain", "br-0123456789ab", [Cidr.Parse("172.30.0.0/16")]);
        var rules = new MetadataAccess { Network = old }.Rules();
        // Nobody applies rules for a bridge that is gone; they stayed when it went.
        var host = FixtureHost.Docker20.Applied(rules, new PlanOptions { Force = true });
        var finding = HardeningAudit.Of(host).Single(each => each.Id == "RULE-INTERFACE-GONE");
        Assert.Equal((FindingStatus.Fail, "plain"), (finding.Status, finding.Network));
        Assert.DoesNotContain(finding.Rules, rule => rule.ToString().Contains("br-0123456789ab", StringComparison.Ordinal) || rule.ToString().Contains("172.30.", StringComparison.Ordinal));
        var after = HardeningAudit.Of(host.Applied(finding.Rules));
        Assert.Equal(FindingStatus.Pass, after.Single(each => each.Id == "RULE-INTERFACE-GONE").Status);
        Assert.Equal(FindingStatus.Pass, after.Single(each => each is { Id: "METADATA-AWS", Network: "plain" }).Status);
    }

    // What the tools offer must be what the tools take.
    [Fact]
    public void A_remedy_with_a_rule_for_a_link_that_is_gone_is_not_refused()
    {
        var forceful = new PlanOptions { Force = true };
        var bare = FixtureHost.Docker20.Iptables("-F FORWARD", "-A FORWARD -j ACCEPT") with { DaemonSettings = new Dictionary<string, string> { ["iptables"] = "false" } };
        // Docker wrote nothing there, and the tunnel is down.
        bare = bare with { Rules = bare.Rules.ToDictionary(pair => pair.Key, pair => pair.Value.HasChain("filter", "DOCKER") ? pair.Value.WithoutChain("filter", "DOCKER") : pair.Value) };
        FirewallRule[] own = [FirewallRule.Parse("-A DOCKER-USER -i plain0 -o wg0 -m comment --comment DockerNetHarden:Custom/vpn:plain -j DROP")];
        FirewallRule[] apart = [FirewallRule.Parse("-t mangle -A FORWARD -i plain0 -o br-0123456789ab -m comment --comment DockerNetHarden:Custom/apart:plain -j DROP")];
        FirewallRule[] stale = [FirewallRule.Parse("-A DOCKER-USER -i br-0123456789ab -d 10.0.0.9 -m comment --comment DockerNetHarden:Custom/old -j DROP")];
        var host = bare.Applied([.. own, .. apart, .. stale], forceful).Iptables("-F FORWARD", "-A FORWARD -j ACCEPT");
        var findings = HardeningAudit.Of(host);
        var jump = Assert.Single(findings, finding => finding.Id == "DOCKER-USER-JUMP");
        Assert.Equal(own, jump.Rules);
        Assert.DoesNotContain(Plan.From(jump.Rules, host).Removed, line => line.Tokens.Contains("wg0"));
        var isolation = Assert.Single(findings, finding => finding.Id == "DAEMON-IPTABLES");
        Assert.NotEmpty(isolation.Rules);
        var mended = host.Applied(isolation.Rules);
        Assert.DoesNotContain("br-0123456789ab", mended.Rules[Family.IPv4]["mangle", "DNH-CUSTOM-FWD"].SelectMany(line => line.Tokens));
        // The rule for the link that is gone is waste; the network is where it was, and no rule turns against itself.
        var waste = Assert.Single(findings, finding => finding is { Id: "RULE-INTERFACE-GONE", Network: "plain" });
        Assert.Equal((FindingStatus.Warning, 0), (waste.Status, waste.Rules.Count));
        Assert.Contains("Where-Object OutInterface -eq 'br-0123456789ab' | Remove-FirewallRule", waste.Remedy, StringComparison.Ordinal);
    }

    private static HostSnapshot Host(string name) => name switch
    {
        "20.10 with IPv6" => FixtureHost.Docker20.WithIPv6(),
        "20.10 with profiles" => FixtureHost.Docker20
            .WithNetwork("plain", network => network.WithProfile("ExternalOnly"))
            .WithNetwork("inner", network => network.WithProfile("Isolated"))
            .WithNetwork("quiet", network => network.WithProfile("MetadataAccess")),
        "20.10 with exceptions" => FixtureHost.Docker20.Applied(
        [
            .. new MetadataAccess { ExceptNetworks = ["quiet"] }.Rules(),
            .. new HostAccess { AllowPorts = PortSpec.ParseAll(["3128/tcp"]) }.Rules(),
        ]),
        "28 with IPv6 only" => FixtureHost.Docker28.WithIPv6Only(),
        "29 with profiles" => FixtureHost.Docker29
            .WithNetwork("plain", network => network.WithProfile("ExternalOnly"))
            .WithNetwork("inner", network => network.WithProfile("Isolated"))
            .WithNetwork("quiet", network => network.WithProfile("MetadataAccess")),
        _ when name.StartsWith("recorded ", StringComparison.Ordinal) => RecordedHost.Of(name["recorded ".Length..]).OnLegacy(),
        _ => FixtureHost.ByName(name),
    };

    private static IEnumerable<string> Broken(IReadOnlyList<HardeningFinding> before, IReadOnlyList<HardeningFinding> after)
    {
        var bad = before.Where(finding => finding.Status is FindingStatus.Fail or FindingStatus.Error or FindingStatus.Warning).Select(Key).ToHashSet(StringComparer.Ordinal);
        return after.Where(finding => finding.Status is FindingStatus.Fail or FindingStatus.Error && !bad.Contains(Key(finding)))
            .Select(finding => $"{Key(finding)}: {string.Join("; ", finding.Evidence)}");
    }

    private static string Key(HardeningFinding finding) => $"{finding.Id} {finding.Network} {finding.Container}";
}
