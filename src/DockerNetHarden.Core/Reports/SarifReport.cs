using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Reports;

/// <summary>
/// A report as SARIF 2.1.0 (OASIS): one run, whose rules are the checks. Its results are the findings that somebody has to look at; services show every result as an open alert, whatever its kind. What
/// could not be checked, and hosts that could not be read, are notifications of a run that did not succeed.
/// </summary>
internal static class SarifReport
{
    private const string Project = "https://github.com/dockernetharden/DockerNetHarden";

    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Render(HardeningReport report)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, Options))
            Write(json, report);
        output.WriteByte((byte)'\n');
        return output.ToArray();
    }

    private static void Write(Utf8JsonWriter json, HardeningReport report)
    {
        var open = report.Hosts.SelectMany(host => host.Findings.Where(finding => finding.IsOpen).Select(finding => (Host: host, Finding: finding))).ToList();
        var rules = report.Hosts.SelectMany(host => host.Findings).GroupBy(finding => finding.Id, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => group.MaxBy(finding => finding.Severity)!).ToList();
        var places = rules.Select((rule, index) => (rule.Id, index)).ToDictionary(pair => pair.Id, pair => pair.index, StringComparer.Ordinal);
        json.WriteStartObject();
        json.WriteString("$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json");
        json.WriteString("version", "2.1.0");
        json.WriteStartArray("runs");
        json.WriteStartObject();
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", "DockerNetHarden");
        json.WriteString("semanticVersion", report.Version);
        json.WriteString("informationUri", Project);
        json.WriteStartArray("rules");
        foreach (var rule in rules)
            Rule(json, rule);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        Invocation(json, report, open.Where(pair => pair.Finding.Status == FindingStatus.Error));
        json.WriteStartArray("results");
        foreach (var (host, finding) in open.Where(pair => pair.Finding.Status != FindingStatus.Error))
            Result(json, host, finding, places[finding.Id]);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Rule(Utf8JsonWriter json, ReportedFinding rule)
    {
        json.WriteStartObject();
        json.WriteString("id", rule.Id);
        Text(json, "shortDescription", rule.Title);
        Text(json, "fullDescription", $"{rule.Title}.{(rule.CisItem is { } item ? $" CIS Docker Benchmark {item}." : "")}");
        Text(json, "help", "What the check looks at, and what it takes for open and closed, is in docs/analysis.md. Each result names the remedy for its host and network.");
        json.WriteString("helpUri", $"{Project}/blob/main/docs/analysis.md");
        json.WriteStartObject("defaultConfiguration");
        json.WriteString("level", Level(rule.Severity, FindingStatus.Fail));
        json.WriteEndObject();
        json.WriteStartObject("properties");
        json.WriteString("security-severity", Score(rule.Severity));
        json.WriteStartArray("tags");
        json.WriteStringValue("security");
        json.WriteStringValue("docker");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Invocation(Utf8JsonWriter json, HardeningReport report, IEnumerable<(ReportedHost Host, ReportedFinding Finding)> errors)
    {
        var problems = report.Hosts.Where(host => host.Problem is not null).Select(host => $"{host.Name} was not read: {host.Problem}")
            .Concat(errors.Select(pair => $"{Place(pair.Host, pair.Finding)}: {pair.Finding.Id} could not be checked: {string.Join(' ', pair.Finding.Evidence)}")).ToList();
        json.WriteStartArray("invocations");
        json.WriteStartObject();
        json.WriteBoolean("executionSuccessful", problems.Count == 0);
        json.WriteString("endTimeUtc", report.MadeAt.UtcDateTime);
        json.WriteStartArray("toolExecutionNotifications");
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("level", "error");
            Text(json, "message", problem);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void Result(Utf8JsonWriter json, ReportedHost host, ReportedFinding finding, int rule)
    {
        json.WriteStartObject();
        json.WriteString("ruleId", finding.Id);
        json.WriteNumber("ruleIndex", rule);
        json.WriteString("kind", "fail");
        json.WriteString("level", Level(finding.Severity, finding.Status));
        Text(json, "message", $"{Place(host, finding)}: {(finding.Status == FindingStatus.Fail ? "fails" : "not certain")}: {finding.Title}.{string.Concat(finding.Evidence.Select(line => "\n" + line))}{(finding.Remedy is { } remedy ? "\nRemedy: " + remedy : "")}");
        json.WriteStartArray("locations");
        json.WriteStartObject();
        // There is no file. Services that show only results in files get a path that is the same in every run.
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", string.Join('/', new[] { "docker-hosts", host.Name, finding.Network, finding.Container }.OfType<string>().Select(Uri.EscapeDataString)));
        json.WriteEndObject();
        json.WriteStartObject("region");
        json.WriteNumber("startLine", 1);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartArray("logicalLocations");
        json.WriteStartObject();
        json.WriteString("name", finding.Container ?? finding.Network ?? host.Name);
        json.WriteString("fullyQualifiedName", Place(host, finding));
        json.WriteString("kind", finding.Container is not null ? "container" : finding.Network is not null ? "network" : "host");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("partialFingerprints");
        json.WriteString("dockerNetHarden/v1", Fingerprint(host, finding));
        json.WriteEndObject();
        if (finding.Change is { } change)
            json.WriteString("baselineState", change == FindingChange.New ? "new" : "unchanged");
        json.WriteStartObject("properties");
        json.WriteString("severity", finding.Severity.ToString());
        json.WriteString("status", finding.Status.ToString());
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string Fingerprint(ReportedHost host, ReportedFinding finding) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{host.Name}\n{finding.Identity}")));

    private static string Place(ReportedHost host, ReportedFinding finding) => string.Join('/', new[] { host.Name, finding.Network, finding.Container }.OfType<string>());

    private static void Text(Utf8JsonWriter json, string name, string text)
    {
        json.WriteStartObject(name);
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    private static string Level(Severity severity, FindingStatus status) => severity switch
    {
        Severity.Critical or Severity.High => status == FindingStatus.Fail ? "error" : "warning",
        Severity.Medium => "warning",
        _ => "note",
    };

    // GitHub reads it as a CVSS score: above 9.0 critical, 7.0 high, 4.0 medium, 0.1 low.
    private static string Score(Severity severity) => severity switch
    {
        Severity.Critical => "9.5",
        Severity.High => "8.0",
        Severity.Medium => "5.5",
        Severity.Low => "2.0",
        _ => "0.1",
    };
}
