using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>What a rule does with the packets that it matches.</summary>
internal enum ActionKind
{
    /// <summary>Nothing that matters: the next rule.</summary>
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
    /// <summary>The chain of a jump or goto; null where there is no such chain.</summary>
    internal CompiledChain? Target { get; init; }

    /// <summary>The new destination of a redirection; null where it stays.</summary>
    internal UInt128? Destination { get; init; }

    /// <summary>Whether the new destination is the in-interface's own address (REDIRECT).</summary>
    internal bool ToLink { get; init; }

    /// <summary>The new port of a redirection; null where it stays.</summary>
    internal int? Port { get; init; }

    /// <summary>Whether what is refused is answered with a TCP reset.</summary>
    internal bool IsReset { get; init; }

    /// <summary>The mark's new value and the bits that are replaced; null where the new mark is not known.</summary>
    internal (uint Value, uint Mask)? Mark { get; init; }

    /// <summary>Why the action is not modelled, or not wholly; null where it is.</summary>
    internal string? Why { get; init; }
}

/// <summary>Why a match is not modelled, and when it matches.</summary>
internal sealed record Uncertainty(Chance Matches, string Why);

/// <summary>What a rule matches, ready to be asked for thousands of sets.</summary>
internal sealed class CompiledMatch
{
    private readonly Bounds _bounds = Bounds.None;

    internal CompiledMatch(PacketSet? now, PacketSet? redirected)
    {
        (Now, WhenRedirected) = (now, redirected);
        // Both together: whichever applies, the destination lies in between.
        if (now?.Root is { } root && (ReferenceEquals(now, redirected) || redirected is { IsEmpty: true }))
        {
            (Low, High) = (root.Low, root.High);
            _bounds = Bounds.Of(now);
        }
    }

    private CompiledMatch(CompiledMatch match, Uncertainty uncertainty)
        : this(match.Now, match.WhenRedirected) => (Original, In, Out, Mark, Uncertainty) = (match.Original, match.In, match.Out, match.Mark, uncertainty);

    /// <summary>The lowest destination that can match, as it is when the packets come to the rule.</summary>
    internal UInt128 Low { get; }

    /// <summary>The highest.</summary>
    internal UInt128 High { get; } = UInt128.MaxValue;

    /// <summary>The packets as they are when they come to the rule; null for all.</summary>
    internal PacketSet? Now { get; }

    /// <summary>The same of packets that conntrack counts as redirected.</summary>
    internal PacketSet? WhenRedirected { get; }

    /// <summary>The packets as they came in, for matches of conntrack that look there; null for all.</summary>
    internal PacketSet? Original { get; init; }

    internal LinkPattern? In { get; init; }

    internal LinkPattern? Out { get; init; }

    /// <summary>The mark that is asked for.</summary>
    internal (uint Value, uint Mask, bool Negated)? Mark { get; init; }

    /// <summary>Why it is not certain that what is told here is all; null where it is.</summary>
    internal Uncertainty? Uncertainty { get; init; }

    /// <summary>Whether it can never match.</summary>
    internal bool IsNever => Now is { IsEmpty: true } && WhenRedirected is null or { IsEmpty: true };

    /// <summary>Which packets of a flow are matched; null for none.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="low">The lowest destination that its packets came in with.</param>
    /// <param name="high">The highest.</param>
    /// <param name="bounds">Between which their other numbers lie.</param>
    internal PacketSet? Of(Flow flow, UInt128 low, UInt128 high, in Bounds bounds)
    {
        var state = flow.State;
        if (state.Rewriting.Destination is { } destination)
            (low, high) = (destination, destination);
        if (high < Low || low > High || bounds.Misses(_bounds))
            return null;
        // Before routing, and on the way to the host itself, there is no link to leave by: its name is empty there.
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

    /// <summary>The same match, where it is not certain that it matches.</summary>
    internal CompiledMatch Unsure(string why) => new(this, new Uncertainty(Chance.NotKnown, why));

    /// <summary>Why it is not certain that the packets are matched; null where it is.</summary>
    internal Uncertainty? Doubt(FlowState state) =>
        Uncertainty ?? (Mark is not null && state.Mark is null ? new Uncertainty(Chance.NotKnown, "the packet mark is not known there") : null);
}

/// <summary>A rule, ready to be walked.</summary>
internal sealed record CompiledRule(Place Place, CompiledMatch Match, CompiledAction Action);

/// <summary>A chain, ready to be walked.</summary>
/// <param name="name">As an answer names it: <c>filter FORWARD</c>.</param>
internal sealed class CompiledChain(string name)
{
    private readonly Dictionary<(string Link, bool IsBehindRouting), RuleIndex> _byLink = [];
    private CompiledRule[] _rules = [];
    private RuleIndex? _all;

