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

    internal Family Family => family;

    /// <summary>Why the gathered matches may not be all; null if they are.</summary>
    internal Uncertainty? Uncertainty { get; private set; }

    internal void In(LinkPattern link)
    {
        if (_in is not null)
            NotModelled("the rule has -i twice");
        _in = link;
    }

    internal void Out(LinkPattern link)
    {
        if (_out is not null)
            NotModelled("the rule has -o twice");
        _out = link;
    }

    internal void Mark(uint value, uint mask, bool negated)
    {
        if (_mark is not null)
            NotModelled("the packet mark is matched twice");
        _mark = (value, mask, negated);
    }

    /// <summary>Only packets of these protocols, ports, flags and states; null for none.</summary>
    internal void Only(ProtocolLayer? transport, bool negated = false) => Only(transport, transport, negated);

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

    internal CompiledMatch Build()
    {
        var now = Whole(_transport);
        return new CompiledMatch(now, ReferenceEquals(_transport, _whenRedirected) ? now : Whole(_whenRedirected) ?? PacketSet.All(family))
        {
            Original = _original,
            In = _in,
            Out = _out,
            Mark = _mark,
            Uncertainty = Uncertainty,
        };
    }

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

/// <summary>
/// The argument of <c>-i</c> or <c>-o</c>: names, or beginnings of names followed by a plus sign (iptables(8)) or an asterisk (nft(8)).
/// </summary>
internal sealed class LinkPattern(IReadOnlyList<string> texts, bool negated)
{
    private (string Link, bool Matches)? _last;

    /// <summary>The only link that can match; null if several can, or all but some.</summary>
    internal string? OnlyName { get; } = !negated && texts is [var text] && text is not [.., '+' or '*'] ? text : null;

    /// <summary>The only link that cannot match; null if there are several or none.</summary>
    internal string? AllBut { get; } = negated && texts is [var text] && text is not [.., '+' or '*'] ? text : null;

    /// <summary>Whether it matches where there is no link: its name is empty there.</summary>
    internal bool MatchesNone { get; } = texts.Any(static text => Matches(text, "")) != negated;

    internal bool Matches(string link)
    {
        if (OnlyName is not null)
            return string.Equals(OnlyName, link, StringComparison.Ordinal);
        if (AllBut is not null)
            return !string.Equals(AllBut, link, StringComparison.Ordinal);
        // Thousands of consecutive rules name the same link.
        if (_last is { } last && ReferenceEquals(last.Link, link))
            return last.Matches;
        var matches = texts.Any(text => Matches(text, link)) != negated;
        _last = (link, matches);
        return matches;
    }

    private static bool Matches(string text, string link) => text is [.., '+' or '*']
        ? link.AsSpan().StartsWith(text.AsSpan(0, text.Length - 1), StringComparison.Ordinal)
        : string.Equals(text, link, StringComparison.Ordinal);
}
