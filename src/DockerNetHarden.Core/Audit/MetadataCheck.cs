using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>Whether a cloud's metadata service can be reached, for each cloud and network.</summary>
internal sealed class MetadataCheck : ICheck
{
    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) => MetadataEndpoints.Providers.Select(provider => Check(network, provider));

    public static string IdOf(MetadataProvider provider) => $"METADATA-{provider.Id.ToUpperInvariant()}";

    private static HardeningFinding Check(AuditedNetwork network, MetadataProvider provider)
    {
        var info = new CheckInfo(IdOf(provider), $"Metadata of {provider.Name} cannot be reached", Severity.Critical);
        if (network.AllowsMetadata)
            return info.Found(network, FindingStatus.NotApplicable, "The network's profile, MetadataAccess, allows it.");
        var named = MetadataAccessOf.All(network, provider);
        var answer = MetadataAccessOf.Unexcepted(network, provider);
        var status = answer.Status;
        if (status is FindingStatus.Pass or FindingStatus.NotApplicable && named.IsOpen)
        {
            return answer.Closed.Any()
                ? info.Found(network, status, [.. Evidence.Of(answer), "Left open by exceptions of MetadataAccess:", .. Evidence.Of(named.Open)])
                : info.Found(network, FindingStatus.NotApplicable, ["Exceptions of MetadataAccess leave it open to this network:", .. Evidence.Of(named.Open)]);
        }
        var finding = info.Found(network, status, answer.IsEmpty ? ["Nothing that containers on it can send goes there."] : Evidence.Of(answer));
        if (status is not (FindingStatus.Fail or FindingStatus.Warning))
            return finding;
        return finding with
        {
            Evidence = [.. finding.Evidence, .. network.Audit.MetadataDecoys],
            Rules = Remedies.Metadata(network, answer),
            Remedy = "Pipe this finding to Invoke-FirewallRule, or run the command. What the host itself serves or redirects (ECS tasks, EKS Pod Identity) is closed by Block-ContainerHostAccess. "
                + "If the network's containers need metadata, give them a network of their own (New-HardenedDockerNetwork -Profile MetadataAccess). "
                + $"The command: Block-ContainerMetadataAccess -Network {network.Name} | Invoke-FirewallRule",
        };
    }
}

/// <summary>What happens to packets to the metadata endpoints, cut out of a network's single answer about all of them.</summary>
internal static class MetadataAccessOf
{
    // Merged, because one cloud's DNS may have the address of another's metadata: what is kept open for any of them does not count as open.
    private static readonly IReadOnlyList<MetadataEndpoint> Endpoints = MetadataEndpoints.Merge(MetadataEndpoints.Providers);

    // Computed once for all networks: a packet set has no link.
    private static readonly Dictionary<(Cidr Address, string Ports, EndpointPath Path), (PacketSet Packets, IReadOnlyList<PacketSet> Kept)> Sets =
        Endpoints.ToDictionary(endpoint => (endpoint.Address, string.Join(',', endpoint.Ports), endpoint.Path), endpoint =>
        {
            var place = new AccessQuery { Family = endpoint.Address.Family, InInterface = "any", Destinations = [endpoint.Address] };
            return endpoint.Ports.Count > 0
                ? (PortSets(place, endpoint.Ports).Aggregate((one, other) => one.Union(other)), (IReadOnlyList<PacketSet>)[])
                : (PacketSet.Of(place with { Protocol = "tcp" }).Union(PacketSet.Of(place with { Protocol = "udp" })), [.. PortSets(place, Kept(endpoint.Address))]);
        });

    /// <summary>The addresses of all endpoints.</summary>
    public static IReadOnlyList<Cidr> Addresses { get; } = [.. Endpoints.Select(endpoint => endpoint.Address).Distinct()];

    /// <summary>What happens to packets to a provider's endpoints.</summary>
    public static Answer All(AuditedNetwork network, MetadataProvider provider) =>
        provider.Endpoints.Where(endpoint => network.Families.Contains(endpoint.Address.Family))
            .Aggregate(Answer.Nothing, (answer, endpoint) => answer.And(Of(network, endpoint)));

    /// <summary>What happens to packets to all endpoints of a family, out of an answer about all.</summary>
    public static Answer All(AuditedNetwork network, Family family, Answer answer) => All(network, family, Endpoints, answer);

    /// <summary>The same without what exceptions of our own control leave open.</summary>
    public static Answer Unexcepted(AuditedNetwork network, MetadataProvider provider) =>
        network.Families.Aggregate(Answer.Nothing, (answer, family) => answer.And(Unexcepted(network, family, provider.Endpoints)));

    /// <summary>The same for all providers and one family.</summary>
    public static Answer Unexcepted(AuditedNetwork network, Family family) => Unexcepted(network, family, Endpoints);

    // Most clouds share an address, so its answer is computed once.
    private static Answer Of(AuditedNetwork network, MetadataEndpoint endpoint)
    {
        var ports = string.Join(',', endpoint.Ports);
        return network.Once($"{endpoint.Address} {ports} {endpoint.Path}", endpoint.Address.Family, () => Of(network, endpoint, network.Metadata(endpoint.Address.Family)));
    }

    private static Answer Of(AuditedNetwork network, MetadataEndpoint endpoint, Answer answer)
    {
        var (packets, kept) = Sets[(endpoint.Address, string.Join(',', endpoint.Ports), endpoint.Path)];
        var cut = answer.Within(packets).Without(kept);
        return endpoint.Path == EndpointPath.Forward ? cut : cut.Where(part => !IsSentAway(network.Audit, part));
    }

    // What the host serves or redirects itself is not outside. It may be in a container, behind DNAT or at a network's own address.
    private static bool IsSentAway(AuditedHost audit, AccessPart part) =>
        !Answer.IsBlocked(part) && part is { Path: PacketPath.Forward, NewDestination: null } && !audit.IsBridgeOfNetwork(part.OutInterface);

    private static Answer All(AuditedNetwork network, Family family, IReadOnlyList<MetadataEndpoint> endpoints, Answer answer) =>
        endpoints.Where(endpoint => endpoint.Address.Family == family).Aggregate(Answer.Nothing, (all, endpoint) => all.And(Of(network, endpoint, answer)));

    private static Answer Unexcepted(AuditedNetwork network, Family family, IReadOnlyList<MetadataEndpoint> endpoints)
    {
        var all = endpoints.Where(endpoint => endpoint.Address.Family == family)
            .Aggregate(Answer.Nothing, (answer, endpoint) => answer.And(Of(network, endpoint)));
        return all.IsOpen ? all.Without(network.Audit.Controls.Exceptions("MetadataAccess", family, network.Bridge)) : all;
    }

    private static IEnumerable<PortSpec> Kept(Cidr address) =>
        Endpoints.Where(endpoint => endpoint.Address == address).SelectMany(endpoint => endpoint.Keep).Distinct();

    private static IEnumerable<PacketSet> PortSets(AccessQuery place, IEnumerable<PortSpec> ports) =>
        PortSpec.Joined(ports).Select(joined => PacketSet.Of(place with { Protocol = joined.Protocol, Ports = PortList.Parse(joined.Ports, "Port") }));
}
