using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>One packet, as it enters the host.</summary>
/// <param name="Family">The family.</param>
/// <param name="Source">The source address.</param>
/// <param name="Destination">The destination address.</param>
/// <param name="Protocol">The protocol's number (IANA).</param>
/// <param name="SourcePort">The source port; for ICMP and ICMPv6 the identifier, which takes its place in conntrack; 0 if the protocol has neither.</param>
/// <param name="DestinationPort">The destination port; for ICMP and ICMPv6 the type times 256 plus the code; 0 if the protocol has neither.</param>
public sealed record Packet(Family Family, Cidr Source, Cidr Destination, int Protocol, int SourcePort, int DestinationPort);

/// <summary>What has been done to packets on their way: DNAT of address and port, and their conntrack state if it is no longer the original one.</summary>
/// <param name="Destination">The new destination; null if it is still the original one.</param>
/// <param name="Port">The new destination port; null if it is still the original one.</param>
/// <param name="Tracking">The state that every rule sees; null for the packets' own state.</param>
internal readonly record struct Rewriting(UInt128? Destination = null, int? Port = null, Tracking? Tracking = null)
{
    /// <summary>How destinations were moved to those of another prefix (NETMAP); null if they were not.</summary>
    internal Move? Move { get; init; }

    /// <summary>Whether conntrack counts the packets as redirected (its virtual state DNAT).</summary>
    internal bool IsRedirected => Destination is not null || Port is not null || Move is not null;

    /// <summary>Where their destinations are now; null if they are still the original ones.</summary>
    internal (UInt128 First, UInt128 Last)? Place => Destination is { } one ? (one, one) : Move is { } move ? (move.To, move.To + (move.Last - move.First)) : null;
}

/// <summary>Destinations that became as many others, in their order.</summary>
/// <param name="First">The first destination as it was.</param>
/// <param name="Last">The last.</param>
/// <param name="To">What the first became.</param>
internal readonly record struct Move(UInt128 First, UInt128 Last, UInt128 To);

/// <summary>
/// An exact set of packets of one family, told apart by source, destination, protocol, ports (for ICMP type and code), TCP flags and conntrack
/// state. Immutable: every operation gives a new one.
/// </summary>
public sealed class PacketSet
{
    // A sample is shown to people: protocols that they know come first.
    private static readonly int[] s_familiarProtocols = [Protocols.Tcp, Protocols.Udp, Protocols.Icmp, Protocols.IcmpV6];
    private static readonly int[] s_familiarPorts = [80, 443, 22, 53];
    private static readonly int[] s_familiarSourcePorts = [40000];

    private PacketSet(Family family, DestinationLayer? root) => (Family, Root) = (family, root);

    /// <summary>The family.</summary>
    public Family Family { get; }

    /// <summary>Whether no packet is in it.</summary>
    public bool IsEmpty => Root is null;

    /// <summary>The outermost dimension; null if the set is empty.</summary>
    internal DestinationLayer? Root { get; }

    /// <summary>All packets that a question names.</summary>
    /// <exception cref="ArgumentException">The question names an address of the other family, an unknown protocol, or ports for a protocol without ports.</exception>
    public static PacketSet Of(AccessQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        var layer = ProtocolsOf(query);
        if (query.Ports is { } ports)
            layer = layer?.Intersect(Transport.ToPorts(ports.Ranges.Select(Wide)));
        if (query.SourcePorts is { } sourcePorts)
            layer = layer?.Intersect(Transport.FromPorts(sourcePorts.Ranges.Select(Wide)));
        return layer is null
            ? new PacketSet(query.Family, null)
            : From(query.Family, Transport.FirstPackets(query.Family), null, null)
                .Intersect(From(query.Family, layer, SpansOf(query.Family, query.Sources), SpansOf(query.Family, query.Destinations)));
    }

    /// <summary>Every packet of a family, in every conntrack state.</summary>
    public static PacketSet All(Family family) => From(family, Layers.AnyProtocol, null, null);

