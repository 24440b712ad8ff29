using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Reports;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Reports;

public sealed class ReportCellTests
{
    public static TheoryData<string> Recordings => [.. RecordedHost.All, "20.10", "28", "29"];

    [Theory]
    [MemberData(nameof(Recordings))]
    public void Each_cell_says_what_its_finding_says(string name)
    {
        var report = ReportSamples.Host(Snapshot(name));
        Assert.NotEmpty(report.Networks);
        foreach (var (network, cell) in report.Networks.SelectMany(network => network.Cells.Select(cell => (network, cell))))
        {
            var finding = cell.Finding is null ? null : report.Findings.Single(finding => finding.Id == cell.Finding && finding.Network == network.Name && finding.Container is null);
            Assert.Equal(finding?.Status, cell.Status);
            var where = $"{name} {network.Name} {cell.Destination}: {cell.Level}, {cell.Finding} {cell.Status}";
            AccessLevel[] right = (cell.Destination, cell.Status) switch
            {
                (AccessDestination.Outside, _) => Enum.GetValues<AccessLevel>(),
                (AccessDestination.Mail, FindingStatus.Pass) => [AccessLevel.Closed, AccessLevel.Limited],
                (_, FindingStatus.Pass) => [AccessLevel.Closed],
                (_, FindingStatus.Fail) => [AccessLevel.Open, AccessLevel.Partly, AccessLevel.Limited],
                (_, FindingStatus.Warning) => [AccessLevel.Unknown, AccessLevel.Closed],
                _ => Enum.GetValues<AccessLevel>(),
            };
            Assert.True(right.Contains(cell.Level), where);
        }
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void Each_network_with_a_bridge_has_a_cell_for_each_destination_and_each_cell_its_reasons(string name)
    {
        var host = Snapshot(name);
        var report = ReportSamples.Host(host);
        Assert.Equal(host.Networks.Where(network => network.Bridge is not null).Select(network => network.Name).Order(StringComparer.Ordinal), report.Networks.Select(network => network.Name).Order(StringComparer.Ordinal));
        Assert.All(report.Networks, network =>
        {
            Assert.Equal(Enum.GetValues<AccessDestination>(), network.Cells.Select(cell => cell.Destination));
            Assert.All(network.Cells, cell =>
            {
                Assert.Equal(cell.Level == AccessLevel.None, cell.Ways.Count == 0);
                Assert.All(cell.Ways, way =>
                {
                    Assert.NotEqual("", way.Packets);
                    Assert.NotEqual("", way.Reason);
                    Assert.Equal(network.Bridge, way.Path[0]);
                    Assert.True(way.Rule is null || way.Place is not null);
                });
            });
        });
    }

    [Fact]
    public void An_open_host_is_open_and_a_hardened_one_is_closed_by_the_rules_of_its_controls()
    {
        var open = Cells(FixtureHost.Docker28, "plain");
        Assert.Equal(AccessLevel.Open, open[AccessDestination.Metadata].Level);
        Assert.Equal(AccessLevel.Open, open[AccessDestination.Outside].Level);
        Assert.Contains(open[AccessDestination.Metadata].Ways, way => way.Verdict == Verdict.Accept && way.Path[^1] is "eth0" && way.Path.Contains("filter FORWARD"));
        Assert.Equal(AccessLevel.Open, open[AccessDestination.Mail].Level);
        Assert.Contains(open[AccessDestination.Metadata].Ways, way => way.Packets.Contains("from network plain (172.18.0.0/16) to 169.254.169.254", StringComparison.Ordinal));
        Assert.Equal("the host", open[AccessDestination.Gateway].Ways[0].Path[^1]);

        var hardened = Cells(ReportSamples.Hardened(), "plain");
        Assert.Equal(AccessLevel.Closed, hardened[AccessDestination.Metadata].Level);
        Assert.Equal(AccessLevel.Closed, hardened[AccessDestination.Host].Level);
        Assert.Equal(AccessLevel.Closed, hardened[AccessDestination.Gateway].Level);
        Assert.Equal(AccessLevel.Limited, hardened[AccessDestination.Mail].Level);
        Assert.Equal(AccessLevel.Open, hardened[AccessDestination.Outside].Level);
        Assert.All(hardened[AccessDestination.Metadata].Ways.Where(way => !way.Excepted), way => Assert.Contains("DockerNetHarden", way.Rule, StringComparison.Ordinal));
    }

    [Fact]
    public void A_host_of_which_nothing_is_known_keeps_its_place()
    {
        var host = ReportBuilder.Unread("web\u001b[31m1", "no route\nto it");
        Assert.Equal(@"web\u001b[31m1", host.Name);
        Assert.Equal("no route; to it", host.Problem);
        Assert.Empty(host.Findings);
    }

    [Fact]
    public void Findings_lead_back_to_their_host_whoever_filters_them()
    {
        var audit = HardeningAudit.Of(FixtureHost.Docker28);
        var host = Assert.Single(ReportBuilder.Hosts(audit.Where(finding => finding.Status == FindingStatus.Fail)));
        Assert.NotEmpty(host.Networks);
        Assert.All(host.Findings, finding => Assert.Equal(FindingStatus.Fail, finding.Status));
        // The cells know the checks that passed too, though they are not shown.
        Assert.Equal(ReportSamples.Host(FixtureHost.Docker28).Networks.SelectMany(network => network.Cells).Select(cell => cell.Status), host.Networks.SelectMany(network => network.Cells).Select(cell => cell.Status));
    }

    [Fact]
    public void Findings_from_a_file_are_shown_without_networks() =>
        Assert.Empty(Assert.Single(ReportBuilder.Hosts([ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps"), ReportSamples.Finding("web1", "MAIL-RATE", FindingStatus.Pass, "apps")])).Networks);

    private static Dictionary<AccessDestination, ReportedCell> Cells(HostSnapshot host, string network) =>
        ReportSamples.Host(host).Networks.Single(each => each.Name == network).Cells.ToDictionary(cell => cell.Destination);

    private static HostSnapshot Snapshot(string name) => RecordedHost.All.Contains(name) ? RecordedHost.Of(name) : FixtureHost.ByName(name);
}
