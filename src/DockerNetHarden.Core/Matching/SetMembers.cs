using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>The packets that a set holds.</summary>
/// <param name="OfAllLinks">Those of its members that name no link.</param>
/// <param name="ByLink">Those of its members that name a link by which packets enter or leave; the link may be a pattern.</param>
/// <param name="Why">Why not all of them need to be in the set; null if they are. None is in the set that is not among them.</param>
internal sealed record SetPackets(PacketSet OfAllLinks, IReadOnlyList<(string Link, bool IsIn, PacketSet Packets)> ByLink, string? Why);

/// <summary>Turns the members of a set into packets. Source: ipset(8); the lookups of each type in net/netfilter/ipset.</summary>
/// <param name="family">The family of the packets.</param>
/// <param name="directions">What is looked up: <c>src</c> or <c>dst</c> for each dimension.</param>
/// <param name="setNamed">The sets that a list of sets names.</param>
internal sealed class SetMembers(Family family, string[] directions, Func<string, HostIpSet?> setNamed)
{
    private const string Odd = "a member that is not understood is";

    // Members that differ only in one address are one set of packets with many addresses.
    private readonly record struct Kind(int Length, string Ports, string Link, (UInt128 First, UInt128 Last)? OtherAddress, bool IsException);

    internal SetPackets Of(HostIpSet set)
    {
        var words = set.Type.Split(' ');
        string[] dimensions = words[0].Split(':') is [_, var named] ? named.Split(',') : [];
        // The kernel finds nothing in a set of the other family, or if it is not told what to look up (ip_set_test in net/netfilter/ipset/ip_set_core.c).
        if ((set.Family is { } other && other != family) || (words[0] != "list:set" && directions.Length < dimensions.Length))
            return new SetPackets(PacketSet.None(family), [], null);
        if (words[0] == "list:set")
            return OfSets(set.Members);
        if (dimensions.Length == 0 || !Array.TrueForAll(dimensions, static each => each is "ip" or "net" or "port" or "iface" or "mac" or "mark"))
            return Anything($"members of the type {set.Type} are not modelled");
        int? width = null;
        if (words.Length > 1)
        {
            if (words is not [_, "netmask", var text] || dimensions is not ["ip"] || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length > Cidr.Width(family))
                return Anything($"members of the type {set.Type} are not modelled");
            width = length;
        }
        return OfMembers(set, dimensions, width);
    }

    // The sets of the list are looked up one after the other, each for itself.
    private SetPackets OfSets(IReadOnlyList<string> members)
    {
        var (all, why) = (PacketSet.None(family), (string?)null);
        var byLink = new Dictionary<(string Link, bool IsIn), PacketSet>();
        foreach (var member in members)
        {
            if (setNamed(member.Split(' ')[0]) is not { } set || set.Type.StartsWith("list:", StringComparison.Ordinal))
                return Anything($"{member.Split(' ')[0]}, which was not read, is");
            var of = Of(set);
            (all, why) = (all.Union(of.OfAllLinks), why ?? of.Why);
            foreach (var (link, isIn, packets) in of.ByLink)
                byLink[(link, isIn)] = byLink.TryGetValue((link, isIn), out var there) ? there.Union(packets) : packets;
        }
        return new SetPackets(all, [.. byLink.Select(static each => (each.Key.Link, each.Key.IsIn, each.Value))], why);
    }

    private SetPackets OfMembers(HostIpSet set, string[] dimensions, int? width)
    {
        var nets = dimensions.Count(static each => each is "net");
        var link = Array.IndexOf(dimensions, "iface");
        var why = dimensions.Contains("mac") ? "hardware addresses, which are not known, are" : dimensions.Contains("mark") ? "packet marks are" : null;
        var (hasException, hasWildcard) = (false, false);
        var groups = new Dictionary<Kind, List<(UInt128 First, UInt128 Last)>>();
        foreach (var member in set.Members)
        {
            var element = Element.Read(member);
            if (OfElement(element, dimensions, width) is not { } found)
                return Anything(Odd);
            (hasException, hasWildcard) = (hasException || element.IsException, hasWildcard || element.IsWildcard);
            if (found.Kind.Link.StartsWith("physdev:", StringComparison.Ordinal))
                why ??= "ports of bridges are";
            if (!groups.TryGetValue(found.Kind, out var spans))
                groups.Add(found.Kind, spans = []);
            spans.Add(found.Address);
        }
        // Which of several prefixes, or of a link and a pattern, is looked up first decides.
        if (hasException && (nets != 1 || hasWildcard))
            why ??= "exceptions (nomatch) are";
        var all = new Dictionary<string, PacketSet>(StringComparer.Ordinal);
        // The longest prefix that holds an address wins, and with nomatch it keeps the address out of the set. Others stay possible if that is not certain.
        foreach (var (kind, addresses) in groups.OrderBy(static group => group.Key.Length).ThenBy(static group => group.Key.IsException))
        {
            if (kind.IsException && why is not null)
                continue;
            if (PacketsOf(kind, addresses, dimensions) is not { } packets)
                return Anything(Odd);
            // A port of a bridge: the link is then not the one that is looked up.
            var name = kind.Link.StartsWith("physdev:", StringComparison.Ordinal) ? "" : kind.Link;
            var there = all.GetValueOrDefault(name) ?? PacketSet.None(family);
            all[name] = kind.IsException ? there.Subtract(packets) : there.Union(packets);
        }
        var isIn = link >= 0 && directions[link] == "src";
        return new SetPackets(all.GetValueOrDefault("") ?? PacketSet.None(family), [.. all.Where(static each => each.Key.Length > 0).Select(each => (each.Key, isIn, each.Value))], why);
    }