    internal string Name { get; } = name;

    /// <summary>Whether the walk is in it: a jump to it is a loop.</summary>
    internal bool IsWalked { get; set; }

    internal void Fill(IEnumerable<CompiledRule> rules) =>
        _rules = [.. rules.Where(static rule => rule.Action.Kind != ActionKind.Continue && !rule.Match.IsNever)];

    internal IReadOnlyList<CompiledRule> Rules => _rules;

    /// <summary>The rules that packets to destinations between these, which came in by this link, can match: before routing, or behind it.</summary>
    internal ReadOnlySpan<CompiledRule> RulesFor(string inLink, bool isBehindRouting, UInt128 low, UInt128 high)
    {
        if (!_byLink.TryGetValue((inLink, isBehindRouting), out var index))
        {
            CompiledRule[] rules = isBehindRouting
                ? [.. _rules.Select(rule => BehindRouting(rule, inLink)).OfType<CompiledRule>()]
                : Array.FindAll(_rules, rule => rule.Match.In?.Matches(inLink) != false);
            _byLink.Add((inLink, isBehindRouting), index = !isBehindRouting && rules.Length == _rules.Length ? _all ??= new RuleIndex(_rules) : new RuleIndex(rules));
        }
        return index.Between(low, high);
    }

    // Kernels before 5.7 have no link there by which a packet came in: its name is empty. iptables lets a chain that POSTROUTING jumps to ask for it all the same.
    private static CompiledRule? BehindRouting(CompiledRule rule, string inLink) => (rule.Match.In?.Matches(inLink), rule.Match.In?.Matches("")) switch
    {
        (null, _) or (true, true) => rule,
        (false, false) => null,
        _ => rule with { Match = rule.Match.Unsure("kernels before 5.7 know no in-interface in POSTROUTING") },
    };
}

/// <summary>A chain at a hook.</summary>
/// <param name="Chain">The chain.</param>
/// <param name="Hook">The hook, in lower case, as nftables names it.</param>
/// <param name="Priority">The priority; lower ones come first. Source: linux/netfilter_ipv4.h.</param>
/// <param name="IsNat">Whether it is a nat chain: asked about packets that open a connection only.</param>
/// <param name="Policy">What becomes of packets that no rule decides about.</param>
/// <param name="PolicyPlace">The policy as a place.</param>
/// <param name="Decides">Whether it is the chain where Docker and administrators decide: the one that an answer names where everything lets a packet through.</param>
internal sealed record BaseChain(CompiledChain Chain, string Hook, int Priority, bool IsNat, ActionKind Policy, Place PolicyPlace, bool Decides)
{
    // Before conntrack has looked at a packet every match on its state sees INVALID.
    private const int ConntrackPriority = -200;

    internal bool IsBeforeConntrack => Priority <= ConntrackPriority && Hook is "prerouting" or "ingress";

    /// <summary>Why what the chain does is not known wholly; null where it is.</summary>
    internal string? Why { get; init; }

    /// <summary>Whether the kernel may not know there by which link packets came in.</summary>
    internal bool ForgetsLink { get; init; }

    /// <summary>Why packets may not be asked about at all; null where they are.</summary>
    internal Cause? MayBypass { get; init; }
}
