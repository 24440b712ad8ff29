global using DestinationLayer = DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.TrackedFlags>>>>>;
global using DestinationPortLayer = DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.TrackedFlags>>;
global using ProtocolLayer = DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.TrackedFlags>>>;
global using SourceLayer = DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.TrackedFlags>>>>;
global using SourcePortLayer = DockerNetHarden.Packets.Spans<DockerNetHarden.Packets.TrackedFlags>;

using DockerNetHarden.Addresses;

namespace DockerNetHarden.Packets;

/// <summary>
/// The order of the dimensions, outermost first: destination, source, protocol, destination port (for ICMP: type times 256 plus code),
/// source port, conntrack state with TCP flags. Destinations come first because rules name them most often, and with the most variety.
/// </summary>
internal static class Layers
{
    internal const int LastPort = 65535;
    internal const int LastProtocol = 255;

    internal static SourcePortLayer AnySourcePort { get; } = SourcePortLayer.Everything(LastPort, TrackedFlags.All);

    internal static DestinationPortLayer AnyPort { get; } = DestinationPortLayer.Everything(LastPort, AnySourcePort);

    internal static ProtocolLayer AnyProtocol { get; } = ProtocolLayer.Everything(LastProtocol, AnyPort);

    private static SourceLayer AnySource4 { get; } = SourceLayer.Everything(LastAddress(Family.IPv4), AnyProtocol);

    private static SourceLayer AnySource6 { get; } = SourceLayer.Everything(LastAddress(Family.IPv6), AnyProtocol);

    internal static SourceLayer AnySource(Family family) => family == Family.IPv4 ? AnySource4 : AnySource6;

    internal static UInt128 LastAddress(Family family) => family == Family.IPv4 ? uint.MaxValue : UInt128.MaxValue;
}

/// <summary>
/// One dimension of a packet set together with all dimensions below it. A layer is never empty: null stands for the empty set, so that an
/// empty branch cannot be built. An operation returns one of its operands if that is the result, which keeps branches shared.
/// </summary>
internal interface ILayer<TSelf>
    where TSelf : class, ILayer<TSelf>
{
    TSelf? Intersect(TSelf other);

    TSelf? Subtract(TSelf other);

    TSelf Union(TSelf other);

    /// <summary>Whether the two are certainly the same set. Also false if finding out would take long.</summary>
    bool IsSame(TSelf other);
}
