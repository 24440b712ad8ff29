using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// Keeps containers from the cloud's metadata service and the credentials in it. Without a target it names no interface: it covers every network, including
/// later ones, and everything else that the host forwards. It covers the endpoints of both families.
/// </summary>
public sealed record MetadataAccess : Control
{
    /// <summary>The provider; <see cref="MetadataEndpoints.Auto"/> for the cloud that a host turns out to be in, all known ones if that is not known there; null for all known endpoints.</summary>
    public string? Provider { get; init; }

    /// <summary>True keeps DNS (53) open at every endpoint's address. False closes it even if the provider's data keep it open. Null leaves it to the data.</summary>
    public bool? Dns { get; init; }

    /// <summary>Other ports that stay open on the endpoints' addresses.</summary>
    public IReadOnlyList<PortSpec> AllowPorts { get; init; } = [];

    /// <summary>Endpoint addresses that are not blocked at all.</summary>
    public IReadOnlyList<Cidr> AllowAddresses { get; init; } = [];

    /// <summary>Networks whose containers may reach the endpoints.</summary>
    public IReadOnlyList<string> ExceptNetworks { get; init; } = [];

    /// <summary>True: the target's containers may reach the endpoints, even if they are blocked for the whole host.</summary>
    public bool Permit { get; init; }

    // What a host makes of it: the addresses of its cloud.
    internal const string OfCloud = "cloud:metadata";

    private static IReadOnlyList<PortSpec> DnsPorts { get; } = PortSpec.ParseAll(["53/udp", "53/tcp"]);

    private protected override IReadOnlyList<FirewallRule> Blocks()
    {
        CheckAction();
        var name = Provider is null ? null : MetadataEndpoints.NameOf(Provider);
        var list = new RuleList(nameof(MetadataAccess), name, Network?.Name);
        var targets = Targets(name).ToList();
        foreach (var target in targets)
        {
            if (Permit)
                Pass(list, Network ?? throw new RefusedValueException("Network", null, "metadata is permitted to a network; name it."), target);
            else
                Exceptions(list, target);
        }
        if (!Permit)
            Block(list, targets);
        Served(list, name);
        return list.Rules;
    }

    // What the host itself serves or redirects.
    private void Served(RuleList list, string? name)
    {
        var isAuto = name is MetadataEndpoints.Auto;
        IReadOnlyList<MetadataProvider> providers = isAuto ? [] : name is null ? MetadataEndpoints.Providers : [MetadataEndpoints.Find(name)];
        var places = ServedMetadata.PlacesOf(MetadataEndpoints.Merge(providers).Where(endpoint => !AllowAddresses.Any(allowed => allowed.Contains(endpoint.Address))));
        var hostPorts = isAuto ? "cloud:host-ports" : places.Count == 0 ? "" : string.Join(',', MetadataEndpoints.HostPorts(providers).Select(port => port.Ports));
        foreach (var family in Enum.GetValues<Family>())
            new ServedMetadata(this, list, family).Add(isAuto ? ServedMetadata.OfCloud(family) : [.. places.Where(place => place.Family == family)], hostPorts.Length > 0 ? hostPorts : null);
    }

    // What is blocked: addresses, or a symbol for those that only a host knows.
    private sealed record Target(Family Family, string Destination, IReadOnlyList<PortSpec> Ports, IReadOnlyList<PortSpec> Keep);

    private IEnumerable<Target> Targets(string? name)
    {
        if (name is MetadataEndpoints.Auto)
            return Enum.GetValues<Family>().Select(family => new Target(family, OfCloud, [], []));
        var provider = name is null ? null : MetadataEndpoints.Find(name);
        var fixedOnes = (provider is null ? MetadataEndpoints.All : MetadataEndpoints.Merge([provider]))
            .Where(endpoint => endpoint.Path == EndpointPath.Forward)
            .Where(endpoint => !AllowAddresses.Any(allowed => allowed.Contains(endpoint.Address)))
            .Select(endpoint => new Target(endpoint.Address.Family, endpoint.Address.ToString(), endpoint.Ports, endpoint.Keep));
        return provider is { DhcpServerPorts: { Count: > 0 } ports } ? fixedOnes.Append(new Target(Family.IPv4, "cloud:dhcp-server", ports, [])) : fixedOnes;
    }

    private void Exceptions(RuleList list, Target target)
    {
        foreach (var network in ExceptNetworks)
            Pass(list, new NetworkReference(network), target);
        var kept = (Dns == false ? target.Keep.Where(port => port.Ports is not "53") : target.Keep)
            .Concat(Dns == true ? DnsPorts : []).Concat(AllowPorts);
        foreach (var (protocol, ports) in PortSpec.Joined(kept))
            Except(list, new RuleSpec { Family = target.Family, Destination = target.Destination, Protocol = protocol, DestinationPort = ports });
        if (target.Destination is not OfCloud)
            return;
        Except(list, new RuleSpec { Family = target.Family, Destination = OfCloud, DestinationPort = Dns == false ? "cloud:kept-without-dns" : "cloud:kept" });
        // Which of them are addresses of the cloud is not known yet.
        foreach (var allowed in AllowAddresses.Where(address => address.Family == target.Family))
            Except(list, new RuleSpec { Family = target.Family, Destination = allowed.ToString() });
    }

    private void Except(RuleList list, RuleSpec match)
    {
        list.Except(match with { InInterface = Network?.Interface });
        foreach (var source in BackstopSources(match.Family!.Value))
            list.Except(match with { Table = "mangle", Chain = "POSTROUTING", Source = source });
    }

    private void Block(RuleList list, IReadOnlyList<Target> targets)
    {
        foreach (var match in targets.GroupBy(target => (target.Family, Ports: string.Join(',', target.Ports))).SelectMany(group => Matches(group.Key.Family, group.First().Ports, string.Join(',', group.Select(target => target.Destination)))))
        {
            list.Block(match with { InInterface = Network?.Interface }, Action, Log);
            foreach (var source in BackstopSources(match.Family!.Value))
                list.Backstop(match with { Source = source }, sparesReplies: false);
        }
    }

    private static IEnumerable<RuleSpec> Matches(Family family, IReadOnlyList<PortSpec> ports, string addresses) =>
        ports.Count == 0
            ? [new RuleSpec { Family = family, Destination = addresses }]
            : PortSpec.Joined(ports).Select(joined => new RuleSpec { Family = family, Destination = addresses, Protocol = joined.Protocol, DestinationPort = joined.Ports });

    private static void Pass(RuleList list, NetworkReference network, Target target)
    {
        var match = new RuleSpec { Family = target.Family, Destination = target.Destination };
        list.Except(match with { InInterface = network.Interface });
        foreach (var source in network.Sources(target.Family))
            list.Except(match with { Table = "mangle", Chain = "POSTROUTING", Source = source });
    }
}
