using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <content>Failures of snapshot files.</content>
internal sealed partial class CommandFailure
{
    public static CommandFailure SnapshotNotFound(string path, Exception? inner = null) => new(
        ErrorIds.SnapshotNotFound, ErrorCategory.ObjectNotFound,
        path.Length == 0 ? "-Snapshot names no file: it is empty. Nothing was looked at." : $"-Snapshot: there is no file '{path}'. Nothing was looked at.",
        "Name files that Export-DockerHostSnapshot wrote, or leave -Snapshot out to look at this machine.", path, inner);

    public static CommandFailure UnreadableFile(string path, Exception inner) => new(
        ErrorIds.UnreadableFile, ErrorCategory.ReadError, $"'{path}' cannot be read: {inner.Message}", "See whether it exists and whether you may read it: snapshots are written for their owner alone.", path, inner);

    public static CommandFailure UnwritableFile(string path, Exception inner) => new(
        ErrorIds.UnwritableFile, ErrorCategory.WriteError, $"'{path}' cannot be written: {inner.Message}", "Name a file in a folder that exists and that you may write to.", path, inner);

    public static CommandFailure InvalidPath(string path, string reason, Exception? inner = null) => new(
        ErrorIds.InvalidPath, ErrorCategory.InvalidArgument, $"'{path}' cannot be written to: {reason} No host was touched.",
        "Name a file for one host, or a folder that exists for several: each gets a file of its name there.", path, inner);

    public static CommandFailure AlreadyExists(string path) => new(
        ErrorIds.AlreadyExists, ErrorCategory.ResourceExists, $"'{path}' exists already. It was not changed.", "Name another file, or replace this one with -Force.", path);
}
