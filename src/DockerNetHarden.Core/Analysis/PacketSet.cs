using DockerNetHarden.Rules;

namespace DockerNetHarden.Analysis;

/// <summary>One packet, as it comes in.</summary>
/// <param name="Family">The family.</param>
/// <param name="Source">The source address.</param>
/// <param name="Destination">The destination address.</param>
/// <param name="Protocol">The protocol's number (IANA).</param>
/// <param name="SourcePort">The source port; 0 where the protocol has none.</param>
/// <param name="DestinationPort">The destination port; 0 where the protocol has none.</param>
public sealed record Packet(Family Family, Cidr Source, Cidr Destination, int Protocol, int SourcePort, int DestinationPort);

/// <summary>An exact set of packets of one family: a union of boxes of intervals.</summary>
public sealed class PacketSet
{
    private PacketSet(Family family) => Family = family;

    /// <summary>The family.</summary>
    public Family Family { get; }

    /// <summary>Whether no packet is in it.</summary>
    public bool IsEmpty => throw new NotSupportedException();

    /// <summary>All packets that a question names.</summary>
    public static PacketSet Of(AccessQuery query) => throw new NotSupportedException();

    /// <summary>What is in both.</summary>
    public PacketSet Intersect(PacketSet other) => throw new NotSupportedException();

    /// <summary>What is in this one only.</summary>
    public PacketSet Subtract(PacketSet other) => throw new NotSupportedException();

    /// <summary>What is in either.</summary>
    public PacketSet Union(PacketSet other) => throw new NotSupportedException();

    /// <summary>Whether a packet is in it.</summary>
    public bool Contains(Packet packet) => throw new NotSupportedException();

    /// <summary>One packet of it; null where there is none.</summary>
    public Packet? Sample() => throw new NotSupportedException();

    /// <summary>The destinations of its packets, as few prefixes as say it.</summary>
    public IReadOnlyList<Cidr> Destinations => throw new NotSupportedException();

    /// <summary>The set as a person reads it: <c>tcp to 169.254.169.254 port 80</c>.</summary>
    public override string ToString() => throw new NotSupportedException();
}
