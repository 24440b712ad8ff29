namespace DockerNetHarden.Addresses;

/// <summary>Spans of addresses as prefixes.</summary>
internal static class Prefixes
{
    /// <summary>The fewest prefixes that hold exactly these spans.</summary>
    internal static IReadOnlyList<Cidr> Of(Family family, IEnumerable<(UInt128 First, UInt128 Last)> spans) =>
        Cidr.Aggregate(spans.SelectMany(span => Of(family, span.First, span.Last)));

    /// <summary>The fewest prefixes that hold exactly this span, in order.</summary>
    internal static IEnumerable<Cidr> Of(Family family, UInt128 first, UInt128 last)
    {
        var width = Cidr.Width(family);
        while (true)
        {
            // The widest prefix that begins here and ends within the span.
            var host = first == UInt128.Zero ? width : Math.Min(width, (int)UInt128.TrailingZeroCount(first));
            while (host > 0 && HostMask(host) > last - first)
                host--;
            yield return Cidr.From(family, first, width - host);
            if (last - first == HostMask(host))
                yield break;
            first += HostMask(host) + 1;
        }
    }

    private static UInt128 HostMask(int bits) => bits == 128 ? UInt128.MaxValue : (UInt128.One << bits) - 1;

    /// <summary>The ends of a range as tools print it, <c>10.0.0.5-10.0.0.9</c>, or of a single address; null if the text is neither.</summary>
    public static (Family Family, UInt128 First, UInt128 Last)? Ends(string text)
    {
        var ends = text.Split('-');
        return ends.Length <= 2 && Cidr.TryParse(ends[0], out var first) && Cidr.TryParse(ends[^1], out var last) && first.IsSingleAddress && last.IsSingleAddress && first.Family == last.Family && first.Bits <= last.Bits
            ? (first.Family, first.Bits, last.Bits)
            : null;
    }
}
