using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>What happens to packets to the metadata endpoints, cut out of a network's single answer about all of them.</summary>
internal static class MetadataAccessOf
{
    // Merged, because one cloud's DNS may have the address of another's metadata: what is kept open for any of them does not count as open.
    // Computed once for all networks: a packet set has no link.
    private static readonly Dictionary<(Cidr Address, string Ports, EndpointPath Path), (PacketSet Packets, IReadOnlyList<PacketSet> Kept)> Sets =
        MetadataEndpoints.All.ToDictionary(endpoint => (endpoint.Address, string.Join(',', endpoint.Ports), endpoint.Path), SetOf);

    /// <summary>The addresses of all known endpoints.</summary>
    public static IReadOnlyList<Cidr> Addresses { get; } = [.. MetadataEndpoints.All.Select(endpoint => endpoint.Address).Distinct()];

    /// <summary>What happens to packets to some endpoints.</summary>
    public static Answer All(AuditedNetwork network, IReadOnlyList<MetadataEndpoint> endpoints) =>
        endpoints.Where(endpoint => network.Families.Contains(endpoint.Address.Family))
            .Select(endpoint => Of(network, endpoint)).Concat(network.Families.Select(family => AtHost(network, family, endpoints))).Aggregate(Answer.Nothing, (all, answer) => all.And(answer));

    /// <summary>What happens to packets to the endpoints of the host's cloud in a family, out of an answer about all.</summary>
    public static Answer All(AuditedNetwork network, Family family, Answer answer) => All(network, family, network.Audit.Cloud.Endpoints, answer);

    /// <summary>Whether the control closes all of a part's packets by what they were sent to: the host serves or redirects them.</summary>
    public static bool IsServed(AccessPart part) => part.Packets.Subtract(Served[(part.Packets.Family, part.Path == PacketPath.Forward)]).IsEmpty;

    /// <summary>The same without what exceptions of our own control leave open.</summary>
    public static Answer Unexcepted(AuditedNetwork network, IReadOnlyList<MetadataEndpoint> endpoints) =>
        network.Families.Aggregate(Answer.Nothing, (answer, family) => answer.And(Unexcepted(network, family, endpoints)));

    /// <summary>The same for the host's cloud and one family.</summary>
    public static Answer Unexcepted(AuditedNetwork network, Family family) => Unexcepted(network, family, network.Audit.Cloud.Endpoints);

    // Most clouds share an address, so its answer is computed once.
    private static Answer Of(AuditedNetwork network, MetadataEndpoint endpoint)
    {
        var ports = string.Join(',', endpoint.Ports);
        return network.Once($"{endpoint.Address} {ports} {endpoint.Path}", endpoint.Address.Family, () => Of(network, endpoint, network.Metadata(endpoint.Address.Family)));
    }

    private static Answer Of(AuditedNetwork network, MetadataEndpoint endpoint, Answer answer)
    {
        var (packets, kept) = Sets.TryGetValue((endpoint.Address, string.Join(',', endpoint.Ports), endpoint.Path), out var known) ? known : SetOf(endpoint);
        var cut = answer.Within(packets).Without(kept);
        return endpoint.Path == EndpointPath.Forward ? cut : cut.Where(part => !IsSentAway(network.Audit, part));
    }

    private static (PacketSet Packets, IReadOnlyList<PacketSet> Kept) SetOf(MetadataEndpoint endpoint)
    {
        var place = new AccessQuery { Family = endpoint.Address.Family, InInterface = "any", Destinations = [endpoint.Address] };
        return endpoint.Ports.Count > 0
            ? (AllOf(place, endpoint.Ports), [])
            : (PacketSet.Of(place with { Protocol = "tcp" }).Union(PacketSet.Of(place with { Protocol = "udp" })), [.. PortSets(place, Kept(endpoint.Address))]);
    }

    // A snapshot does not say who listens, but an agent that serves metadata at the host's addresses also redirects an address to itself (ECS).
    private static Answer AtHost(AuditedNetwork network, Family family, IReadOnlyList<MetadataEndpoint> endpoints) =>
        network.Audit.Cloud.HostPorts is not { Count: > 0 } ports || !endpoints.Any(endpoint => endpoint.Path == EndpointPath.Redirected && network.Families.Contains(endpoint.Address.Family) && Of(network, endpoint).Parts.Any(IsTakenOver))
            ? Answer.Nothing
            : network.Once(nameof(AtHost), family, () => network.Host(family).Where(part => part.Path is PacketPath.Local or PacketPath.None).Within(AllOf(new AccessQuery { Family = family, InInterface = "any" }, ports)));

    private static bool IsTakenOver(AccessPart part) => part.Verdict is not Verdict.Unknown && (part.NewDestination is not null || part.Path == PacketPath.Local);

    // What the control closes where the host serves it, and where it is forwarded after a redirection.
    private static readonly Dictionary<(Family Family, bool IsForwarded), PacketSet> Served = new[] { Family.IPv4, Family.IPv6 }.SelectMany(family => new[] { false, true }, ServedIn).ToDictionary();

    private static KeyValuePair<(Family Family, bool IsForwarded), PacketSet> ServedIn(Family family, bool isForwarded)
    {
        var any = new AccessQuery { Family = family, InInterface = "any" };
        var places = ServedMetadata.PlacesOf(MetadataEndpoints.All).Where(place => place.Family == family && (!isForwarded || place.IsRedirected)).Select(place => AllOf(any with { Destinations = [Cidr.Parse(place.Address)] }, [place.Port!]));
        return new((family, isForwarded), places.Aggregate(isForwarded ? PacketSet.None(family) : AllOf(any, MetadataEndpoints.HostPorts(MetadataEndpoints.Providers)), (all, place) => all.Union(place)));
    }

    // What the host serves or redirects itself is not outside. It may be in a container, behind DNAT or at a network's own address.
    private static bool IsSentAway(AuditedHost audit, AccessPart part) =>
        !Answer.IsBlocked(part) && part is { Path: PacketPath.Forward, NewDestination: null } && !audit.IsBridgeOfNetwork(part.OutInterface);

    private static Answer All(AuditedNetwork network, Family family, IReadOnlyList<MetadataEndpoint> endpoints, Answer answer) =>
        endpoints.Where(endpoint => endpoint.Address.Family == family).Aggregate(Answer.Nothing, (all, endpoint) => all.And(Of(network, endpoint, answer)));

    private static Answer Unexcepted(AuditedNetwork network, Family family, IReadOnlyList<MetadataEndpoint> endpoints)
    {
        var all = endpoints.Where(endpoint => endpoint.Address.Family == family)
            .Select(endpoint => Of(network, endpoint)).Append(AtHost(network, family, endpoints)).Aggregate(Answer.Nothing, (one, other) => one.And(other));
        return all.IsOpen ? all.Without(network.Audit.Controls.Exceptions("MetadataAccess", family, network.Bridge)) : all;
    }

    private static IEnumerable<PortSpec> Kept(Cidr address) =>
        MetadataEndpoints.All.Where(endpoint => endpoint.Address == address).SelectMany(endpoint => endpoint.Keep).Distinct();

    private static PacketSet AllOf(AccessQuery place, IEnumerable<PortSpec> ports) => PortSets(place, ports).Aggregate((one, other) => one.Union(other));

    private static IEnumerable<PacketSet> PortSets(AccessQuery place, IEnumerable<PortSpec> ports) =>
        PortSpec.Joined(ports).Select(joined => PacketSet.Of(place with { Protocol = joined.Protocol, Ports = PortList.Parse(joined.Ports, "Port") }));
}
