using System.Text.Json;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Hosts on which a check could be content although something is open, or cannot be said.</summary>
public sealed class AuditHoleTests
{
    private const string Driver = "com.docker.network.bridge.";
    private const string Block = "-I DOCKER-USER -d 169.254.169.254/32 -j DROP";

    private static readonly HostSnapshot Bare = FixtureHost.Docker20;

    [Theory]
    [InlineData(Family.IPv4, "0.0.0.0/0")]
    [InlineData(Family.IPv6, "::/0")]
    public void A_local_route_of_everything_in_a_table_of_a_proxy_leaves_something_to_ask(Family family, string everything)
    {
        var host = Bare.WithIPv6();
        host = host with { Routes = [.. host.Routes, new HostRoute(family, "100", "local", Cidr.Parse(everything), ["lo"])] };
        var findings = HardeningAudit.Of(host);
        foreach (var id in new[] { "METADATA-AWS", "HOST-ACCESS", "GATEWAY-ACCESS", "MAIL-RATE" })
            Assert.Equal(FindingStatus.Fail, Find(findings, id, "plain").Status);
        Assert.Equal(
            Find(HardeningAudit.Of(Bare.WithIPv6()), "METADATA-AWS", "plain").Evidence,
            Find(findings, "METADATA-AWS", "plain").Evidence);
    }

    private static HardeningFinding Find(IReadOnlyList<HardeningFinding> findings, string id, string? network) =>
        Assert.Single(findings, finding => finding.Id == id && finding.Network == network);
}
