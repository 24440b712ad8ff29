using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>What the live ruleset of a host does to packets.</summary>
public sealed class PacketWalk
{
    /// <summary>Prepares a host's rulesets for questions; do it once for many of them.</summary>
    public PacketWalk(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        Host = host;
    }

    /// <summary>The host.</summary>
    public HostSnapshot Host { get; }

    /// <summary>What becomes of the packets: disjoint parts that together are the question.</summary>
    public IReadOnlyList<AccessPart> Ask(AccessQuery query) => throw new NotSupportedException();
}
