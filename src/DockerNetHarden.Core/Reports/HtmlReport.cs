using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Reports;

/// <summary>
/// A report as one page that needs nothing else: no script, style, font or picture from anywhere. Its policy allows the one script and the one style that it holds, by their hashes, and no request at
/// all. Counters and hosts are in the page itself; the details of a host are made of <see cref="HtmlData"/> when somebody opens it, by setting texts and never markup, so that nothing that a host says
/// about itself is read as a part of the page.
/// </summary>
internal static class HtmlReport
{
    // A report of a few hosts shows everything at once.
    private const int MostOpen = 3;

    private static readonly string s_script = Read("page.js");
    private static readonly string s_style = Read("page.css");

    public static string Render(HardeningReport report)
    {
        var page = new StringBuilder();
        // Each place stands once in the template. What is put in is not looked at again, so a text that looks like a place is a text.
        var template = Read("page.html");
        var at = 0;
        while (template.IndexOf('@', at) is >= 0 and var place)
        {
            var end = place + 1;
            while (end < template.Length && char.IsAsciiLetterUpper(template[end]))
                end++;
            page.Append(template, at, place - at).Append(end - place > 1 ? Value(template[(place + 1)..end], report) : "@");
            at = end;
        }
        return page.Append(template, at, template.Length - at).ToString();
    }

    private static string Value(string place, HardeningReport report) => place switch
    {
        "POLICY" => $"default-src 'none'; script-src {Hash(s_script)}; style-src {Hash(s_style)}; base-uri 'none'; form-action 'none'",
        "STYLE" => s_style,
        "SCRIPT" => s_script,
        "DATA" => HtmlData.Of(report),
        "VERSION" => Text(report.Version),
        "TITLE" => Text(report.Hosts is [var host] ? host.Name : string.Create(CultureInfo.InvariantCulture, $"{report.Hosts.Count} hosts")),
        "ABOUT" => Text($"{ReportWords.Time(report.MadeAt)}, DockerNetHarden {report.Version}. {Hosts(report.Hosts.Count)}, {report.Hosts.Sum(each => each.Networks.Count)} networks.{(report.Baseline is { } then ? $" Compared with the report of {ReportWords.Time(then)}." : "")}"),
        "COUNTERS" => Counters(report),
        "STATUSES" => Statuses(report),
        "HOSTS" => string.Concat(report.Hosts.Select((each, index) => Host(each, index, report.Hosts.Count <= MostOpen))),
        _ => throw new InvalidOperationException($"The page has no place '{place}'."),
    };

    private static string Hosts(int count) => count == 1 ? "1 host" : string.Create(CultureInfo.InvariantCulture, $"{count} hosts");

    private static string Counters(HardeningReport report)
    {
        var counters = report.Counters;
        var unread = report.Hosts.Count(host => host.Problem is not null);
        return string.Concat(
        [
            Item(counters.Fail, "fail", "bad"), Item(counters.Error, "not checked", "doubt"), Item(counters.Warning, "not certain", "doubt"), Item(counters.Pass, "pass", "good"), Item(counters.NotApplicable, "do not apply", ""),
            unread == 0 ? "" : Item(unread, unread == 1 ? "host not read" : "hosts not read", "bad"),
            .. report.Baseline is null ? [] : new[] { Item(counters.New, "new", "bad"), Item(counters.Unchanged, "unchanged", "plain"), Item(counters.Fixed, "fixed", "good") },
        ]);
    }

    private static string Item(int count, string word, string tone) => string.Create(CultureInfo.InvariantCulture, $"<li class=\"{(count > 0 ? tone : "")}\"><strong>{count}</strong> {word}</li>");

    private static string Statuses(HardeningReport report)
    {
        var statuses = Enum.GetValues<FindingStatus>().Select(status => (Value: string.Create(CultureInfo.InvariantCulture, $"status {(int)status}"), Word: ReportWords.Of(status)));
        var changes = report.Baseline is null ? [] : Enum.GetValues<FindingChange>().Select(change => (Value: string.Create(CultureInfo.InvariantCulture, $"change {(int)change}"), Word: ReportWords.Of(change)));
        return string.Concat(new[] { (Value: "", Word: "everything"), (Value: "open", Word: "to look at") }.Concat(statuses).Concat(changes).Select(each => $"<option value=\"{each.Value}\">{each.Word}</option>"));
    }

    private static string Host(ReportedHost host, int index, bool isOpen)
    {
        var facts = string.Join(", ", new[] { host.Engine is { } engine ? $"Docker {engine}" : null, host.Firewall, host.ReadAt is { } time ? $"read {ReportWords.Time(time)}" : null }.OfType<string>());
        var badges = host.Problem is not null ? Badge("bad", "not read") : string.Concat(
        [
            .. ReportWords.WorstFirst.Select(severity => (severity, Count: host.Findings.Count(finding => finding.Status == FindingStatus.Fail && finding.Severity == severity))).Where(pair => pair.Count > 0)
                .Select(pair => Badge("bad", string.Create(CultureInfo.InvariantCulture, $"{pair.Count} {pair.severity}"))),
            host.Counters.Error + host.Counters.Warning is > 0 and var doubts ? Badge("doubt", string.Create(CultureInfo.InvariantCulture, $"{doubts} not certain")) : "",
            host.Counters.Fail == 0 ? Badge("good", "nothing fails") : "",
            host.Counters.New > 0 ? Badge("bad", string.Create(CultureInfo.InvariantCulture, $"{host.Counters.New} new")) : "",
        ]);
        return string.Create(CultureInfo.InvariantCulture,
            $"<details class=\"host\" id=\"host-{index}\"{(isOpen ? " open" : "")}><summary><h2>{Text(host.Name)}</h2>{badges}{(facts.Length > 0 ? $" <small>{Text(facts)}</small>" : "")}</summary><div>{(host.Problem is { } problem ? $"<p class=\"problem\">{Text(problem)}</p>" : "")}</div></details>\n");
    }

    private static string Badge(string tone, string text) => $" <span class=\"badge {tone}\">{text}</span>";

    private static string Text(string text) => HtmlEncoder.Default.Encode(text);

    // Of the element's whole text. Source: Content Security Policy Level 3, 6.7.3.
    private static string Hash(string text) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'";

    private static string Read(string name)
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("reports/" + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
