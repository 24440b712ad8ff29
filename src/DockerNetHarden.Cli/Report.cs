using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Effects;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Cli;

/// <summary>The program's output: text for people, or one JSON object per line for programs. Results go to standard output, errors and warnings to standard error.</summary>
internal sealed class Report(TextWriter output, TextWriter errors, bool json, bool verbose, TimeProvider? clock = null)
{
    private readonly object _turn = new();

    public void Error(string? host, string message) => Say(errors, "error", host, ShownText.Message(message), "error: ");

    public void Warning(string host, string message) => Say(errors, "warning", host, ShownText.Message(message), "warning: ");

    public void Trace(string host, string message)
    {
        if (verbose)
            Say(errors, "trace", host, ShownText.Message(message));
    }

    public void Event(string name, string? host, string message) => Say(output, name, host, message);

    public void Network(string host, string network, string status) =>
        Say(output, "network", host, $"network {network} {status}", line =>
        {
            line.WriteString("network", network);
            line.WriteString("status", status);
        });

    public void Plan(string host, Plan plan, ChangeEffect? effect = null) => Say(output, "plan", host, plan.IsEmpty ? "nothing to do" : effect is null ? plan.Diff : $"{plan.Diff}\n{effect.Text}", line =>
    {
        line.WriteBoolean("empty", plan.IsEmpty);
        Texts(line, "added", plan.AddedCommands);
        Texts(line, "removed", plan.RemovedCommands);
        Texts(line, "problems", plan.Problems);
        if (effect is not null)
            Affected(line, effect.Connections, effect.Notes);
    });

    public void Result(InvocationResult result, string? cause = null)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{Word(result.Status)} +{result.Added.Count} -{result.Removed.Count} ={result.Unchanged}{(result.Verified ? "" : ", not verified")}{(cause is null ? "" : $" ({cause})")}");
        Say(output, "result", result.HostName, text, line =>
        {
            line.WriteString("status", Word(result.Status));
            line.WriteBoolean("verified", result.Verified);
            line.WriteNumber("unchanged", result.Unchanged);
            Texts(line, "added", result.Added);
            Texts(line, "removed", result.Removed);
            if (cause is not null)
                line.WriteString("cause", cause);
        });
    }

    public void Finding(HardeningFinding finding)
    {
        var where = (finding.Network ?? "") + (finding.Container is null ? "" : "/" + finding.Container);
        var text = new StringBuilder($"{finding.Status.ToString().ToUpperInvariant()} {finding.Severity} {finding.Id}{(where.Length == 0 ? "" : $" [{where}]")}: {finding.Title}");
        if (finding.Status is FindingStatus.Fail or FindingStatus.Error or FindingStatus.Warning)
        {
            foreach (var evidence in finding.Evidence)
                text.Append("\n    ").Append(evidence);
            if (finding.Remedy is { } remedy)
                text.Append("\n    remedy: ").Append(remedy);
        }
        Say(output, "finding", finding.HostName, text.ToString(), line =>
        {
            line.WriteString("id", finding.Id);
            line.WriteString("title", finding.Title);
            line.WriteString("status", Word(finding.Status));
            line.WriteString("severity", Word(finding.Severity));
            line.WriteString("network", finding.Network);
            line.WriteString("container", finding.Container);
            line.WriteString("remedy", finding.Remedy);
            Texts(line, "evidence", finding.Evidence);
        });
    }

    private static string Word<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();

    // A null list was not found out; the notes say why.
    private static void Affected(Utf8JsonWriter line, IReadOnlyList<AffectedConnection>? connections, IReadOnlyList<string> notes)
    {
        line.WritePropertyName("affected");
        if (connections is null)
            line.WriteNullValue();
        else
        {
            line.WriteStartArray();
            foreach (var connection in connections)
                Affected(line, connection);
            line.WriteEndArray();
        }
        Texts(line, "affectedNotes", notes);
    }

    private static void Affected(Utf8JsonWriter line, AffectedConnection connection)
    {
        line.WriteStartObject();
        line.WriteString("container", connection.Container);
        line.WriteString("network", connection.Network);
        line.WriteString("openedBy", Word(connection.OpenedBy));
        line.WriteString("source", connection.Source);
        line.WriteString("destination", connection.Destination);
        if (connection.Port is { } port)
            line.WriteNumber("port", port);
        else
            line.WriteNull("port");
        line.WriteString("protocol", connection.Protocol);
        line.WriteNumber("count", connection.Count);
        if (connection.Age is { } age)
            line.WriteNumber("ageSeconds", (long)age.TotalSeconds);
        else
            line.WriteNull("ageSeconds");
        line.WriteString("effect", Word(connection.Effect));
        line.WriteString("decidedBy", connection.DecidedBy);
        line.WriteString("reason", connection.Reason);
        line.WriteEndObject();
    }

    private static void Texts(Utf8JsonWriter line, string name, IEnumerable<string> texts)
    {
        line.WriteStartArray(name);
        foreach (var text in texts)
            line.WriteStringValue(text);
        line.WriteEndArray();
    }

    private void Say(TextWriter to, string name, string? host, string message, string kind = "") =>
        Say(to, name, host, message, line => line.WriteString("message", message), kind);

    private void Say(TextWriter to, string name, string? host, string text, Action<Utf8JsonWriter> rest, string kind = "")
    {
        var line = json ? Json(name, host, rest) : $"{(host is null ? "" : host + ": ")}{kind}{text}";
        lock (_turn)
        {
            to.WriteLine(line);
            // A program that watches a log wants the line now, not when a buffer is full.
            to.Flush();
        }
    }

    private string Json(string name, string? host, Action<Utf8JsonWriter> rest)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var line = new Utf8JsonWriter(buffer))
        {
            line.WriteStartObject();
            line.WriteString("time", (clock ?? TimeProvider.System).GetUtcNow());
            line.WriteString("event", name);
            if (host is not null)
                line.WriteString("host", host);
            rest(line);
            line.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
