using System.Management.Automation;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Commands;

/// <summary>Writes what is read of hosts to files, for analysis elsewhere.</summary>
[Cmdlet(VerbsData.Export, "DockerHostSnapshot", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportDockerHostSnapshotCommand : HostCmdlet
{
    private readonly HashSet<HostTarget> _targets = [];
    private IReadOnlyDictionary<HostTarget, string> _files = new Dictionary<HostTarget, string>();

    [Parameter(Mandatory = true, Position = 0, HelpMessage = "The file to write; or a folder that exists, in which each host gets a file of its name.")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    [Parameter(HelpMessage = "Replace files that exist.")]
    public SwitchParameter Force { get; set; }

    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        _targets.UnionWith(CurrentTargets);
    }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override void Prepare() => _files = SnapshotPaths.Choose(SnapshotPaths.Unresolved(this, Path), _targets);

    private protected override async Task WorkAsync(HostConnection host, PipelineQueue queue, CancellationToken stop)
    {
        var path = _files[host.Target];
        if (File.Exists(path) && !Force)
            throw CommandFailure.AlreadyExists(path);
        var question = $"Write what is read of {host.Name} to {path}";
        if (!await queue.AskAsync(question, question + "?", null, stop).ConfigureAwait(false))
            return;
        var snapshot = await host.Host.ReadWholeAsync(stop).ConfigureAwait(false);
        foreach (var warning in snapshot.Warnings)
            queue.Warning(host.Name, warning);
        foreach (var (part, reason) in snapshot.Unread.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            queue.Warning(host.Name, $"{part} is not in the snapshot: {reason}");
        if (snapshot.DockerError is { } error)
            queue.Failure(host.Name, error);
        try
        {
            await SnapshotStore.WriteAsync(path, snapshot, Force, stop).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.UnwritableFile(path, failure);
        }
        queue.Write(new FileInfo(path));
    }
}
