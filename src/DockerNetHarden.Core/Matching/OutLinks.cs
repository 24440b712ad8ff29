using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// The links by which packets leave, each with the packets that routing sends there. A walk takes them through the rules together: a host with hundreds of networks has as many ways for one question,
/// and most rules treat them alike.
/// </summary>
internal sealed class OutLinks
{
    private readonly IReadOnlyList<(string Link, PacketSet Packets)> _links;
    private readonly Dictionary<string, PacketSet> _byName;
    private readonly Dictionary<LinkPattern, PacketSet> _byPattern = [];
    private readonly PacketPlaces _places;

    internal OutLinks(Family family, IReadOnlyList<(string Link, PacketSet Packets)> links)
    {
        _links = links;
        _byName = links.ToDictionary(static each => each.Link, static each => each.Packets, StringComparer.Ordinal);
        _places = new(family, [.. links.Select(static each => each.Packets)]);
    }

    /// <summary>The packets of all links, as they entered.</summary>
    internal PacketSet All => _places.All;

    internal int Count => _links.Count;

    internal IEnumerable<string> Names => _byName.Keys;

    internal bool Contains(string link) => _byName.ContainsKey(link);

    /// <summary>The packets that leave by a link that matches.</summary>
    internal PacketSet By(LinkPattern pattern)
    {
        if (pattern.OnlyName is { } name)
            return _byName.GetValueOrDefault(name) ?? PacketSet.None(All.Family);
        if (!_byPattern.TryGetValue(pattern, out var packets))
            _byPattern.Add(pattern, packets = Matching(pattern));
        return packets;
    }

    /// <summary>Packets that leave by these links, apart by link.</summary>
    internal IEnumerable<(string Link, PacketSet Packets)> Split(PacketSet packets) =>
        _places.For(packets).Select(place => (_links[place].Link, Packets: packets.Intersect(_links[place].Packets))).Where(static part => !part.Packets.IsEmpty);

    /// <summary>All packets of the links by which some of these leave.</summary>
    internal PacketSet OfLinksOf(PacketSet packets) => Split(packets).Aggregate(PacketSet.None(All.Family), (all, each) => all.Union(_byName[each.Link]));

    private PacketSet Matching(LinkPattern pattern)
    {
        if (pattern.AllBut is { } name)
            return _byName.TryGetValue(name, out var ofOne) ? All.Subtract(ofOne) : All;
        var not = _links.Where(each => !pattern.Matches(each.Link)).ToList();
        return not.Count == _links.Count ? PacketSet.None(All.Family) : not.Aggregate(All, static (all, each) => all.Subtract(each.Packets));
    }
}
