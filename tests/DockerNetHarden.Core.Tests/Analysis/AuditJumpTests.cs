using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

public sealed class AuditJumpTests
{
    private static readonly HostSnapshot Hardened = FixtureHost.Docker20.Applied([.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new SmtpRate().Rules()]);

    [Fact]
    public void A_jump_that_is_missing_is_found()
    {
        var missing = Hardened.Iptables("-F FORWARD");
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(missing), "DOCKER-USER-JUMP", null).Status);
        Assert.Contains(HardeningAudit.Of(missing), each => each is { Id: "RULE-NOT-ASKED", Status: FindingStatus.Fail });
    }

    // What other programs put before Docker's jump. It matters where it accepts what DOCKER-USER would not.
    [Theory]
    [InlineData("CrowdSec", FindingStatus.Pass, "-I FORWARD -m set --match-set crowdsec-blacklists src -j DROP")]
    [InlineData("mailcow", FindingStatus.Pass, "-N MAILCOW", "-A MAILCOW ! -i br-mailcow -o br-mailcow -p tcp -m multiport --dports 3306,6379,8983,12345 -j DROP", "-I FORWARD -j MAILCOW")]
    [InlineData("k3s", FindingStatus.Pass, "-N KUBE-FORWARD", "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP", "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-I FORWARD -j KUBE-FORWARD")]
    [InlineData("Tailscale", FindingStatus.Pass, "-N ts-forward", "-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000", "-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT",
        "-A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP", "-A ts-forward -o tailscale0 -j ACCEPT", "-I FORWARD -j ts-forward")]
    [InlineData("from outside", FindingStatus.Pass, "-I FORWARD -i eth0 -j ACCEPT")]
    [InlineData("drops", FindingStatus.Pass, "-I FORWARD -i plain0 -d 10.0.0.0/8 -j DROP")]
    [InlineData("mail", FindingStatus.Fail, "-I FORWARD -i plain0 -p tcp --dport 25 -j ACCEPT")]
    [InlineData("everything", FindingStatus.Fail, "-N ALL", "-A ALL -i plain0 -j ACCEPT", "-I FORWARD -j ALL")]
    [InlineData("returned", FindingStatus.Fail, "-I FORWARD -i plain0 -j RETURN")]
    public void A_rule_before_the_jump_is_named_where_it_accepts_what_DOCKER_USER_would_not(string who, FindingStatus status, params string[] commands)
    {
        var accepting = Ruleset.Parse(Family.IPv4, Hardened.Rules[Family.IPv4].ToString().Replace(":FORWARD DROP", ":FORWARD ACCEPT", StringComparison.Ordinal));
        var host = Hardened with
        {
            Rules = new Dictionary<Family, Ruleset>(Hardened.Rules) { [Family.IPv4] = accepting },
            IpSets = [new HostIpSet("crowdsec-blacklists", "hash:net", Family.IPv4, ["203.0.113.0/24 timeout 300"])],
        };
        foreach (var command in commands)
            host = host.Iptables(command);
        var finding = Find(HardeningAudit.Of(host), "DOCKER-USER-JUMP", null);
        Assert.True(finding.Status == status, $"{who}: {finding.Status}. {string.Join('\n', finding.Evidence)}");
        if (status == FindingStatus.Fail)
            Assert.Contains(finding.Evidence, line => line.Contains(who is "everything" ? "filter ALL rule 1" : "filter FORWARD rule 1", StringComparison.Ordinal));
    }

    private static HardeningFinding Find(IReadOnlyList<HardeningFinding> findings, string id, string? network) =>
        Assert.Single(findings, finding => finding.Id == id && finding.Network == network);
}
