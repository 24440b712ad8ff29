using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using DockerNetHarden.Analysis;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Reports;
using Json.Schema;

namespace DockerNetHarden.Core.Tests.Reports;

public sealed class ReportFormatTests
{
    private static readonly Lazy<JsonSchema> Sarif = new(() => JsonSchema.FromText(Resource("sarif-2.1.0.json")));
    private static readonly Lazy<JsonSchema> Report = new(() => JsonSchema.FromText(DockerNetHarden.Tests.ProjectRoot.Read("docs", "hardening-report.schema.json")));

    /// <summary>A host as it is, one that could not be read, one with hostile names, and a comparison.</summary>
    public static TheoryData<string> Reports => ["recorded", "hostile", "unread", "compared", "empty"];

    [Theory]
    [InlineData("a.html", ReportFormat.Html)]
    [InlineData("/tmp/A.HTM", ReportFormat.Html)]
    [InlineData("results.xml", ReportFormat.JUnit)]
    [InlineData("a.sarif", ReportFormat.Sarif)]
    [InlineData("a.sarif.json", ReportFormat.Sarif)]
    [InlineData("a.json", ReportFormat.Json)]
    [InlineData("a.md", ReportFormat.Markdown)]
    [InlineData("a.txt", null)]
    [InlineData("html", null)]
    public void The_end_of_a_name_says_the_form(string path, ReportFormat? format) => Assert.Equal(format, ReportText.FormatOf(path));

    [Theory]
    [MemberData(nameof(Reports))]
    public void Sarif_is_valid_against_its_schema(string name) => AssertValid(Sarif.Value, ReportText.Render(Make(name), ReportFormat.Sarif));

    [Theory]
    [MemberData(nameof(Reports))]
    public void Json_is_valid_against_the_published_schema(string name) => AssertValid(Report.Value, ReportText.Render(Make(name), ReportFormat.Json));

