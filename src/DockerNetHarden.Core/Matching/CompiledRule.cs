using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>What a rule does with the packets that it matches.</summary>
internal enum ActionKind
{
    /// <summary>Nothing that matters: the next rule follows.</summary>
    Continue,
    Accept,
    Drop,
    Reject,
    Return,
    Jump,
    Goto,

    /// <summary>DNAT or REDIRECT.</summary>
    Redirect,

    /// <summary>Sets the packet mark.</summary>
    Mark,

    /// <summary>Takes the packets out of connection tracking.</summary>
    Untrack,

    /// <summary>Something that is not modelled and may do anything.</summary>
    Obscure,
}

/// <summary>What a rule does.</summary>
/// <param name="Kind">The kind.</param>
internal sealed record CompiledAction(ActionKind Kind)
{
    /// <summary>The chain of a jump or goto; null if it does not exist.</summary>
    internal CompiledChain? Target { get; init; }

    /// <summary>The new destination of a redirection; null if it stays the same.</summary>
    internal UInt128? Destination { get; init; }

    /// <summary>Whether the new destination is the in-interface's own address (REDIRECT).</summary>
    internal bool ToLink { get; init; }

    /// <summary>The new port of a redirection; null if it stays the same.</summary>
    internal int? Port { get; init; }

    /// <summary>Whether a rejected packet is answered with a TCP reset.</summary>
    internal bool IsReset { get; init; }

    /// <summary>The mark's new value and the bits that are replaced; null if the new mark is not known.</summary>
    internal (uint Value, uint Mask)? Mark { get; init; }

    /// <summary>Why the action is not modelled, or not completely; null if it is.</summary>
    internal string? Why { get; init; }
}

/// <summary>Why a match is not modelled, and when it matches.</summary>
internal sealed record Uncertainty(Chance Matches, string Why);

/// <summary>What a rule matches, prepared for thousands of sets.</summary>
internal sealed class CompiledMatch
{
    internal CompiledMatch(PacketSet? now, PacketSet? redirected)
    {
        (Now, WhenRedirected) = (now, redirected);
        // Both together: whichever applies, the destination lies within these bounds.
        if (now?.Root is { } root && (ReferenceEquals(now, redirected) || redirected is { IsEmpty: true }))
        {
            (Low, High) = (root.Low, root.High);
            Bounds = Bounds.Of(now);
        }
    }

    private CompiledMatch(CompiledMatch match, Uncertainty uncertainty)
        : this(match.Now, match.WhenRedirected) => (Original, In, Out, Mark, Uncertainty) = (match.Original, match.In, match.Out, match.Mark, uncertainty);

    /// <summary>The lowest destination that can match, as it is when the packets reach the rule.</summary>
    internal UInt128 Low { get; }

    /// <summary>The highest.</summary>
    internal UInt128 High { get; } = UInt128.MaxValue;

    /// <summary>Where the packets that it matches come from, and their protocols.</summary>
    internal Bounds Bounds { get; } = Bounds.None;

    /// <summary>The packets as they are when they reach the rule; null for all.</summary>
    internal PacketSet? Now { get; }

    /// <summary>The same for packets that conntrack counts as redirected.</summary>
    internal PacketSet? WhenRedirected { get; }

    /// <summary>The packets as they entered, for conntrack matches that look there; null for all.</summary>
    internal PacketSet? Original { get; init; }

    internal LinkPattern? In { get; init; }

    internal LinkPattern? Out { get; init; }

    /// <summary>The mark that must match.</summary>
    internal (uint Value, uint Mask, bool Negated)? Mark { get; init; }

    /// <summary>Why this may not be all that the rule matches; null if it is all.</summary>
    internal Uncertainty? Uncertainty { get; init; }

    /// <summary>Whether it can never match.</summary>
    internal bool IsNever => Now is { IsEmpty: true } && WhenRedirected is null or { IsEmpty: true };

