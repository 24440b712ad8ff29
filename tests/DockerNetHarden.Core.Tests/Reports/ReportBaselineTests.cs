using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Iptables;
using DockerNetHarden.Reports;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Reports;

public sealed class ReportBaselineTests
{
    [Theory]
    [InlineData(FindingStatus.Pass, FindingStatus.Fail, FindingChange.New)]
    [InlineData(FindingStatus.NotApplicable, FindingStatus.Warning, FindingChange.New)]
    [InlineData(FindingStatus.Warning, FindingStatus.Fail, FindingChange.New)]
    [InlineData(FindingStatus.Error, FindingStatus.Fail, FindingChange.New)]
    [InlineData(FindingStatus.Fail, FindingStatus.Fail, FindingChange.Unchanged)]
    [InlineData(FindingStatus.Fail, FindingStatus.Warning, FindingChange.Unchanged)]
    [InlineData(FindingStatus.Warning, FindingStatus.Error, FindingChange.Unchanged)]
    [InlineData(FindingStatus.Fail, FindingStatus.Pass, FindingChange.Fixed)]
    [InlineData(FindingStatus.Error, FindingStatus.NotApplicable, FindingChange.Fixed)]
    [InlineData(FindingStatus.Pass, FindingStatus.NotApplicable, null)]
    public void A_finding_is_compared_with_how_bad_it_was(FindingStatus before, FindingStatus now, FindingChange? change)
    {
        var finding = ReportSamples.Finding("web1", "HOST-ACCESS", now, "apps");
        var baseline = Read(ReportSamples.Finding("web1", "HOST-ACCESS", before, "apps"));
        Assert.Equal(change, Assert.Single(Compare(baseline, finding).Findings).Change);
        Assert.Equal(change == FindingChange.New, baseline.IsWorse(finding));
    }

    [Fact]
    public void What_the_baseline_does_not_know_is_new()
    {
        var baseline = Read(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps"));
        Assert.True(baseline.IsWorse(ReportSamples.Finding("web2", "HOST-ACCESS", FindingStatus.Fail, "apps")));
        Assert.True(baseline.IsWorse(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "db")));
        Assert.True(baseline.IsWorse(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps", "c0")));
        Assert.True(baseline.IsWorse(ReportSamples.Finding("web1", "GATEWAY-ACCESS", FindingStatus.Fail, "apps")));
        Assert.False(baseline.IsWorse(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps")));
    }

    [Fact]
    public void A_finding_that_is_gone_is_fixed_and_stays_in_the_report()
    {
        var baseline = Read(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "gone"), ReportSamples.Finding("web1", "MAIL-RATE", FindingStatus.Pass, "gone"));
        var host = Compare(baseline, ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Pass, "apps"));
        var added = Assert.Single(host.Findings, finding => finding.Change == FindingChange.Fixed);
        Assert.Equal(("HOST-ACCESS", "gone", FindingStatus.NotApplicable), (added.Id, added.Network, added.Status));
        Assert.Equal(1, host.Counters.Fixed);
        // The next baseline does not know it any more.
        Assert.False(ReadReport(ReportSamples.Of(host)).IsWorse(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Pass, "gone")));
        Assert.True(ReadReport(ReportSamples.Of(host)).IsWorse(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "gone")));
    }

