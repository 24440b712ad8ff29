using System.Management.Automation;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosts;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosting;

/// <summary>The files that a user names, and what is in them.</summary>
internal static class SnapshotPaths
{
    private const string FileSystem = "FileSystem";

    /// <summary>The files of a path; wildcards are resolved unless a file has exactly that name.</summary>
    /// <exception cref="CommandFailure">There is no such file: a host that nobody looked at would be taken for a good one.</exception>
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
            // Only the file system provider has files.
            return string.Equals(provider.Name, FileSystem, StringComparison.Ordinal) && found.All(File.Exists) && found.Count > 0
                ? found
                : throw CommandFailure.SnapshotNotFound(path);
        }
        catch (Exception error) when (IsNoPath(error))
        {
            throw CommandFailure.SnapshotNotFound(path, error);
        }
    }

    /// <summary>The file system path that a user gave, whether it exists or not; wildcards are ordinary characters.</summary>
    /// <exception cref="CommandFailure">It is not a path of the file system.</exception>
    public static string Unresolved(PSCmdlet cmdlet, string path)
    {
        try
        {
            var full = cmdlet.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
            return string.Equals(provider.Name, FileSystem, StringComparison.Ordinal) ? full : throw CommandFailure.InvalidPath(path, $"it belongs to the provider {provider.Name}, but only the file system has files.");
        }
        catch (Exception error) when (IsNoPath(error))
        {
            throw CommandFailure.InvalidPath(path, error.Message, error);
        }
    }

    /// <summary>Which file each host gets: the named one, or in a folder one with the host's name.</summary>
    /// <exception cref="CommandFailure">Several hosts would share one file.</exception>
    public static IReadOnlyDictionary<HostTarget, string> Choose(string path, IReadOnlyCollection<HostTarget> targets)
    {
        if (!Directory.Exists(path))
        {
            return targets.Count <= 1
                ? targets.ToDictionary(static target => target, _ => path)
                : throw CommandFailure.InvalidPath(path, $"{targets.Count} hosts cannot share one file, and there is no folder with that name.");
        }
        var files = targets.ToDictionary(static target => target, target => Path.Combine(path, NameOf(target) + ".json"));
        return files.GroupBy(static pair => pair.Value, StringComparer.Ordinal).FirstOrDefault(static group => group.Count() > 1) is { } same
            ? throw CommandFailure.InvalidPath(same.Key, $"the hosts {string.Join(" and ", same.Select(static pair => $"'{pair.Key.Name}'"))} would both be written there.")
            : files;
    }

    /// <exception cref="CommandFailure">The file cannot be read.</exception>
    /// <exception cref="SnapshotFormatException">It is not a snapshot.</exception>
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

    // Characters such as a colon (IPv6, a session) have a meaning to a shell or another file system.
    private static string NameOf(HostTarget target) => string.Concat(target.Name.Select(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '_'));

    private static bool IsNoPath(Exception error) =>
        error is ItemNotFoundException or System.Management.Automation.DriveNotFoundException or ProviderNotFoundException or ProviderInvocationException or NotSupportedException;
}
