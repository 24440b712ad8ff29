using DockerNetHarden.Addresses;

namespace DockerNetHarden.Planning;

/// <summary>Splits many prefixes by what they have in common, so that a packet to an address far from all of them meets only the first lines.</summary>
internal static class PrefixTree
{
    /// <summary>How many prefixes stand one after the other where every packet asks.</summary>
    public const int FewForAll = 3;

    /// <summary>How many where few packets ask: a chain more costs as much as some lines.</summary>
    public const int FewInPart = 8;

    // Of half of all packets.
    private const int FewForHalf = 2;

    // Beyond this many, more branches at each fork make the way shorter.
    private const int Many = 16;

    /// <summary>The forks: a prefix that contains a group, the group, and how many of it may stand one after the other; or a prefix alone. All prefixes stand apart from one another.</summary>
    public static IReadOnlyList<(Cidr Place, IReadOnlyList<(Cidr Place, T Value)> Of, int Few)> Split<T>(IReadOnlyList<(Cidr Place, T Value)> sorted, int few)
    {
        if (sorted.Count <= few)
            return [.. sorted.Select(one => (one.Place, (IReadOnlyList<(Cidr, T)>)[one], FewInPart))];
        var length = Common(sorted[0].Place, sorted[^1].Place) + (sorted.Count > Many ? 4 : 2);
        var groups = Groups(sorted, length).Select(group => (Place: group.Item1, Of: group.Item2, Few: FewInPart)).ToList();
        if (few == FewInPart || groups.Count != 4 || sorted.Count > Many)
            return groups;
        // Where every packet asks, one of the halves behind one gate: whoever goes there meets two more lines, as all others do.
        IReadOnlyList<(Cidr Place, T Value)> half = [.. groups[2].Of, .. groups[3].Of];
        return [(half[0].Place.Truncate(Common(half[0].Place, half[^1].Place)), half, FewForHalf), groups[0], groups[1]];
    }

    private static IEnumerable<(Cidr, IReadOnlyList<(Cidr, T)>)> Groups<T>(IReadOnlyList<(Cidr Place, T Value)> sorted, int length)
    {
        var first = 0;
        for (var i = 1; i <= sorted.Count; i++)
        {
            if (i < sorted.Count && Common(sorted[first].Place, sorted[i].Place) >= length)
                continue;
            var group = sorted.Skip(first).Take(i - first).ToList();
            // Of a group, the longest prefix that holds it: the less it holds besides, the fewer packets go in vain.
            yield return (group.Count == 1 ? group[0].Item1 : group[0].Item1.Truncate(Common(group[0].Item1, group[^1].Item1)), group);
            first = i;
        }
    }

    // How many bits two prefixes begin with in common; of sorted ones, the first and the last have what all have.
    private static int Common(Cidr one, Cidr other)
    {
        var length = Math.Min(one.Length, other.Length);
        while (one.Truncate(length) != other.Truncate(length))
            length--;
        return length;
    }
}
