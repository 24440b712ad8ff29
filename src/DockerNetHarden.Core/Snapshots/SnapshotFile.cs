using System.Text.Encodings.Web;
using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <summary>
/// A <see cref="HostSnapshot"/> as JSON, so that a host can be analysed where it is not. Every property of the snapshot is in it, under its name in camel case;
/// rule sets are the texts of iptables-save, nf_tables is in the form of libnftables-json(5), times are ISO 8601.
/// </summary>
/// <remarks>What is not in a snapshot is not in the file: no environment, command line, mount or log of a container, and no setting of dockerd that can hold a password.</remarks>
public static class SnapshotFile
{
    /// <summary>The version of the form. A part that an older version must not overlook makes it one more.</summary>
    public const int Format = 1;

    // A file for people and for diff, not for a web page: quotes in rules stay readable.
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a snapshot, in UTF-8 without a byte order mark.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="output">Where to; not closed.</param>
    public static void Write(HostSnapshot snapshot, Stream output)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(output);
        using var writer = new Utf8JsonWriter(output, Options);
        SnapshotWriter.Write(writer, snapshot);
    }

    /// <summary>Reads a snapshot.</summary>
    /// <param name="json">The file, UTF-8; a byte order mark is allowed.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="SnapshotFormatException">The file is no JSON, no snapshot, or one of a newer version.</exception>
    public static HostSnapshot Read(ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            using var document = JsonDocument.Parse(json);
            return SnapshotReader.Read(new SnapshotNode(document.RootElement, "$"));
        }
        catch (JsonException error)
        {
            var place = $"line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}";
            throw new SnapshotFormatException($"This is no snapshot: at {place} it is no JSON any more. Take a file that Export-DockerHostSnapshot wrote, whole.", place, error);
        }
    }
}
