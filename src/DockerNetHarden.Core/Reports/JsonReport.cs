using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Reports;

/// <summary>
/// A report as JSON: every property of <see cref="HardeningReport"/> under its name in camel case, after the member <c>format</c>. What is null is left out. A later version may add members; it
/// increases the format if a member changes its meaning. <c>docs/hardening-report.schema.json</c> describes it.
/// </summary>
public static class JsonReport
{
    /// <summary>The version of the form.</summary>
    public const int Format = 1;

    // A file for people and for diff, not for a web page: quotes in rules stay readable.
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static byte[] Render(HardeningReport report)
    {
        using var output = new MemoryStream();
        using (var json = new Utf8JsonWriter(output, Options))
        {
            using var members = JsonSerializer.SerializeToDocument(report, ReportJson.Default.HardeningReport);
            json.WriteStartObject();
            json.WriteNumber("format", Format);
            foreach (var member in members.RootElement.EnumerateObject())
                member.WriteTo(json);
            json.WriteEndObject();
        }
        output.WriteByte((byte)'\n');
        return output.ToArray();
    }

    /// <summary>Reads the findings of an earlier report.</summary>
    /// <param name="json">The file, UTF-8; a byte order mark is allowed.</param>
    /// <exception cref="ReportFormatException">It is not a report in this form.</exception>
    public static ReportBaseline ReadBaseline(ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        using var document = Parse(json);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("format", out var format) || format.ValueKind != JsonValueKind.Number)
            throw Bad("$.format", "is missing: a report begins with it");
        if (!format.TryGetInt32(out var number) || number != Format)
            throw new ReportFormatException($"The report is of format {format.GetRawText()}, and this version of DockerNetHarden reads format {Format}: use the version that wrote it, or write it again with Export-HardeningReport -Format Json.");
        var madeAt = Member(root, "madeAt", "$") is { ValueKind: JsonValueKind.String } time && time.TryGetDateTimeOffset(out var then) ? then : throw Bad("$.madeAt", "is not a time");
        return new ReportBaseline(madeAt, [.. List(root, "hosts", "$").SelectMany(host => Findings(host.Value, host.Path))]);
    }

    private static IEnumerable<(string Host, ReportedFinding Finding)> Findings(JsonElement host, string path)
    {
        var name = Text(host, "name", path);
        return List(host, "findings", path).Select(finding => (name, Finding(finding.Value, finding.Path)));
    }

    private static ReportedFinding Finding(JsonElement finding, string path) => new()
    {
        Id = Text(finding, "id", path),
        Title = Text(finding, "title", path),
        Severity = Name<Severity>(finding, "severity", path),
        // What was fixed when the file was written is history: it was not open any more.
        Status = Name<FindingStatus>(finding, "status", path),
        Network = finding.TryGetProperty("network", out _) ? Text(finding, "network", path) : null,
        Container = finding.TryGetProperty("container", out _) ? Text(finding, "container", path) : null,
    };

    private static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonDocument.Parse(json);
        }
        catch (JsonException error)
        {
            throw new ReportFormatException($"This is not a report: at line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1} it stops being JSON. Take a file that Export-HardeningReport -Format Json wrote, whole.", error);
        }
    }

    private static JsonElement Member(JsonElement parent, string name, string path)
    {
        if (parent.ValueKind != JsonValueKind.Object)
            throw Bad(path, "is not an object");
        return parent.TryGetProperty(name, out var member) ? member : throw Bad($"{path}.{name}", "is missing");
    }

    private static IEnumerable<(JsonElement Value, string Path)> List(JsonElement parent, string name, string path)
    {
        var list = Member(parent, name, path);
        return list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Select((item, index) => (item, $"{path}.{name}[{index}]")) : throw Bad($"{path}.{name}", "is not a list");
    }

    private static string Text(JsonElement parent, string name, string path) =>
        Member(parent, name, path) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : throw Bad($"{path}.{name}", "is not a text");

    private static T Name<T>(JsonElement parent, string name, string path)
        where T : struct, Enum
    {
        var text = Text(parent, name, path);
        // Enum.TryParse also accepts numbers and lists.
        foreach (var value in Enum.GetValues<T>())
        {
            if (string.Equals(value.ToString(), text, StringComparison.Ordinal))
                return value;
        }
        throw Bad($"{path}.{name}", $"is '{text}', which is not one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    private static ReportFormatException Bad(string path, string reason) =>
        new($"This is not a report of format {Format}: {path} {reason}. Use the file as Export-HardeningReport -Format Json wrote it, or write it again.");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HardeningReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
