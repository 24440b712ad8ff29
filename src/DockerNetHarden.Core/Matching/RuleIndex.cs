using System.Numerics;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// Some rules of a long chain by the addresses that they can match, so that packets to one network do not meet thousands of rules about others: by destination, or, if they match
/// every destination, by source.
/// </summary>
internal sealed class RuleIndex(CompiledRule[] chain, IReadOnlyList<int> places)
{
    private readonly AddressTree _destinations = new([.. places.Where(place => !IsAboutSources(chain[place])).Select(place => (chain[place].Match.Low, chain[place].Match.High, place))]);
    private readonly AddressTree _sources = new([.. places.Where(place => IsAboutSources(chain[place])).Select(place => (chain[place].Match.Bounds.FirstSource, chain[place].Match.Bounds.LastSource, place))]);

    /// <summary>Adds the places of the rules that can match packets to these destinations, of which <paramref name="bounds"/> says where they come from.</summary>
    internal void Find(ReadOnlySpan<(UInt128 First, UInt128 Last)> destinations, in Bounds bounds, PlaceSet found)
    {
        foreach (var (first, last) in destinations)
            _destinations.Find(first, last, found);
        _sources.Find(bounds.FirstSource, bounds.LastSource, found);
    }

    private static bool IsAboutSources(CompiledRule rule) => rule.Match.Low == UInt128.Zero && rule.Match.High >= Layers.LastAddress(Addresses.Family.IPv4) && rule.Match.Bounds.FirstSource > UInt128.Zero;

    // An interval tree in an array, sorted by the lowest address; each node also has the highest address below it.
    private sealed class AddressTree
    {
        private readonly (UInt128 Low, UInt128 High, int Place)[] _sorted;
        private readonly UInt128[] _highest;

        internal AddressTree((UInt128 Low, UInt128 High, int Place)[] intervals)
        {
            Array.Sort(intervals);
            _sorted = intervals;
            _highest = new UInt128[intervals.Length];
            Measure(0, intervals.Length);
        }

        internal void Find(UInt128 low, UInt128 high, PlaceSet found) => Find(0, _sorted.Length, low, high, found);

        // The middle of a range is the root of its tree.
        private UInt128 Measure(int start, int end)
        {
            if (start >= end)
                return UInt128.Zero;
            var middle = (start + end) / 2;
            return _highest[middle] = UInt128.Max(_sorted[middle].High, UInt128.Max(Measure(start, middle), Measure(middle + 1, end)));
        }

        private void Find(int start, int end, UInt128 low, UInt128 high, PlaceSet found)
        {
            if (start >= end)
                return;
            var middle = (start + end) / 2;
            if (_highest[middle] < low)
                return;
            Find(start, middle, low, high, found);
            if (_sorted[middle].Low > high)
                return;
            if (_sorted[middle].High >= low)
                found.Add(_sorted[middle].Place);
            Find(middle + 1, end, low, high, found);
        }
    }
}

/// <summary>
/// Places in a chain, in order. An audit looks rules up a million times, so the memory is used again: a walk within a walk takes another set.
/// </summary>
internal sealed class PlaceSet
{
    [ThreadStatic]
    private static Stack<PlaceSet>? s_spare;

    private ulong[] _bits = [];

    /// <summary>An empty set for a chain of this length.</summary>
    internal static PlaceSet Rent(int length)
    {
        var set = s_spare is { Count: > 0 } spare ? spare.Pop() : new PlaceSet();
        var words = (length + 63) / 64;
        if (set._bits.Length < words)
            set._bits = new ulong[words];
        return set;
    }

    internal void Add(int place) => _bits[place / 64] |= 1UL << (place % 64);

    /// <summary>The first place from <paramref name="start"/> on; -1 if there is none.</summary>
    internal int From(int start)
    {
        var word = start / 64;
        if (word >= _bits.Length)
            return -1;
        var bits = _bits[word] & (ulong.MaxValue << (start % 64));
        while (bits == 0)
        {
            if (++word >= _bits.Length)
                return -1;
            bits = _bits[word];
        }
        return (word * 64) + BitOperations.TrailingZeroCount(bits);
    }

    internal void Return()
    {
        Array.Clear(_bits);
        (s_spare ??= []).Push(this);
    }
}
