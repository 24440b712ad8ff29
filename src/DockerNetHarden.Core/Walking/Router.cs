using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>Where routing sends packets.</summary>
internal enum RouteKind
{
    Local,
    Forward,
    Drop,
    Reject,
    Unknown,
}

/// <summary>A way that routing chooses for packets.</summary>
/// <param name="Kind">Where they go.</param>
/// <param name="Link">The link by which they leave; null if they do not.</param>
/// <param name="Why">Why they are not or may not be delivered, or why the way is not known; null if they are delivered.</param>
internal sealed record RouteOutcome(RouteKind Kind, string? Link = null, string? Why = null);

/// <summary>
/// The routing decision: rules by priority, in each its table, in the table the longest prefix, among equal prefixes the lowest metric.
/// Source: ip-rule(8), ip-route(8).
/// </summary>
internal sealed class Router(HostSnapshot host, Family family)
{
    private const string OfGroup = "packets to a multicast group go to the host only if it has joined the group";

    private static readonly string[] s_usualTables = ["local", "main", "default"];

    private readonly Dictionary<string, RouteWays> _before = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RouteWays> _after = new(StringComparer.Ordinal);
    private readonly ILookup<string, string?> _masters = host.LinkDetails.ToLookup(static link => link.Name, static link => link.Master, StringComparer.Ordinal);
    private PacketSet? _local;
    private PacketSet? _linkLocal;

    /// <summary>The ways of packets that enter by a link: those for which the kernel does not look at routes, and those by the routes, which count for all other packets.</summary>
    internal (RouteWays Before, RouteWays After) Ways(string inLink, uint? mark)
    {
        if (!_before.TryGetValue(inLink, out var before))
            _before.Add(inLink, before = Made(rest => BeforeRoutes(inLink, rest)));
        return (before, After(inLink, mark));
    }

    // What the routes decide is the same for all links that no routing rule names: hundreds of networks share it.
    private RouteWays After(string inLink, uint? mark)
    {
        var rules = Unread() is null ? Rules(inLink) : [];
        var key = string.Create(CultureInfo.InvariantCulture, $"{mark} {string.Concat(rules.Select(rule => rule.InLink is null ? "-" : rule.InLink == inLink ? "=" : "!"))} {rules.Count}");
        if (!_after.TryGetValue(key, out var ways))
            _after.Add(key, ways = Made(rest => Routes(inLink, mark, rules, rest)));
        return ways;
    }

    private void Routes(string inLink, uint? mark, IReadOnlyList<RoutingRule> rules, Remaining rest)
    {
        // The host's own addresses are known even without routes.
        if (family == Family.IPv4)
            rest.Take(LocalAddresses(), new RouteOutcome(RouteKind.Local));
        if (Unread() is { } unread)
        {
            rest.Take(PacketSet.All(family), new RouteOutcome(RouteKind.Unknown, null, unread));
            return;
        }
        foreach (var rule in rules)
        {
            if (PolicyRule.Of(rule, inLink, mark) is not { } applied)
                continue;
            if (applied.Table is not null)
                LookUp(applied.Table, applied, rest);
            else
                rest.Take(applied.Packets, new RouteOutcome(RouteKind.Unknown, null, $"the routing rule '{rule.Text.Trim()}' is not modelled"));
        }
        rest.Take(PacketSet.All(family), new RouteOutcome(RouteKind.Reject, null, "there is no route to it"));
    }

    private RouteWays Made(Action<Remaining> take)
    {
        var ways = new Dictionary<RouteOutcome, PacketSet>();
        take(new Remaining(PacketSet.All(family), ways));
        return new RouteWays(family, ways);
    }

    private string? Unread() =>
        host.Unread.ContainsKey("Routes") || !host.Routes.Any(route => route.Family == family) ? "the routes were not read"
        : host.Unread.ContainsKey("RoutingRules") ? "the routing rules were not read"
        : null;

    // What the kernel decides without looking at routes (ip_route_input_slow in net/ipv4/route.c, ip6_route_input in net/ipv6/route.c).
    private void BeforeRoutes(string inLink, Remaining rest)
    {
        if (family == Family.IPv6)
        {
            rest.Take(To("ff02::1"), new RouteOutcome(RouteKind.Local));
            rest.Take(To("ff00::/8"), new RouteOutcome(RouteKind.Local, null, OfGroup));
            rest.Take(To("::"), new RouteOutcome(RouteKind.Drop, null, "the unspecified address is not a destination"));
            rest.Take(To("::1"), new RouteOutcome(RouteKind.Drop, null, "the loopback address is not reached from outside"));
            // A link-local address is looked up only on the packet's link.
            rest.Take(_linkLocal ??= To("fe80::/10").Subtract(LocalAddresses()), new RouteOutcome(RouteKind.Forward, inLink));
            return;
        }
        // All hosts are in the all-hosts group.
        rest.Take(To("224.0.0.1").Union(To("255.255.255.255")), new RouteOutcome(RouteKind.Local));
        rest.Take(To("224.0.0.0/4"), new RouteOutcome(RouteKind.Local, null, OfGroup));
        rest.Take(To("0.0.0.0").Intersect(PacketSet.From(family, Layers.AnyProtocol, [(0, 0)], null)), new RouteOutcome(RouteKind.Local));
        // Kernels before 5.3 drop all of 0.0.0.0/8.
        rest.Take(To("0.0.0.0"), new RouteOutcome(RouteKind.Drop, null, "0.0.0.0 is not a destination"));
        var isOpen = RouteLocalnet(inLink);
        if (isOpen == false)
            rest.Take(To("127.0.0.0/8"), new RouteOutcome(RouteKind.Drop, null, $"route_localnet is off on {inLink}: loopback addresses are not reached from there"));
        else if (isOpen is null)
            rest.Take(To("127.0.0.0/8"), new RouteOutcome(RouteKind.Unknown, null, $"route_localnet of {inLink} was not read"));
    }

