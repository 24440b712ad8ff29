using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// Reads one <c>-m conntrack</c> or <c>-m state</c>. Packets that conntrack does not know (INVALID, UNTRACKED) match exactly if
/// the rule names a state and it is theirs, whatever else it names. Source: net/netfilter/xt_conntrack.c.
/// </summary>
internal sealed class ConntrackReader(MatchBuilder match)
{
    private static readonly Tracking[] s_all = Enum.GetValues<Tracking>();
    private static readonly Tracking[] s_unknown = [Tracking.Invalid, Tracking.Untracked];

    private HashSet<Tracking>? _states;
    private HashSet<Tracking>? _statesWhenRedirected;
    private HashSet<Tracking>? _directions;
    private bool _looksAtOriginal;

    /// <summary>The states of packets that belong to a connection or open one.</summary>
    internal static IReadOnlyList<Tracking> Tracked { get; } = [.. s_all.Except(s_unknown)];

    internal bool Read(ref RuleTokens reader)
    {
        if (reader.Option is not ("--ctstate" or "--state" or "--ctdir" or "--ctorigdst" or "--ctorigsrc" or "--ctorigdstport" or "--ctorigsrcport" or "--ctproto"))
            return false;
        var (option, negated) = (reader.Option, reader.IsNegated);
        return Read(option, reader.Value(), negated);
    }

    /// <summary>Reads an option and its value; false for an unknown option.</summary>
    internal bool Read(string option, string value, bool negated)
    {
        switch (option)
        {
            case "--ctstate" or "--state":
                States(value, negated);
                return true;
            case "--ctdir":
                Direction(value);
                return true;
            case "--ctorigdst":
                Original(value, negated, static (family, spans) => PacketSet.From(family, Layers.AnyProtocol, null, spans));
                return true;
            case "--ctorigsrc":
                Original(value, negated, static (family, spans) => PacketSet.From(family, Layers.AnyProtocol, spans, null));
                return true;
            case "--ctorigdstport":
                OriginalPorts(value, negated, Transport.ToPorts);
                return true;
            case "--ctorigsrcport":
                OriginalPorts(value, negated, Transport.FromPorts);
                return true;
            case "--ctproto" when Protocols.NumberOf(value) is { } number:
                _looksAtOriginal = true;
                match.OnlyOriginally(PacketSet.From(match.Family, Transport.Protocol(number), null, null), negated);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Ends the match: all its options have been read.</summary>
    internal void End()
    {
        if (_states is null && _directions is null && !_looksAtOriginal)
            return;
        if (_looksAtOriginal && _states?.Overlaps(s_unknown) == true)
            match.NotModelled("a state without a connection (INVALID, UNTRACKED) together with properties of a connection");
        match.Only(Seen(_states), Seen(_statesWhenRedirected), negated: false);
        (_states, _statesWhenRedirected, _directions, _looksAtOriginal) = (null, null, null, false);
    }

    private ProtocolLayer? Seen(HashSet<Tracking>? states) => Transport.InStates(s_all.Where(state => s_unknown.Contains(state)
        ? states?.Contains(state) == true
        : states?.Contains(state) != false && _directions?.Contains(state) != false));

    private void States(string text, bool negated)
    {
        var states = new HashSet<Tracking>();
        var isRedirected = false;
        foreach (var word in text.Split(','))
        {
            switch (word)
            {
                case "NEW":
                    states.Add(Tracking.New);
                    break;
                case "ESTABLISHED":
                    states.UnionWith([Tracking.Established, Tracking.EstablishedReply]);
                    break;
                case "RELATED":
                    states.UnionWith([Tracking.Related, Tracking.RelatedReply]);
                    break;
                case "INVALID":
                    states.Add(Tracking.Invalid);
                    break;
                case "UNTRACKED":
                    states.Add(Tracking.Untracked);
                    break;
                case "DNAT":
                    isRedirected = true;
                    break;
                case "SNAT":
                    // Sources are rewritten after everything that is walked here.
                    break;
                default:
                    match.NotModelled($"the conntrack state {word} is not known");
                    break;
            }
        }
        HashSet<Tracking> whenRedirected = isRedirected ? [.. s_all.Except(s_unknown), .. states] : states;
        _states = Also(_states, negated ? [.. s_all.Except(states)] : states);
        _statesWhenRedirected = Also(_statesWhenRedirected, negated ? [.. s_all.Except(whenRedirected)] : whenRedirected);
    }

    private void Direction(string text)
    {
        switch (text)
        {
            case "ORIGINAL":
                _directions = [Tracking.New, Tracking.Established, Tracking.Related];
                break;
            case "REPLY":
                _directions = [Tracking.EstablishedReply, Tracking.RelatedReply];
                break;
            default:
                match.NotModelled($"the direction {text} is not known");
                break;
        }
    }

    private void Original(string text, bool negated, Func<Family, IReadOnlyList<(UInt128 First, UInt128 Last)>, PacketSet> packets)
    {
        _looksAtOriginal = true;
        if (MaskedAddress.Read(text, match.Family) is { IsExact: true } addresses)
            match.OnlyOriginally(packets(match.Family, addresses.Spans), negated);
        else
            match.NotModelled($"the address '{text}' is not a prefix");
    }

    private void OriginalPorts(string text, bool negated, Func<IEnumerable<(UInt128 First, UInt128 Last)>, ProtocolLayer> ports)
    {
        _looksAtOriginal = true;
        if (MatchReader.PortSpans(text) is { } spans)
            match.OnlyOriginally(PacketSet.From(match.Family, ports(spans), null, null), negated);
        else
            match.NotModelled($"the ports '{text}' are not numbers");
    }

    private static HashSet<Tracking> Also(HashSet<Tracking>? states, HashSet<Tracking> more)
    {
        if (states is null)
            return more;
        states.IntersectWith(more);
        return states;
    }
}
