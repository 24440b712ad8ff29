using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>
/// A network under audit. It is asked few, wide questions (all metadata addresses in one), once each; the checks cut the answers to what they are about.
/// </summary>
internal sealed class AuditedNetwork
{
    private static readonly IReadOnlyList<MetadataEndpoint> Endpoints = MetadataEndpoints.Merge(MetadataEndpoints.Providers);
    // 10.0.0.0/8 is, and everything.
    private const int WideLength = 8;

    // A set of packets knows no link; a question has to name one.
    private const string AnyLink = "any";

    private static readonly string[] ServiceProtocols = ["tcp", "udp"];
    private static readonly IReadOnlyDictionary<Family, PacketSet> AllServices = Enum.GetValues<Family>().ToDictionary(family => family, family => ServiceProtocols
        .Select(protocol => PacketSet.Of(new AccessQuery { Family = family, InInterface = AnyLink, Protocol = protocol })).Aggregate((one, other) => one.Union(other)));

    private static readonly Cidr LinkLocal6 = Cidr.Parse("fe80::/10");

    // Nothing outside.
    private static readonly PacketSet Loopback = PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = AnyLink, Destinations = [Cidr.Parse("127.0.0.0/8")] });

    private readonly Dictionary<(string Question, Family Family), Answer> _answers = [];

    public AuditedNetwork(AuditedHost audit, DockerNetwork network)
    {
        Audit = audit;
        Network = network;
        Bridge = network.Bridge!;
        Reference = new NetworkReference(network.Name, Bridge, network.Subnets);
        Families = [.. network.Families.Where(family => family == Family.IPv4 || audit.Host.HasIPv6)];
    }

    public AuditedHost Audit { get; }

    public DockerNetwork Network { get; }

    public string Name => Network.Name;

    public string Bridge { get; }

    public NetworkReference Reference { get; }

    /// <summary>The families in which its containers have addresses: in no other are their packets forwarded, or asked about.</summary>
    public IReadOnlyList<Family> Families { get; }

    /// <summary>Whether its containers have IPv4 addresses.</summary>
    public bool HasIPv4 => Families.Contains(Family.IPv4);

    /// <summary>Whether its containers have IPv6 addresses that are routed.</summary>
    public bool HasIPv6 => Families.Contains(Family.IPv6);

    /// <summary>The family by which networks are compared: IPv4, unless it has none.</summary>
    public Family FirstFamily => Families.Count > 0 ? Families[0] : Family.IPv4;

    /// <summary>
    /// The families in which the host can be reached: IPv6 wherever the kernel has it, for the bridge has a link-local address and services listen on ::.
    /// </summary>
    public IEnumerable<Family> HostFamilies => Audit.Host.HasIPv6 ? Families.Append(Family.IPv6).Distinct() : Families;

    /// <summary>The profile in its label; null where it has none that is known.</summary>
    public NetworkProfile? Profile => Enum.TryParse<NetworkProfile>(Network.Profile, out var profile) && Enum.IsDefined(profile) ? profile : null;

    /// <summary>Whether its profile forbids internal ranges.</summary>
    public bool ForbidsInternal => Profile is NetworkProfile.ExternalOnly or NetworkProfile.Isolated;

    public bool AllowsMetadata => Profile is NetworkProfile.MetadataAccess;

    /// <summary>The running containers on it.</summary>
    public IEnumerable<DockerContainer> Containers =>
        Audit.Host.Containers.Where(container => ContainerState.Runs(container) && container.Addresses.Any(address => string.Equals(address.Network, Name, StringComparison.Ordinal)));

    /// <summary>What becomes of packets to the metadata addresses of all clouds.</summary>
    public Answer Metadata(Family family) => Once("Metadata", family, () => AskOf(Audit.Walk, MetadataQuery(family)));

    /// <summary>The same while Docker's jump to DOCKER-USER is away.</summary>
    public Answer MetadataWithoutJump(Family family) => Once("MetadataWithoutJump", family, () => AskOf(Audit.WithoutDockerUser, MetadataQuery(family)));

    /// <summary>What becomes of packets to the host's addresses.</summary>
    public Answer Host(Family family) => Once("Host", family, () => AskOf(Audit.Walk, HostQuery(family)));

    /// <summary>What becomes of packets to internal ranges that leave by another link, and of those to the host that are translated to such a range.</summary>
    public Answer Internal(Family family) => Once("Internal", family, () => ToInternal(AskOf(Audit.Walk, InternalQuery(family)), Host(family), family));

    /// <summary>The same while Docker's jump to DOCKER-USER is away.</summary>
    public Answer InternalWithoutJump(Family family) => Once("InternalWithoutJump", family, () =>
        ToInternal(AskOf(Audit.WithoutDockerUser, InternalQuery(family)), AskOf(Audit.WithoutDockerUser, HostQuery(family)), family));

    /// <summary>What becomes of new connections to mail servers outside; not what is translated to a container's published port.</summary>
    public Answer Mail(Family family) => Once("Mail", family, () => Leaving(AskOf(Audit.Walk, Query(family) with { Protocol = "tcp", Ports = PortList.Parse(SmtpRate.DefaultPorts, "Port") }))
        .Where(part => part.NewDestination is null)
        .Without(family == Family.IPv4 ? [Loopback] : []));

    /// <summary>What becomes of packets from one of its containers to another.</summary>
    public Answer Neighbours(Family family) => Once("Neighbours", family, () =>
        AskOf(Audit.Walk, Query(family) with { Destinations = [.. Network.Subnets.Where(subnet => subnet.Family == family)] }).Where(part => part.Path is PacketPath.Bridged));

    /// <summary>What becomes of packets to any places of one family; asked anew each time.</summary>
    public Answer Places(IReadOnlyList<Cidr> places) => AskOf(Audit.Walk, Query(places[0].Family) with { Destinations = places });

    /// <summary>All packets from its containers. A source that is not the network's gets no answer back; what it can do is another check's.</summary>
    public AccessQuery Query(Family family) => new() { Family = family, InInterface = Bridge, Sources = [.. Network.Subnets.Where(subnet => subnet.Family == family)] };

    /// <summary>TCP and UDP: what a service can be reached by.</summary>
    public static Answer Services(Answer answer, Family family) => answer.Within(AllServices[family]);

    /// <summary>DNS to the servers that containers ask; no control closes it unless it is told to.</summary>
    public IEnumerable<PacketSet> Dns(Family family)
    {
        var servers = Audit.Host.Resolvers.Where(server => server.Family == family).ToList();
        return servers.Count == 0 ? [] : ServiceProtocols.Select(protocol =>
            PacketSet.Of(new AccessQuery { Family = family, InInterface = Bridge, Destinations = servers, Protocol = protocol, Ports = PortList.Parse("53", "Port") }));
    }

    public AccessQuery MetadataQuery(Family family) =>
        Query(family) with { Destinations = Cidr.Aggregate(Endpoints.Select(endpoint => endpoint.Address).Where(address => address.Family == family)) };

    public AccessQuery? HostQuery(Family family)
    {
        var addresses = AccessTargets.HostAddresses(Audit.Host, Bridge).Where(address => address.Family == family).ToList();
        if (addresses.Count == 0)
            return null;
        var query = Query(family) with { Destinations = Cidr.Aggregate(addresses) };
        // The host is a neighbour: it is reached from link-local addresses too, whether the network has IPv6 or not.
        return family == Family.IPv6 ? query with { Sources = [.. query.Sources, LinkLocal6] } : query;
    }

    // A published port at the host's public address is another network's container behind DNAT.
    private Answer ToInternal(Answer named, Answer host, Family family)
    {
        var ranges = AccessTargets.InternalRanges.Where(range => range.Family == family).ToList();
        var translated = host.Where(part => part.Path is PacketPath.Forward && part.NewDestination is { } place && ranges.Exists(range => range.Contains(place)));
        return Leaving(named.And(translated.Without([PacketSet.Of(new AccessQuery { Family = family, InInterface = Bridge, Destinations = ranges })])));
    }

    private AccessQuery InternalQuery(Family family) =>
        Query(family) with { Destinations = [.. AccessTargets.InternalRanges.Where(range => range.Family == family)] };

    private Answer Leaving(Answer answer) => answer.Where(part =>
        part.Path is not (PacketPath.Local or PacketPath.Bridged) && !string.Equals(part.OutInterface, Bridge, StringComparison.Ordinal));

    // No source means every source: what a network without addresses in a family would be asked about is nothing.
    private Answer AskOf(PacketWalk walk, AccessQuery? query) => query is null || (query.Sources.Count == 0 && !Families.Contains(query.Family)) ? Answer.Nothing
        : Answer.Of(Pieces(query).SelectMany(piece => walk.Ask(piece)), Audit.NoContainers);

    // Long lists of destinations cut a wide question into as many pieces, and each rule is held against each piece: sixteen questions of a sixteenth are
    // answered sooner than one. Where rules are few, one is.
    private IEnumerable<AccessQuery> Pieces(AccessQuery query)
    {
        const int Many = 1_000;
        if (!Audit.Host.Rules.TryGetValue(query.Family, out var rules) || rules.AllRules.Count < Many)
            return [query];
        var everywhere = Cidr.From(query.Family, UInt128.Zero, 0);
        return (query.Destinations.Count == 0 ? [everywhere] : query.Destinations)
            .GroupBy(place => place.Length <= WideLength)
            .SelectMany(group => group.Key ? group.SelectMany(Sixteenths).Select(place => query with { Destinations = [place] }) : [query with { Destinations = [.. group] }]);
    }

    private static IEnumerable<Cidr> Sixteenths(Cidr place) => Enumerable.Range(0, 16)
        .Select(number => Cidr.From(place.Family, place.Bits | ((UInt128)(uint)number << (Cidr.Width(place.Family) - place.Length - 4)), place.Length + 4));

    /// <summary>An answer that several checks cut from another, cut once.</summary>
    public Answer Once(string question, Family family, Func<Answer> ask)
    {
        if (!_answers.TryGetValue((question, family), out var answer))
            _answers[(question, family)] = answer = ask();
        return answer;
    }
}

/// <summary>Which containers count: those that send packets, or will when they go on.</summary>
internal static class ContainerState
{
    public static bool Runs(DockerContainer container) => container.State is not ("created" or "exited" or "dead" or "removing");
}
