using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>Where routing sends the packets of one flow.</summary>
internal sealed class Routing
{
    private readonly RouteWays _before;
    private readonly RouteWays _after;
    private readonly Rewriting _rewriting;
    private readonly PacketSet _packets;
    private readonly PacketSet _routed;

    /// <param name="router">The host's routes.</param>
    /// <param name="flow">The packets.</param>
    /// <param name="inLink">The link by which they entered.</param>
    internal Routing(Router router, Flow flow, string inLink)
    {
        (_before, _after) = router.Ways(inLink, flow.State.Mark);
        _rewriting = flow.State.Rewriting with { Tracking = null };
        _packets = flow.Packets;
        _routed = _packets.Subtract(_before.All.Before(_rewriting));
    }

    /// <summary>The ways of the packets, in the order in which routing decides them.</summary>
    internal IEnumerable<(PacketSet Packets, RouteOutcome Outcome)> Ways => AtOnce.Concat(ByRoute);

    /// <summary>The ways for which the kernel does not look at routes, with the packets that take the same way by a route.</summary>
    internal IEnumerable<(PacketSet Packets, RouteOutcome Outcome)> AtOnce =>
        from way in _before.Ways
        let packets = _packets.Intersect(way.Packets.Before(_rewriting))
        let all = _after.Of(way.Outcome) is { } more ? packets.Union(_routed.Intersect(more.Before(_rewriting))) : packets
        where !all.IsEmpty
        select (all, way.Outcome);

    /// <summary>The other ways.</summary>
    internal IEnumerable<(PacketSet Packets, RouteOutcome Outcome)> ByRoute =>
        from way in Possible
        let packets = Of(way)
        where !packets.IsEmpty
        select (packets, way.Outcome);

    /// <summary>The ways that some of the packets may take by a route.</summary>
    internal IReadOnlyList<(PacketSet Packets, RouteOutcome Outcome)> Possible => field ??= [.. _after.For(_routed, _rewriting.Place).Where(way => _before.Of(way.Outcome) is null)];

    /// <summary>Which of the packets take one of these ways.</summary>
    internal PacketSet Of((PacketSet Packets, RouteOutcome Outcome) way) => _routed.Intersect(way.Packets.Before(_rewriting));

    /// <summary>Which of the packets leave by a route and by one of these links.</summary>
    internal PacketSet Leaving(OutLinks links) => _before.Ways.Where(static way => way.Outcome.Kind == RouteKind.Forward).Select(way => _after.Of(way.Outcome)).OfType<PacketSet>()
        .Aggregate(_routed.Intersect(links.All), static (rest, other) => rest.Subtract(other));

    /// <summary>The links by which packets leave, except those by which they may not arrive.</summary>
    internal OutLinks Links(Mechanisms mechanisms) => _after.Links(mechanisms);
}
