namespace DockerNetHarden.Packets;

/// <summary>What conntrack says about a packet: its state and, if there is one, its direction. Source: iptables-extensions(8), conntrack.</summary>
internal enum Tracking
{
    New,
    Established,
    EstablishedReply,
    Related,
    RelatedReply,
    Invalid,
    Untracked,
}

/// <summary>
/// The innermost dimensions: for each conntrack state the combinations of the six TCP flags (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32)
/// that are in the set, one bit per combination. Packets other than TCP stand for all combinations.
/// </summary>
internal sealed class TrackedFlags : ILayer<TrackedFlags>
{
    internal const int States = 7;

    private readonly ulong[] _flags;

    private TrackedFlags(ulong[] flags) => _flags = flags;

    internal static TrackedFlags All { get; } = new([.. Enumerable.Repeat(ulong.MaxValue, States)]);

    internal ulong this[Tracking state] => _flags[(int)state];

    /// <summary>These combinations of flags in these states; null if there are none.</summary>
    internal static TrackedFlags? Of(IEnumerable<Tracking> states, ulong flags)
    {
        var result = new ulong[States];
        foreach (var state in states)
            result[(int)state] = flags;
        return Known(result);
    }

    /// <summary>The combinations whose masked flags equal the compared ones. Source: iptables-extensions(8), --tcp-flags.</summary>
    internal static ulong Combinations(int mask, int compared)
    {
        var result = 0UL;
        for (var flags = 0; flags < 64; flags++)
            result |= (flags & mask) == compared ? 1UL << flags : 0;
        return result;
    }

    /// <summary>The packets that would be in this set if conntrack gave them this state.</summary>
    internal TrackedFlags? AsIf(Tracking state) => Known([.. Enumerable.Repeat(this[state], States)]);

    public TrackedFlags? Intersect(TrackedFlags other) => ReferenceEquals(this, other) || ReferenceEquals(other, All) ? this
        : ReferenceEquals(this, All) ? other
        : Combine(other, static (mine, theirs) => mine & theirs);

    public TrackedFlags? Subtract(TrackedFlags other) => ReferenceEquals(this, other) || ReferenceEquals(other, All) ? null
        : Combine(other, static (mine, theirs) => mine & ~theirs);

    public TrackedFlags Union(TrackedFlags other) => ReferenceEquals(this, other) || ReferenceEquals(this, All) ? this
        : ReferenceEquals(other, All) ? other
        : Combine(other, static (mine, theirs) => mine | theirs)!;

    public bool IsSame(TrackedFlags other) => ReferenceEquals(this, other) || _flags.AsSpan().SequenceEqual(other._flags);

    private TrackedFlags? Combine(TrackedFlags other, Func<ulong, ulong, ulong> operation)
    {
        var result = new ulong[States];
        for (var i = 0; i < States; i++)
            result[i] = operation(_flags[i], other._flags[i]);
        return result.AsSpan().SequenceEqual(_flags) ? this : Known(result);
    }

    private static TrackedFlags? Known(ulong[] flags) =>
        !flags.AsSpan().ContainsAnyExcept(0UL) ? null
        : !flags.AsSpan().ContainsAnyExcept(ulong.MaxValue) ? All
        : new TrackedFlags(flags);
}
