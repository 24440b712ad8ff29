using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>
/// What the live ruleset of a host does to packets: computed for whole packet sets from the rules, the routes and whatever else decides a
/// packet's way. What is not modelled makes the verdict <see cref="Verdict.Unknown"/>; a block is reported only if it is certain.
/// </summary>
public sealed class PacketWalk
{
    private readonly object _gate = new();
    private readonly Dictionary<Family, FamilyWalk> _families = [];
    private readonly IReadOnlyDictionary<Family, Ruleset>? _ownTable;

    /// <summary>Prepares a host's rulesets for questions. Do it once for many questions.</summary>
    /// <param name="host">The host. Rules are prepared when the first question of their family is asked.</param>
    public PacketWalk(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        Host = host;
    }

    /// <summary>Prepares a host whose own nftables table holds other rules than its snapshot says.</summary>
    /// <param name="host">The host.</param>
    /// <param name="ownTable">What that table holds, in the words of iptables.</param>
    internal PacketWalk(HostSnapshot host, IReadOnlyDictionary<Family, Ruleset> ownTable)
        : this(host) => _ownTable = ownTable;

    /// <summary>The host.</summary>
    public HostSnapshot Host { get; }

    /// <summary>What happens to the packets: disjoint parts that together are the question.</summary>
    /// <exception cref="ArgumentException">The question contradicts itself; see <see cref="PacketSet.Of"/>.</exception>
    public IReadOnlyList<AccessPart> Ask(AccessQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Ask(PacketSet.Of(query), query.InInterface);
    }

    /// <summary>What happens to packets that enter by a link: disjoint parts that together are all of them; none for no packets.</summary>
    /// <param name="packets">The packets, as they enter.</param>
    /// <param name="inInterface">The link by which they enter.</param>
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
    /// The same as <see cref="Ask(AccessQuery)"/>, sooner on a host with many networks: packets that leave by different links are walked together, so that <see cref="AccessPart.Chains"/> may name
    /// chains of other parts.
    /// </summary>
    internal IReadOnlyList<AccessPart> AskWithoutChains(AccessQuery query)
    {
        var packets = PacketSet.Of(query);
        if (packets.IsEmpty)
            return [];
        lock (_gate)
            return Journey.Of(Of(packets.Family), packets, query.InInterface, isTogether: true);
    }

    /// <summary>
    /// What happens to the packets that an installed rule names: those that its own matches describe, by every link that it does not exclude, on the way that leads to
    /// its chain, from the start of that way. Conntrack states are those of <c>--ctstate</c>; a rule that names none is asked about packets that open
    /// a connection. Established connections are assumed not to be redirected.
    /// </summary>
    /// <param name="line">The rule, as it is in the rule set.</param>
    /// <returns>The parts, separately for each link; empty if the rule names no packets that enter.</returns>
    public IReadOnlyList<AccessPart> AskFor(RuleLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        lock (_gate)
            return NamedPackets.Ask(Of(line.Family), line);
    }

    /// <summary>What happens to packets of open connections that enter by a link.</summary>
    internal IReadOnlyList<AccessPart> AskOpen(PacketSet packets, string inInterface, Connected connected)
    {
        if (packets.IsEmpty)
            return [];
        lock (_gate)
            return Journey.Of(Of(packets.Family), packets, inInterface, connected);
    }

    /// <summary>Whether the rules of a table are walked as iptables-save prints them.</summary>
    internal bool IsWalkedAsPrinted(Family family, string table)
    {
        lock (_gate)
            return Of(family).IsWalkedAsPrinted(table);
    }

    /// <summary>What a rule's own matches describe, however it is reached.</summary>
    internal CompiledMatch MatchOf(Family family, IReadOnlyList<string> tokens)
    {
        lock (_gate)
            return Of(family).Compile(tokens).Match;
    }

    private FamilyWalk Of(Family family)
    {
        if (!_families.TryGetValue(family, out var walk))
            _families.Add(family, walk = new FamilyWalk(Host, family, _ownTable?.GetValueOrDefault(family)));
        return walk;
    }
}
