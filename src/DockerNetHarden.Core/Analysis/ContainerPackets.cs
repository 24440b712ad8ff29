using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>Which packets of a question containers can send and hope for an answer.</summary>
internal static class ContainerPackets
{
    /// <summary>
    /// The packets of a question without those whose source is the host's own address or a broadcast one: the kernel lets nobody in who pretends to be the host
    /// (RFC 1812, 5.3.8; martian sources, unless accept_local is set), and such a source gets no answer back.
    /// </summary>
    public static PacketSet Of(AccessQuery query, HostSnapshot host)
    {
        var own = host.Addresses.Select(address => address.Address)
            .Concat(host.Routes.Where(route => route.Type is "broadcast").Select(route => route.Destination))
            .Where(address => address.Family == query.Family)
            .Distinct()
            .ToList();
        var packets = PacketSet.Of(query);
        return own.Count == 0 ? packets : packets.Subtract(PacketSet.Of(new AccessQuery { Family = query.Family, InInterface = query.InInterface, Sources = own }));
    }
}
