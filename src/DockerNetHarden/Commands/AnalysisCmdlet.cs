using System.Management.Automation;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>
/// A cmdlet that only looks at hosts: at live ones, as every cmdlet on hosts does, or at snapshot files. Analysis sees a snapshot in both
/// cases, so its answers are the same.
/// </summary>
public abstract class AnalysisCmdlet : HostCmdlet
{
    // Parameters for reaching a host have no meaning beside a file.
    private static readonly string[] HostParameters =
        [nameof(HostName), nameof(Session), nameof(UserName), nameof(Port), nameof(KeyFilePath), nameof(ConnectingTimeout), nameof(Options), nameof(Sudo)];

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Files from Export-DockerHostSnapshot to analyse instead of hosts; wildcards are allowed.")]
    [Alias("FullName")]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [SupportsWildcards]
    public string?[]? Snapshot { get; set; }

    // Runs off the pipeline thread, once for each snapshot, side by side: it may touch PowerShell only through the queue.
    private protected abstract Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop);

    private protected sealed override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        if (target.SnapshotPath is not { } path)
        {
            await AnalyseAsync(new AnalysedHost(await host.ReadWholeAsync(stop).ConfigureAwait(false), target, host), queue, stop).ConfigureAwait(false);
            return;
        }
        var snapshot = await SnapshotPaths.ReadAsync(path, stop).ConfigureAwait(false);
        // A host calls itself localhost in its own snapshot. Here that is another machine, and piping it on would change the wrong one.
        if (string.Equals(snapshot.HostName, HostTarget.LocalName, StringComparison.OrdinalIgnoreCase))
            snapshot = snapshot with { HostName = HostTarget.NameOfSnapshot(path) };
        await AnalyseAsync(new AnalysedHost(snapshot, target, null), queue, stop).ConfigureAwait(false);
    }

    private protected sealed override IReadOnlyList<HostTarget>? ReadOtherTargets(TargetList targets)
    {
        // PowerShell silently takes back what the object before brought: null means no file.
        if (Snapshot is null)
            return IsGiven(nameof(Snapshot)) && !IsGiven(nameof(HostName)) ? throw CommandFailure.SnapshotNotFound("") : null;
        // Rules and findings bring the name of their host; the file is used all the same.
        if (Array.Find(HostParameters, IsHostArgument) is { } other)
            throw CommandFailure.ConflictingTargets(nameof(Snapshot), other);
        return Snapshot.Length == 0 ? throw CommandFailure.SnapshotNotFound("") : targets.AddSnapshots(Snapshot.SelectMany(path => SnapshotPaths.Resolve(this, path)));
    }
}

/// <summary>A host for an analysis.</summary>
/// <param name="Snapshot">The whole snapshot.</param>
/// <param name="Target">What the user named: a host, or a file.</param>
/// <param name="Live">The live host; null if the snapshot comes from a file.</param>
internal sealed record AnalysedHost(HostSnapshot Snapshot, HostTarget Target, DockerHost? Live)
{
    /// <summary>The host's name, as results carry it.</summary>
    public string Name => Snapshot.HostName;
}
