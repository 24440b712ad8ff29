using System.Globalization;

namespace DockerNetHarden.Addresses;

/// <summary>One or more ports and port ranges, in order and without repetition: <c>25,465,587</c>, <c>1000:2000</c>. Source: iptables-extensions(8), multiport.</summary>
public sealed class PortList
{
    // multiport's array holds 15 numbers; a range takes two (XT_MULTI_PORTS in linux/netfilter/xt_multiport.h).
    private const int MaxSlots = 15;

    private readonly (ushort First, ushort Last)[] _ranges;

    private PortList((ushort First, ushort Last)[] ranges) => _ranges = ranges;

    /// <summary>The ranges, ascending; a single port is a range of one.</summary>
    public IReadOnlyList<(ushort First, ushort Last)> Ranges => _ranges;

    /// <summary>Whether it is a single port or a single range, so that no multiport match is needed.</summary>
    public bool IsSingle => _ranges.Length == 1;

    /// <summary>Whether a port is in the list.</summary>
    public bool Contains(int port) => Array.Exists(_ranges, range => port >= range.First && port <= range.Last);

    /// <summary>Reads <c>80</c>, <c>80,443</c>, <c>1000:2000</c> or <c>1000-2000</c>.</summary>
    /// <exception cref="RefusedValueException">A port is not from 1 to 65535, a range descends, or the list is longer than the kernel allows.</exception>
    public static PortList Parse(string text, string part)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ranges = new SortedSet<(ushort First, ushort Last)>();
        foreach (var item in text.Split(','))
        {
            var ends = item.Trim().Split([':', '-'], 2);
            var first = ReadPort(ends[0], text, part);
            var last = ends.Length == 1 ? first : ReadPort(ends[1], text, part);
            if (last < first)
                throw new RefusedValueException(part, text, $"the range {item.Trim()} descends; write {last}:{first}.");
            ranges.Add((first, last));
        }
        if (ranges.Sum(range => range.First == range.Last ? 1 : 2) > MaxSlots)
            throw new RefusedValueException(part, text, $"one rule matches at most {MaxSlots} ports, and a range counts as two; split it into two rules.");
        return new PortList([.. ranges]);
    }

    /// <summary>The ports of some lists in as few ranges as there can be: <c>1,2,9</c> and <c>5:9</c> are <c>1:2,5:9</c>. They may be more than one rule of iptables matches.</summary>
    public static PortList Joined(params IEnumerable<PortList> lists)
    {
        var joined = new List<(ushort First, ushort Last)>();
        foreach (var range in lists.SelectMany(list => list._ranges).Order())
        {
            if (joined.Count > 0 && range.First <= joined[^1].Last + 1)
                joined[^1] = (joined[^1].First, Math.Max(joined[^1].Last, range.Last));
            else
                joined.Add(range);
        }
        return new PortList([.. joined]);
    }

    /// <summary>The canonical text, as iptables-save prints it.</summary>
    public override string ToString() => string.Join(',', _ranges.Select(range => range.First == range.Last
        ? range.First.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{range.First}:{range.Last}")));

    private static ushort ReadPort(string text, string whole, string part) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? port
            : throw new RefusedValueException(part, whole, $"'{text}' is not a port, a whole number from 1 to 65535.");
}
