using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>A file is not a snapshot, or this version cannot read it. The message names the place, the reason and the way out.</summary>
/// <param name="message">The message.</param>
/// <param name="place">Where: a JSON path (<c>$.containers[2].state</c>), or a line; null for the file as a whole.</param>
/// <param name="inner">The underlying exception.</param>
public sealed class SnapshotFormatException(string message, string? place = null, Exception? inner = null) : FormatException(ShownText.Message(message), inner)
{
    /// <summary>Where: a JSON path (<c>$.containers[2].state</c>), or a line; null for the file as a whole.</summary>
    public string? Place { get; } = place;
}

/// <summary>
/// A <see cref="HostSnapshot"/> as JSON, so that a host can be analysed elsewhere. Every property of the snapshot is in it, under its name in camel case;
/// rule sets are the texts of iptables-save, nf_tables is in the form of libnftables-json(5), times are ISO 8601.
/// </summary>
/// <remarks>The file has nothing that a snapshot does not have: no environment, command line, mount or log of a container, and no setting of dockerd that can hold a password.</remarks>
public static class SnapshotFile
{
    /// <summary>The version of the form. It increases by one with every part that an older version must not overlook.</summary>
    public const int Format = 1;

    // A file for people and for diff, not for a web page: quotes in rules stay readable.
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static JsonTypeInfo Root { get; } = SnapshotForm.Of(typeof(HostSnapshot));

    /// <summary>Writes a snapshot, in UTF-8 without a byte order mark.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="output">The stream to write to; it is not closed.</param>
    public static void Write(HostSnapshot snapshot, Stream output)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(output);
        using var writer = new Utf8JsonWriter(output, Options);
        writer.WriteStartObject();
        writer.WriteNumber("format", Format);
        foreach (var property in SnapshotForm.MembersOf(Root))
        {
            var value = property.Get!(snapshot);
            if (value is null && SnapshotForm.MayBeMissing(Root, property))
                continue;
            writer.WritePropertyName(property.Name);
            JsonSerializer.Serialize(writer, value, SnapshotForm.Of(property.PropertyType));
        }
        writer.WriteEndObject();
    }

    /// <summary>Reads a snapshot.</summary>
    /// <param name="json">The file, UTF-8; a byte order mark is allowed.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="SnapshotFormatException">The file is not JSON, not a snapshot, or one of a newer version.</exception>
    public static HostSnapshot Read(ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        // "Unicode" of Windows; no JSON begins with these, and no UTF-8 has them (RFC 3629).
        else if (json.Span is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            throw new SnapshotFormatException("This is no snapshot: the file is UTF-16, and a snapshot is UTF-8. Save it as UTF-8.", "$");
        using var document = Parse(json);
        CheckFormat(document.RootElement);
        Check(document.RootElement, Root, "$");
        try
        {
            return (HostSnapshot)document.RootElement.Deserialize(Root)!;
        }
        catch (JsonException error)
        {
            throw Bad(error.Path + (error.InnerException as SnapshotFormatException)?.Place, $"is wrong: {error.Message}", error);
        }
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonText.Parse(json);
        }
        catch (JsonException error)
        {
            var place = $"line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}";
            throw new SnapshotFormatException($"This is not a snapshot: at {place} it stops being JSON. Take a file that Export-DockerHostSnapshot wrote, whole.", place, error);
        }
    }

    // A file of another form gets an error that says so, not one about its first difference.
    private static void CheckFormat(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw Wrong(root, "an object", "$");
        var value = root.TryGetProperty("format", out var member) ? member : default;
        Check(value, SnapshotForm.Of(typeof(int)), "$.format");
        if (value.GetInt32() is var format && format != Format)
        {
            throw new SnapshotFormatException(
                $"The snapshot is of format {format}, and this version of DockerNetHarden reads format {Format}: use the version that wrote it, or write it again with Export-DockerHostSnapshot.",
                "$.format");
        }
    }

    // System.Text.Json of .NET 8 treats a missing member as null and accepts null anywhere, and its errors do not say what was expected.
    private static void Check(JsonElement value, JsonTypeInfo type, string path)
    {
        var (expected, fits) = type.Kind switch
        {
            JsonTypeInfoKind.Object or JsonTypeInfoKind.Dictionary => ("an object", value.ValueKind == JsonValueKind.Object),
            JsonTypeInfoKind.Enumerable => ("a list", value.ValueKind == JsonValueKind.Array),
            _ => CheckOne(value, Nullable.GetUnderlyingType(type.Type) ?? type.Type),
        };
        if (!fits)
            throw Wrong(value, expected, path);
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object:
                foreach (var property in SnapshotForm.MembersOf(type))
                {
                    // If a member appears twice the last one counts, but the serializer reads both.
                    foreach (var member in value.EnumerateObject().Where(member => member.NameEquals(property.Name)).Select(static member => member.Value).DefaultIfEmpty())
                    {
                        if (!(member.ValueKind == JsonValueKind.Null && SnapshotForm.MayBeNull(type, property)) && !(member.ValueKind == JsonValueKind.Undefined && SnapshotForm.MayBeMissing(type, property)))
                            Check(member, SnapshotForm.Of(property.PropertyType), $"{path}.{property.Name}");
                    }
                }
                break;
            case JsonTypeInfoKind.Dictionary:
                foreach (var member in value.EnumerateObject())
                    Check(member.Value, ItemOf(type), $"{path}['{member.Name}']");
                break;
            case JsonTypeInfoKind.Enumerable:
                foreach (var (index, item) in value.EnumerateArray().Select(static (item, index) => (index, item)))
                    Check(item, ItemOf(type), $"{path}[{index}]");
                break;
        }
    }

    private static JsonTypeInfo ItemOf(JsonTypeInfo type) => SnapshotForm.Of(type.Type.GetGenericArguments()[^1]);

    private static (string Expected, bool Fits) CheckOne(JsonElement value, Type type) =>
        type == typeof(bool) ? ("true or false", value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        : type == typeof(int) ? ("a whole number", value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _))
        : type == typeof(long) ? ("a whole number", value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _))
        : type == typeof(DateTimeOffset) ? ("a time such as 2026-01-31T12:00:00+00:00", value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out _))
        : type == typeof(NftRuleset) || type == typeof(IReadOnlyDictionary<Family, Ruleset>) ? ("an object", value.ValueKind == JsonValueKind.Object)
        : ("a text", value.ValueKind == JsonValueKind.String);

    private static SnapshotFormatException Wrong(JsonElement value, string expected, string path) => Bad(path, value.ValueKind switch
    {
        JsonValueKind.Undefined => $"is missing; {expected} was expected",
        JsonValueKind.Object => $"is an object; {expected} was expected",
        JsonValueKind.Array => $"is a list; {expected} was expected",
        _ when value.GetRawText() is { Length: > 60 } text => $"is {text[..60]}...; {expected} was expected",
        _ => $"is {value.GetRawText()}; {expected} was expected",
    });

    private static SnapshotFormatException Bad(string path, string reason, Exception? inner = null) => new(
        $"This is not a snapshot of format {Format}: {path} {reason}. Use the file as Export-DockerHostSnapshot wrote it, or write it again.", path, inner);
}
