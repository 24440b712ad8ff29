using System.Globalization;
using System.Text;

namespace DockerNetHarden.Reports;

/// <summary>A report as Markdown (GitHub's, with tables): counters, what each network reaches, and the findings that somebody has to look at. What passes is a number.</summary>
internal static class MarkdownReport
{
    // Longer lists are for the other forms; a comment on a pull request has a limit.
    private const int MostLines = 4;
    private const int MostOfLine = 300;

    public static string Render(HardeningReport report)
    {
        var text = new StringBuilder();
        text.Append("# Hardening report\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{ReportWords.Time(report.MadeAt)}, DockerNetHarden {report.Version}{(report.Baseline is { } then ? $", compared with {ReportWords.Time(then)}" : "")}\n\n");
        text.Append(Counters(report.Counters, report.Baseline is not null)).Append("\n\n");
        if (report.Hosts.Count > 1)
        {
            text.Append("| Host | Fail | Not checked | Not certain | Pass |\n|---|---:|---:|---:|---:|\n");
            foreach (var host in report.Hosts)
                text.Append(CultureInfo.InvariantCulture, $"| {Plain(host.Name)} | {(host.Problem is null ? $"{host.Counters.Fail} | {host.Counters.Error} | {host.Counters.Warning} | {host.Counters.Pass}" : "not read | | |")} |\n");
            text.Append('\n');
        }
        foreach (var host in report.Hosts)
            Host(text, host, report.Baseline is not null);
        return text.ToString().TrimEnd('\n') + "\n";
    }

    private static string Counters(ReportCounters counters, bool isCompared) => string.Create(CultureInfo.InvariantCulture,
        $"**{counters.Fail} fail**, {counters.Error} not checked, {counters.Warning} not certain, {counters.Pass} pass, {counters.NotApplicable} do not apply.{(isCompared ? $" Since the baseline: **{counters.New} new**, {counters.Unchanged} unchanged, {counters.Fixed} fixed." : "")}");

    private static void Host(StringBuilder text, ReportedHost host, bool isCompared)
    {
        text.Append(CultureInfo.InvariantCulture, $"## {Plain(host.Name)}\n\n");
        if (host.Problem is { } problem)
        {
            text.Append(CultureInfo.InvariantCulture, $"**Not read**: {Plain(problem)}\n\n");
            return;
        }
        var facts = new[] { host.Engine is { } engine ? $"Docker {engine}" : null, host.Firewall, host.ReadAt is { } time ? $"read {ReportWords.Time(time)}" : null }.OfType<string>().ToList();
        if (facts.Count > 0)
            text.Append(Plain(string.Join(", ", facts))).Append("\n\n");
        if (host.Networks.Count > 0)
            Matrix(text, host);
        foreach (var severity in ReportWords.WorstFirst)
        {
            var open = host.Findings.Where(finding => finding.IsOpen && finding.Severity == severity).ToList();
            if (open.Count == 0)
                continue;
            text.Append(CultureInfo.InvariantCulture, $"### {severity}\n\n");
            foreach (var finding in open)
                Finding(text, finding);
        }
        if (isCompared && host.Findings.Where(finding => finding.Change == FindingChange.Fixed).ToList() is { Count: > 0 } mended)
        {
            text.Append("### Fixed since the baseline\n\n");
            foreach (var finding in mended)
                text.Append(CultureInfo.InvariantCulture, $"- `{finding.Id}` {Plain(finding.Title)} ({Plain(ReportWords.Subject(finding))})\n");
            text.Append('\n');
        }
        text.Append(CultureInfo.InvariantCulture, $"{host.Counters.Pass} checks pass, {host.Counters.NotApplicable} do not apply.\n\n");
    }

    private static void Matrix(StringBuilder text, ReportedHost host)
    {
        text.Append("| Network |").AppendJoin("", ReportWords.Destinations.Select(destination => $" {ReportWords.Of(destination)} |")).Append("\n|---|").Insert(text.Length, "---|", ReportWords.Destinations.Count).Append('\n');
        foreach (var network in host.Networks)
            text.Append(CultureInfo.InvariantCulture, $"| {Plain(network.Name)} |").AppendJoin("", network.Cells.Select(cell => $" {Mark(cell)} |")).Append('\n');
        text.Append("\n`x` is a hole that a check complains about, `?` is not certain.\n\n");
    }

    private static string Mark(ReportedCell cell) => ReportWords.Tone(cell) switch
    {
        "bad" => $"`x` {ReportWords.Of(cell.Level)}",
        "doubt" => $"`?` {ReportWords.Of(cell.Level)}",
        _ => ReportWords.Of(cell.Level),
    };

    private static void Finding(StringBuilder text, ReportedFinding finding)
    {
        text.Append(CultureInfo.InvariantCulture, $"- **{finding.Id}** ({Plain(ReportWords.Subject(finding))}, {ReportWords.Of(finding.Status)}{(finding.Change is { } change ? $", {ReportWords.Of(change)}" : "")}): {Plain(finding.Title)}\n");
        foreach (var line in finding.Evidence.Take(MostLines))
            text.Append("  - ").Append(Plain(Cut(line))).Append('\n');
        if (finding.Evidence.Count > MostLines)
            text.Append(CultureInfo.InvariantCulture, $"  - and {finding.Evidence.Count - MostLines} more lines\n");
        if (finding.Remedy is { } remedy)
            text.Append('\n').Append(Fenced(remedy)).Append('\n');
    }

    // Never between the halves of a surrogate pair.
    private static string Cut(string line) => line.Length <= MostOfLine ? line : line[..(char.IsHighSurrogate(line[MostOfLine - 1]) ? MostOfLine - 1 : MostOfLine)] + "...";

    // A command is copied as it is. The fence is longer than any run of backticks in it (CommonMark 0.31, 4.5).
    private static string Fenced(string remedy)
    {
        var fence = new string('`', Math.Max(3, Longest(remedy) + 1));
        return $"  {fence}text\n{string.Concat(remedy.Split('\n').Select(line => $"  {line}\n"))}  {fence}\n";
    }

    private static int Longest(string text)
    {
        var (longest, run) = (0, 0);
        foreach (var letter in text)
            longest = Math.Max(longest, run = letter == '`' ? run + 1 : 0);
        return longest;
    }

    // Every ASCII punctuation character may be escaped by a backslash (CommonMark 0.31, 2.4); these have a meaning within a line. Numbers and dashes at a line's start have none here.
    private static string Plain(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var letter in text.ReplaceLineEndings(" "))
        {
            if (letter is '\\' or '`' or '*' or '_' or '[' or ']' or '<' or '>' or '|' or '~' or '#' or '&' or '@' or '!')
                plain.Append('\\');
            plain.Append(letter);
        }
        return plain.ToString();
    }
}
