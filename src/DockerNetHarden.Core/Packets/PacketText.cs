using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>
/// Packet sets in words, without TCP flags and conntrack states: a question is about packets that open a connection, and their headers
/// tell its answers apart.
/// </summary>
internal static class PacketText
{
    private const int MostInOneList = 6;

    /// <summary>One line per kind: packets with the same protocols, ports and sources, to all their destinations.</summary>
    /// <param name="packets">The packets.</param>
    /// <param name="name">A name for sources, if they have one.</param>
    internal static IReadOnlyList<string> Of(PacketSet packets, Func<IReadOnlyList<Cidr>, string?>? name = null)
    {
        var known = new Dictionary<SourceLayer, IReadOnlyList<Kind>>(ReferenceEqualityComparer.Instance);
        var family = packets.Family;
        var kinds = Grouped(packets.Root!.InOrder().SelectMany(span =>
        {
            if (!known.TryGetValue(span.Inner, out var inner))
                known.Add(span.Inner, inner = OfSources(family, span.Inner, name));
            return inner.Select(kind => (Span: (span.First, span.Last), Kind: kind));
        }));
        return [.. kinds.Select(group => Line(group.Kind, Addresses(family, group.Spans) is { } to ? $" to {to}" : ""))];
    }

    private static string Line(Kind kind, string to) =>
        (kind.Protocol, kind.Ports, kind.From, to) is ("", "", "", "") ? "all packets"
        : $"{(kind.Protocol.Length == 0 ? "all packets" : kind.Protocol)}{kind.From}{to}{kind.Ports}";

    private static List<Kind> OfSources(Family family, SourceLayer sources, Func<IReadOnlyList<Cidr>, string?>? name) =>
        [.. Grouped(sources.InOrder().SelectMany(span => OfProtocols(family, span.Inner).Select(kind => (Span: (span.First, span.Last), Kind: kind))))
            .Select(group => group.Kind with { From = (name?.Invoke([.. Prefixes.Of(family, group.Spans)]) ?? Addresses(family, group.Spans)) is { } from ? $" from {from}" : "" })];

    private static IEnumerable<Kind> OfProtocols(Family family, ProtocolLayer protocols)
    {
        var spans = protocols.InOrder().SelectMany(span => OfPorts((int)span.First, span.Inner).Select(ports => (Span: (span.First, span.Last), Kind: new Kind("", ports, ""))));
        foreach (var (kind, numbers) in Grouped(spans))
            yield return kind with { Protocol = ProtocolsIn(family, numbers) };
    }

    private static IEnumerable<string> OfPorts(int protocol, DestinationPortLayer ports)
    {
        var bySource = ports.InOrder().GroupBy(span => Numbers([.. span.Inner.InOrder().Select(static ports => (ports.First, ports.Last))]), StringComparer.Ordinal);
        foreach (var group in bySource)
        {
            List<(UInt128, UInt128)> numbers = [.. group.Select(static span => (span.First, span.Last))];
            var from = group.Key.Length == 0 ? "" : $" from port {group.Key}";
            yield return (Protocols.IsIcmp(protocol) ? Types(protocol, numbers) : Numbers(numbers) is { Length: > 0 } text ? $" port {text}" : "") + from;
        }
    }

    // A question can only be about types that open a connection.
    private static string Types(int protocol, List<(UInt128 First, UInt128 Last)> numbers)
    {
        var types = numbers.SelectMany(static span => Enumerable.Range((int)(span.First >> 8), (int)(span.Last >> 8) - (int)(span.First >> 8) + 1)).Distinct().ToList();
        var opening = Protocols.OpeningTypes(protocol == Protocols.Icmp ? Family.IPv4 : Family.IPv6);
        return types.Count == 256 || types.SequenceEqual(opening) ? "" : $" type {Limited(types.Select(static type => type.ToString(CultureInfo.InvariantCulture)))}";
    }

    private static string ProtocolsIn(Family family, List<(UInt128 First, UInt128 Last)> numbers)
    {
        // The other family's ICMP opens no connection, so its absence is not mentioned.
        var other = family == Family.IPv4 ? Protocols.IcmpV6 : Protocols.Icmp;
        var all = numbers.SelectMany(static span => Enumerable.Range((int)span.First, (int)(span.Last - span.First) + 1)).ToHashSet();
        all.Add(other);
        var absent = Enumerable.Range(0, Layers.LastProtocol + 1).Where(number => !all.Contains(number)).ToList();
        if (absent.Count == 0)
            return "";
        if (absent.Count < MostInOneList)
            return $"all but {string.Join(", ", absent.Select(Protocols.NameOf))}";
        all.Remove(other);
        return all.Count == 0 ? Protocols.NameOf(other) : Limited(all.Order().Select(Protocols.NameOf));
    }

    private static string? Addresses(Family family, List<(UInt128 First, UInt128 Last)> spans) =>
        spans is [var (first, last)] && first == UInt128.Zero && last == Layers.LastAddress(family)
            ? null
            : Limited(Prefixes.Of(family, spans).Select(static prefix => prefix.ToShortString()));

    private static string Numbers(List<(UInt128 First, UInt128 Last)> spans)
    {
        List<(UInt128 First, UInt128 Last)> joined = [.. SourcePortLayer.Of(spans, TrackedFlags.All)!.InOrder().Select(static span => (span.First, span.Last))];
        return joined is [var (first, last)] && first == UInt128.Zero && last == Layers.LastPort
            ? ""
            : Limited(joined.Select(static span => span.First == span.Last ? span.First.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{span.First}-{span.Last}")));
    }

    private static string Limited(IEnumerable<string> items)
    {
        var all = items.ToList();
        return all.Count <= MostInOneList
            ? string.Join(", ", all)
            : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", all.Take(MostInOneList))} and {all.Count - MostInOneList} more");
    }

    private static IEnumerable<(Kind Kind, List<(UInt128 First, UInt128 Last)> Spans)> Grouped(IEnumerable<((UInt128 First, UInt128 Last) Span, Kind Kind)> items) =>
        items.GroupBy(static item => item.Kind, static item => item.Span).Select(static group => (group.Key, group.ToList()));

    private sealed record Kind(string Protocol, string Ports, string From);
}
