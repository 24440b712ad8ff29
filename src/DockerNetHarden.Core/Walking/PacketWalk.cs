using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

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
            return Journey.Of(Of(packets.Family), packets, inInterface);
    }

    /// <summary>
    /// What becomes of the packets that an installed rule names: those which its own matches tell, by every link that it does not exclude, on the way on which
    /// its chain is asked, from the start of that way. Conntrack states are those of <c>--ctstate</c>; a rule that names none is asked about packets which open
    /// a connection. Of established connections it is assumed that they were not redirected.
    /// </summary>
    /// <param name="line">The rule, as it stands in the rule set.</param>
    /// <returns>The parts, for each link on their own; empty where the rule names no packets that come in.</returns>
    public IReadOnlyList<AccessPart> AskFor(RuleLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        lock (_gate)
            return NamedPackets.Ask(Of(line.Family), line);
    }

    private FamilyWalk Of(Family family)
    {
        if (!_families.TryGetValue(family, out var walk))
            _families.Add(family, walk = new FamilyWalk(Host, family));
        return walk;
    }
}
