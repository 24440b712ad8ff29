using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Reads <c>-m set --match-set NAME src,dst</c>. Source: iptables-extensions(8).</summary>
internal static class SetReader
{
    internal static bool Read(ref RuleTokens reader, MatchBuilder match, RuleContext context)
    {
        // What counters a lookup changes does not matter here.
        if (reader.Option is "--update-counters" or "--update-subcounters")
            return true;
        if (reader.Option != "--match-set")
            return false;
        var negated = reader.IsNegated;
        var (name, directions) = (reader.Value(), reader.Value());
        if (context.PacketsIn(name, directions) is { } packets)
            Add(packets, name, negated, match);
        else
            match.NotModelled($"the set {name} was not read");
        return true;
    }

    private static void Add(SetPackets set, string name, bool negated, MatchBuilder match)
    {
        var all = PacketSet.All(match.Family);
        if (set.Why is { } why)
            match.NotModelled($"{why} in the set {name}");
        if (set.ByLink.Count == 0)
        {
            // What may be in the set bounds a rule about it, and says nothing about what is not in it.
            if (set.Why is null || !negated)
                match.Only(set.OfAllLinks, negated);
        }
        else if (!negated)
        {
            match.OnlyIn([
                .. set.OfAllLinks.IsEmpty ? [] : new[] { new LinkCase(null, null, set.OfAllLinks) },
                .. set.ByLink.Select(one => Case([one.Link], one.IsIn, negated: false, one.Packets.Subtract(set.OfAllLinks))).Where(static one => !one.Packets!.IsEmpty),
            ]);
        }
        else if (set.ByLink.Any(static one => one.Link.EndsWith('+')) || set.ByLink.Select(static one => one.IsIn).Distinct().Count() > 1)
            match.NotModelled($"what is not in the set {name}, which holds patterns of links, is not modelled");
        else if (set.Why is null)
        {
            match.OnlyIn([
                .. set.ByLink.Select(one => Case([one.Link], one.IsIn, negated: false, all.Subtract(one.Packets.Union(set.OfAllLinks)))).Where(static one => !one.Packets!.IsEmpty),
                Case([.. set.ByLink.Select(static one => one.Link)], set.ByLink[0].IsIn, negated: true, all.Subtract(set.OfAllLinks)),
            ]);
        }
    }

    private static LinkCase Case(IReadOnlyList<string> links, bool isIn, bool negated, PacketSet packets) =>
        isIn ? new LinkCase(new LinkPattern(links, negated), null, packets) : new LinkCase(null, new LinkPattern(links, negated), packets);
}
