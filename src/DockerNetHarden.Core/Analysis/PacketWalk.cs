using DockerNetHarden.Analysis.Walking;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>
/// What the live ruleset of a host does to packets: computed for whole sets of packets from the rules, the routes and what else decides a
/// packet's way. What is not modelled makes the verdict <see cref="Verdict.Unknown"/>; a block is told only where it is certain.
/// </summary>
public sealed class PacketWalk
{
    private readonly object _gate = new();
    private readonly Dictionary<Family, FamilyWalk> _families = [];

    /// <summary>Prepares a host's rulesets for questions; do it once for many of them.</summary>
    /// <param name="host">The host. Rules are prepared when the first question of their family is asked.</param>
    public PacketWalk(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        Host = host;
    }

    /// <summary>The host.</summary>
    public HostSnapshot Host { get; }

    /// <summary>What becomes of the packets: disjoint parts that together are the question.</summary>
    /// <exception cref="ArgumentException">The question contradicts itself; see <see cref="PacketSet.Of"/>.</exception>
    public IReadOnlyList<AccessPart> Ask(AccessQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Ask(PacketSet.Of(query), query.InInterface);
    }

    /// <summary>What becomes of packets that come in by a link: disjoint parts that together are all of them; none for no packets.</summary>
    /// <param name="packets">The packets, as they come in.</param>
    /// <param name="inInterface">The link by which they come in.</param>
    public IReadOnlyList<AccessPart> Ask(PacketSet packets, string inInterface)
    {
        ArgumentNullException.ThrowIfNull(packets);
        ArgumentException.ThrowIfNullOrEmpty(inInterface);
        if (packets.IsEmpty)
            return [];
        lock (_gate)
        {
            if (!_families.TryGetValue(packets.Family, out var walk))
                _families.Add(packets.Family, walk = new FamilyWalk(Host, packets.Family));
            return walk.Ask(packets, inInterface);
        }
    }
}
