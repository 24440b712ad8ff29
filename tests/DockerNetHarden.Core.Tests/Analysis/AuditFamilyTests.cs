using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Networks with only one of the two families. From engine 28 on some have no IPv4 (<c>--ipv4=false --ipv6</c>).</summary>
public sealed class AuditFamilyTests
{
    [Fact]
    public void A_network_is_asked_about_only_in_its_own_families()
    {
        var findings = HardeningAudit.Of(FixtureHost.Docker28.WithIPv6Only()).Where(finding => finding.Network is "plain").ToList();
        Assert.NotEmpty(findings);
        // No evidence contains an IPv4 address.
        Assert.DoesNotContain(findings.SelectMany(finding => finding.Evidence.Select(line => $"{finding.Id}: {line}")), line => line.Split(' ', ',', '/').Any(word => word.Count(each => each == '.') == 3));
        Assert.Equal(FindingStatus.NotApplicable, Status(HardeningAudit.Of(FixtureHost.Docker28.WithIPv6Only().InCloud("azure")), "METADATA-AZURE"));
        Assert.Equal(FindingStatus.Fail, Status(findings, "METADATA-AWS"));
        Assert.Equal(FindingStatus.NotApplicable, Status(findings, "IPV6-OPEN"));
    }

    [Fact]
    public void A_network_with_unknown_subnets_may_have_any_address()
    {
        var host = FixtureHost.Docker28.InCloud("azure").WithNetwork("plain", network => network with { Subnets = [] });
        Assert.Equal(FindingStatus.Fail, Status(HardeningAudit.Of(host), "METADATA-AZURE"));
    }

    [Fact]
    public void Containers_on_networks_of_different_families_are_compared()
    {
        var host = FixtureHost.Docker28.WithIPv6Only().WithNetwork("inner", network => network.WithProfile("Isolated"));
        var both = new DockerContainer { Id = "2", Name = "both", State = "running", Addresses = [new("plain", null, Cidr.Parse("fd18::3")), new("inner", Cidr.Parse("172.19.0.3"), null)] };
        var finding = HardeningAudit.Of(host with { Containers = [.. host.Containers, both] }).Single(each => each is { Id: "CONTAINER-SEVERAL-NETWORKS", Container: "both" });
        Assert.Contains("It reaches metadata by plain; inner forbids it.", finding.Evidence);
    }

    private static FindingStatus Status(IEnumerable<HardeningFinding> findings, string id) => findings.Single(finding => finding.Id == id && finding.Network is "plain").Status;
}
