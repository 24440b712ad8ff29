using DockerNetHarden.Analysis.Sets;
using DockerNetHarden.Analysis.Walking;

namespace DockerNetHarden.Analysis;

public sealed partial class PacketSet
{
    /// <summary>The packets that are in this set once they have been rewritten so: a rule sees them as they are now, a question as they came in.</summary>
    internal PacketSet Before(Rewriting rewriting)
    {
        var root = Root;
        if (root is not null && rewriting.Destination is { } destination)
            root = root.Find(destination) is { } sources ? DestinationLayer.Of(0, Layers.LastAddress(Family), sources) : null;
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

    /// <summary>The same headers in whatever conntrack state and with whatever flags.</summary>
    internal PacketSet InEveryState() => With(Root?.Select(sources => sources.Select(protocols => protocols.Select(ports =>
        ports.Select(static sourcePorts => sourcePorts.Select(static _ => TrackedFlags.All))))));
}
