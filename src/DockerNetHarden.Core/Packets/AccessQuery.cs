using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>
/// Which packets are asked about: first packets of connections (conntrack state NEW, direction ORIGINAL; of TCP those with SYN and without ACK) that come
/// into the host by one link. Everything that is not named is all of it.
/// </summary>
public sealed record AccessQuery
{
    /// <summary>The family.</summary>
    public required Family Family { get; init; }

    /// <summary>The link by which they come in: the bridge of a network.</summary>
    public required string InInterface { get; init; }

    /// <summary>Their sources; empty for every source, spoofed ones too.</summary>
    public IReadOnlyList<Cidr> Sources { get; init; } = [];

    /// <summary>Their destinations as the container names them, before any DNAT; empty for every destination.</summary>
    public IReadOnlyList<Cidr> Destinations { get; init; } = [];

    /// <summary>The source ports; null for every port. Only with a protocol that has ports.</summary>
    public PortList? SourcePorts { get; init; }

    /// <summary>The protocol as a name (<c>tcp</c>, <c>udp</c>, <c>icmp</c>, <c>icmpv6</c>, <c>sctp</c>) or number; null for every protocol.</summary>
    public string? Protocol { get; init; }

    /// <summary>The destination ports, as the container names them; null for every port. Only with a protocol that has ports.</summary>
    public PortList? Ports { get; init; }
}
