using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Disjoint sets of packets in their order, looked up by destination: a host with hundreds of networks has as many.</summary>
internal sealed class PacketPlaces
{
    private readonly AddressTree _places;
    private readonly int _count;

    internal PacketPlaces(Family family, IReadOnlyList<PacketSet> sets)
    {
        _count = sets.Count;
        _places = new([.. sets.SelectMany(static (set, place) => set.Root!.InOrder().Select(span => (span.First, span.Last, place)))]);
        All = sets.Aggregate(PacketSet.None(family), static (all, set) => all.Union(set));
    }

    /// <summary>The packets of all sets.</summary>
    internal PacketSet All { get; }

    /// <summary>The places of the sets that may hold some of these packets.</summary>
    /// <param name="packets">The packets.</param>
    /// <param name="destinations">Their destinations, if they are not those that they entered with.</param>
    internal List<int> For(PacketSet packets, (UInt128 First, UInt128 Last)? destinations = null)
    {
        if (packets.Root is not { } root)
            return [];
        var found = PlaceSet.Rent(_count);
        if (destinations is { } there)
            _places.Find(there.First, there.Last, found);
        else
        {
            foreach (var span in root.InOrder())
                _places.Find(span.First, span.Last, found);
        }
        var places = new List<int>();
        for (var place = found.From(0); place >= 0; place = found.From(place + 1))
            places.Add(place);
        found.Return();
        return places;
    }
}
