using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Gathers a rule's matches, one after the other; all of them must hold.</summary>
internal sealed class MatchBuilder(Family family)
{
    private PacketSet? _original;
    private LinkPattern? _in;
    private LinkPattern? _out;
    private (uint Value, uint Mask, bool Negated)? _mark;
    private ProtocolLayer? _transport = Layers.AnyProtocol;
    private ProtocolLayer? _whenRedirected = Layers.AnyProtocol;
    private PacketSet? _now;
    private IEnumerable<(UInt128 First, UInt128 Last)>? _sources;
    private IEnumerable<(UInt128 First, UInt128 Last)>? _destinations;
    private IReadOnlyList<LinkCase>? _cases;
    private bool? _bridged;

    internal Family Family => family;

    /// <summary>Why the gathered matches may not be all; null if they are.</summary>
    internal Uncertainty? Uncertainty { get; private set; }

    internal void In(LinkPattern link)
    {
        if (!LinkPattern.Both(_in, link, out _in))
            Never();
    }

    internal void Out(LinkPattern link)
    {
        if (!LinkPattern.Both(_out, link, out _out))
            Never();
    }

    /// <summary>Only what is in one of these cases.</summary>
    internal void OnlyIn(IReadOnlyList<LinkCase> cases)
    {
        const int Most = 4096;
        if (_cases is null)
            _cases = cases;
        else if (_cases.Count * cases.Count <= Most)
            _cases = [.. _cases.SelectMany(one => cases.Select(one.And)).OfType<LinkCase>()];
        else
            NotModelled("it looks at more links than can be told apart");
    }

    /// <summary>Only packets that iptables sees as they pass from one port of a bridge to another; or only all others.</summary>
    internal void Bridged(bool isBridged)
    {
        if (_bridged is { } before && before != isBridged)
            Never();
        _bridged = isBridged;
    }

    internal void Mark(uint value, uint mask, bool negated)
    {
        if (_mark is not null)
            NotModelled("the packet mark is matched twice");
        _mark = (value, mask, negated);
    }

    /// <summary>Only packets of these protocols, ports, flags and states; null for none.</summary>
    internal void Only(ProtocolLayer? transport, bool negated = false) => Only(transport, transport, negated);

    /// <summary>It never matches.</summary>
    internal void Never() => Only((ProtocolLayer?)null);

    /// <summary>The same if it makes a difference whether the packets were redirected.</summary>
    internal void Only(ProtocolLayer? transport, ProtocolLayer? whenRedirected, bool negated)
    {
        var isOne = ReferenceEquals(_transport, _whenRedirected) && ReferenceEquals(transport, whenRedirected);
        _transport = Narrow(_transport, transport, negated);
        _whenRedirected = isOne ? _transport : Narrow(_whenRedirected, whenRedirected, negated);
    }

    internal void From(IReadOnlyList<(UInt128 First, UInt128 Last)> sources, bool negated)
    {
        if (_sources is null && !negated)
            _sources = sources;
        else
            Only(PacketSet.From(family, Layers.AnyProtocol, sources, null), negated);
    }

    internal void To(IReadOnlyList<(UInt128 First, UInt128 Last)> destinations, bool negated)
    {
        if (_destinations is null && !negated)
            _destinations = destinations;
        else
            Only(PacketSet.From(family, Layers.AnyProtocol, null, destinations), negated);
    }

    /// <summary>Only these packets.</summary>
    internal void Only(PacketSet packets, bool negated) =>
        _now = negated ? (_now ?? PacketSet.All(family)).Subtract(packets) : _now?.Intersect(packets) ?? packets;

    /// <summary>Only packets that entered as these.</summary>
    internal void OnlyOriginally(PacketSet packets, bool negated) =>
        _original = negated ? (_original ?? PacketSet.All(family)).Subtract(packets) : _original?.Intersect(packets) ?? packets;

    internal void NotModelled(string why) => May(Chance.NotKnown, why);

    /// <summary>It matches only if this is so, in addition to everything else.</summary>
    internal void May(Chance matches, string why) =>
        Uncertainty = Uncertainty is null || (matches == Chance.NotKnown && Uncertainty.Matches != Chance.NotKnown)
            ? new Uncertainty(matches, why)
            : Uncertainty with { Matches = Uncertainty.Matches.And(matches) };

    /// <summary>All of it as one match. If it takes different packets of different links, that they match is not certain.</summary>
    internal CompiledMatch Build()
    {
        if (_cases is null)
            return Build(null)!;
        var may = _cases.Aggregate(PacketSet.None(family), (all, one) => all.Union(one.Packets ?? PacketSet.All(family)));
        return Build(new LinkCase(null, null, may, "it takes different packets of different links"))!;
    }

    /// <summary>Disjoint matches that together are all of it; none if it never matches.</summary>
    internal IReadOnlyList<CompiledMatch> BuildEach() => _cases is null ? [Build(null)!] : [.. _cases.Select(Build).OfType<CompiledMatch>()];

    private CompiledMatch? Build(LinkCase? one)
    {
        if (!LinkPattern.Both(_in, one?.In, out var inLinks) || !LinkPattern.Both(_out, one?.Out, out var outLinks))
            return null;
        var now = Within(Whole(_transport), one?.Packets);
        var redirected = ReferenceEquals(_transport, _whenRedirected) ? now : Within(Whole(_whenRedirected), one?.Packets) ?? PacketSet.All(family);
        return new CompiledMatch(now, redirected)
        {
            Original = _original,
            In = inLinks,
            Out = outLinks,
            Mark = _mark,
            Bridged = _bridged,
            Uncertainty = one?.Why is { } why && Uncertainty?.Matches is not Chance.NotKnown ? new Uncertainty(Chance.NotKnown, why) : Uncertainty,
        };
    }

    private static PacketSet? Within(PacketSet? packets, PacketSet? others) => packets is null ? others : others is null ? packets : packets.Intersect(others);

    private static ProtocolLayer? Narrow(ProtocolLayer? layer, ProtocolLayer? other, bool negated) =>
        negated ? (other is null ? layer : layer?.Subtract(other)) : other is null ? null : layer?.Intersect(other);

    private PacketSet? Whole(ProtocolLayer? transport)
    {
        if (ReferenceEquals(transport, Layers.AnyProtocol) && _sources is null && _destinations is null)
            return _now;
        var whole = transport is null ? PacketSet.None(family) : PacketSet.From(family, transport, _sources, _destinations);
        return _now is null ? whole : whole.Intersect(_now);
    }
}
