using System.Globalization;
using System.Numerics;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Matching;

/// <summary>
/// Addresses as iptables names them: as a prefix, or with a mask in the form of an address, which need not be a prefix (<c>10.1.0.1/255.255.0.255</c>). Bits outside the mask do not
/// count. Source: iptables(8), <c>--source</c>.
/// </summary>
internal static class MaskedAddress
{
    // The addresses of a mask with holes are two to the power of the holes' bits spans; beyond this many the lowest bits of the mask are left out.
    private const int MostFreeBits = 12;

    /// <summary>The addresses; null if the text names none of this family.</summary>
    /// <param name="text">The text.</param>
    /// <param name="family">The family.</param>
    /// <returns>The spans, and whether they are all; otherwise the addresses are among them.</returns>
    internal static (IReadOnlyList<(UInt128 First, UInt128 Last)> Spans, bool IsExact)? Read(string text, Family family)
    {
        if (Cidr.TryParse(text, out var prefix))
            return prefix.Family == family ? ([(prefix.Bits, prefix.Last)], true) : null;
        var parts = text.Split('/');
        if (parts.Length > 2 || !Cidr.TryParse(parts[0], out var address) || address.Family != family || !address.IsSingleAddress || Mask(parts[^1], family) is not { } mask)
            return null;
        var kept = mask;
        while (FreeBits(kept, family).Count > MostFreeBits)
            kept &= kept - 1;
        return (Spans(address.Bits & kept, kept, family), kept == mask);
    }

    private static UInt128? Mask(string text, Family family) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length <= Cidr.Width(family) ? ~Cidr.From(family, UInt128.Zero, length).Last & Whole(family) : null
        : Cidr.TryParse(text, out var mask) && mask.Family == family && mask.IsSingleAddress ? mask.Bits
        : null;

    private static UInt128 Whole(Family family) => Packets.Layers.LastAddress(family);

    // The bits above the lowest one that counts which do not count: each is 0 in some of the addresses, and 1 in others.
    private static List<int> FreeBits(UInt128 mask, Family family)
    {
        var free = new List<int>();
        for (var bit = (int)UInt128.TrailingZeroCount(mask); bit < Cidr.Width(family); bit++)
        {
            if (((mask >> bit) & UInt128.One) == UInt128.Zero)
                free.Add(bit);
        }
        return free;
    }

    private static List<(UInt128 First, UInt128 Last)> Spans(UInt128 bits, UInt128 mask, Family family)
    {
        if (mask == UInt128.Zero)
            return [(UInt128.Zero, Whole(family))];
        var free = FreeBits(mask, family);
        var size = UInt128.One << (int)UInt128.TrailingZeroCount(mask);
        var spans = new List<(UInt128 First, UInt128 Last)>(1 << free.Count);
        for (uint choice = 0; choice < 1u << free.Count; choice++)
        {
            var first = bits;
            for (var rest = choice; rest != 0; rest &= rest - 1)
                first |= UInt128.One << free[BitOperations.TrailingZeroCount(rest)];
            spans.Add((first, first + size - 1));
        }
        return spans;
    }
}
