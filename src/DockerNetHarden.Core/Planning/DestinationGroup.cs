using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>Lines of a chain that concern the same destinations, in their order.</summary>
/// <param name="Places">The destinations of the blocks among them, as few prefixes as can be.</param>
/// <param name="Lines">The blocks for some of these destinations, and the exceptions that can matter to them.</param>
internal sealed record DestinationGroup(IReadOnlyList<Cidr> Places, IReadOnlyList<OurLine> Lines)
{
    /// <summary>The groups of a chain's lines, of which no two have a destination in common; null if a block is about any destination, or there is none.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="isOriginal">Whether the original destinations count, before a redirection.</param>
    public static IReadOnlyList<DestinationGroup>? Of(IReadOnlyList<OurLine> lines, bool isOriginal)
    {
        string Named(OurLine line) => (isOriginal ? line.Rule!.OriginalDestination : line.Rule!.Destination) ?? "";
        IReadOnlyList<Cidr> PlacesOf(OurLine line) => isOriginal ? AddressLists.OriginalDestinations(line.Rule!) : AddressLists.Destinations(line.Rule!);
        var blocks = lines.Where(line => line.Rule!.Phase != Phase.Exception).GroupBy(Named, StringComparer.Ordinal).ToList();
        var groups = new List<(IReadOnlyList<Cidr> Places, HashSet<string> Blocks)>();
        foreach (var block in blocks)
        {
            if (PlacesOf(block.First()) is not { Count: > 0 } places)
                return null;
            var found = groups.Where(group => Overlap(group.Places, places)).ToList();
            groups.RemoveAll(found.Contains);
            // One rule's are as few as can be by themselves.
            groups.Add((found.Count == 0 ? places : Cidr.Aggregate(places.Concat(found.SelectMany(group => group.Places))), [block.Key, .. found.SelectMany(group => group.Blocks)]));
        }
        if (groups.Count == 0)
            return null;
        groups.Sort((one, other) => one.Places[0].CompareTo(other.Places[0]));
        var exceptions = lines.Where(line => line.Rule!.Phase == Phase.Exception).DistinctBy(line => line.Key, StringComparer.Ordinal).ToDictionary(line => line.Key, line => Where(PlacesOf(line), groups), StringComparer.Ordinal);
        return [.. groups.Select((group, index) => new DestinationGroup(group.Places,
            [.. lines.Where(line => exceptions.TryGetValue(line.Key, out var at) ? at.Contains(index) : group.Blocks.Contains(Named(line)))]))];
    }

    // An exception for what no block is about has no effect. It stays, because its mark does.
    private static List<int> Where(IReadOnlyList<Cidr> places, List<(IReadOnlyList<Cidr> Places, HashSet<string> Blocks)> groups)
    {
        var found = Enumerable.Range(0, groups.Count).Where(index => places.Count == 0 || Overlap(groups[index].Places, places)).ToList();
        return found.Count == 0 ? [0] : found;
    }

    // Both sorted, and apart in themselves.
    private static bool Overlap(IReadOnlyList<Cidr> one, IReadOnlyList<Cidr> other)
    {
        for (int i = 0, j = 0; i < one.Count && j < other.Count;)
        {
            if (one[i].Overlaps(other[j]))
                return true;
            if (one[i].CompareTo(other[j]) < 0)
                i++;
            else
                j++;
        }
        return false;
    }
}
