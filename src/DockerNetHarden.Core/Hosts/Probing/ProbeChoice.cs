using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Hosts.Probing;

/// <summary>Finds a connection attempt for a part of an answer: from a container, with a packet of that part. Pure.</summary>
public static class ProbeChoice
{
    // If nothing else is asked for: ports where somebody is likely to listen, so that an open way is seen to be open.
    private static readonly string[] LikelyPorts = ["80", "443", "22", "53", "1:65535"];

    /// <summary>The containers of a host from which a question can be probed: they run, and their packets cannot leave by any other network.</summary>
    /// <param name="question">The question.</param>
    /// <param name="host">The host as it was just read.</param>
    /// <returns>The containers, in the order of the host.</returns>
    public static IReadOnlyList<DockerContainer> Containers(TraceQuestion question, HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(host);
        return [.. host.Containers.Where(container => container.Pid > 0 && container.State is "running"
            && (question.Container is null || string.Equals(container.Name, question.Container, StringComparison.Ordinal))
            && container.Addresses.Any(address => string.Equals(address.Network, question.Network, StringComparison.Ordinal)) && Entry(container, host) is not null)
            .Select(container => container with { Addresses = [Entry(container, host)!] })];
    }

    /// <summary>
    /// An attempt whose first packet is in the part; null if there is none (not TCP, or sources other than the containers). What a container sends to its own address never
    /// leaves it, so it is never an attempt.
    /// </summary>
    /// <param name="containers">The containers to ask from.</param>
    /// <param name="question">The question.</param>
    /// <param name="part">The part of its answer.</param>
    public static ConnectionProbe? Find(IReadOnlyList<DockerContainer> containers, TraceQuestion question, AccessPart part)
    {
        ArgumentNullException.ThrowIfNull(containers);
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(part);
        if (question.Query.Protocol is not (null or "tcp"))
            return null;
        var attempts =
            from ports in LikelyPorts
            from container in containers
            let address = Address(container, question.Query.Family)
            where address is not null
            let packets = question.Query with { Sources = [address.Value], Protocol = "tcp", Ports = PortList.Parse(ports, "Port"), SourcePorts = null }
            let packet = PacketSet.Of(packets).Subtract(PacketSet.Of(packets with { Destinations = [address.Value] })).Intersect(part.Packets).Sample()
            where packet is not null
            select new ConnectionProbe(container.Id, container.Pid, packet.Destination, packet.DestinationPort);
        return attempts.FirstOrDefault();
    }

    // The one way out. No packet to an overlay network's own subnet is asked about here, so a container on an overlay network and its bridge still has one way out.
    private static ContainerAddress? Entry(DockerContainer container, HostSnapshot host)
    {
        var ways = container.Addresses.Where(address => !host.Networks.Any(network => network.Driver is "overlay" && string.Equals(network.Name, address.Network, StringComparison.Ordinal))).ToList();
        return ways is [var only] ? only : null;
    }

    private static Cidr? Address(DockerContainer container, Family family) => family == Family.IPv4 ? container.Addresses[0].IPv4 : container.Addresses[0].IPv6;
}