    [Fact]
    public void The_schemas_refuse_what_is_wrong()
    {
        Assert.False(IsValid(Sarif.Value, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(ReportText.Render(Make("recorded"), ReportFormat.Sarif)).Replace("\"ruleIndex\": 0", "\"ruleIndex\": -2", StringComparison.Ordinal).Replace("\"level\": \"error\"", "\"level\": \"bad\"", StringComparison.Ordinal))));
        Assert.False(IsValid(Report.Value, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(ReportText.Render(Make("recorded"), ReportFormat.Json)).Replace("\"level\": \"Open\"", "\"level\": \"Ajar\"", StringComparison.Ordinal))));
        Assert.False(IsValid(Report.Value, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(ReportText.Render(Make("recorded"), ReportFormat.Json)).Replace("\"bridge\":", "\"brigde\":", StringComparison.Ordinal))));
    }

    [Fact]
    public void Sarif_holds_what_has_to_be_looked_at_with_a_fingerprint_that_stays()
    {
        var report = Make("recorded");
        using var sarif = JsonDocument.Parse(ReportText.Render(report, ReportFormat.Sarif));
        var run = sarif.RootElement.GetProperty("runs")[0];
        var results = run.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal(report.Hosts[0].Findings.Count(finding => finding.IsOpen && finding.Status != FindingStatus.Error), results.Count);
        Assert.True(run.GetProperty("invocations")[0].GetProperty("executionSuccessful").GetBoolean());
        var rules = run.GetProperty("tool").GetProperty("driver").GetProperty("rules");
        Assert.All(results, result => Assert.Equal(result.GetProperty("ruleId").GetString(), rules[result.GetProperty("ruleIndex").GetInt32()].GetProperty("id").GetString()));
        Assert.Distinct(results.Select(result => result.GetProperty("partialFingerprints").GetProperty("dockerNetHarden/v1").GetString()));
        Assert.Distinct(rules.EnumerateArray().Select(rule => rule.GetProperty("id").GetString()));
    }

    [Fact]
    public void A_host_that_was_not_read_is_no_success_in_any_form()
    {
        var report = Make("unread");
        using var sarif = JsonDocument.Parse(ReportText.Render(report, ReportFormat.Sarif));
        var invocation = sarif.RootElement.GetProperty("runs")[0].GetProperty("invocations")[0];
        Assert.False(invocation.GetProperty("executionSuccessful").GetBoolean());
        Assert.Contains("no route", invocation.GetProperty("toolExecutionNotifications")[0].GetProperty("message").GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Contains("<error message=\"no route\"", Encoding.UTF8.GetString(ReportText.Render(report, ReportFormat.JUnit)), StringComparison.Ordinal);
        Assert.Contains("**Not read**: no route", Encoding.UTF8.GetString(ReportText.Render(report, ReportFormat.Markdown)), StringComparison.Ordinal);
        Assert.Contains("host not read", Encoding.UTF8.GetString(ReportText.Render(report, ReportFormat.Html)), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Reports))]
    public void JUnit_counts_what_it_holds(string name)
    {
        var report = Make(name);
        var root = XDocument.Parse(Encoding.UTF8.GetString(ReportText.Render(report, ReportFormat.JUnit))).Root!;
        Assert.Equal("testsuites", root.Name.LocalName);
        Assert.Equal(report.Hosts.Select(host => host.Name), root.Elements("testsuite").Select(suite => suite.Attribute("name")!.Value));
        foreach (var element in root.Elements("testsuite").Prepend(root))
        {
            var cases = element.Descendants("testcase").ToList();
            Assert.Equal(cases.Count, Number(element, "tests"));
            Assert.Equal(cases.Count(each => each.Element("failure") is not null), Number(element, "failures"));
            Assert.Equal(cases.Count(each => each.Element("error") is not null), Number(element, "errors"));
            Assert.Equal(cases.Count(each => each.Element("skipped") is not null), Number(element, "skipped"));
            Assert.Distinct(cases.Select(each => (each.Attribute("classname")!.Value, each.Attribute("name")!.Value)));
        }
    }

    [Fact]
    public void JUnit_fails_for_what_is_new_and_skips_what_is_known()
    {
        var cases = XDocument.Parse(Encoding.UTF8.GetString(ReportText.Render(Make("compared"), ReportFormat.JUnit))).Descendants("testcase").ToDictionary(each => each.Attribute("name")!.Value.Split(' ')[0], StringComparer.Ordinal);
        Assert.NotNull(cases["HOST-ACCESS"].Element("failure"));
        Assert.Contains("Known since the baseline", cases["MAIL-RATE"].Element("skipped")!.Attribute("message")!.Value, StringComparison.Ordinal);
        Assert.Empty(cases["GATEWAY-ACCESS"].Elements());
        Assert.Equal("web1.apps", cases["HOST-ACCESS"].Attribute("classname")!.Value);
        Assert.Contains("Block-ContainerHostAccess -Network apps", cases["HOST-ACCESS"].Element("failure")!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Markdown_shows_names_as_text()
    {
        var text = Encoding.UTF8.GetString(ReportText.Render(Make("hostile"), ReportFormat.Markdown));
        var outside = string.Join('\n', text.Split("```").Where((_, index) => index % 2 == 0));
        Assert.DoesNotMatch("(?<!\\\\)<", outside);
        Assert.Contains("\\<script\\>alert(1)\\</script\\>", outside, StringComparison.Ordinal);
        Assert.All(text.Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && line.Contains(" open |", StringComparison.Ordinal)), line => Assert.Equal(8, line.Replace("\\|", "", StringComparison.Ordinal).Count(letter => letter == '|')));
    }

    [Fact]
    public void Markdown_tells_what_changed()
    {
        var text = Encoding.UTF8.GetString(ReportText.Render(Make("compared"), ReportFormat.Markdown));
        Assert.Contains("Since the baseline: **1 new**, 1 unchanged, 1 fixed.", text, StringComparison.Ordinal);
        Assert.Contains("- **HOST-ACCESS** (network apps, fails, new)", text, StringComparison.Ordinal);
        Assert.Contains("### Fixed since the baseline", text, StringComparison.Ordinal);
    }

    private static HardeningReport Make(string name) => name switch
    {
        "recorded" => ReportSamples.Of(ReportSamples.Recorded("28.5.2-before")),
        "hostile" => ReportSamples.Of(ReportSamples.Host(ReportSamples.HostileHost())),
        "unread" => ReportSamples.Of(ReportBuilder.Unread("web1", "no route"), ReportSamples.Host(FixtureHost.Docker20)),
        "compared" => JsonReport.ReadBaseline(ReportText.Render(ReportSamples.Of(ReportBuilder.Hosts([Finding("MAIL-RATE", FindingStatus.Fail), Finding("GATEWAY-ACCESS", FindingStatus.Fail)])), ReportFormat.Json))
            .Compare(ReportSamples.Of(ReportBuilder.Hosts([Finding("HOST-ACCESS", FindingStatus.Fail), Finding("MAIL-RATE", FindingStatus.Fail), Finding("GATEWAY-ACCESS", FindingStatus.Pass)]))),
        _ => ReportSamples.Of(),
    };

    private static HardeningFinding Finding(string id, FindingStatus status) => ReportSamples.Finding("web1", id, status, "apps");

    private static int Number(XElement element, string name) => int.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    private static bool IsValid(JsonSchema schema, byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        return schema.Evaluate(document.RootElement).IsValid;
    }

    private static void AssertValid(JsonSchema schema, byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var result = schema.Evaluate(document.RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(result.IsValid, string.Join('\n', (result.Details ?? []).Where(detail => detail.Errors is { Count: > 0 }).Select(detail => $"{detail.InstanceLocation}: {string.Join("; ", detail.Errors!.Values)}").Take(10)));
    }

    private static string Resource(string name)
    {
        using var stream = typeof(ReportFormatTests).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
