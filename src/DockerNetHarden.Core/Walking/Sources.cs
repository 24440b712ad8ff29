using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>Packets that the kernel may drop because of their source.</summary>
/// <param name="Packets">The packets.</param>
/// <param name="Why">Why, in a sentence without its full stop.</param>
/// <param name="IsCertain">Whether it certainly drops them.</param>
internal sealed record DoubtfulSource(PacketSet Packets, string Why, bool IsCertain);

/// <summary>
/// Which sources the kernel may refuse when it routes: its own addresses, addresses that cannot be a source and, with rp_filter, every source that it would
/// not answer by the link. Source: Linux Documentation/networking/ip-sysctl, fib_validate_source in net/ipv4/fib_frontend.c.
/// </summary>
internal sealed class Sources(HostSnapshot host, Family family, AddressTypes types)
{
    private readonly Dictionary<string, IReadOnlyList<DoubtfulSource>> _known = new(StringComparer.Ordinal);
    private (DoubtfulSource Never, DoubtfulSource Odd, PacketSet Own)? _ofAllLinks;
    private ILookup<string, PacketSet>? _routed;

    /// <summary>Packets that are, or may be, dropped because of their source; disjoint.</summary>
    internal IReadOnlyList<DoubtfulSource> Doubtful(string inLink)
    {
        if (!_known.TryGetValue(inLink, out var doubtful))
            _known.Add(inLink, doubtful = family == Family.IPv4 ? Make(inLink) : []);
        return doubtful;
    }

    private List<DoubtfulSource> Make(string inLink)
    {
        var (never, odd, own) = _ofAllLinks ??= OfAllLinks();
        var doubtful = new List<DoubtfulSource> { never, odd };
        if (AcceptsOwn(inLink) is not true)
            doubtful.Add(new(own, "the kernel drops packets from outside whose source is an address of the host's own", AcceptsOwn(inLink) is false));
        var filter = Math.Max(Level("all"), Level(inLink));
        if (filter > 0)
        {
            var spoofed = PacketSet.All(family).Subtract(Answered(inLink, filter == 1)).Subtract(never.Packets).Subtract(odd.Packets).Subtract(own);
            doubtful.Add(new(spoofed, $"rp_filter of {inLink} drops sources that it would not answer by that link", IsCertain: false));
        }
        return doubtful;
    }

    private (DoubtfulSource Never, DoubtfulSource Odd, PacketSet Own) OfAllLinks()
    {
        var never = From(types.Multicast).Union(LimitedBroadcast());
        var own = From(types.Local).Subtract(never);
        var odd = From(types.Broadcast).Subtract(never).Subtract(own);
        return (new(never, "multicast and broadcast addresses cannot be sources", IsCertain: true), new(odd, "the kernel may not accept packets from this source", IsCertain: false), own);
    }

    // Either of the two sysctls is enough (IN_DEV_ORCONF in linux/inetdevice.h); null if they were not read.
    private bool? AcceptsOwn(string inLink)
    {
        string?[] values = [host.Sysctls.GetValueOrDefault("net.ipv4.conf.all.accept_local"), host.Sysctls.GetValueOrDefault($"net.ipv4.conf.{inLink}.accept_local")];
        return values.Contains("1") ? true : values.Contains(null) ? null : false;
    }

    private PacketSet LimitedBroadcast() => From([(uint.MaxValue, uint.MaxValue)]);

    private int Level(string name) => host.Sysctls.GetValueOrDefault($"net.ipv4.conf.{name}.rp_filter") switch { "1" => 1, "2" => 2, _ => 0 };

    // Strict: by this link. Loose: by any. A default route by another link answers nobody here; one by this link answers everybody.
    private PacketSet Answered(string inLink, bool strict)
    {
        _routed ??= Routed();
        return (strict ? _routed[inLink] : _routed.SelectMany(static ofLink => ofLink)).Aggregate(PacketSet.None(family), static (all, one) => all.Union(one));
    }

    // The sources that each unicast route answers, by its links.
    private ILookup<string, PacketSet> Routed()
    {
        var rest = PacketSet.All(family);
        var answered = new List<(string Link, PacketSet Sources)>();
        foreach (var route in host.Routes.Where(route => route.Family == family && route.Table is "main" or "default").OrderByDescending(static route => route.Destination.Length).ThenBy(static route => route.Metric))
        {
            var from = rest.Intersect(From([(route.Destination.Bits, route.Destination.Last)]));
            rest = rest.Subtract(from);
            if (route.Type == "unicast" && !from.IsEmpty)
                answered.AddRange(route.Links.DefaultIfEmpty("").Select(link => (link, from)));
        }
        return answered.ToLookup(static pair => pair.Link, static pair => pair.Sources, StringComparer.Ordinal);
    }

    private PacketSet From(IEnumerable<(UInt128 First, UInt128 Last)> spans) => PacketSet.From(family, Layers.AnyProtocol, spans, null);
}
