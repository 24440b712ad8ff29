using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>Disjoint packets by where routing sends them, in the order in which that was decided, looked up by destination: a host with hundreds of networks has as many ways.</summary>
internal sealed class RouteWays
{
    private readonly List<(PacketSet Packets, RouteOutcome Outcome)> _ways;
    private readonly Dictionary<RouteOutcome, PacketSet> _byOutcome;
    private readonly AddressTree _places;
    private OutLinks? _links;

    internal RouteWays(Family family, Dictionary<RouteOutcome, PacketSet> ways)
    {
        _byOutcome = ways;
        _ways = [.. ways.Select(static way => (way.Value, way.Key))];
        _places = new([.. _ways.SelectMany(static (way, place) => way.Packets.Root!.InOrder().Select(span => (span.First, span.Last, place)))]);
        All = _ways.Aggregate(PacketSet.None(family), static (all, way) => all.Union(way.Packets));
    }

    internal IReadOnlyList<(PacketSet Packets, RouteOutcome Outcome)> Ways => _ways;

    /// <summary>The packets of all ways.</summary>
    internal PacketSet All { get; }

    /// <summary>The links by which packets leave, except those by which they may not arrive.</summary>
    internal OutLinks Links(Mechanisms mechanisms) => _links ??= new OutLinks(
        All.Family, [.. _ways.Where(way => way.Outcome is { Kind: RouteKind.Forward, Link: { } link } && mechanisms.Leaving(link) is null).Select(static way => (way.Outcome.Link!, way.Packets))]);

    internal PacketSet? Of(RouteOutcome outcome) => _byOutcome.GetValueOrDefault(outcome);

    /// <summary>The ways that packets of a set may take.</summary>
    /// <param name="packets">The packets.</param>
    /// <param name="place">Their destinations, if they are not those that they entered with.</param>
    internal IReadOnlyList<(PacketSet Packets, RouteOutcome Outcome)> For(PacketSet packets, (UInt128 First, UInt128 Last)? place)
    {
        if (packets.Root is not { } root)
            return [];
        var found = PlaceSet.Rent(_ways.Count);
        if (place is { } there)
            _places.Find(there.First, there.Last, found);
        else
        {
            foreach (var span in root.InOrder())
                _places.Find(span.First, span.Last, found);
        }
        var ways = new List<(PacketSet Packets, RouteOutcome Outcome)>();
        for (var way = found.From(0); way >= 0; way = found.From(way + 1))
            ways.Add(_ways[way]);
        found.Return();
        return ways;
    }
}
