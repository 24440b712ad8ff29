using System.Management.Automation;
using DockerNetHarden.Hosts;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>The files that a user names, and what is in them.</summary>
internal static class SnapshotPaths
{
    /// <summary>The files of a path; wildcards are resolved where no file has that very name.</summary>
    /// <exception cref="CommandFailure">There is none: a host that nobody looked at would be taken for a good one.</exception>
    public static IEnumerable<string> Resolve(PSCmdlet cmdlet, string? path)
    {
        if (string.IsNullOrWhiteSpace(path))
            throw CommandFailure.SnapshotNotFound("");
        try
        {
            var literal = cmdlet.GetUnresolvedProviderPathFromPSPath(path);
            if (File.Exists(literal))
                return [literal];
            var found = cmdlet.GetResolvedProviderPathFromPSPath(path, out var provider);
            // Only a file system has files.
            return string.Equals(provider.Name, "FileSystem", StringComparison.Ordinal) && found.All(File.Exists) && found.Count > 0
                ? found
                : throw CommandFailure.SnapshotNotFound(path);
        }
        catch (Exception error) when (error is ItemNotFoundException or System.Management.Automation.DriveNotFoundException or ProviderInvocationException or NotSupportedException)
        {
            throw CommandFailure.SnapshotNotFound(path, error);
        }
    }

    /// <exception cref="CommandFailure">The file cannot be read.</exception>
    /// <exception cref="SnapshotFormatException">It is no snapshot.</exception>
    public static async Task<HostSnapshot> ReadAsync(string path, CancellationToken stop)
    {
        try
        {
            return await SnapshotStore.ReadAsync(path, stop).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.UnreadableFile(path, error);
        }
    }
}
