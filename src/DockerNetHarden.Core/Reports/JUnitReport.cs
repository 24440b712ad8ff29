using System.Globalization;
using System.Text;
using System.Xml;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Reports;

/// <summary>
/// A report as JUnit's test results: a suite for each host, a test for each finding. What has to be looked at is a failure; what could not be checked is an error; what does not apply, and what the
/// baseline has already, is skipped, so that a pipeline fails only on what got worse.
/// </summary>
/// <remarks>
/// There is no standard. The elements and attributes are those that Jenkins' schema (junit-10.xsd of its xUnit plugin) has and that GitLab, Azure DevOps and pytest share. GitLab shows a test's
/// classname as its suite.
/// </remarks>
internal static class JUnitReport
{
    public static byte[] Render(HardeningReport report)
    {
        using var output = new MemoryStream();
        using (var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), NewLineChars = "\n" }))
        {
            xml.WriteStartElement("testsuites");
            xml.WriteAttributeString("name", "DockerNetHarden");
            Count(xml, [.. report.Hosts.Where(host => host.Problem is null).SelectMany(host => host.Findings)], report.Hosts.Count(host => host.Problem is not null));
            foreach (var host in report.Hosts)
                Suite(xml, host, report.MadeAt);
            xml.WriteEndElement();
        }
        output.WriteByte((byte)'\n');
        return output.ToArray();
    }

    private static void Suite(XmlWriter xml, ReportedHost host, DateTimeOffset madeAt)
    {
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", Clean(host.Name));
        Count(xml, host.Findings, host.Problem is null ? 0 : 1);
        xml.WriteAttributeString("time", "0");
        xml.WriteAttributeString("timestamp", (host.ReadAt ?? madeAt).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture));
        xml.WriteAttributeString("hostname", Clean(host.Name));
        if (host.Problem is { } problem)
        {
            Test(xml, host, "HOST-READ The host can be read", null);
            Outcome(xml, "error", "Error", problem, problem);
            xml.WriteEndElement();
        }
        foreach (var finding in host.Findings)
        {
            Test(xml, host, Name(finding), finding.Network);
            Result(xml, finding);
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void Test(XmlWriter xml, ReportedHost host, string name, string? network)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", Clean(network is null ? host.Name : $"{host.Name}.{network}"));
        xml.WriteAttributeString("name", Clean(name));
        xml.WriteAttributeString("time", "0");
    }

    // The name holds what tells findings of one check apart, so that a CI server follows each of them from run to run.
    private static string Name(ReportedFinding finding) =>
        $"{finding.Id} {finding.Title}{(finding.Network is { } network ? $" (network {network})" : "")}{(finding.Container is { } container ? $" (container {container})" : "")}";

    private static void Result(XmlWriter xml, ReportedFinding finding)
    {
        var details = string.Join('\n', [.. finding.Evidence, .. finding.Remedy is { } remedy ? new[] { "", remedy } : []]);
        var message = $"{finding.Severity}: {finding.Title}{(finding.Evidence.Count > 0 ? ": " + finding.Evidence[0] : "")}";
        switch (KindOf(finding))
        {
            case "skipped":
                xml.WriteStartElement("skipped");
                xml.WriteAttributeString("message", Clean(finding.IsOpen ? $"Known since the baseline. {finding.Status}, {message}" : "Does not apply."));
                xml.WriteEndElement();
                break;
            case { } kind:
                Outcome(xml, kind, $"{finding.Status}.{finding.Severity}", message, details);
                break;
        }
    }

    private static void Outcome(XmlWriter xml, string kind, string type, string message, string details)
    {
        xml.WriteStartElement(kind);
        xml.WriteAttributeString("message", Clean(message));
        xml.WriteAttributeString("type", type);
        xml.WriteString(Clean(details));
        xml.WriteEndElement();
    }

    private static string? KindOf(ReportedFinding finding) => finding switch
    {
        { Change: FindingChange.Fixed } => null,
        { IsOpen: true, Change: FindingChange.Unchanged } or { Status: FindingStatus.NotApplicable } => "skipped",
        { Status: FindingStatus.Error } => "error",
        { IsOpen: true } => "failure",
        _ => null,
    };

    private static void Count(XmlWriter xml, IReadOnlyCollection<ReportedFinding> findings, int unread)
    {
        var kinds = findings.CountBy(finding => KindOf(finding) ?? "");
        Number("tests", findings.Count + unread);
        Number("failures", kinds.GetValueOrDefault("failure"));
        Number("errors", kinds.GetValueOrDefault("error") + unread);
        Number("skipped", kinds.GetValueOrDefault("skipped"));

        void Number(string name, int value) => xml.WriteAttributeString(name, value.ToString(CultureInfo.InvariantCulture));
    }

    private static Dictionary<string, int> CountBy(this IEnumerable<ReportedFinding> findings, Func<ReportedFinding, string> key) =>
        findings.GroupBy(key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);

    // XML 1.0, 2.2: U+FFFE and U+FFFF are the only ones left that it cannot hold.
    private static string Clean(string text) => string.Concat(text.Select(letter => letter is '\uFFFE' or '\uFFFF' ? '\uFFFD' : letter));
}