    /// <summary>No packet.</summary>
    public static PacketSet None(Family family) => new(family, null);

    /// <summary>The packets that are in both.</summary>
    /// <exception cref="ArgumentException">The other set is of the other family.</exception>
    public PacketSet Intersect(PacketSet other) => With(Checked(other).Root is { } theirs ? Root?.Intersect(theirs) : null);

    /// <summary>The packets that are only in this one.</summary>
    /// <exception cref="ArgumentException">The other set is of the other family.</exception>
    public PacketSet Subtract(PacketSet other) => With(Checked(other).Root is { } theirs ? Root?.Subtract(theirs) : Root);

    /// <summary>The packets that are in either.</summary>
    /// <exception cref="ArgumentException">The other set is of the other family.</exception>
    public PacketSet Union(PacketSet other) => With(Checked(other).Root is not { } theirs ? Root : Root?.Union(theirs) ?? theirs);

    /// <summary>Whether a packet is in it, with any TCP flags and in any conntrack state.</summary>
    public bool Contains(Packet packet)
    {
        ArgumentNullException.ThrowIfNull(packet);
        return packet.Family == Family
            && Root?.Find(packet.Destination.Bits)?.Find(packet.Source.Bits)?.Find((UInt128)packet.Protocol)
                ?.Find((UInt128)packet.DestinationPort)?.Find((UInt128)packet.SourcePort) is not null;
    }

    /// <summary>Whether the two hold the same packets.</summary>
    public bool SetEquals(PacketSet other) => Checked(other).Subtract(this).IsEmpty && Subtract(other).IsEmpty;

    /// <summary>The destinations of its packets, as the smallest number of prefixes.</summary>
    public IReadOnlyList<Cidr> Destinations =>
        Root is null ? [] : Prefixes.Of(Family, Root.InOrder().Select(static span => (span.First, span.Last)));

    /// <summary>The sources of its packets, as the smallest number of prefixes.</summary>
    public IReadOnlyList<Cidr> Sources => Root is null ? [] : Prefixes.Of(Family, Root.InOrder().Select(static span => span.Inner).Distinct(ReferenceEqualityComparer.Instance)
        .Cast<SourceLayer>().SelectMany(static sources => sources.InOrder().Select(static span => (span.First, span.Last))));

    /// <summary>One of its packets; null if it is empty.</summary>
    public Packet? Sample()
    {
        if (Root is null)
            return null;
        var (protocol, ports) = Pick(Root.Inner.Inner, s_familiarProtocols);
        var (port, sourcePorts) = Pick(ports, s_familiarPorts);
        var (sourcePort, _) = Pick(sourcePorts, s_familiarSourcePorts);
        var number = (int)protocol;
        return new Packet(
            Family, Cidr.From(Family, Root.Inner.First, Cidr.Width(Family)), Cidr.From(Family, Root.First, Cidr.Width(Family)), number,
            Protocols.HasPorts(number) ? (int)sourcePort : 0, Protocols.HasPorts(number) || Protocols.IsIcmp(number) ? (int)port : 0);
    }