    private SetPackets Anything(string why) => new(PacketSet.All(family), [], why);

    private (Kind Kind, (UInt128 First, UInt128 Last) Address)? OfElement(Element element, string[] dimensions, int? width)
    {
        if (element.Parts.Length != dimensions.Length)
            return null;
        var (length, ports, link) = (0, "", "");
        // The addresses of the first dimension, and those of another one if there is one.
        ((UInt128 First, UInt128 Last)? address, (UInt128 First, UInt128 Last)? other) = (null, null);
        foreach (var (dimension, part) in dimensions.Zip(element.Parts))
        {
            switch (dimension)
            {
                case "ip" or "net":
                    if (Span(part, width) is not { } span)
                        return null;
                    if (dimension is "net" && Cidr.TryParse(part, out var prefix))
                        length = prefix.Length;
                    if (address is null)
                        address = span;
                    else
                        other = span;
                    break;
                case "port":
                    ports = part;
                    break;
                case "iface":
                    link = element.IsWildcard ? part + "+" : part;
                    break;
            }
        }
        return (new Kind(length, ports, link, other, element.IsException), address ?? (UInt128.Zero, Layers.LastAddress(family)));
    }

    private PacketSet? PacketsOf(Kind kind, List<(UInt128 First, UInt128 Last)> addresses, string[] dimensions)
    {
        var port = Array.IndexOf(dimensions, "port");
        var layer = port < 0 ? Layers.AnyProtocol : OfPorts(kind.Ports, directions[port], dimensions.Length == 1);
        if (layer is null)
            return null;
        var places = dimensions.Select((dimension, at) => (dimension, at)).Where(static each => each.dimension is "ip" or "net").Select(each => directions[each.at]).ToList();
        var packets = places.Count == 0 ? PacketSet.From(family, layer, null, null) : OfAddresses(addresses, places[0], layer);
        return kind.OtherAddress is { } other ? packets.Intersect(OfAddresses([other], places[1], Layers.AnyProtocol)) : packets;
    }

    private PacketSet OfAddresses(IReadOnlyList<(UInt128 First, UInt128 Last)> spans, string direction, ProtocolLayer layer) =>
        direction == "src" ? PacketSet.From(family, layer, spans, null) : PacketSet.From(family, layer, null, spans);

    // "tcp:80", "udp:1000-2000", "80", "icmp:echo-request", "icmp:3/1", "gre:0". A set of ports alone has those of TCP and UDP, without saying so (ip_set_get_ip_port and ip_set_bitmap_port.c).
    private ProtocolLayer? OfPorts(string text, string direction, bool areAlone)
    {
        var at = text.IndexOf(':', StringComparison.Ordinal);
        var ports = text[(at + 1)..];
        if (Protocols.NumberOf(at < 0 ? "tcp" : text[..at]) is not { } protocol)
            return null;
        var layer = at < 0 && areAlone ? s_tcpAndUdp : Transport.Protocol(protocol);
        if (Protocols.IsIcmp(protocol))
            return MatchModules.TypeSpan(ports, family) is { } type ? Transport.ToPorts([(type.First, type.First)]).Intersect(layer) : null;
        if (!Protocols.HasPorts(protocol))
            return layer;
        return MatchReader.PortSpans(ports.Replace('-', ':')) is { } spans ? (direction == "src" ? Transport.FromPorts(spans) : Transport.ToPorts(spans)).Intersect(layer) : null;
    }

    private static readonly ProtocolLayer s_tcpAndUdp = Transport.Protocol(Protocols.Tcp).Union(Transport.Protocol(Protocols.Udp));

    private (UInt128 First, UInt128 Last)? Span(string text, int? width)
    {
        if (Cidr.TryParse(text, out var prefix))
        {
            if (prefix.Family != family)
                return null;
            var whole = width is { } length && length < prefix.Length ? prefix.Truncate(length) : prefix;
            return (whole.Bits, whole.Last);
        }
        return Prefixes.Ends(text) is var (its, first, last) && its == family ? (first, last) : null;
    }

    /// <summary>A member as ipset save prints it: its parts, and the words that change what it means.</summary>
    private readonly record struct Element(string[] Parts, bool IsException, bool IsWildcard)
    {
        // A comment may hold anything; how long a member stays, what it counted and what it would mark a packet with say nothing of whether it is in the set now. Source: ipset(8), "Generic create and add options".
        internal static Element Read(string member)
        {
            if (!member.Contains(' ', StringComparison.Ordinal))
                return new Element(member.Split(','), false, false);
            var end = member.IndexOf(" comment ", StringComparison.Ordinal);
            var words = (end < 0 ? member : member[..end]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            // The value of an option is a number or a pair of them.
            return new Element(words[0].Split(','), words.Contains("nomatch", StringComparer.Ordinal), words.Contains("wildcard", StringComparer.Ordinal));
        }
    }
}
