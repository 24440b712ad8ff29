using System.Text;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Reports;

/// <summary>The forms in which a report is written.</summary>
public enum ReportFormat
{
    /// <summary>A page for people, in one file.</summary>
    Html,

    /// <summary>Test results as JUnit writes them, for CI servers.</summary>
    JUnit,

    /// <summary>SARIF 2.1.0, for services that collect findings of analysers.</summary>
    Sarif,

    /// <summary>Everything as data; the form that a later report can be compared with.</summary>
    Json,

    /// <summary>Text for a pull request, an issue or a wiki.</summary>
    Markdown,
}

/// <summary>Writes reports in every form.</summary>
public static class ReportText
{
    private static readonly (string End, ReportFormat Format)[] Ends =
        [(".html", ReportFormat.Html), (".htm", ReportFormat.Html), (".xml", ReportFormat.JUnit), (".sarif", ReportFormat.Sarif), (".sarif.json", ReportFormat.Sarif), (".json", ReportFormat.Json), (".md", ReportFormat.Markdown)];

    /// <summary>The form that the end of a file's name means; null if it means none.</summary>
    /// <param name="path">The file's name or path.</param>
    public static ReportFormat? FormatOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Ends.Where(each => path.EndsWith(each.End, StringComparison.OrdinalIgnoreCase)).OrderByDescending(each => each.End.Length).Select(each => (ReportFormat?)each.Format).FirstOrDefault();
    }

    /// <summary>The ends of names that mean a form.</summary>
    public static string KnownEnds { get; } = string.Join(", ", Ends.Select(each => each.End));

    /// <summary>The whole file, in UTF-8 without a byte order mark, with a newline at its end.</summary>
    /// <param name="report">The report.</param>
    /// <param name="format">The form.</param>
    public static byte[] Render(HardeningReport report, ReportFormat format)
    {
        ArgumentNullException.ThrowIfNull(report);
        return format switch
        {
            ReportFormat.Html => Encoding.UTF8.GetBytes(HtmlReport.Render(report)),
            ReportFormat.JUnit => JUnitReport.Render(report),
            ReportFormat.Sarif => SarifReport.Render(report),
            ReportFormat.Json => JsonReport.Render(report),
            ReportFormat.Markdown => Encoding.UTF8.GetBytes(MarkdownReport.Render(report)),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
        };
    }
}

/// <summary>A file is not a report, or this version cannot read it. The message names the place, the reason and the way out.</summary>
/// <param name="message">The message.</param>
/// <param name="inner">The underlying exception.</param>
public sealed class ReportFormatException(string message, Exception? inner = null) : FormatException(ShownText.Message(message), inner);
