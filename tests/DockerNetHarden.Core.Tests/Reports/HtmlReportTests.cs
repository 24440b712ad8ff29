using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DockerNetHarden.Reports;

namespace DockerNetHarden.Core.Tests.Reports;

public sealed class HtmlReportTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void A_fleet_of_200_hosts_with_20_networks_each_stays_below_5_MB()
    {
        var page = ReportText.Render(ReportSamples.Large(200, 20), ReportFormat.Html);
        Assert.True(page.Length < 5_000_000, $"{page.Length} bytes");
    }

    [Fact]
    public void The_policy_allows_the_script_and_the_style_of_the_page_and_nothing_else()
    {
        var page = Page(ReportSamples.Recorded("28.5.2-before"));
        var policy = Between(page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
        Assert.Equal($"default-src 'none'; script-src {Hash(page, "script")}; style-src {Hash(page, "style")}; base-uri 'none'; form-action 'none'", policy);
        // Before anything that it is about.
        Assert.True(page.IndexOf("Content-Security-Policy", StringComparison.Ordinal) < page.IndexOf("<style", StringComparison.Ordinal));
    }

    [Fact]
    public void The_page_names_no_other_file()
    {
        var page = Page(ReportSamples.Recorded("28.5.2-before"));
        Assert.DoesNotMatch(@"<(link|img|iframe|object|embed|base)\b|\bsrc\s*=|\bon[a-z]+\s*=\s*[""']|\sstyle\s*=|url\(|@import|@font-face", page);
        // The namespace of SVG is a name.
        Assert.Equal(["http://www.w3.org/2000/svg"], Regex.Matches(page[..page.IndexOf("id=\"data\"", StringComparison.Ordinal)] + page[page.LastIndexOf("<script>", StringComparison.Ordinal)..], @"https?://[^\s'""<]+", RegexOptions.None, s_patience).Select(match => match.Value).Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public void The_script_makes_no_markup_of_texts() =>
        Assert.DoesNotMatch(@"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setTimeout\('|fetch\(|XMLHttpRequest|import\(", Script(Page(ReportSamples.Recorded("28.5.2-before"))));

    [Fact]
    public void Names_that_are_markup_are_texts()
    {
        var page = Page(ReportSamples.Host(ReportSamples.HostileHost()));
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.Equal(2, Count(page, "</script>"));
        Assert.Equal(2, Count(page, "<script"));
        Assert.DoesNotContain("<!--", page, StringComparison.Ordinal);
        using var data = Data(page);
        Assert.Contains(ReportSamples.Hostile, data.RootElement.GetProperty("texts").EnumerateArray().Select(text => text.GetString()));
    }

    [Fact]
    public void A_text_that_looks_like_a_place_of_the_template_is_a_text()
    {
        var page = Page(ReportBuilder.Unread("@SCRIPT", "@DATA @HOSTS"));
        Assert.Contains("<title>Hardening report: @SCRIPT</title>", page, StringComparison.Ordinal);
        Assert.Contains("<p class=\"problem\">@DATA @HOSTS</p>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("28.5.2-before")]
    [InlineData("29.7.2-nftables-after-export-loaded")]
    public void The_page_has_every_text_of_the_report(string name)
    {
        var host = ReportSamples.Recorded(name);
        using var data = Data(Page(host));
        var texts = data.RootElement.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!).ToList();
        var (ways, cells, findings) = (List("ways"), List("cells"), List("findings"));
        var networks = data.RootElement.GetProperty("hosts")[0][2].EnumerateArray().ToList();
        Assert.Equal(host.Networks.Count, networks.Count);
        foreach (var (written, network) in networks.Zip(host.Networks))
        {
            var own = written[0].EnumerateArray().Select(index => texts[index.GetInt32()]).ToList();
            Assert.Equal(network.Name, Text(written[1], own));
            foreach (var (cell, number) in network.Cells.Zip(written[5].EnumerateArray()))
            {
                var at = cells[number.GetInt32()];
                Assert.Equal(((int)cell.Destination, (int)cell.Level, cell.Finding, cell.Status is { } status ? (int)status : -1), (at[0].GetInt32(), at[1].GetInt32(), Text(at[3], own), at[4].GetInt32()));
                Assert.Equal(cell.Ways.Select(way => (way.Packets, way.Place, way.Rule, way.Reason, Path: string.Join('|', way.Path))), at[5].EnumerateArray().Select(index => ways[index.GetInt32()])
                    .Select(way => (Text(way[1], own)!, Text(way[3], own), Text(way[4], own), Text(way[5], own)!, string.Join('|', way[6].EnumerateArray().Select(step => Text(step, own))))));
            }
            Assert.Equal(host.Findings.Where(finding => finding.Network == network.Name).Select(finding => (finding.Id, Evidence: string.Join('|', finding.Evidence), finding.Remedy)), written[6].EnumerateArray().Select(index => findings[index.GetInt32()])
                .Select(finding => (Text(finding[0], own)!, string.Join('|', finding[4].EnumerateArray().Select(line => Text(line, own))), Text(finding[5], own))));
        }

        List<JsonElement> List(string member) => [.. data.RootElement.GetProperty(member).EnumerateArray()];
        string? Text(JsonElement index, List<string> own) => index.GetInt32() < 0 ? null : string.Concat(texts[index.GetInt32()].Select(letter => letter is >= '\u0001' and <= '\u0008' ? own[letter - 1] : letter.ToString()));
    }

    private static string Page(params ReportedHost[] hosts) => Encoding.UTF8.GetString(ReportText.Render(ReportSamples.Of(hosts), ReportFormat.Html));

    private static string Between(string page, string start, string end)
    {
        var at = page.IndexOf(start, StringComparison.Ordinal) + start.Length;
        Assert.True(at > start.Length);
        return page[at..page.IndexOf(end, at, StringComparison.Ordinal)];
    }

    private static int Count(string page, string part) => page.Split(part).Length - 1;

    private static string Script(string page) => Between(page, "<script>", "</script>");

    private static JsonDocument Data(string page) => JsonDocument.Parse(Between(page, "id=\"data\">", "</script>"));

    private static string Hash(string page, string element) =>
        $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Between(page, $"<{element}>", $"</{element}>"))))}'";
}
