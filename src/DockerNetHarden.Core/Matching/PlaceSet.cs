using System.Numerics;

namespace DockerNetHarden.Matching;

/// <summary>
/// Places in a chain, in order. An audit looks rules up a million times, so the memory is used again: a walk within a walk takes another set.
/// </summary>
internal sealed class PlaceSet
{
    [ThreadStatic]
    private static Stack<PlaceSet>? s_spare;

    private ulong[] _bits = [];

    // One bit for each word of the others that is not zero: few of many places are found.
    private ulong[] _words = [];

    /// <summary>An empty set for a chain of this length.</summary>
    internal static PlaceSet Rent(int length)
    {
        var set = s_spare is { Count: > 0 } spare ? spare.Pop() : new PlaceSet();
        var words = (length + 63) / 64;
        if (set._bits.Length < words)
            (set._bits, set._words) = (new ulong[words], new ulong[(words + 63) / 64]);
        return set;
    }

    internal void Add(int place)
    {
        var word = place / 64;
        _bits[word] |= 1UL << (place % 64);
        _words[word / 64] |= 1UL << (word % 64);
    }

    /// <summary>The first place from <paramref name="start"/> on; -1 if there is none.</summary>
    internal int From(int start)
    {
        var word = start / 64;
        if (word >= _bits.Length)
            return -1;
        var bits = _bits[word] & (ulong.MaxValue << (start % 64));
        if (bits == 0)
        {
            word = Next(_words, word + 1);
            if (word < 0)
                return -1;
            bits = _bits[word];
        }
        return (word * 64) + BitOperations.TrailingZeroCount(bits);
    }

    internal void Return()
    {
        for (var word = Next(_words, 0); word >= 0; word = Next(_words, word + 1))
            _bits[word] = 0;
        Array.Clear(_words);
        (s_spare ??= []).Push(this);
    }

    private static int Next(ulong[] words, int start)
    {
        var word = start / 64;
        if (word >= words.Length)
            return -1;
        var bits = words[word] & (ulong.MaxValue << (start % 64));
        while (bits == 0)
        {
            if (++word >= words.Length)
                return -1;
            bits = words[word];
        }
        return (word * 64) + BitOperations.TrailingZeroCount(bits);
    }
}
