using DockerNetHarden.Addresses;

namespace DockerNetHarden.Planning;

/// <summary>Splits many prefixes by what they have in common, so that a packet to an address far from all of them meets only the first lines.</summary>
internal static class PrefixTree
{
    // At the top every packet asks; behind the first fork only few do, and a chain more costs as much as some lines.
    private const int FewAtTheTop = 3;
    private const int Few = 8;

    // Beyond this many, more branches at each fork make the way shorter.
    private const int Many = 16;

    /// <summary>The forks: a prefix that contains a group, and the group; or a prefix alone. All prefixes stand apart from one another.</summary>
    public static IReadOnlyList<(Cidr Place, IReadOnlyList<(Cidr Place, T Value)> Of)> Split<T>(IReadOnlyList<(Cidr Place, T Value)> sorted, bool isTop)
    {
        if (sorted.Count <= (isTop ? FewAtTheTop : Few))
            return [.. sorted.Select(one => (one.Place, (IReadOnlyList<(Cidr, T)>)[one]))];
        var length = Common(sorted[0].Place, sorted[^1].Place) + (sorted.Count > Many ? 4 : 2);
        return [.. Groups(sorted, length)];
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
