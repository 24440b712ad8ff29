using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Reads <c>-m set --match-set NAME src,dst</c> and the members of the set. Source: iptables-extensions(8), ipset(8).</summary>
internal static class SetReader
{
    private const string Nomatch = " nomatch";

    internal static bool Read(ref RuleTokens reader, MatchBuilder match, RuleContext context)
    {
        if (reader.Option != "--match-set")
            return false;
        var negated = reader.IsNegated;
        var (name, directions) = (reader.Value(), reader.Value().Split(','));
        if (context.SetNamed(name) is not { } set)
            match.NotModelled($"the set {name} was not read");
        else if (set.Family is { } family && family != match.Family)
            match.Only(PacketSet.None(match.Family), negated);
        else if (Packets(set.Type, set.Members, directions, match.Family) is { } packets)
            match.Only(packets, negated);
        else
            match.NotModelled($"members of the set {name} ({set.Type}) are not modelled");
        return true;
    }

    private static PacketSet? Packets(string type, IReadOnlyList<string> members, string[] directions, Family family)
    {
        var elements = members.Select(Element).ToList();
        if (type == "hash:net" && elements.Exists(IsException))
            return Exceptions(elements, directions[0], family);
        var all = PacketSet.None(family);
        var addresses = new List<(UInt128 First, UInt128 Last)>();
        foreach (var text in elements)
        {
            switch (type)
            {
                case "hash:ip" or "hash:net" or "bitmap:ip" when Span(text, family) is { } span:
                    addresses.Add(span);
                    break;
                case "hash:ip,port" or "hash:net,port" when Pair(text, directions, family) is { } pair:
                    all = all.Union(pair);
                    break;
                case "bitmap:port" when Ports(text) is { } ports:
                    all = all.Union(PacketSet.From(family, OfPorts(ports, directions[0]).Intersect(s_tcpAndUdp)!, null, null));
                    break;
                default:
                    return null;
            }
        }
        return addresses.Count == 0 ? all : OfAddresses(addresses, directions[0], Layers.AnyProtocol, family);
    }

    // The element and nomatch, which alone changes what it means. A comment may hold anything; how long a member stays, what it counted and what it would mark a packet with say nothing of
    // whether it is in the set now. Source: ipset(8), "Generic create and add options".
    private static string Element(string member)
    {
        if (!member.Contains(' ', StringComparison.Ordinal))
            return member;
        var end = member.IndexOf(" comment ", StringComparison.Ordinal);
        var words = (end < 0 ? member : member[..end]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var kept = new List<string>();
        for (var i = 0; i < words.Length; i++)
        {
            if (i > 0 && words[i] is "timeout" or "packets" or "bytes" or "skbmark" or "skbprio" or "skbqueue")
                i++;
            else
                kept.Add(words[i]);
        }
        return string.Join(' ', kept);
    }

    private static bool IsException(string element) => element.EndsWith(Nomatch, StringComparison.Ordinal);

    // The longest prefix that holds an address wins, and with nomatch it keeps the address out of the set. Source: ipset(8).
    private static PacketSet? Exceptions(IReadOnlyList<string> elements, string direction, Family family)
    {
        var all = PacketSet.None(family);
        foreach (var (text, isException) in elements.Select(static element => (Text: IsException(element) ? element[..^Nomatch.Length] : element, IsException: IsException(element))).OrderBy(static each => LengthOf(each.Text)))
        {
            if (Span(text, family) is not { } span)
                return null;
            var packets = OfAddresses([span], direction, Layers.AnyProtocol, family);
            all = isException ? all.Subtract(packets) : all.Union(packets);
        }
        return all;
    }

    private static int LengthOf(string text) => Cidr.TryParse(text, out var prefix) ? prefix.Length : 0;

    // 10.0.0.1,tcp:80 or 10.0.0.0/8,udp:53
    private static PacketSet? Pair(string text, string[] directions, Family family)
    {
        var parts = text.Split(',');
        if (parts.Length != 2 || directions.Length != 2 || Span(parts[0], family) is not { } address)
            return null;
        var at = parts[1].IndexOf(':', StringComparison.Ordinal);
        if (Protocols.NumberOf(at < 0 ? "tcp" : parts[1][..at]) is not { } protocol || !Protocols.HasPorts(protocol) || Ports(parts[1][(at + 1)..]) is not { } ports)
            return null;
        return OfPorts(ports, directions[1]).Intersect(Transport.Protocol(protocol)) is { } layer ? OfAddresses([address], directions[0], layer, family) : null;
    }

    private static PacketSet OfAddresses(IReadOnlyList<(UInt128 First, UInt128 Last)> spans, string direction, ProtocolLayer layer, Family family) =>
        direction == "src" ? PacketSet.From(family, layer, spans, null) : PacketSet.From(family, layer, null, spans);

    private static ProtocolLayer OfPorts((UInt128 First, UInt128 Last) ports, string direction)
    {
        var layer = direction == "src" ? Transport.FromPorts([ports]) : Transport.ToPorts([ports]);
        return layer.Intersect(s_withPorts)!;
    }

    private static readonly ProtocolLayer s_withPorts = new[] { Protocols.Tcp, Protocols.Udp, Protocols.Sctp, Protocols.UdpLite }
        .Select(Transport.Protocol).Aggregate(static (one, other) => one.Union(other));

    // A set of ports alone has no SCTP ports. Source: ip_set_get_ip_port in net/netfilter/ipset/ip_set_bitmap_port.c.
    private static readonly ProtocolLayer s_tcpAndUdp = Transport.Protocol(Protocols.Tcp).Union(Transport.Protocol(Protocols.Udp));

    private static (UInt128 First, UInt128 Last)? Ports(string text) =>
        MatchReader.PortSpans(text.Replace('-', ':')) is [var ports] ? ports : null;

    private static (UInt128 First, UInt128 Last)? Span(string text, Family family)
    {
        if (Cidr.TryParse(text, out var prefix))
            return prefix.Family == family ? (prefix.Bits, prefix.Last) : null;
        var ends = text.Split('-');
        return ends.Length == 2 && Cidr.TryParse(ends[0], out var first) && Cidr.TryParse(ends[1], out var last) && first.Family == family && first.Bits <= last.Bits
            ? (first.Bits, last.Bits)
            : null;
    }
}
