using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>
/// By which links the host would answer which sources. Source: rpfilter_mt in net/ipv4/netfilter/ipt_rpfilter.c and net/ipv6/netfilter/ip6t_rpfilter.c.
/// </summary>
internal sealed class ReversePaths(HostSnapshot host, Family family)
{
    private readonly Dictionary<(bool, bool), IReadOnlyList<LinkCase>?> _known = [];

    /// <summary>The packets whose source the host would answer by the link by which they enter; null if routes decide that are not modelled.</summary>
    /// <param name="isLoose">Whether any link will do.</param>
    /// <param name="acceptsLocal">Whether the host's own addresses will do.</param>
    internal IReadOnlyList<LinkCase>? Of(bool isLoose, bool acceptsLocal)
    {
        if (!IsPlain())
            return null;
        if (!_known.TryGetValue((isLoose, acceptsLocal), out var cases))
            _known.Add((isLoose, acceptsLocal), cases = Make(isLoose, acceptsLocal));
        return cases;
    }

    /// <summary>All other packets.</summary>
    internal static IReadOnlyList<LinkCase> Others(IReadOnlyList<LinkCase> answered, Family family)
    {
        var all = PacketSet.All(family);
        return
        [
            .. answered.Select(one => one with { Packets = all.Subtract(one.Packets!) }).Where(static one => !one.Packets!.IsEmpty),
            new LinkCase(new LinkPattern([.. answered.Select(static one => one.In!.OnlyName!)], true), null, null),
        ];
    }

    // Only the three rules that every host has, so that nothing but the address decides, whatever the packet's mark.
    private bool IsPlain()
    {
        var rules = host.RoutingRules.Where(rule => rule.Family == family).ToList();
        return !host.Unread.ContainsKey("Routes") && !host.Unread.ContainsKey("RoutingRules")
            && rules.Count > 0 && rules.TrueForAll(static rule => rule is { From: null, To: null, InLink: null, IsModelled: true, Table: "local" or "main" or "default" });
    }

    private List<LinkCase>? Make(bool isLoose, bool acceptsLocal)
    {
        var byLink = host.Links.ToDictionary(static link => link, _ => PacketSet.None(family), StringComparer.Ordinal);
        var rest = PacketSet.All(family);
        foreach (var table in new[] { "local", "main", "default" })
        {
            var routes = host.Routes.Where(route => route.Family == family && route.Table == table).GroupBy(static route => route.Destination).OrderByDescending(static group => group.Key.Length);
            foreach (var group in routes)
            {
                var best = group.Min(static route => route.Metric);
                var chosen = group.Where(route => route.Metric == best).ToList();
                var from = rest.Intersect(PacketSet.From(family, Layers.AnyProtocol, [(group.Key.Bits, group.Key.Last)], null));
                if (from.IsEmpty)
                    continue;
                if (chosen.Exists(static route => !route.IsModelled || route.Type == "throw"))
                    return null;
                rest = rest.Subtract(from);
                if (chosen[0].Type != "unicast" && !(chosen[0].Type == "local" && acceptsLocal))
                    continue;
                foreach (var link in isLoose ? [.. byLink.Keys] : chosen.SelectMany(static route => route.Links).Distinct(StringComparer.Ordinal).Where(byLink.ContainsKey).ToList())
                    byLink[link] = byLink[link].Union(from);
            }
        }
        return [.. byLink.Select(each => new LinkCase(new LinkPattern([each.Key], false), null, WithExceptions(each.Key, each.Value)))];
    }

    // What the kernel does not look up.
    private PacketSet WithExceptions(string link, PacketSet answered)
    {
        if (link == "lo")
            return PacketSet.All(family);
        if (family == Family.IPv4)
        {
            // Somebody without an address asks for one: from 0.0.0.0/8 to a broadcast address or a group on the link.
            return answered.Union(PacketSet.From(family, Layers.AnyProtocol, [(0, 0x00ffffff)], [(uint.MaxValue, uint.MaxValue), (0xe0000000, 0xe00000ff)]));
        }
        // A link-local address is answered by its own link.
        var linkLocal = Sources("fe80::/10");
        var own = host.Routes.Any(route => route.Family == family && route.Links.Contains(link, StringComparer.Ordinal) && route.Destination.Length >= 10 && Cidr.Parse("fe80::/10").Contains(route.Destination));
        return (own ? answered.Union(linkLocal) : answered.Subtract(linkLocal)).Subtract(Sources("ff00::/8")).Subtract(Sources("::"));
    }

    private PacketSet Sources(string prefix) => Cidr.Parse(prefix) is var cidr ? PacketSet.From(family, Layers.AnyProtocol, [(cidr.Bits, cidr.Last)], null) : PacketSet.None(family);
}