    /// <summary>Which packets of a flow match; null for none.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="low">The lowest destination that its packets entered with.</param>
    /// <param name="high">The highest.</param>
    /// <param name="bounds">The bounds of their other numbers.</param>
    internal PacketSet? Of(Flow flow, UInt128 low, UInt128 high, in Bounds bounds)
    {
        var state = flow.State;
        if (state.Rewriting.Destination is { } destination)
            (low, high) = (destination, destination);
        if (high < Low || low > High || bounds.Misses(Bounds))
            return null;
        // Before routing, and on the way to the host itself, there is no out-interface: its name is empty there.
        if (Out is not null && (state.OutLink ?? (state.Path is PacketPath.None or PacketPath.Local ? "" : null)) is { } outLink && !Out.Matches(outLink))
            return null;
        if (Mark is { } wanted && state.Mark is { } mark && (mark & wanted.Mask) == wanted.Value == wanted.Negated)
            return null;
        var now = state.Rewriting.IsRedirected ? WhenRedirected : Now;
        var packets = flow.Packets;
        if (now is not null)
            packets = packets.Intersect(state.Rewriting == default ? now : now.Before(state.Rewriting));
        if (Original is not null && !packets.IsEmpty)
            packets = packets.Intersect(Original);
        return packets.IsEmpty ? null : packets;
    }

    /// <summary>The same match, if it is not certain to match.</summary>
    internal CompiledMatch Unsure(string why) => new(this, new Uncertainty(Chance.NotKnown, why));

    /// <summary>Why it is not certain that the packets match; null if it is.</summary>
    internal Uncertainty? Doubt(FlowState state) =>
        Uncertainty ?? (Mark is not null && state.Mark is null ? new Uncertainty(Chance.NotKnown, "the packet mark is not known there") : null);
}

/// <summary>A rule, ready to be walked.</summary>
internal sealed record CompiledRule(Place Place, CompiledMatch Match, CompiledAction Action);

/// <summary>A chain, ready to be walked.</summary>
/// <param name="name">Its name in an answer: <c>filter FORWARD</c>.</param>
internal sealed class CompiledChain(string name)
{
    // Walking a short chain is faster than looking rules up.
    private const int Worthwhile = 64;

    private readonly Dictionary<(string Link, bool IsBehindRouting), LinkRules> _byLink = [];
    private CompiledRule[] _rules = [];

    // Of a long chain: the rules that name no in-interface, the places of those that name just one, by its name, and the places of all others.
    private RuleIndex? _ofAnyLink;
    private ILookup<string, int>? _ofOneLink;
    private List<int> _ofSomeLinks = [];

    internal string Name { get; } = name;

    /// <summary>Whether the walk is inside it: a jump to it is then a loop.</summary>
    internal bool IsWalked { get; set; }

    /// <summary>Whether rules share it as their target: whatever it decides, the rule that jumped to it decided.</summary>
    internal bool IsTarget { get; init; }

    internal void Fill(IEnumerable<CompiledRule> rules) =>
        _rules = [.. rules.Where(static rule => rule.Action.Kind != ActionKind.Continue && !rule.Match.IsNever)];

    internal IReadOnlyList<CompiledRule> Rules => _rules;

    /// <summary>Whether its rules are looked up by destination.</summary>
    internal bool IsIndexed => _rules.Length >= Worthwhile;

    /// <summary>The rules that can match packets to these destinations that entered by this link, before or after routing.</summary>
    internal RuleSelection RulesFor(string inLink, bool isBehindRouting, ReadOnlySpan<(UInt128 First, UInt128 Last)> destinations, in Bounds bounds)
    {
        if (!_byLink.TryGetValue((inLink, isBehindRouting), out var ofLink))
            _byLink.Add((inLink, isBehindRouting), ofLink = IsIndexed ? Own(inLink, isBehindRouting) : new LinkRules(All(inLink, isBehindRouting)));
        if (ofLink.Index is null)
            return new RuleSelection(ofLink.Rules, null, null);
        var found = PlaceSet.Rent(_rules.Length);
        _ofAnyLink!.Find(destinations, bounds, found);
        ofLink.Index.Find(destinations, bounds, found);
        return new RuleSelection(_rules, found, isBehindRouting ? inLink : null);
    }

