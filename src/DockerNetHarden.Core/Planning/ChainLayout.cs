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
    private readonly List<(string Name, List<LaidLine> Lines)> _laid = [];

    private ChainLayout(OurChain chain) => _chain = chain;

    /// <summary>The chains, the control's own first; none if it has no lines.</summary>
    public static IReadOnlyList<LaidChain> Of(OurChain chain)
    {
        var layout = new ChainLayout(chain);
        if (chain.Lines.Count > 0)
        {
            var name = layout.NewPart();
            if (chain.Control is "Custom" || chain.Lines.Any(line => line.Rule is null))
                layout.Add(name, chain.Lines.SelectMany(line => layout.Written(line, name, null)));
            else
                layout.Fill(name, chain.Lines, null, GateKind.Destination, isReplyGone: false);
        }
        foreach (var strays in chain.Strays.GroupBy(line => line.Line.Chain, StringComparer.Ordinal))
            layout.Keep(strays.Key, [.. strays]);
        return [.. layout._laid.Select(part => new LaidChain(part.Name, part.Lines))];
    }

    /// <summary>The part to which a line of ours sends packets, and their destination if it names one; null if it is no gate.</summary>
    public static (string Part, Cidr? Destination)? GateOf(RuleLine line)
    {
        var tokens = line.Tokens;
        if (tokens.Count < 6 || tokens[^2] is not "-g" || tokens[^3] is not RuleMark.Owner || tokens[^4] is not "--comment")
            return null;
        return (tokens[^1], tokens is ["-d", var destination, _, _, _, _, _, _] && Cidr.TryParse(destination, out var prefix) ? prefix : null);
    }

    /// <summary>Whether a line of ours lets replies leave at once.</summary>
    public static bool IsReplyExit(RuleLine line) => line.Tokens.SequenceEqual(Reply, StringComparer.Ordinal);

    private string NewPart()
    {
        var name = _laid.Count == 0 ? _chain.Name : FormattableString.Invariant($"{_chain.Name}.{_laid.Count}");
        _laid.Add((name, []));
        return name;
    }

    private void Add(string part, IEnumerable<LaidLine> lines) => _laid.Find(each => each.Name == part).Lines.AddRange(lines);

    /// <summary>Fills a part with lines, all of which decide about packets that come there.</summary>
    /// <param name="part">The part.</param>
    /// <param name="lines">The lines in their order, readable and ours.</param>
    /// <param name="destinations">The destinations of the packets that come there; null for all.</param>
    /// <param name="kind">The first kind of gate that may be tried.</param>
    /// <param name="isReplyGone">Whether replies have left before.</param>
    private void Fill(string part, IReadOnlyList<OurLine> lines, IReadOnlyList<Cidr>? destinations, GateKind kind, bool isReplyGone)
    {
        if (part != _chain.Name && !isReplyGone && lines.Count >= 4 && lines.All(line => IsException(line) || IsOfOpened(line.Rule!)))
        {
            Add(part, [Scaffold(part, Reply)]);
            isReplyGone = true;
        }
        if (kind == GateKind.Destination && OfDestinations(part, lines, isReplyGone))
            return;
        for (kind = kind == GateKind.Destination ? GateKind.Port : kind; kind <= GateKind.Source; kind++)
        {
            if (lines.Count < (part == _chain.Name ? 3 : Worthwhile) || GatesOf(kind, lines) is not { } gates || gates.Count + 1 >= lines.Count)
                continue;
            var inner = NewPart();
            if (gates.Prefixes.Count > 0)
                Dispatch(part, "-s", [.. gates.Prefixes.Select(prefix => (prefix, (Func<string, LaidLine>)(at => Gate(at, ["-s", prefix.ToString()], inner))))]);
            else
                Add(part, gates.Matches.Select(match => Gate(part, match, inner)));
            Fill(inner, lines, destinations, kind + 1, isReplyGone);
            return;
        }
        Add(part, lines.SelectMany(line => Written(line, part, destinations)));
    }

    // Gates by destination: lines that concern the same destinations go to one part. False if a line that blocks is about any destination.
    private bool OfDestinations(string part, IReadOnlyList<OurLine> lines, bool isReplyGone)
    {
        if (DestinationGroup.Of(lines) is not { } groups)
            return false;
        // A rule for several destinations stays one line in a part of its own.
        if (!lines.Any(line => line.Rule!.Destination?.Contains(',', StringComparison.Ordinal) == true) && groups.Sum(group => group.Places.Count) + 1 >= lines.Count)
            return false;
        var gates = new List<(Cidr, Func<string, LaidLine>)>();
        foreach (var group in groups)
        {
            if (group.Lines is [var only] && group.Places is [var place])
            {
                gates.Add((place, at => Written(only, at, null).Single()));
                continue;
            }
            var inner = NewPart();
            gates.AddRange(group.Places.Select(prefix => (prefix, (Func<string, LaidLine>)(at => Gate(at, ["-d", prefix.ToString()], inner)))));
            Fill(inner, group.Lines, group.Places, GateKind.Port, isReplyGone);
        }
        Dispatch(part, "-d", [.. gates.OrderBy(gate => gate.Item1)]);
        return true;
    }

    private void Dispatch(string part, string side, IReadOnlyList<(Cidr Place, Func<string, LaidLine> Line)> gates)
    {
        foreach (var (place, of) in PrefixTree.Split(gates, part == _chain.Name))
        {
            if (of is [var (_, line)])
            {
                Add(part, [line(part)]);
                continue;
            }
            var inner = NewPart();
            Add(part, [Gate(part, [side, place.ToString()], inner)]);
            Dispatch(inner, side, of);
        }
    }

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

    // Whether it matches no packet in the direction of replies.
    private static bool IsOfOpened(FirewallRule rule) => rule.Connections is not null || rule.ConnectionDirection is "ORIGINAL" || rule.ConnectionState is "INVALID,UNTRACKED" or "INVALID" or "UNTRACKED";

    // A block in a part to which exactly its destinations come does not name them again.
    private IEnumerable<LaidLine> Written(OurLine line, string part, IReadOnlyList<Cidr>? destinations)
    {
        if (line.Rule is not { } rule)
        {
            yield return LaidLine.Of(line.Line);
            yield break;
        }
        var places = rule.Destination?.Split(',') ?? [];
        var isInherited = destinations is not null && !IsException(line) && string.Equals(rule.Destination, string.Join(',', destinations), StringComparison.Ordinal);
        if (places.Length < 2 && !isInherited)
        {
            yield return Counted(rule.Tokens, 0);
            yield break;
        }
        var at = rule.Tokens.ToList().IndexOf("-d");
        for (var i = 0; i < (isInherited ? 1 : places.Length); i++)
            yield return Counted([.. rule.Tokens.Take(at), .. isInherited ? Array.Empty<string>() : ["-d", places[i]], .. rule.Tokens.Skip(at + 2)], i);

        LaidLine Counted(IReadOnlyList<string> tokens, int index) =>
            LaidLine.Of(new RuleLine(_chain.Family, _chain.Hook.Table, part, tokens, index == 0 ? line.Line.Packets : 0, index == 0 ? line.Line.Bytes : 0));
    }

    // Lines in a part that are not ours stay at the head of it, asked or not.
    private void Keep(string part, IReadOnlyList<OurLine> strays)
    {
        if (!_laid.Exists(each => each.Name == part))
            _laid.Add((part, []));
        _laid.Find(each => each.Name == part).Lines.InsertRange(0, strays.Select(line => LaidLine.Of(line.Line)));
    }

    private LaidLine Gate(string part, IReadOnlyList<string> match, string to) => Scaffold(part, [.. match, "-m", "comment", "--comment", RuleMark.Owner, "-g", to]);

    private LaidLine Scaffold(string part, IReadOnlyList<string> tokens) => LaidLine.Of(new RuleLine(_chain.Family, _chain.Hook.Table, part, tokens));

    private enum GateKind
    {
        Destination,
        Port,
        InInterface,
        Source,
    }
}
