using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>A host as an analysis gets it.</summary>
/// <param name="Snapshot">What was read of it, wholly.</param>
/// <param name="Target">What was named by the user: a host, or a file.</param>
/// <param name="Connection">The connection to a living host; null where the snapshot comes from a file.</param>
internal sealed record AnalysedHost(HostSnapshot Snapshot, HostTarget Target, HostConnection? Connection)
{
    /// <summary>The host's name, as results carry it.</summary>
    public string Name => Snapshot.HostName;
}
