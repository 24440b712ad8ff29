using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Analysis;

/// <summary>A network as the origin of packets, so that evidence can name it instead of its addresses.</summary>
/// <param name="Network">Its name.</param>
/// <param name="Subnets">Its subnets.</param>
/// <param name="Strangers">In a family, packets whose source does not belong to a container: the host's own addresses, broadcast addresses.</param>
internal sealed record PacketOrigin(string Network, IReadOnlyList<Cidr> Subnets, Func<Family, PacketSet> Strangers)
{
    // Every container has a link-local address as well, and the host is its neighbour (RFC 4291, 2.8).
    private static readonly Cidr LinkLocal = Cidr.Parse("fe80::/10");

    /// <summary>The network in words, if these are the sources of all its containers: <c>network apps (172.18.0.0/16)</c>; null if they are others.</summary>
    public string? Name(Family family, IReadOnlyList<Cidr> sources)
    {
        Cidr[] own = [.. Subnets.Where(subnet => subnet.Family == family)];
        if (own.Length == 0)
            return sources is [var only] && only == LinkLocal ? $"network {Network} (its link-local addresses)" : null;
        var (asked, all) = (From(family, sources), From(family, own));
        var isWithin = asked.Subtract(family == Family.IPv6 ? all.Union(From(family, [LinkLocal])) : all).IsEmpty;
        return isWithin && all.Subtract(asked).Subtract(Strangers(family)).IsEmpty ? $"network {Network} ({string.Join(", ", own.Select(subnet => subnet.ToShortString()))})" : null;
    }

    private static PacketSet From(Family family, IReadOnlyList<Cidr> sources) => PacketSet.Of(new AccessQuery { Family = family, InInterface = "any", Sources = sources });
}
