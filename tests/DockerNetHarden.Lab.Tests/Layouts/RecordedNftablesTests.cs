using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Layouts;

/// <summary>The rules beside what Docker 29.7.2 writes with nftables, with packets: no Debian has that engine yet.</summary>
public sealed class RecordedNftablesTests
{
    private static readonly IReadOnlyList<FirewallRule> Rules =
    [
        .. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new SmtpRate().Rules(),
        .. new InternalAccess { Network = new NetworkReference("plain", RecordedHost.Plain, [Cidr.Parse("172.18.0.0/16")]) }.Rules(),
    ];

    // What each packet got; the first answers are those of the engine alone.
    private static readonly (string From, string To, string Before, string After)[] Packets =
    [
        ("c0", "169.254.169.254", "open", "refused"), ("plain", "169.254.169.254", "open", "refused"),
        ("c0", "10.0.0.5", "open", "open"), ("plain", "10.0.0.5", "open", "refused"),
        ("c0", "172.17.0.1:8000", "open", "refused"), ("plain", "203.0.113.1:8000", "open", "refused"),
        ("c0", "203.0.113.25", "open", "open"), ("plain", "203.0.113.25", "open", "open"),
        ("out", "203.0.113.1:8080", "open", "open"), ("out", "203.0.113.1:8083", "open", "open"), ("out", "203.0.113.1:8000", "open", "open"),
        ("host", "172.18.0.2", "open", "open"), ("host", "169.254.169.254", "open", "open"),
        ("plain", "172.17.0.2", "dropped", "dropped"),
    ];

    [SkippableFact]
    public async Task The_rules_go_into_a_table_beside_Dockers_decide_its_containers_packets_and_leave_nothing_behind()
    {
        using var space = RecordedHost.Make();
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        var tables = space.Run("nft", "-s", "list", "ruleset");
        Assert.Equal(Packets.Select(packet => packet.Before), Packets.Select(packet => space.Ask(packet.From, packet.To)));

        var applied = await ApplyAsync(host, snapshot => Plan.From(Rules, snapshot));
        Assert.Equal((InvocationStatus.Applied, true, FirewallBackend.Nftables), (applied.Status, applied.Verified, applied.Backend));
        Assert.Equal(Packets.Select(packet => packet.After), Packets.Select(packet => space.Ask(packet.From, packet.To)));
        Assert.Equal(InvocationStatus.Unchanged, (await ApplyAsync(host, snapshot => Plan.From(Rules, snapshot))).Status);
        // A bridge of a network that is made later.
        Assert.Contains("iifname \"br-*\"", space.Run("nft", "list", "table", "inet", "docker_net_harden"), StringComparison.Ordinal);

        var removed = await ApplyAsync(host, snapshot => Plan.Without(_ => true, snapshot));
        Assert.True(removed.Verified);
        Assert.Equal(Packets.Select(packet => packet.Before), Packets.Select(packet => space.Ask(packet.From, packet.To)));
        Assert.Equal(tables, space.Run("nft", "-s", "list", "ruleset"));
    }

    [SkippableFact]
    public async Task What_the_audit_says_is_right_and_its_remedies_mend_all_that_rules_can()
    {
        using var space = RecordedHost.Make();
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        var before = HardeningAudit.Of(Docker(await host.ReadWholeAsync(CancellationToken.None)));
        string Status(IReadOnlyList<HardeningFinding> findings, string id, string network) => findings.Single(finding => finding.Id == id && finding.Network == network).Status.ToString();
        Assert.Equal(("Fail", "open"), (Status(before, "HOST-ACCESS", "bridge"), space.Ask("c0", "203.0.113.1:8000")));
        Assert.Equal(("Fail", "open"), (Status(before, "GATEWAY-ACCESS", "plain"), space.Ask("plain", "172.18.0.1:8000")));

        var remedies = before.Where(finding => finding.Status == FindingStatus.Fail).SelectMany(finding => finding.Rules).DistinctBy(rule => rule.ToString()).ToList();
        Assert.NotEmpty(remedies);
        Assert.True((await ApplyAsync(host, snapshot => Plan.From(remedies, snapshot))).Verified);
        var after = HardeningAudit.Of(Docker(await host.ReadWholeAsync(CancellationToken.None)));
        var open = after.Where(finding => finding.Status == FindingStatus.Fail && finding.Rules.Count > 0).Select(finding => $"{finding.Id} {finding.Network}: {string.Join("; ", finding.Evidence)}").ToList();
        Assert.True(open.Count == 0, string.Join('\n', open));
        Assert.All(after.Where(finding => finding.Id is "HOST-ACCESS" or "GATEWAY-ACCESS"), finding => Assert.True(finding.Status == FindingStatus.Pass, $"{finding.Id} {finding.Network}: {string.Join("; ", finding.Evidence)}"));
        Assert.Equal(("Pass", "refused"), (Status(after, "HOST-ACCESS", "bridge"), space.Ask("c0", "203.0.113.1:8000")));
        Assert.Equal(("Pass", "refused"), (Status(after, "GATEWAY-ACCESS", "plain"), space.Ask("plain", "172.18.0.1:8000")));
        Assert.NotEqual("open", space.Ask("plain", "169.254.169.254"));
        Assert.Equal("open", space.Ask("plain", "203.0.113.25"));
        Assert.True((await ApplyAsync(host, snapshot => Plan.Without(_ => true, snapshot))).Verified);
    }

    private static Task<InvocationResult> ApplyAsync(DockerHost host, Func<HostSnapshot, Plan> planner) => host.ApplyAsync(snapshot => planner(Docker(snapshot)), new CollectingSink(), CancellationToken.None);

    // The engine's own answers come with the recording.
    private static HostSnapshot Docker(HostSnapshot snapshot) => snapshot with
    {
        Engine = new DockerEngine { Version = "29.7.2", ApiVersion = "1.52", FirewallBackend = "nftables", AddressPools = [Cidr.Parse("172.16.0.0/12")] },
        DockerError = null,
        Networks =
        [
            new DockerNetwork { Name = "bridge", Id = "298cf5ac0547", Driver = "bridge", Bridge = "docker0", Subnets = [Cidr.Parse("172.17.0.0/16")] },
            new DockerNetwork { Name = "plain", Id = "2645a64046ef", Driver = "bridge", Bridge = RecordedHost.Plain, Subnets = [Cidr.Parse("172.18.0.0/16")] },
        ],
    };
}
