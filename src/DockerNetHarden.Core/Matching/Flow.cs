using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>When something that is not certain happens.</summary>
internal enum Chance
{
    /// <summary>While a rate is not reached.</summary>
    WithinRate,

    /// <summary>While it is exceeded.</summary>
    AboveRate,

    /// <summary>It is not known.</summary>
    NotKnown,
}

internal static class Chances
{
    internal static Chance Opposite(this Chance chance) => chance switch
    {
        Chance.WithinRate => Chance.AboveRate,
        Chance.AboveRate => Chance.WithinRate,
        _ => Chance.NotKnown,
    };

    internal static Chance And(this Chance chance, Chance other) => chance == other ? chance : Chance.NotKnown;
}

/// <summary>Why something is not certain: the rule or the mechanism, and what is not modelled about it.</summary>
/// <param name="Place">The rule; null for a mechanism outside the rules.</param>
/// <param name="Why">A sentence without its full stop.</param>
internal sealed record Cause(Place? Place, string Why);

/// <summary>
/// Packets that may no longer be here: they may have returned to an outer chain or left the hook, so whatever decides about
/// them here only may decide.
/// </summary>
/// <param name="Level">Where they may be: the depth of the chain in which they continue, 0 for the policy, -1 for beyond the hook.</param>
/// <param name="Left">When they have left.</param>
/// <param name="Cause">The first reason.</param>
/// <param name="Outer">The doubts about outer levels.</param>
internal sealed record Doubt(int Level, Chance Left, Cause Cause, Doubt? Outer)
{
    internal const int BeyondHook = -1;

    /// <summary>Whether they have left if the match that is not known does not match: they never came into the chain to which it leads.</summary>
    internal bool LeftUnmatched { get; init; }

    /// <summary>The doubts plus one more.</summary>
    internal static Doubt With(Doubt? doubts, int level, Chance left, Cause cause, bool leftUnmatched = false)
    {
        if (doubts is null || doubts.Level < level)
            return new Doubt(level, left, cause, doubts) { LeftUnmatched = leftUnmatched };
        return doubts.Level == level
            ? doubts with { Left = doubts.Left.And(left), LeftUnmatched = doubts.LeftUnmatched || leftUnmatched }
            : doubts with { Outer = With(doubts.Outer, level, left, cause, leftUnmatched) };
    }

    /// <summary>The doubts of packets that have reached a level: whether they were there before no longer matters.</summary>
    internal static Doubt? At(int level, Doubt? doubts)
    {
        while (doubts is not null && doubts.Level >= level)
            doubts = doubts.Outer;
        return doubts;
    }

    /// <summary>When packets with these doubts are still here.</summary>
    internal static Chance? Here(Doubt? doubts)
    {
        Chance? here = null;
        for (; doubts is not null; doubts = doubts.Outer)
            here = here?.And(doubts.Left.Opposite()) ?? doubts.Left.Opposite();
        return here;
    }

    /// <summary>What a block does to packets with these doubts if no match that is not known matches.</summary>
    /// <param name="doubts">The doubts.</param>
    /// <param name="own">When the block's own match holds; null for certain.</param>
    internal static Standing Otherwise(Doubt? doubts, Chance? own)
    {
        if (own == Chance.NotKnown)
            return Standing.Passes;
        var when = own;
        for (; doubts is not null; doubts = doubts.Outer)
        {
            if (doubts.Left == Chance.NotKnown && doubts.LeftUnmatched)
                return Standing.Passes;
            if (doubts.Left != Chance.NotKnown)
                when = when?.And(doubts.Left.Opposite()) ?? doubts.Left.Opposite();
        }
        return when switch { null => Standing.Blocked, Chance.AboveRate => Standing.Limited, _ => Standing.Passes };
    }

    internal static Cause First(Doubt doubts) => doubts.Outer is null ? doubts.Cause : First(doubts.Outer);
}

/// <summary>What becomes of packets if no match that is not known matches. In the order of strictness.</summary>
internal enum Standing
{
    Passes,
    Limited,
    Blocked,
}

/// <summary>What may already have happened to packets that are still walked.</summary>
[Flags]
internal enum MayBe
{
    None = 0,
    Dropped = 1,
    Rejected = 2,
    Anything = 4,
}

/// <summary>What may already have happened, when, and what made it uncertain first.</summary>
/// <param name="Ends">The ends that they may have met.</param>
/// <param name="When">When they have.</param>
/// <param name="Cause">The first reason for the uncertainty.</param>
/// <param name="Block">The first rule that may have blocked them; null if none did.</param>
internal sealed record Pending(MayBe Ends, Chance When, Cause Cause, Place? Block)
{
    /// <summary>What becomes of the packets if no match that is not known matches.</summary>
    internal Standing Otherwise { get; init; }

    /// <summary>Whether a rate limits them for certain, whatever else may block them.</summary>
    internal bool IsLimited { get; init; }

