using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>
/// Where a network's own block holds against an exception for the whole host. The narrower mark decides first (docs/decisions/0007), whoever came first: that is meant, but whoever applies one of the
/// two should hear of the other.
/// </summary>
internal static class NarrowerFirst
{
    /// <summary>What to say about each network whose containers an exception does not reach.</summary>
    /// <param name="chains">The chains as they will be, of all tables and families.</param>
    /// <param name="isGiven">Which marks are being applied. Nothing is said if both are: their author knows them.</param>
    public static IEnumerable<string> Warnings(IEnumerable<OurChain> chains, Func<RuleMark, bool> isGiven) => chains
        .SelectMany(chain => Lost(chain, isGiven))
        .GroupBy(lost => (lost.Network, lost.Host))
        // The half in mangle repeats the one in filter, by sources.
        .Select(pair => pair.GroupBy(lost => lost.Table is "filter" ? 0 : 1).OrderBy(table => table.Key).First().ToList())
        .Select(found => Warning(found[0].Network, found[0].Host, [.. found.SelectMany(lost => lost.Exceptions)], [.. found.SelectMany(lost => lost.Own)]));

    private sealed record LostExceptions(string Table, RuleMark Network, RuleMark Host, IReadOnlyList<FirewallRule> Exceptions, IReadOnlyList<FirewallRule> Own);

    private static IEnumerable<LostExceptions> Lost(OurChain chain, Func<RuleMark, bool> isGiven)
    {
        var rules = chain.Lines.Where(line => line is { Mark: not null, Rule: not null }).ToList();
        // Those about what a redirected packet was first sent to repeat the ones about where it goes.
        var exceptions = rules.Where(line => line.Mark!.Network is null && line.Rule is { Phase: Phase.Exception, OriginalDestination: null }).ToList();
        if (exceptions.Count == 0)
            yield break;
        foreach (var network in rules.Where(line => line.Mark!.Network is not null).GroupBy(line => line.Mark!))
        {
            var own = network.Select(line => line.Rule!).ToList();
            foreach (var host in exceptions.Where(line => isGiven(line.Mark!) != isGiven(network.Key)).GroupBy(line => line.Mark!))
            {
                var lost = host.Select(line => line.Rule!).Where(rule => IsLost(rule, own)).ToList();
                if (lost.Count > 0)
                    yield return new LostExceptions(chain.Hook.Table, network.Key, host.Key, lost, own);
            }
        }
    }

    // Packets of the exception that meet a block of the network before anything of it lets them through.
    private static bool IsLost(FirewallRule exception, IReadOnlyList<FirewallRule> own)
    {
        foreach (var rule in own)
        {
            if (rule.Phase == Phase.Exception && Covers(rule, exception))
                return false;
            // A block of what belongs to no connection is not about packets that open one.
            if (rule is { Action: RuleAction.Drop or RuleAction.Reject, ConnectionState: null, Limit: null, HashLimit: null } && Meets(rule, exception))
                return true;
        }
        return false;
    }

    private static bool Covers(FirewallRule rule, FirewallRule other) =>
        (rule.OriginalDestination is null || (rule.OriginalDestination == other.OriginalDestination && (rule.OriginalDestinationPort is null || rule.OriginalDestinationPort == other.OriginalDestinationPort))) &&
        (rule.Protocol is null || rule.Protocol == other.Protocol)
        && (rule.IcmpType is null || rule.IcmpType == other.IcmpType)
        && (rule.Destination is null || rule.Destination == other.Destination || AddressLists.Destinations(other) is { Count: > 0 } narrow && AddressLists.Destinations(rule) is var wide && narrow.All(place => wide.Any(each => each.Contains(place))))
        && (rule.DestinationPort is null || (Ports(rule) is { } allowed && Ports(other)?.All(range => allowed.Any(each => each.First <= range.First && range.Last <= each.Last)) == true));

    private static bool Meets(FirewallRule rule, FirewallRule other) => Overlap(rule.OriginalDestination, other.OriginalDestination) &&
        (rule.InInterface is null || other.InInterface is null || InterfaceName.Matches(other.InInterface, rule.InInterface))
        && (rule.Protocol is null || other.Protocol is null || rule.Protocol == other.Protocol)
        && Overlap(AddressLists.Destinations(rule), AddressLists.Destinations(other)) && Overlap(rule.Source, other.Source)
        && (Ports(rule) is not { } blocked || Ports(other)?.Any(range => blocked.Any(each => each.First <= range.Last && range.First <= each.Last)) != false);

    private static bool Overlap(IReadOnlyList<Cidr> some, IReadOnlyList<Cidr> others) => some.Count == 0 || others.Count == 0 || some.Any(one => others.Any(one.Overlaps));

