using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// Keeps containers from the cloud's metadata service and the credentials in it. Without a target it names no interface: it covers every network, including
/// later ones, and everything else that the host forwards. It covers the endpoints of both families.
/// </summary>
public sealed record MetadataAccess : Control
{
    /// <summary>The provider; null for all known endpoints.</summary>
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

    private static IReadOnlyList<PortSpec> DnsPorts { get; } = PortSpec.ParseAll(["53/udp", "53/tcp"]);

    /// <inheritdoc/>
    public override IReadOnlyList<FirewallRule> Rules()
    {
        CheckAction();
        var provider = Provider is null ? null : MetadataEndpoints.Find(Provider);
        var list = new RuleList(nameof(MetadataAccess), provider?.Id, Network?.Name);
        var endpoints = MetadataEndpoints.Merge(provider is null ? MetadataEndpoints.Providers : [provider])
            .Where(endpoint => endpoint.Path == EndpointPath.Forward)
            .Where(endpoint => !AllowAddresses.Any(allowed => allowed.Contains(endpoint.Address)))
            .ToList();
        foreach (var endpoint in endpoints)
        {
            if (Permit)
                Pass(list, Network ?? throw new RefusedValueException("Network", null, "metadata is permitted to a network; name it."), endpoint.Address);
            else
                Exceptions(list, endpoint);
        }
        if (!Permit)
            Block(list, endpoints);
        return list.Rules;
    }

    private void Exceptions(RuleList list, MetadataEndpoint endpoint)
    {
        var address = endpoint.Address.ToString();
        foreach (var network in ExceptNetworks)
            Pass(list, new NetworkReference(network), endpoint.Address);
        var kept = (Dns == false ? endpoint.Keep.Where(port => port.Ports is not "53") : endpoint.Keep)
            .Concat(Dns == true ? DnsPorts : []).Concat(AllowPorts);
        foreach (var (protocol, ports) in PortSpec.Joined(kept))
        {
            var match = new RuleSpec { Family = endpoint.Address.Family, Destination = address, Protocol = protocol, DestinationPort = ports };
            list.Except(match with { InInterface = Network?.Interface });
            foreach (var source in BackstopSources(endpoint.Address.Family))
                list.Except(match with { Table = "mangle", Chain = "POSTROUTING", Source = source });
        }
    }

    private void Block(RuleList list, IReadOnlyList<MetadataEndpoint> endpoints)
    {
        foreach (var match in endpoints.GroupBy(endpoint => (endpoint.Address.Family, Ports: string.Join(',', endpoint.Ports))).SelectMany(group => Matches(group.Key.Family, group.First().Ports, string.Join(',', group.Select(endpoint => endpoint.Address)))))
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

    private static void Pass(RuleList list, NetworkReference network, Cidr address)
    {
        var match = new RuleSpec { Family = address.Family, Destination = address.ToString() };
        list.Except(match with { InInterface = network.Interface });
        foreach (var source in network.Sources(address.Family))
            list.Except(match with { Table = "mangle", Chain = "POSTROUTING", Source = source });
    }
}
