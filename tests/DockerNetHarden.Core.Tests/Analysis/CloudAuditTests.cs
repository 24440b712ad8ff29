using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>The audit asks about the cloud that the host is in, and only once about the addresses of all others.</summary>
public sealed class CloudAuditTests
{
    private static readonly HostSnapshot Bare = FixtureHost.Docker20.WithIPv4Only();

    [Theory]
    [InlineData("aws", "METADATA-AWS")]
    [InlineData("azure", "METADATA-AZURE")]
    [InlineData("tencent", "METADATA-TENCENT")]
    [InlineData(null, "METADATA-ANY-CLOUD")]
    public void A_network_has_one_finding_about_metadata(string? cloud, string id)
    {
        var host = Bare.InCloud(cloud);
        var findings = Metadata(host);
        foreach (var network in host.Networks)
        {
            var finding = Assert.Single(findings, each => each.Network == network.Name);
            Assert.Equal((id, Severity.Critical, network.Name is "inner" ? FindingStatus.Pass : FindingStatus.Fail), (finding.Id, finding.Severity, finding.Status));
        }
        Assert.Equal(cloud is not null, findings.Any(finding => finding.Network is null));
    }

    [Fact]
    public void The_addresses_of_other_clouds_are_one_finding_of_the_host()
    {
        var host = Bare.InCloud("aws").Applied(new MetadataAccess { Provider = "auto" }.Rules());
        var findings = Metadata(host);
        Assert.All(findings.Where(finding => finding.Id is "METADATA-AWS"), finding => Assert.Equal(FindingStatus.Pass, finding.Status));
        var other = Assert.Single(findings, finding => finding.Network is null);
        Assert.Equal(("METADATA-OTHER-CLOUD", FindingStatus.Warning, Severity.Low), (other.Id, other.Status, other.Severity));
        Assert.Contains(other.Evidence, line => line.Contains("Amazon Web Services", StringComparison.Ordinal));
        Assert.Contains("From plain:", other.Evidence);
        Assert.DoesNotContain("From inner:", other.Evidence);
        Assert.All(Metadata(host.Applied(other.Rules)), finding => Assert.Equal(FindingStatus.Pass, finding.Status));
    }

    [Fact]
    public void Where_the_cloud_is_not_known_the_finding_says_so_and_is_mended_like_any_other()
    {
        foreach (var host in new[] { Bare.InCloud(null), Bare with { Platform = null } })
        {
            var finding = Metadata(host).Single(each => each.Network is "plain");
            Assert.Contains(host.Platform is null ? "nothing was read of its firmware" : "'QEMU'", finding.Evidence[0], StringComparison.Ordinal);
            // Every address that is not closed counts.
            var some = host.Applied(new MetadataAccess { Provider = "aws" }.Rules());
            Assert.Equal(FindingStatus.Fail, Metadata(some).Single(each => each.Network is "plain").Status);
            Assert.Equal(FindingStatus.Pass, Metadata(host.Applied(finding.Rules)).Single(each => each.Network is "plain").Status);
        }
    }

    [Fact]
    public void The_virtual_router_of_CloudStack_is_asked_about_and_closed()
    {
        var host = Bare.InCloud("cloudstack", "10.0.0.1");
        var finding = Metadata(host.Applied(new MetadataAccess().Rules())).Single(each => each.Network is "plain");
        Assert.Equal(("METADATA-CLOUDSTACK", FindingStatus.Fail), (finding.Id, finding.Status));
        Assert.Contains(finding.Evidence, line => line.Contains("10.0.0.1", StringComparison.Ordinal));
        Assert.Contains("-Provider cloudstack -Network plain", finding.Remedy, StringComparison.Ordinal);
        Assert.Equal(FindingStatus.Pass, Metadata(host.Applied(finding.Rules)).Single(each => each.Network is "plain").Status);
        // What else the router serves stays open and is not a failure.
        Assert.Equal(FindingStatus.Pass, Metadata(host.Applied(new MetadataAccess { Provider = "auto" }.Rules())).Single(each => each.Network is "plain").Status);
        // Without a lease nobody knows the one address that matters.
        var without = Bare.InCloud("cloudstack").Applied(new MetadataAccess().Rules());
        var uncertain = Metadata(without).Single(each => each.Network is "plain");
        Assert.Equal(("METADATA-ANY-CLOUD", FindingStatus.Warning), (uncertain.Id, uncertain.Status));
        Assert.Contains("no DHCP lease", uncertain.Evidence[0], StringComparison.Ordinal);
    }

    // With the addresses of all clouds in the question, what is closed for this one would count as open in IPv4, and nobody would look at IPv6.
    [Fact]
    public void What_is_closed_in_IPv4_for_the_hosts_cloud_alone_is_compared_with_IPv6()
    {
        var host = FixtureHost.Docker20.WithIPv6().Applied([.. new MetadataAccess { Provider = "auto" }.Rules().Where(rule => rule.Family == Family.IPv4), .. new HostAccess().Rules()]);
        var finding = HardeningAudit.Of(host).Single(each => each is { Id: "IPV6-OPEN", Network: "plain" });
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.StartsWith("Metadata", StringComparison.Ordinal));
    }

    [Fact]
    public void A_network_that_may_reach_metadata_is_not_asked()
    {
        var host = Bare.WithNetwork("plain", network => network.WithProfile("MetadataAccess"));
        Assert.Equal(FindingStatus.NotApplicable, Metadata(host).Single(each => each.Network is "plain").Status);
        Assert.DoesNotContain("From plain:", Metadata(host).Single(each => each.Network is null).Evidence);
    }

    private static IReadOnlyList<HardeningFinding> Metadata(HostSnapshot host) => [.. HardeningAudit.Of(host).Where(finding => finding.Id.StartsWith("METADATA-", StringComparison.Ordinal))];
}
