using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>Ports of the host on which docker-proxy listens for a container. Source: Docker, "Port publishing and mapping".</summary>
internal static class PublishedPorts
{
    /// <summary>For each container, the packets to the host that its ports take.</summary>
    internal static IReadOnlyList<(string Container, PacketSet Packets)> Of(HostSnapshot host, Family family)
    {
        if (host.DaemonSettings.GetValueOrDefault("userland-proxy") == "false")
            return [];
        return
        [
            .. from container in host.Containers
               where container.State is "" or "running"
               let packets = container.Ports.Where(static port => port.HostPort > 0).Select(port => Packets(port.HostAddress, port.HostPort, port.Protocol, family))
                   .Aggregate(PacketSet.None(family), static (all, one) => all.Union(one))
               where !packets.IsEmpty
               select (container.Name, packets),
        ];
    }

    private static PacketSet Packets(Cidr? address, int port, string protocol, Family family)
    {
        if (Protocols.NumberOf(protocol) is not { } number || (address is { } one && one.Family != family))
            return PacketSet.None(family);
        var layer = Transport.Protocol(number).Intersect(Transport.ToPorts([((UInt128)port, (UInt128)port)]));
        return layer is null ? PacketSet.None(family) : PacketSet.From(family, layer, null, address is { } only ? [(only.Bits, only.Last)] : null);
    }
}