    private static bool Overlap(string? one, string? other) => Prefix(one) is not { } first || Prefix(other) is not { } second || first.Overlaps(second);

    private static Cidr? Prefix(string? text) => text is not null && Cidr.TryParse(text, out var prefix) ? prefix : null;

    private static IReadOnlyList<(ushort First, ushort Last)>? Ports(FirewallRule rule) =>
        rule.DestinationPort is { } ports && !ports.StartsWith('!') ? PortList.Parse(ports, "DestinationPort").Ranges : null;

    private static string Warning(RuleMark network, RuleMark host, IReadOnlyList<FirewallRule> lost, IReadOnlyList<FirewallRule> own)
    {
        var what = string.Join(", ", lost.Select(Words).Distinct(StringComparer.Ordinal).Take(6));
        var command = Command(network, lost, own) is { } allow ? $"To open that there: {allow} | Invoke-FirewallRule. " : "";
        return $"The rules {network} come before the rules {host}, so containers on {network.Network} do not get the exception for {what}. {command}"
            + $"To let the rules for all networks decide there too: Remove-FirewallRule -Control {network.Control} -Network {network.Network}.";
    }

    private static string Words(FirewallRule rule)
    {
        var port = rule.DestinationPort is { } ports ? ports + "/" + (rule.Protocol ?? "any") : rule.Protocol;
        var way = rule.InInterface ?? rule.Source;
        return string.Join(' ', new[] { port, rule.Destination is { } place ? (port is null ? "" : "to ") + place : null, way is null ? null : "from " + way }.Where(part => part is not null)) is { Length: > 0 } words ? words : "everything";
    }

    // What is applied replaces the mark, so the exceptions that it has are given again. Null if the parameters cannot say all that.
    private static string? Command(RuleMark network, IReadOnlyList<FirewallRule> lost, IReadOnlyList<FirewallRule> own)
    {
        var all = own.Where(rule => rule.Phase == Phase.Exception && !IsDefault(network, rule)).Concat(lost).ToList();
        if (network.Control is not ("HostAccess" or "InternalAccess" or "MetadataAccess") || network.Subject is not null || all.Exists(rule => rule.InInterface is { } link && lost.Contains(rule) && link != own[0].InInterface))
            return null;
        // An exception of MetadataAccess names the endpoint's address by itself.
        var addresses = network.Control is "MetadataAccess" ? [] : all.Select(rule => rule.Destination).Distinct(StringComparer.Ordinal).ToList();
        var ports = all.Select(rule => rule.DestinationPort is null ? rule.Protocol is null ? "" : null : rule.Protocol is "tcp" or "udp" ? $"{rule.DestinationPort.Replace(':', '-')}/{rule.Protocol}" : null).Distinct(StringComparer.Ordinal).ToList();
        if (ports.Contains(null) || (addresses.Exists(address => address is not null) && (addresses.Contains(null) || (ports.Count > 1 && addresses.Count > 1))) || (ports.Contains("") && ports.Count > 1))
            return null;
        var names = string.Join(',', addresses.OfType<string>().Select(Short));
        var defaults = network.Control is "MetadataAccess" ? own.Where(rule => rule.DestinationPort is not null && IsDefault(network, rule)).SelectMany(rule => Single($"{rule.DestinationPort}/{rule.Protocol}")) : [];
        var given = string.Join(',', ports.OfType<string>().Where(port => port.Length > 0).SelectMany(Single).Distinct(StringComparer.Ordinal).Except(defaults, StringComparer.Ordinal));
        return $"Block-Container{network.Control} -Network {network.Network}{(given.Length > 0 ? " -AllowPort " + given : "")}{(names.Length > 0 ? " -AllowAddress " + names : "")}"
            + (own.Any(rule => rule.Action == RuleAction.Reject) ? "" : " -Action Drop");
    }

    // DNS to the containers' resolvers, neighbour discovery, and what the cloud's metadata address serves besides.
    private static bool IsDefault(RuleMark network, FirewallRule rule) =>
        rule.IcmpType is not null || (rule is { DestinationPort: "53", Destination: not null }) || (network.Control is "MetadataAccess" && rule.DestinationPort?.Split(',').All(port => port is "53" or "123") == true);

    private static string Short(string address) => Cidr.TryParse(address, out var prefix) && prefix.IsSingleAddress ? prefix.ToShortString() : address;

    private static IEnumerable<string> Single(string list)
    {
        var (ports, protocol) = (list[..list.IndexOf('/', StringComparison.Ordinal)], list[list.IndexOf('/', StringComparison.Ordinal)..]);
        return ports.Split(',').Select(port => port + protocol);
    }
}
