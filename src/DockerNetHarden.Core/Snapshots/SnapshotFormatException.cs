namespace DockerNetHarden.Snapshots;

/// <summary>A file that is no snapshot, or one that this version cannot read. The message names the place, the reason and the way out.</summary>
/// <param name="message">The message.</param>
/// <param name="place">Where: a JSON path (<c>$.containers[2].state</c>), or a line; null for the file as a whole.</param>
/// <param name="inner">What was thrown below.</param>
public sealed class SnapshotFormatException(string message, string? place = null, Exception? inner = null) : FormatException(message, inner)
{
    /// <summary>Where: a JSON path (<c>$.containers[2].state</c>), or a line; null for the file as a whole.</summary>
    public string? Place { get; } = place;
}
