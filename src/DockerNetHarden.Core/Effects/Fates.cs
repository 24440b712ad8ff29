using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Effects;

/// <summary>What becomes of the packets of one connection.</summary>
/// <param name="Effect">What the change does to them; null for nothing that is known.</param>
/// <param name="Reason">Why.</param>
/// <param name="DecidedBy">The rule that decides.</param>
internal sealed record Fate(ConnectionEffect? Effect, string Reason, string? DecidedBy);

/// <summary>Compares the ways of packets through a host as it is and as it would be. Packets of many connections are walked together.</summary>
internal sealed class Fates(PacketWalk before, PacketWalk after)
{
    private readonly Dictionary<ContainerConnection, Fate> _known = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<ContainerConnection, string> _links = new(ReferenceEqualityComparer.Instance);

    /// <summary>The connections that are affected.</summary>
    public IEnumerable<(ContainerConnection Connection, Fate Fate)> Affected => _known.Where(static pair => pair.Value.Effect is not null).Select(static pair => (pair.Key, pair.Value));

    /// <summary>Of how many connections it is not known, and why not of the first.</summary>
    public (int Count, string Why) NotKnown => (_known.Values.Count(static fate => fate.Effect is null), _known.Values.FirstOrDefault(static fate => fate.Effect is null)?.Reason ?? "");

    /// <summary>Whether the rules of a table are compared: both times as iptables-save prints them.</summary>
    public bool IsWalkedAsPrinted(Family family, string table) => before.IsWalkedAsPrinted(family, table) && after.IsWalkedAsPrinted(family, table);

    /// <summary>The link by which the other side's packets come, as the container's leave by it; null if they do not leave the host.</summary>
    public string? LinkOf(ContainerConnection connection) => _links.GetValueOrDefault(connection);

    /// <summary>Judges packets that enter by a link.</summary>
    public void Judge(IReadOnlyList<SentPackets> sent, string link)
    {
        foreach (var group in sent.GroupBy(static each => (each.Packets.Family, each.Connected)))
        {
            var packets = group.Aggregate(PacketSet.None(group.Key.Family), static (all, each) => all.Union(each.Packets));
            var connected = !group.Key.Connected.IsReply ? group.Key.Connected : group.Key.Connected with { Origins = new Origins([.. group.Select(static each => (each.First, each.Packets))]) };
            var was = before.AskOpen(packets, link, connected);
            var changes = Changes(was, after.AskOpen(packets, link, connected));
            foreach (var each in group)
            {
                if (changes.Find(change => change.Packets.Contains(each.Header)).Fate is { } fate && (!_known.TryGetValue(each.Of, out var other) || Weight(fate) < Weight(other)))
                    _known[each.Of] = fate;
                if (was.FirstOrDefault(part => part.OutInterface is not null && part.Packets.Contains(each.Header))?.OutInterface is { } leaves)
                    _links.TryAdd(each.Of, leaves);
            }
        }
    }

    // The gravest first.
    private static List<(PacketSet Packets, Fate Fate)> Changes(IReadOnlyList<AccessPart> was, IReadOnlyList<AccessPart> will) =>
    [
        .. (from now in was
            from then in will
            let fate = Compare(now, then)
            where fate is not null
            let packets = now.Packets.Intersect(then.Packets)
            where !packets.IsEmpty
            select (packets, fate)).OrderBy(static change => Weight(change.fate)),
    ];

    private static int Weight(Fate fate) => fate.Effect is { } effect ? (int)effect : int.MaxValue;

    private static Fate? Compare(AccessPart now, AccessPart then) => (Leads(now), Leads(then)) switch
    {
        (Verdict.Drop, _) or (_, Verdict.Accept) => null,
        (_, Verdict.Drop) => Of(then, then.Verdict == Verdict.Unknown ? ConnectionEffect.MayBeCut : ConnectionEffect.Cut),
        (Verdict.Unknown, _) => Of(then, null),
        (_, Verdict.Unknown) => Of(then, ConnectionEffect.MayBeCut),
        (Verdict.RateLimited, _) => null,
        _ => Of(then, ConnectionEffect.Limited),
    };

    private static Fate Of(AccessPart part, ConnectionEffect? effect) =>
        new(effect, part.Reason, part.Rule is not { } rule ? null : RuleMark.TryParse(rule.Comment, out var mark, out _) ? mark!.ToString() : rule.Text);

    // What becomes of the packets as far as it is known: Drop stands for every block.
    private static Verdict Leads(AccessPart part) => (part.Verdict == Verdict.Unknown ? part.Otherwise ?? Verdict.Unknown : part.Verdict) is var verdict && verdict == Verdict.Reject ? Verdict.Drop : verdict;
}
