global using DestinationLayer = DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.TrackedFlags>>>>>;
global using DestinationPortLayer = DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.TrackedFlags>>;
global using ProtocolLayer = DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.TrackedFlags>>>;
global using SourceLayer = DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.TrackedFlags>>>>;
global using SourcePortLayer = DockerNetHarden.Analysis.Sets.Spans<DockerNetHarden.Analysis.Sets.TrackedFlags>;

using DockerNetHarden.Addresses;

namespace DockerNetHarden.Analysis.Sets;

/// <summary>
/// The order of the dimensions, outermost first: destination, source, protocol, destination port (of ICMP: type times 256 plus code),
/// source port, conntrack state with TCP flags. Destinations come first because rules name them most, and most differently.
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
