using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis.Sets;

namespace DockerNetHarden.Analysis;

public sealed partial class PacketSet
{
    // A sample is shown to people: what they know comes first.
    private static readonly int[] s_familiarProtocols = [Protocols.Tcp, Protocols.Udp, Protocols.Icmp, Protocols.IcmpV6];
    private static readonly int[] s_familiarPorts = [80, 443, 22, 53];
    private static readonly int[] s_familiarSourcePorts = [40000];

    /// <summary>One packet of it; null where there is none.</summary>
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
}
