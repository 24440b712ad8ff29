using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <summary>
/// A cmdlet that only looks at hosts: at living ones, as every cmdlet on hosts does, or at snapshots that were written to files. Analysis sees a snapshot in both
/// cases, so its answers are the same.
/// </summary>
public abstract class AnalysisCmdlet : HostCmdlet
{
    // What says how a host is reached has no meaning beside a file.
    private static readonly string[] HostParameters =
        [nameof(HostName), nameof(Session), nameof(UserName), nameof(Port), nameof(KeyFilePath), nameof(ConnectingTimeout), nameof(Options), nameof(Sudo)];

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Files that Export-DockerHostSnapshot wrote, to be looked at instead of hosts; wildcards are allowed.")]
    [Alias("FullName", "PSPath")]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [SupportsWildcards]
    public string?[]? Snapshot { get; set; }

    // Runs off the pipeline thread, once for each snapshot, side by side: nothing of PowerShell may be touched but through the queue.
    private protected abstract Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop);

    private protected sealed override async Task WorkAsync(HostConnection host, PipelineQueue queue, CancellationToken stop)
    {
        var snapshot = await host.Host.ReadWholeAsync(stop).ConfigureAwait(false);
        await AnalyseAsync(new AnalysedHost(snapshot, host.Target, host), queue, stop).ConfigureAwait(false);
    }

    private protected sealed override async Task WorkOnAsync(HostTarget target, PipelineQueue queue, CancellationToken stop)
    {
        if (target.SnapshotPath is not { } path)
        {
            await base.WorkOnAsync(target, queue, stop).ConfigureAwait(false);
            return;
        }
        var snapshot = await SnapshotPaths.ReadAsync(path, stop).ConfigureAwait(false);
        // What a host wrote of itself says localhost. Here that is another machine, and what is piped on would be done to the wrong one.
        if (string.Equals(snapshot.HostName, HostTarget.LocalName, StringComparison.OrdinalIgnoreCase))
            snapshot = snapshot with { HostName = HostTarget.NameOfSnapshot(path) };
        await AnalyseAsync(new AnalysedHost(snapshot, target, null), queue, stop).ConfigureAwait(false);
    }

    private protected sealed override IReadOnlyList<HostTarget>? ReadOtherTargets(TargetList targets)
    {
        // PowerShell takes back what the object before brought, but does not tell that it did: null is no file.
        if (Snapshot is null)
            return IsGiven(nameof(Snapshot)) && !IsGiven(nameof(HostName)) ? throw CommandFailure.SnapshotNotFound("") : null;
        // Rules and findings bring the name of the host that they are of: a file is looked at all the same.
        if (Array.Find(HostParameters, IsHostArgument) is { } other)
            throw CommandFailure.ConflictingTargets(nameof(Snapshot), other);
        return Snapshot.Length == 0 ? throw CommandFailure.SnapshotNotFound("") : targets.AddSnapshots(Snapshot.SelectMany(path => SnapshotPaths.Resolve(this, path)));
    }
}