    private PacketSet LocalAddresses() => _local ??= PacketSet.From(
        family, Layers.AnyProtocol, null,
        host.Addresses.Where(address => address.Address.Family == family).Select(static address => (address.Address.Bits, address.Address.Last)));

    private bool? RouteLocalnet(string inLink)
    {
        string?[] values = [host.Sysctls.GetValueOrDefault("net.ipv4.conf.all.route_localnet"), host.Sysctls.GetValueOrDefault($"net.ipv4.conf.{inLink}.route_localnet")];
        return values.Contains("1") ? true : values.Any(static value => value is not null) ? false : null;
    }

    private List<RoutingRule> Rules(string inLink)
    {
        var rules = host.RoutingRules.Where(rule => rule.Family == family).OrderBy(static rule => rule.Priority).ToList();
        if (rules.Count == 0)
            rules = [.. s_usualTables.Select((table, i) => new RoutingRule(family, i, null, null, null, table, true, $"from all lookup {table}"))];
        return rules.FindAll(rule => !IsOfVrf(rule, inLink));
    }

    // The rule for VRFs does not concern links outside a VRF.
    private bool IsOfVrf(RoutingRule rule, string inLink) =>
        rule.Text.Contains("l3mdev", StringComparison.Ordinal)
        && _masters[inLink].FirstOrDefault() is null or { Length: 0 };

    private void LookUp(string table, PolicyRule rule, Remaining rest)
    {
        var thrown = PacketSet.None(family);
        var routes = host.Routes.Where(route => route.Family == family && string.Equals(route.Table, table, StringComparison.Ordinal))
            .GroupBy(static route => route.Destination)
            .OrderByDescending(static group => group.Key.Length);
        foreach (var group in routes)
        {
            var best = group.Min(static route => route.Metric);
            var outcome = group.Key.Length <= rule.Suppressed && group.All(IsDelivered) ? null : Outcome([.. group.Where(route => route.Metric == best)]);
            var matched = rule.Packets.Intersect(PacketSet.From(family, Layers.AnyProtocol, null, [(group.Key.Bits, group.Key.Last)])).Subtract(thrown);
            if (outcome is null)
                thrown = thrown.Union(matched);
            else
                rest.Take(matched, outcome);
        }
    }

    // A rule suppresses packets that would be delivered, but not packets that go to a black hole (fib_rules_lookup in net/core/fib_rules.c).
    private static bool IsDelivered(HostRoute route) => route.Type is "unicast" or "local" or "broadcast" or "anycast" or "multicast";

    // Null for a throw route: the next rule decides.
    private static RouteOutcome? Outcome(IReadOnlyList<HostRoute> routes)
    {
        var links = routes.SelectMany(static route => route.Links).Distinct(StringComparer.Ordinal).ToList();
        var route = routes[0];
        if (routes.Any(static each => !each.IsModelled) || routes.Any(each => each.Type != route.Type))
            return new RouteOutcome(RouteKind.Unknown, null, $"a route to {route.Destination} is not modelled");
        return route.Type switch
        {
            "throw" => null,
            "local" or "broadcast" or "anycast" or "multicast" => new RouteOutcome(RouteKind.Local),
            "blackhole" => new RouteOutcome(RouteKind.Drop, null, $"the route to {route.Destination} is a black hole"),
            "unreachable" or "prohibit" => new RouteOutcome(RouteKind.Reject, null, $"the route to {route.Destination} is {route.Type}"),
            "unicast" when links is [var link] => new RouteOutcome(RouteKind.Forward, link),
            _ => new RouteOutcome(RouteKind.Unknown, null, $"the route to {route.Destination} leaves by {(links.Count == 0 ? "no link" : string.Join(" or ", links))}"),
        };
    }

    private PacketSet To(string prefix)
    {
        var cidr = Cidr.Parse(prefix);
        return PacketSet.From(family, Layers.AnyProtocol, null, [(cidr.Bits, cidr.Last)]);
    }

    private sealed class Remaining(PacketSet all, Dictionary<RouteOutcome, PacketSet> ways)
    {
        private PacketSet _rest = all;

        internal void Take(PacketSet packets, RouteOutcome outcome)
        {
            var taken = _rest.Intersect(packets);
            if (taken.IsEmpty)
                return;
            _rest = _rest.Subtract(taken);
            ways[outcome] = ways.TryGetValue(outcome, out var there) ? there.Union(taken) : taken;
        }
    }
}