    private CompiledRule[] All(string inLink, bool isBehindRouting) =>
        isBehindRouting ? [.. _rules.Select(rule => BehindRouting(rule, inLink)).OfType<CompiledRule>()] : Array.FindAll(_rules, rule => rule.Match.In?.Matches(inLink) != false);

    // What a link needs of its own is as much as the rules that name it, so that many networks with many rules do not cost their product.
    private LinkRules Own(string inLink, bool isBehindRouting)
    {
        if (_ofAnyLink is null)
        {
            var places = Enumerable.Range(0, _rules.Length).ToLookup(place => _rules[place].Match.In is not { } link ? 0 : link.OnlyName is null ? 1 : 2);
            _ofAnyLink = new RuleIndex(_rules, [.. places[0]]);
            _ofSomeLinks = [.. places[1]];
            _ofOneLink = places[2].ToLookup(place => _rules[place].Match.In!.OnlyName!, StringComparer.Ordinal);
        }
        var own = _ofOneLink![inLink].Concat(_ofSomeLinks.Where(place => isBehindRouting ? BehindRouting(_rules[place], inLink) is not null : _rules[place].Match.In!.Matches(inLink)));
        return new LinkRules([], new RuleIndex(_rules, [.. own]));
    }

    // Before kernel 5.7 there is no in-interface here: its name is empty. iptables still lets a chain that POSTROUTING jumps to match on it.
    internal static CompiledRule? BehindRouting(CompiledRule rule, string inLink) => (rule.Match.In?.Matches(inLink), rule.Match.In?.Matches("")) switch
    {
        (null, _) or (true, true) => rule,
        (false, false) => null,
        _ => rule with { Match = rule.Match.Unsure("kernels before 5.7 know no in-interface in POSTROUTING") },
    };

    // Of a short chain the rules themselves, of a long one the places of those that name the link.
    private sealed record LinkRules(CompiledRule[] Rules, RuleIndex? Index = null);
}

/// <summary>The rules of a chain that certain packets can meet, in order; for <c>foreach</c>, once.</summary>
internal readonly ref struct RuleSelection(CompiledRule[] rules, PlaceSet? found, string? linkBehindRouting)
{
    public Enumerator GetEnumerator() => new(rules, found, linkBehindRouting);

    internal ref struct Enumerator(CompiledRule[] rules, PlaceSet? found, string? linkBehindRouting)
    {
        private int _at = -1;

        public readonly CompiledRule Current =>
            found is not null && linkBehindRouting is not null && rules[_at] is { Match.In: not null } rule ? CompiledChain.BehindRouting(rule, linkBehindRouting)! : rules[_at];

        public bool MoveNext()
        {
            _at = found?.From(_at + 1) ?? _at + 1;
            return (uint)_at < (uint)rules.Length;
        }

        public readonly void Dispose() => found?.Return();
    }
}

/// <summary>A chain at a hook.</summary>
/// <param name="Chain">The chain.</param>
/// <param name="Hook">The hook, in lower case, as nftables names it.</param>
/// <param name="Priority">The priority; lower ones come first. Source: linux/netfilter_ipv4.h.</param>
/// <param name="IsNat">Whether it is a nat chain, which sees only packets that open a connection.</param>
/// <param name="Policy">What happens to packets that no rule decides.</param>
/// <param name="PolicyPlace">The policy as a place.</param>
/// <param name="Decides">Whether Docker and administrators decide in this chain: an answer names it if everything lets a packet through.</param>
internal sealed record BaseChain(CompiledChain Chain, string Hook, int Priority, bool IsNat, ActionKind Policy, Place PolicyPlace, bool Decides)
{
    // Before conntrack has seen a packet, every match on its state sees INVALID.
    private const int ConntrackPriority = -200;

    internal bool IsBeforeConntrack => Priority <= ConntrackPriority && Hook is "prerouting" or "ingress";

    /// <summary>Why the effect of the chain is not completely known; null if it is.</summary>
    internal string? Why { get; init; }

    /// <summary>Whether the kernel may not know there by which link packets entered.</summary>
    internal bool ForgetsLink { get; init; }

    /// <summary>Why packets may not reach it at all; null if they do.</summary>
    internal Cause? MayBypass { get; init; }
}
