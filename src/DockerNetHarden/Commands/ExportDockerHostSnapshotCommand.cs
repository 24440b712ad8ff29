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

    private protected override async Task<Func<string, Task>> ReadAsync(DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var snapshot = await host.ReadWholeAsync(stop).ConfigureAwait(false);
        foreach (var (part, reason) in snapshot.Unread.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            queue.Warning(host.Name, $"{part} is not in the snapshot: {reason}");
        Tell(snapshot, host, queue);
        return path => SnapshotStore.WriteAsync(path, snapshot, Force, stop);
    }
}
