using System.Management.Automation;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Commands;

/// <summary>Writes snapshots of hosts to files, for analysis elsewhere.</summary>
[Cmdlet(VerbsData.Export, "DockerHostSnapshot", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportDockerHostSnapshotCommand : HostFileCmdlet
{
    private protected override string What => "the snapshot";

    private protected override async Task<(Func<string, Task> Write, IReadOnlyList<string> Lacks)> ReadAsync(DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var snapshot = await host.ReadWholeAsync(stop).ConfigureAwait(false);
        string[] lacks =
        [
            .. snapshot.Unread.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => $"{pair.Key} is not in the snapshot: {pair.Value}"),
            .. snapshot.Warnings,
            .. snapshot.DockerError is { } error ? [$"What Docker knows is not in the snapshot: {error.Message}"] : Array.Empty<string>(),
        ];
        return (path => SnapshotStore.WriteAsync(path, snapshot, Force, stop), lacks);
    }
}