    [Fact]
    public void Nothing_counts_as_fixed_where_not_everything_could_be_read()
    {
        var baseline = Read(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps"));
        Assert.DoesNotContain(Compare(baseline, ReportSamples.Finding("web1", "DOCKER-READ", FindingStatus.Error)).Findings, finding => finding.Change == FindingChange.Fixed);
        Assert.Empty(baseline.Compare(ReportSamples.Of(ReportBuilder.Unread("web1", "no route"))).Hosts[0].Findings);
    }

    [Fact]
    public void What_a_report_would_not_show_does_not_count_as_fixed()
    {
        var baseline = Read(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps", severity: Severity.Low));
        var report = ReportSamples.Of(ReportBuilder.Hosts([ReportSamples.Finding("web1", "MAIL-RATE", FindingStatus.Pass, "apps")]));
        Assert.Equal(0, baseline.Compare(report, finding => finding.Severity >= Severity.High).Counters.Fixed);
        Assert.Equal(1, baseline.Compare(report).Counters.Fixed);
    }

    [Fact]
    public void A_network_that_was_made_again_has_the_same_findings()
    {
        var before = FixtureHost.Docker28;
        // Another id, bridge and subnet, in Docker's rules too.
        var text = new[] { ("plain0", "again0"), ("172.18.", "172.30.") };
        var after = before with
        {
            Networks = [.. before.Networks.Select(network => network.Name is not "plain" ? network : network with { Id = new string('9', 64), Bridge = "again0", Subnets = [Cidr.Parse("172.30.0.0/16")], Gateways = [Cidr.Parse("172.30.0.1")] })],
            Rules = before.Rules.ToDictionary(pair => pair.Key, pair => Ruleset.Parse(pair.Key, text.Aggregate(pair.Value.ToString(), (save, change) => save.Replace(change.Item1, change.Item2, StringComparison.Ordinal)))),
            Addresses = [.. before.Addresses.Select(address => address.Link is "plain0" ? new HostAddress("again0", address.Address.Family == Family.IPv4 ? Cidr.Parse("172.30.0.1") : address.Address) : address)],
            Links = [.. before.Links.Select(link => link is "plain0" ? "again0" : link)],
            LinkDetails = [.. before.LinkDetails.Select(link => link.Name is "plain0" ? link with { Name = "again0" } : link with { Master = link.Master is "plain0" ? "again0" : link.Master })],
            Routes = [.. before.Routes.Select(route => route.Links.Contains("plain0") ? route with { Links = ["again0"], Destination = Cidr.Parse(route.Destination.ToString().Replace("172.18.", "172.30.", StringComparison.Ordinal)) } : route)],
        };
        var report = ReadReport(ReportSamples.Of(ReportSamples.Host(before))).Compare(ReportSamples.Of(ReportSamples.Host(after)));
        Assert.NotEqual(0, report.Counters.Unchanged);
        Assert.Equal((0, 0), (report.Counters.New, report.Counters.Fixed));
    }

    [Fact]
    public void A_hardened_host_has_fixed_findings_and_no_new_one()
    {
        var baseline = ReadReport(ReportSamples.Of(ReportSamples.Host(FixtureHost.Docker28)));
        var report = baseline.Compare(ReportSamples.Of(ReportSamples.Host(FixtureHost.Docker28.Applied([.. new MetadataAccess().Rules()]))));
        Assert.Equal(0, report.Counters.New);
        Assert.Contains(report.Hosts[0].Findings, finding => finding is { Change: FindingChange.Fixed, Network: "plain" } && finding.Id.StartsWith("METADATA-", StringComparison.Ordinal));
        Assert.Contains(report.Hosts[0].Findings, finding => finding is { Change: FindingChange.Unchanged, Id: "HOST-ACCESS", Network: "plain" });
    }

    [Fact]
    public void Names_do_not_make_two_findings_one() => Assert.Distinct(new (string? Network, string? Container)[]
    {
        (null, null), ("a", null), (null, "a"), ("a", "b"), ("a/b", null), ("a", "b/c"), ("a/b", "c"),
    }.Select(pair => new ReportedFinding { Id = "X", Title = "", Severity = Severity.Low, Status = FindingStatus.Fail, Network = pair.Network, Container = pair.Container }.Identity));

    [Theory]
    [InlineData("", "line 1, byte 1 it stops being JSON")]
    [InlineData("{", "stops being JSON")]
    [InlineData("[]", "$.format is missing")]
    [InlineData("{}", "$.format is missing")]
    [InlineData("{\"format\":\"1\"}", "$.format is missing")]
    [InlineData("{\"format\":2}", "format 2, and this version of DockerNetHarden reads format 1")]
    [InlineData("{\"format\":1}", "$.madeAt is missing")]
    [InlineData("{\"format\":1,\"madeAt\":\"yesterday\",\"hosts\":[]}", "$.madeAt is not a time")]
    [InlineData("{\"format\":1,\"madeAt\":\"2026-11-30T12:00:00Z\"}", "$.hosts is missing")]
    [InlineData("{\"format\":1,\"madeAt\":\"2026-11-30T12:00:00Z\",\"hosts\":null}", "$.hosts is not a list")]
    [InlineData("{\"format\":1,\"madeAt\":\"2026-11-30T12:00:00Z\",\"hosts\":[null]}", "$.hosts[0] is not an object")]
    [InlineData("{\"format\":1,\"madeAt\":\"2026-11-30T12:00:00Z\",\"hosts\":[{\"name\":\"a\",\"findings\":[{\"id\":1}]}]}", "$.hosts[0].findings[0].id is not a text")]
    [InlineData("{\"format\":1,\"madeAt\":\"2026-11-30T12:00:00Z\",\"hosts\":[{\"name\":\"a\",\"findings\":[{\"id\":\"X\",\"title\":\"\",\"severity\":\"Bad\",\"status\":\"Fail\"}]}]}", "severity is 'Bad', which is not one of Info")]
    [InlineData("{\"format\":1,\"madeAt\":\"2026-11-30T12:00:00Z\",\"hosts\":[{\"name\":\"a\",\"findings\":[{\"id\":\"X\",\"title\":\"\",\"severity\":\"Low\",\"status\":\"1\"}]}]}", "status is '1'")]
    public void A_file_that_is_no_report_is_refused_with_place_and_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<ReportFormatException>(() => JsonReport.ReadBaseline(Encoding.UTF8.GetBytes(json))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_report_of_a_later_version_may_know_more()
    {
        var json = Encoding.UTF8.GetString(ReportText.Render(ReportSamples.Of(ReportBuilder.Hosts([ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps")])), ReportFormat.Json));
        var more = "\uFEFF" + json.Replace("\"id\":", "\"later\": {}, \"id\":", StringComparison.Ordinal);
        Assert.False(JsonReport.ReadBaseline(Encoding.UTF8.GetBytes(more)).IsWorse(ReportSamples.Finding("web1", "HOST-ACCESS", FindingStatus.Fail, "apps")));
    }

    private static ReportBaseline Read(params HardeningFinding[] findings) => ReadReport(ReportSamples.Of(ReportBuilder.Hosts(findings)));

    private static ReportBaseline ReadReport(HardeningReport report) => JsonReport.ReadBaseline(ReportText.Render(report, ReportFormat.Json));

    private static ReportedHost Compare(ReportBaseline baseline, params HardeningFinding[] findings) => Assert.Single(baseline.Compare(ReportSamples.Of(ReportBuilder.Hosts(findings))).Hosts);
}
