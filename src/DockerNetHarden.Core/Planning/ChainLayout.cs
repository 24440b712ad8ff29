using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>
/// How the lines of a control's chain stand in the kernel, so that a packet which the control is not about passes few of them, whatever the number of networks (docs/decisions/0012). What all blocks
/// demand is asked first: the destination, then the port, the in-interface, the source. A gate (<c>-g</c>) sends the packets that meet it to a part of the chain, which holds the lines in their order; a
/// RETURN there leaves the control, as in the chain itself. Chains with lines of somebody else, and custom rules, stand as they are.
/// </summary>
internal sealed class ChainLayout
{
    // With fewer lines than this, gates inside a part cost more than they save.
    private const int Worthwhile = 8;

    private static readonly string[] Reply = ["-m", "conntrack", "--ctdir", "REPLY", "-m", "comment", "--comment", RuleMark.Owner, "-j", "RETURN"];

    private readonly OurChain _chain;
    private readonly List<Part> _parts = [];

    private ChainLayout(OurChain chain) => _chain = chain;

    /// <summary>The chains, the control's own first; none if it has no lines.</summary>
    public static IReadOnlyList<LaidChain> Of(OurChain chain)
    {
        var layout = new ChainLayout(chain);
        if (chain.Lines.Count > 0)
        {
            var whole = layout.NewPart();
            if (chain.Control is "Custom" || chain.Lines.Any(line => line.Rule is null))
                whole.Lines.AddRange((chain.UsesSets ? SetLines.Gathered(chain.Lines) : chain.Lines.Select(line => (line, (AddressSet?)null))).SelectMany(each => layout.Written(each.Item1, whole, null, each.Item2)));
            else
                layout.Fill(whole, chain.Lines, null, GateKind.Destination, isReplyGone: false);
        }
        foreach (var strays in chain.Strays.GroupBy(line => line.Line.Chain, StringComparer.Ordinal))
            layout.Keep(strays.Key, strays);
        return [.. layout._parts.Select(part => new LaidChain(part.Name, part.Lines))];
    }

    /// <summary>The part to which a line of ours sends packets, and their destination if it names one; null if it is not a gate.</summary>
    public static (string Part, Cidr? Destination)? GateOf(RuleLine line)
    {
        var tokens = line.Tokens;
        if (tokens.Count < 6 || tokens[^2] is not "-g" || tokens[^3] is not RuleMark.Owner || tokens[^4] is not "--comment")
            return null;
        return (tokens[^1], tokens is ["-d", var destination, _, _, _, _, _, _] && Cidr.TryParse(destination, out var prefix) ? prefix : null);
    }

    /// <summary>Whether a line of ours lets replies leave at once.</summary>
    public static bool IsReplyExit(RuleLine line) => line.Tokens.SequenceEqual(Reply, StringComparer.Ordinal);

    private Part NewPart() => NewPart(_parts.Count == 0 ? _chain.Name : FormattableString.Invariant($"{_chain.Name}.{_parts.Count}"));

    private Part NewPart(string name)
    {
        var part = new Part(name, _parts.Count == 0, []);
        _parts.Add(part);
        return part;
    }