    /// <summary>The set as a person reads it: <c>tcp to 169.254.169.254 port 80</c>.</summary>
    public override string ToString()
    {
        const int MostShown = 4;
        if (Root is null)
            return "no packets";
        var kinds = PacketText.Of(this);
        var shown = string.Join("; ", kinds.Take(MostShown));
        return kinds.Count <= MostShown ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown}; and {kinds.Count - MostShown} more kinds");
    }

    /// <summary>The packets that are in this set after this rewriting: a rule sees them as they are now, a question as they entered.</summary>
    internal PacketSet Before(Rewriting rewriting)
    {
        var root = Root;
        if (root is not null && rewriting.Destination is { } destination)
            root = root.Find(destination) is { } sources ? DestinationLayer.Of(0, Layers.LastAddress(Family), sources) : null;
        if (root is not null && rewriting.Move is { } move)
            root = root.Moved(rewriting.Place!.Value, move.First);
        if (root is not null && rewriting.Port is { } port)
        {
            root = root.Select(sources => sources.Select(protocols => protocols.Select(ports =>
                ports.Find((UInt128)port) is { } sourcePorts ? DestinationPortLayer.Of(0, Layers.LastPort, sourcePorts) : null)));
        }
        if (root is not null && rewriting.Tracking is { } state)
        {
            root = root.Select(sources => sources.Select(protocols => protocols.Select(ports => ports.Select(sourcePorts =>
                sourcePorts.Select(leaf => leaf.AsIf(state))))));
        }
        return With(root);
    }

    /// <summary>The same headers in any conntrack state and with any flags.</summary>
    internal PacketSet InEveryState() => With(Root?.Select(sources => sources.Select(protocols => protocols.Select(ports =>
        ports.Select(static sourcePorts => sourcePorts.Select(static _ => TrackedFlags.All))))));

    internal static PacketSet From(Family family, DestinationLayer? root) => new(family, root);

    /// <summary>All packets of these protocols between these addresses; null for every address.</summary>
    internal static PacketSet From(
        Family family, ProtocolLayer protocols, IEnumerable<(UInt128 First, UInt128 Last)>? sources, IEnumerable<(UInt128 First, UInt128 Last)>? destinations)
    {
        var source = sources is not null ? SourceLayer.Of(sources, protocols)
            : ReferenceEquals(protocols, Layers.AnyProtocol) ? Layers.AnySource(family)
            : SourceLayer.Of(0, Layers.LastAddress(family), protocols);
        return new PacketSet(family, source is null ? null
            : destinations is not null ? DestinationLayer.Of(destinations, source)
            : DestinationLayer.Of(0, Layers.LastAddress(family), source));
    }

    private static ProtocolLayer? ProtocolsOf(AccessQuery query)
    {
        if (query.Protocol is null)
        {
            return query is { Ports: null, SourcePorts: null }
                ? Layers.AnyProtocol
                : throw new ArgumentException("Ports are asked about without a protocol; name one that has ports, for example tcp.", nameof(query));
        }
        var number = Protocols.NumberOf(query.Protocol)
            ?? throw new ArgumentException($"'{query.Protocol}' is not a protocol; name one (tcp, udp, icmp, icmpv6, sctp) or give a number from 0 to 255.", nameof(query));
        if (!Protocols.HasPorts(number) && (query.Ports is not null || query.SourcePorts is not null))
            throw new ArgumentException($"The protocol '{query.Protocol}' has no ports; leave the ports out, or ask about tcp or udp.", nameof(query));
        return Transport.Protocol(number);
    }

    private static IEnumerable<(UInt128, UInt128)>? SpansOf(Family family, IReadOnlyList<Cidr> prefixes)
    {
        foreach (var prefix in prefixes)
        {
            if (prefix.Family != family)
                throw new ArgumentException($"{prefix} is not an address of {family}; ask about each family on its own.", nameof(prefixes));
        }
        return prefixes.Count == 0 ? null : prefixes.Select(static prefix => (prefix.Bits, prefix.Last));
    }

    private static (UInt128, UInt128) Wide((ushort First, ushort Last) ports) => (ports.First, ports.Last);

    private static (UInt128 Number, T Inner) Pick<T>(Spans<T> layer, int[] familiar)
        where T : class, ILayer<T>
    {
        foreach (var number in familiar)
        {
            if (layer.Find((UInt128)number) is { } inner)
                return ((UInt128)number, inner);
        }
        return (layer.First, layer.Inner);
    }

    private PacketSet With(DestinationLayer? root) => ReferenceEquals(root, Root) ? this : new PacketSet(Family, root);

    private PacketSet Checked(PacketSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.Family == Family ? other : throw new ArgumentException($"A set of {other.Family} and one of {Family} have nothing in common; ask about each family on its own.", nameof(other));
    }
}