    internal static Pending With(Pending? pending, MayBe end, Chance when, Cause cause, Place? block, Standing otherwise, bool isLimited) => pending is null
        ? new Pending(end, when, cause, end == MayBe.Anything ? null : block) { Otherwise = otherwise, IsLimited = isLimited }
        : pending with
        {
            Ends = pending.Ends | end,
            When = pending.When.And(when),
            Block = pending.Block ?? block,
            Otherwise = (Standing)Math.Max((int)pending.Otherwise, (int)otherwise),
            IsLimited = pending.IsLimited || isLimited,
        };
}

/// <summary>What conntrack keeps of an open connection, and does to each of its packets without asking nat again.</summary>
/// <param name="Rewriting">Where it sends them.</param>
/// <param name="IsReply">Whether they answer the side that opened it.</param>
/// <param name="IsRedirected">Whether the connection's destination was redirected, whichever way the packets go.</param>
internal sealed record Connected(Rewriting Rewriting, bool IsReply, bool IsRedirected)
{
    /// <summary>What the connections of replies began with; null if the packets are no replies.</summary>
    internal Origins? Origins { get; init; }
}

/// <summary>The first packets of connections, which matches on the original direction ask of replies too.</summary>
/// <param name="all">For each connection, its first packet and its replies.</param>
internal sealed class Origins(IReadOnlyList<(Packet First, PacketSet Replies)> all)
{
    // Each rule has one such set, and is met by several flows.
    private readonly Dictionary<PacketSet, PacketSet> _known = new(ReferenceEqualityComparer.Instance);

    /// <summary>The replies on connections that began with one of these packets.</summary>
    internal PacketSet RepliesTo(PacketSet first)
    {
        if (!_known.TryGetValue(first, out var replies))
            _known.Add(first, replies = all.Where(each => first.Contains(each.First)).Aggregate(PacketSet.None(first.Family), static (some, each) => some.Union(each.Replies)));
        return replies;
    }
}

/// <summary>What is true of all packets of a flow alike, apart from the packets themselves.</summary>
internal sealed record FlowState
{
    internal Rewriting Rewriting { get; init; }

    /// <summary>Why there may have been more than <see cref="Rewriting"/>; null if there was not.</summary>
    internal Cause? Rerouted { get; init; }

    /// <summary>Why the same packets may also fare otherwise, as they do in other flows; null if they do not.</summary>
    internal Cause? Choice { get; init; }

    /// <summary>Whether they are here only if a match that is not certain matches.</summary>
    internal bool IsMatched { get; init; }

    /// <summary>The packet mark; null if it is not known.</summary>
    internal uint? Mark { get; init; } = 0;

    internal Pending? Pending { get; init; }

    internal Doubt? Doubts { get; init; }

    /// <summary>Why the rules may not see the packets at all; null if they do.</summary>
    internal Cause? MayBypass { get; init; }

    internal PacketPath Path { get; init; }

    internal string? OutLink { get; init; }

    /// <summary>The links of packets that leave by several; each packet leaves by one of them. Null if they leave by <see cref="OutLink"/>, or do not.</summary>
    internal OutLinks? OutLinks { get; init; }

    /// <summary>What <c>-o</c> sees: before routing, and on the way to the host itself, there is no out-interface, and its name is empty; null if it is not known.</summary>
    internal string? LeavesBy => OutLink ?? (Path is PacketPath.None or PacketPath.Local ? "" : null);

    /// <summary>The container to which docker-proxy carries the packets; null if it does not.</summary>
    internal string? Proxied { get; init; }

    /// <summary>What conntrack keeps of the connection that they belong to; null for packets that open one.</summary>
    internal Connected? Connected { get; init; }

    /// <summary>Whether conntrack counts their connection as redirected (its virtual state DNAT).</summary>
    internal bool IsRedirected => Connected?.IsRedirected ?? Rewriting.IsRedirected;
}

/// <summary>The chains that packets have come through, the last one first.</summary>
internal sealed class Trail(string chain, Trail? before)
{
    internal string Chain { get; } = chain;

    internal Trail? Before { get; } = before;

    internal int Length { get; } = 1 + (before?.Length ?? 0);

    internal static Trail? Longer(Trail? one, Trail? other) => (one?.Length ?? 0) >= (other?.Length ?? 0) ? one : other;

    /// <summary>The chains in order, each once; made on demand, and shared by all parts with the same way.</summary>
    internal IReadOnlyList<string> Chains => field ??= InOrder();

    private List<string> InOrder()
    {
        var chains = new List<string>();
        for (var trail = this; trail is not null; trail = trail.Before)
        {
            if (!chains.Contains(trail.Chain, StringComparer.Ordinal))
                chains.Add(trail.Chain);
        }
        chains.Reverse();
        return chains;
    }
}

/// <summary>Packets to which the same has been done so far.</summary>
internal sealed record Flow(PacketSet Packets, FlowState State, Trail? Trail)
{
    internal Flow In(Doubt? doubts) => this with { State = State with { Doubts = doubts } };

    /// <summary>The same packets, as they may also have met this end.</summary>
    internal Flow Perhaps(MayBe end, Chance when, Cause cause, Place? block = null, Standing otherwise = Standing.Passes, bool isLimited = false) =>
        this with { State = State with { Pending = Pending.With(State.Pending, end, when, cause, block, otherwise, isLimited) } };
}