    /// <summary>Fills a part with lines, all of which decide about packets that come there.</summary>
    /// <param name="part">The part.</param>
    /// <param name="lines">The lines in their order, readable and ours.</param>
    /// <param name="destinations">The destinations of the packets that come there; null for all.</param>
    /// <param name="kind">The first kind of gate that may be tried.</param>
    /// <param name="isReplyGone">Whether replies have left before.</param>
    private void Fill(Part part, IReadOnlyList<OurLine> lines, IReadOnlyList<Cidr>? destinations, GateKind kind, bool isReplyGone)
    {
        if (!part.IsWhole && !isReplyGone && lines.Count >= 4 && lines.All(line => IsException(line) || VerdictChain.SparesReplies(line.Rule!)))
        {
            part.Lines.Add(Scaffold(part, Reply));
            isReplyGone = true;
        }
        if (part.IsWhole && lines.Count >= 2 && !lines.All(IsException) && lines.All(line => IsException(line) || line.Rule!.ConnectionState is "DNAT"))
        {
            // All blocks are about what was redirected, and most packets were not.
            var inner = NewPart();
            part.Lines.Add(Gate(part, ["-m", "conntrack", "--ctstate", "DNAT"], inner));
            Fill(inner, lines, null, kind, isReplyGone);
            return;
        }
        if (kind == GateKind.Destination && (OfDestinations(part, lines, isReplyGone, isOriginal: false) || OfDestinations(part, lines, isReplyGone, isOriginal: true)))
            return;
        for (kind = kind == GateKind.Destination ? GateKind.Port : kind; kind <= GateKind.Source; kind++)
        {
            if (lines.Count < (part.IsWhole ? 3 : Worthwhile) || GatesOf(kind, lines) is not { } gates || gates.Count + 1 >= lines.Count)
                continue;
            var inner = NewPart();
            if (gates.Prefixes.Count > 0)
                Dispatch(part, Source, [.. gates.Prefixes.Select(prefix => (prefix, (Func<Part, LaidLine>)(at => Gate(at, Source(prefix), inner))))], part.IsWhole ? PrefixTree.FewForAll : PrefixTree.FewInPart);
            else
                part.Lines.AddRange(gates.Matches.Select(match => Gate(part, match, inner)));
            Fill(inner, lines, destinations, kind + 1, isReplyGone);
            return;
        }
        part.Lines.AddRange(lines.SelectMany(line => Written(line, part, destinations)));
    }

    // Gates by destination: lines that concern the same destinations go to one part. False if a line that blocks is about any destination. The original destination does as well, where only that is known.
    private bool OfDestinations(Part part, IReadOnlyList<OurLine> lines, bool isReplyGone, bool isOriginal)
    {
        if (DestinationGroup.Of(lines, isOriginal) is not { } groups)
            return false;
        Func<Cidr, IReadOnlyList<string>> side = isOriginal ? Original : Destination;
        // A rule for several destinations stays one line in a part of its own.
        if (isOriginal ? lines.Count < Worthwhile : !lines.Any(line => line.Rule!.Destination?.Contains(',', StringComparison.Ordinal) == true) && groups.Sum(group => group.Places.Count) + 1 >= lines.Count)
            return false;
        var gates = new List<(Cidr, Func<Part, LaidLine>)>();
        foreach (var group in groups)
        {
            if (group.Lines is [var only] && group.Places is [var place])
            {
                gates.Add((place, at => Written(only, at, null).Single()));
                continue;
            }
            var inner = NewPart();
            if (!isOriginal && _chain.UsesSets && OwnLists.IsWorth(group.Places))
                part.Lines.Add(Gate(part, AddressSet.Of(group.Places), inner));
            else
                gates.AddRange(group.Places.Select(prefix => (prefix, (Func<Part, LaidLine>)(at => Gate(at, side(prefix), inner)))));
            // What is not a destination is named by each line itself.
            Fill(inner, group.Lines, isOriginal ? null : group.Places, GateKind.Port, isReplyGone);
        }
        Dispatch(part, side, [.. gates.OrderBy(gate => gate.Item1)], part.IsWhole ? PrefixTree.FewForAll : PrefixTree.FewInPart);
        return true;
    }

    private void Dispatch(Part part, Func<Cidr, IReadOnlyList<string>> side, IReadOnlyList<(Cidr Place, Func<Part, LaidLine> Line)> gates, int few)
    {
        foreach (var (place, of, fewThere) in PrefixTree.Split(gates, few))
        {
            if (of is [var (_, line)])
            {
                part.Lines.Add(line(part));
                continue;
            }
            var inner = NewPart();
            part.Lines.Add(Gate(part, side(place), inner));
            Dispatch(inner, side, of, fewThere);
        }
    }

    private static IReadOnlyList<string> Destination(Cidr place) => ["-d", place.ToString()];

    private static IReadOnlyList<string> Source(Cidr place) => ["-s", place.ToString()];

    // As iptables-save prints it: conntrack names a single address without its length.
    private static IReadOnlyList<string> Original(Cidr place) => ["-m", "conntrack", "--ctorigdst", place.IsSingleAddress ? place.ToShortString() : place.ToString()];

    private sealed record Gates(IReadOnlyList<IReadOnlyList<string>> Matches, IReadOnlyList<Cidr> Prefixes)
    {
        public int Count => Matches.Count + Prefixes.Count;
    }

