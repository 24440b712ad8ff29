using DockerNetHarden.Analysis.Sets;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis.Walking;

/// <summary>
/// Which sources the kernel may refuse when it routes: its own addresses, what cannot be a source at all, and with rp_filter whatever it would
/// not answer by the link. Source: Linux Documentation/networking/ip-sysctl, fib_validate_source in net/ipv4/fib_frontend.c.
/// </summary>
internal sealed class Sources(HostSnapshot host, Family family, AddressTypes types)
{
    private readonly Dictionary<string, IReadOnlyList<(PacketSet Packets, string Why)>> _known = new(StringComparer.Ordinal);

    /// <summary>Packets that may be dropped for their source, with the reason; disjoint.</summary>
    internal IReadOnlyList<(PacketSet Packets, string Why)> Doubtful(string inLink)
    {
        if (!_known.TryGetValue(inLink, out var doubtful))
            _known.Add(inLink, doubtful = family == Family.IPv4 ? Make(inLink) : []);
        return doubtful;
    }

    private List<(PacketSet Packets, string Why)> Make(string inLink)
    {
        var martians = From(types.Local).Union(From(types.Multicast)).Union(From(types.Broadcast));
        var doubtful = new List<(PacketSet Packets, string Why)> { (martians, "the kernel drops packets from outside whose source is an address of the host's own, or none that may send") };
        var filter = Math.Max(Level("all"), Level(inLink));
        if (filter > 0 && Answered(inLink, filter == 1) is { } answered)
            doubtful.Add((PacketSet.All(family).Subtract(answered).Subtract(martians), $"rp_filter of {inLink} drops sources that it would not answer by that link"));
        return doubtful;
    }

    private int Level(string name) => host.Sysctls.GetValueOrDefault($"net.ipv4.conf.{name}.rp_filter") switch { "1" => 1, "2" => 2, _ => 0 };

    // Strict: by this link. Loose: by any. A default route by another link answers nobody here, one by this link everybody.
    private PacketSet? Answered(string inLink, bool strict)
    {
        var rest = PacketSet.All(family);
        var answered = PacketSet.None(family);
        foreach (var route in host.Routes.Where(route => route.Family == family && route.Table is "main" or "default").OrderByDescending(static route => route.Destination.Length).ThenBy(static route => route.Metric))
        {
            var from = rest.Intersect(From([(route.Destination.Bits, route.Destination.Last)]));
            rest = rest.Subtract(from);
            if (route.Type == "unicast" && (!strict || route.Links.Contains(inLink, StringComparer.Ordinal)))
                answered = answered.Union(from);
        }
        return answered;
    }

    private PacketSet From(IEnumerable<(UInt128 First, UInt128 Last)> spans) => PacketSet.From(family, Layers.AnyProtocol, spans, null);
}
