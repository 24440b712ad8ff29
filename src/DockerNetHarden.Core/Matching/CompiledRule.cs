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

    /// <summary>The destinations and ports of a redirection to one of several; empty if there is only one.</summary>
    internal IReadOnlyList<(UInt128? Destination, int? Port)> Choices { get; init; } = [];

    /// <summary>The prefix to which destinations are moved, each to the address with its own last bits (NETMAP); null if they are not.</summary>
    internal Addresses.Cidr? Net { get; init; }

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
        if (now?.Root is not { } root)
            return;
        if (ReferenceEquals(now, redirected) || redirected is { IsEmpty: true })
            (Low, High, Bounds) = (root.Low, root.High, Bounds.Of(now));
        else if (redirected?.Root is { } other)
            (Low, High, Bounds) = (UInt128.Min(root.Low, other.Low), UInt128.Max(root.High, other.High), Bounds.Of(now).And(Bounds.Of(redirected)));
    }

    private CompiledMatch(CompiledMatch match, Uncertainty uncertainty)
        : this(match.Now, match.WhenRedirected) =>
            (Original, In, Out, Mark, Bridged, Uncertainty) = (match.Original, match.In, match.Out, match.Mark, match.Bridged, uncertainty);

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

    /// <summary>Whether only packets match that a bridge passes from port to port, or only others; null for all.</summary>
    internal bool? Bridged { get; init; }

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
        if (state.Rewriting.Place is { } place)
            (low, high) = place;
        if (high < Low || low > High || bounds.Misses(Bounds) || (Bridged is { } bridged && bridged != (state.Path is PacketPath.Bridged)))
            return null;
        if (Out is not null && state.OutLinks is null && state.LeavesBy is { } outLink && !Out.Matches(outLink))
            return null;
        if (Mark is { } wanted && state.Mark is { } mark && (mark & wanted.Mask) == wanted.Value == wanted.Negated)
            return null;
        var now = state.IsRedirected ? WhenRedirected : Now;
        var packets = flow.Packets;
        if (Out is not null && state.OutLinks is { } links && links.By(Out) is var leaving && !ReferenceEquals(leaving, links.All))
            packets = packets.Intersect(leaving);
        if (now is not null && !packets.IsEmpty)
            packets = packets.Intersect(state.Rewriting == default ? now : now.Before(state.Rewriting));
        if (Original is not null && !packets.IsEmpty)
            packets = packets.Intersect(state.Connected?.Origins?.RepliesTo(Original) ?? Original);
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
