using System.Management.Automation;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>A cmdlet that writes a file for each host: one file for one host, a folder for several.</summary>
public abstract class HostFileCmdlet : HostCmdlet
{
    private readonly HashSet<HostTarget> _targets = [];
    private IReadOnlyDictionary<HostTarget, string> _files = new Dictionary<HostTarget, string>();

    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames]
    public override string?[]? HostName { get; set; }

    [Parameter(Mandatory = true, Position = 0, HelpMessage = "The file to write; or an existing folder, in which each host gets a file with its name.")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    [Parameter(HelpMessage = "Replace existing files.")]
    public SwitchParameter Force { get; set; }

    /// <summary>What is written, for the confirmation.</summary>
    private protected abstract string What { get; }

    /// <summary>Reads the host and returns a function that writes the file. Runs off the pipeline thread.</summary>
    private protected abstract Task<Func<string, Task>> ReadAsync(DockerHost host, PipelineQueue queue, CancellationToken stop);

    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        _targets.UnionWith(CurrentTargets);
    }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override void Prepare() => _files = SnapshotPaths.Choose(SnapshotPaths.Unresolved(this, Path), _targets);

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var path = _files[target];
        if (File.Exists(path) && !Force)
            throw CommandFailure.AlreadyExists(path);
        var question = $"Write {What} of {host.Name} to {path}";
        if (!await queue.AskAsync(question, question + "?", null, stop).ConfigureAwait(false))
            return;
        var write = await ReadAsync(host, queue, stop).ConfigureAwait(false);
        try
        {
            await write(path).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.UnwritableFile(path, failure);
        }
        queue.Write(new FileInfo(path));
    }

    // Says what the file lacks, so that nobody takes it for complete.
    private protected static void Tell(HostSnapshot snapshot, DockerHost host, PipelineQueue queue)
    {
        foreach (var warning in snapshot.Warnings)
            queue.Warning(host.Name, warning);
        if (snapshot.DockerError is { } error)
            queue.Failure(host.Name, error);
    }
}