    // What every line that blocks demands, so that no packet which misses all of these gates could be blocked. Null if one demands nothing of the kind.
    private static Gates? GatesOf(GateKind kind, IReadOnlyList<OurLine> lines)
    {
        var blocks = lines.Where(line => !IsException(line)).Select(line => line.Rule!).ToList();
        return kind switch
        {
            _ when blocks.Count == 0 => null,
            GateKind.Port when blocks.TrueForAll(rule => rule.Protocol is { } protocol && !protocol.StartsWith('!') && rule.DestinationPort is { } ports && !ports.StartsWith('!')) =>
                new Gates([.. blocks.Select(PortMatch).DistinctBy(match => string.Join(' ', match), StringComparer.Ordinal)], []),
            GateKind.InInterface when blocks.TrueForAll(rule => rule.InInterface is { } name && !name.StartsWith('!')) =>
                new Gates([.. InterfaceName.Patterns(blocks.Select(rule => rule.InInterface!)).Select(pattern => (IReadOnlyList<string>)["-i", pattern])], []),
            GateKind.Source when blocks.TrueForAll(rule => rule.Source is { } source && !source.StartsWith('!')) =>
                new Gates([], Cidr.Aggregate(blocks.Select(rule => Cidr.Parse(rule.Source!)))),
            _ => null,
        };
    }

    private static IReadOnlyList<string> PortMatch(FirewallRule rule)
    {
        var tokens = RuleText.Tokens(new RuleSpec
        {
            Control = "Custom", Family = rule.Family, Table = rule.Table, Chain = rule.Chain, Protocol = rule.Protocol, TcpFlags = rule.TcpFlags, DestinationPort = rule.DestinationPort, Action = RuleAction.Return,
        });
        return [.. tokens.Take(tokens.ToList().IndexOf("--comment") - 2)];
    }

    private static bool IsException(OurLine line) => line.Rule!.Phase == Phase.Exception;

    // A block in a part to which exactly its destinations come does not name them again.
    private IEnumerable<LaidLine> Written(OurLine line, Part part, IReadOnlyList<Cidr>? destinations, AddressSet? set = null)
    {
        if (line.Rule is not { } rule)
            return [LaidLine.Of(line.Line)];
        var isInherited = destinations is not null && !IsException(line) && AddressLists.Destinations(rule).SequenceEqual(destinations);
        if (_chain.UsesSets && !isInherited && set is null && (set = SetLines.For(rule)) is not null)
            rule = set.AskedBy(rule);
        IEnumerable<IReadOnlyList<string>> texts = isInherited ? [AddressLists.WithDestination(rule, null)]
            : rule.Destination?.Split(',') is [_, _, ..] places ? places.Select(place => AddressLists.WithDestination(rule, place))
            : [rule.Tokens];
        // The first has the counters of all.
        return texts.Select((tokens, i) => LaidLine.Of(new RuleLine(_chain.Family, _chain.Hook.Table, part.Name, tokens, i == 0 ? line.Line.Packets : 0, i == 0 ? line.Line.Bytes : 0)) with { Set = set });
    }

    // Lines in a part that are not ours stay at the head of it, asked or not.
    private void Keep(string name, IEnumerable<OurLine> strays) =>
        (_parts.Find(part => part.Name == name) ?? NewPart(name)).Lines.InsertRange(0, strays.Select(line => LaidLine.Of(line.Line)));

    private LaidLine Gate(Part part, IReadOnlyList<string> match, Part to) => Scaffold(part, [.. match, "-m", "comment", "--comment", RuleMark.Owner, "-g", to.Name]);

    private LaidLine Gate(Part part, AddressSet set, Part to) => Gate(part, set.Match, to) with { Set = set };

    private LaidLine Scaffold(Part part, IReadOnlyList<string> tokens) => LaidLine.Of(new RuleLine(_chain.Family, _chain.Hook.Table, part.Name, tokens));

    /// <summary>A chain that is being laid out.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="IsWhole">Whether it is the control's own chain, to which all packets come.</param>
    /// <param name="Lines">Its lines so far.</param>
    private sealed record Part(string Name, bool IsWhole, List<LaidLine> Lines);

    private enum GateKind
    {
        Destination,
        Port,
        InInterface,
        Source,
    }
}
