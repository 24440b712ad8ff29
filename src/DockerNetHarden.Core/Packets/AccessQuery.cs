using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>
/// Which packets are asked about: first packets of connections (conntrack state NEW, direction ORIGINAL; for TCP those with SYN and without ACK) that enter
/// the host by one link. Whatever is not named is not restricted.
/// </summary>
public sealed record AccessQuery
{
    /// <summary>The family.</summary>
    public required Family Family { get; init; }

    /// <summary>The link by which they enter: the bridge of a network.</summary>
    public required string InInterface { get; init; }

    /// <summary>Their sources; empty for every source, including spoofed ones.</summary>
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
