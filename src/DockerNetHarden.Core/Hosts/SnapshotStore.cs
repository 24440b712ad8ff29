using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Snapshots as files of this machine.</summary>
public static class SnapshotStore
{
    /// <summary>Reads a snapshot.</summary>
    /// <param name="path">The file.</param>
    /// <param name="stop">Ends reading.</param>
    /// <returns>The snapshot.</returns>
    /// <exception cref="SnapshotFormatException">The file is not a snapshot; the message begins with its path.</exception>
    /// <exception cref="IOException">The file does not exist or could not be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static async Task<HostSnapshot> ReadAsync(string path, CancellationToken stop)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var json = await File.ReadAllBytesAsync(path, stop).ConfigureAwait(false);
        try
        {
            return SnapshotFile.Read(json);
        }
        catch (SnapshotFormatException error)
        {
            throw new SnapshotFormatException($"{path}: {error.Message}", error.Place, error);
        }
    }

    /// <summary>
    /// Writes a snapshot that only its owner can read: it shows the whole firewall of a host. The file is there whole or not at all.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="overwrite">Whether an existing file is replaced.</param>
    /// <param name="stop">Ends writing; nothing is left behind then.</param>
    /// <exception cref="IOException">The file exists and <paramref name="overwrite"/> is false, or it could not be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static async Task WriteAsync(string path, HostSnapshot snapshot, bool overwrite, CancellationToken stop)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(snapshot);
        using var json = new MemoryStream();
        SnapshotFile.Write(snapshot, json);
        json.WriteByte((byte)'\n');
        await WholeFile.WriteAsync(path, json.GetBuffer().AsMemory(0, (int)json.Length), overwrite, stop).ConfigureAwait(false);
    }
}
