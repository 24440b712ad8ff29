using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Commands;

/// <summary>A cmdlet that writes a file for each host: one file for one host, a folder for several.</summary>
public abstract class HostFileCmdlet : HostCmdlet
{
    private readonly HashSet<HostTarget> _targets = [];
    private IReadOnlyDictionary<HostTarget, string> _files = new Dictionary<HostTarget, string>();

    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
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

    /// <summary>Reads the host and returns a function that writes the file, and what the file lacks. Runs off the pipeline thread.</summary>
    private protected abstract Task<(Func<string, Task> Write, IReadOnlyList<string> Lacks)> ReadAsync(DockerHost host, PipelineQueue queue, CancellationToken stop);

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
        var (write, lacks) = await ReadAsync(host, queue, stop).ConfigureAwait(false);
        try
        {
            await write(path).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.UnwritableFile(path, failure);
        }
        // Said only now, so that -WarningAction Stop meets the same file each time.
        foreach (var lack in lacks)
            queue.Warning(host.Name, lack);
        queue.Write(new FileInfo(path));
    }
}
