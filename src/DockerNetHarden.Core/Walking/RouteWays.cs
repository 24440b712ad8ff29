using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>Disjoint packets by where routing sends them, in the order in which that was decided, looked up by destination: a host with hundreds of networks has as many ways.</summary>
internal sealed class RouteWays
{
    private readonly List<(PacketSet Packets, RouteOutcome Outcome)> _ways;
    private readonly Dictionary<RouteOutcome, PacketSet> _byOutcome;
    private readonly PacketPlaces _places;
    private OutLinks? _links;

    internal RouteWays(Family family, Dictionary<RouteOutcome, PacketSet> ways)
    {
        _byOutcome = ways;
        _ways = [.. ways.Select(static way => (way.Value, way.Key))];
        _places = new(family, [.. _ways.Select(static way => way.Packets)]);
    }

    internal IReadOnlyList<(PacketSet Packets, RouteOutcome Outcome)> Ways => _ways;

    /// <summary>The packets of all ways.</summary>
    internal PacketSet All => _places.All;

    /// <summary>The links by which packets leave, except those by which they may not arrive.</summary>
    internal OutLinks Links(Mechanisms mechanisms) => _links ??= new OutLinks(
        All.Family, [.. _ways.Where(way => way.Outcome is { Kind: RouteKind.Forward, Link: { } link } && mechanisms.Leaving(link) is null).Select(static way => (way.Outcome.Link!, way.Packets))]);

    internal PacketSet? Of(RouteOutcome outcome) => _byOutcome.GetValueOrDefault(outcome);

    /// <summary>The ways that packets of a set may take.</summary>
    /// <param name="packets">The packets.</param>
    /// <param name="place">Their destinations, if they are not those that they entered with.</param>
    internal IReadOnlyList<(PacketSet Packets, RouteOutcome Outcome)> For(PacketSet packets, (UInt128 First, UInt128 Last)? place) => [.. _places.For(packets, place).Select(at => _ways[at])];
}
