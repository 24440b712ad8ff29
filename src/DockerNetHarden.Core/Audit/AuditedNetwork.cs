using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>
/// A network under audit. Few, wide questions are asked about it (all metadata addresses in one), each once; the checks cut the answers to what they are about.
/// </summary>
internal sealed class AuditedNetwork
{
    // 10.0.0.0/8 is wide, and so is everything.
    private const int WideLength = 8;

    // A packet set has no link, but a question has to name one.
    private const string AnyLink = "any";

    private static readonly string[] ServiceProtocols = ["tcp", "udp"];
    private static readonly IReadOnlyDictionary<Family, PacketSet> AllServices = Enum.GetValues<Family>().ToDictionary(family => family, family => ServiceProtocols
        .Select(protocol => PacketSet.Of(new AccessQuery { Family = family, InInterface = AnyLink, Protocol = protocol })).Aggregate((one, other) => one.Union(other)));

    private static readonly Cidr LinkLocal6 = Cidr.Parse("fe80::/10");

    // Not outside.
    private static readonly PacketSet Loopback = PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = AnyLink, Destinations = [Cidr.Parse("127.0.0.0/8")] });

    private readonly Dictionary<(string Question, Family Family), Answer> _answers = [];
    private readonly Dictionary<string, IReadOnlyList<FirewallRule>> _remedies = new(StringComparer.Ordinal);
    private bool? _reachesProxy;

    public AuditedNetwork(AuditedHost audit, DockerNetwork network, int namesakes)
    {
        Audit = audit;
        Network = network;
        Bridge = network.Bridge!;
        Namesakes = namesakes;
        // Rules under the mark of a name are for all networks of that name, or mending one would open another.
        Reference = namesakes == 1 ? new NetworkReference(network.Name, Bridge, network.Subnets) : new NetworkReference(network.Name);
        Origin = new PacketOrigin(network.Name, network.Subnets, audit.NoContainers);
        Families = [.. network.Families.Where(family => family == Family.IPv4 || audit.Host.HasIPv6)];
    }

    public AuditedHost Audit { get; }

    /// <summary>The network as the origin of its containers' packets.</summary>
    public PacketOrigin Origin { get; }

    public DockerNetwork Network { get; }

    public string Name => Network.Name;

    public string Bridge { get; }

    public NetworkReference Reference { get; }

    /// <summary>How many networks of the host have its name, itself included.</summary>
    public int Namesakes { get; }

    /// <summary>Why no rule can be bound to it; null if one can.</summary>
    public string? WhyUnbindable => Operand.NetworkNameProblem(Name) ?? (InterfaceName.Problem(Bridge) is { } problem ? $"no rule can name its bridge '{ShownText.Value(Bridge)}': {problem}" : null);

    /// <summary>Whether a rule can name its bridge: then controls for all networks cover it.</summary>
    public bool IsBridgeNameable => InterfaceName.Problem(Bridge) is null;

    /// <summary>The families in which its containers have addresses: their packets are forwarded, and asked about, only in these.</summary>
    public IReadOnlyList<Family> Families { get; }

    /// <summary>Whether its containers have IPv4 addresses.</summary>
    public bool HasIPv4 => Families.Contains(Family.IPv4);

    /// <summary>Whether its containers have IPv6 addresses that are routed.</summary>
    public bool HasIPv6 => Families.Contains(Family.IPv6);

    /// <summary>The family in which networks are compared: IPv4, unless the network has none.</summary>
    public Family FirstFamily => Families.Count > 0 ? Families[0] : Family.IPv4;

    /// <summary>
    /// The families in which the host can be reached: IPv6 if the kernel has it, because the bridge has a link-local address and services listen on ::.
    /// </summary>
    public IEnumerable<Family> HostFamilies => Audit.Host.HasIPv6 ? Families.Append(Family.IPv6).Distinct() : Families;

    /// <summary>The profile in its label or in the comments of its rules; null if it has no known profile.</summary>
    public NetworkProfile? Profile => Enum.TryParse<NetworkProfile>(AdoptedProfiles.ProfileOf(Network, Audit.Adopted), out var profile) && Enum.IsDefined(profile) ? profile : null;

    /// <summary>Whether its profile forbids internal ranges.</summary>
    public bool ForbidsInternal => Profile is NetworkProfile.ExternalOnly or NetworkProfile.Isolated;

    public bool AllowsMetadata => Profile is NetworkProfile.MetadataAccess;

    /// <summary>The running containers on it.</summary>
    public IEnumerable<DockerContainer> Containers =>
        Audit.Host.Containers.Where(container => ContainerState.Runs(container) && container.Addresses.Any(Network.Holds));

    /// <summary>What happens to packets to the metadata addresses of all clouds.</summary>
    public Answer Metadata(Family family) => Once("Metadata", family, () => AskOf(Audit.Walk, MetadataQuery(family)));

    /// <summary>The same while Docker's jump to DOCKER-USER is away.</summary>
    public Answer MetadataWithoutJump(Family family) => Once("MetadataWithoutJump", family, () => AskOf(Audit.WithoutDockerUser, MetadataQuery(family)));

    /// <summary>What happens to packets to the host's addresses.</summary>
    public Answer Host(Family family) => Once("Host", family, () => AskOf(Audit.Walk, HostQuery(family)));

    /// <summary>What happens to packets to internal ranges that leave by another link, and to packets to the host that are translated to such a range.</summary>
    public Answer Internal(Family family) => Once("Internal", family, () => ToInternal(AskOf(Audit.Walk, InternalQuery(family)), Host(family), family));

    /// <summary>The same while Docker's jump to DOCKER-USER is away.</summary>
    public Answer InternalWithoutJump(Family family) => Once("InternalWithoutJump", family, () =>
        ToInternal(AskOf(Audit.WithoutDockerUser, InternalQuery(family)), AskOf(Audit.WithoutDockerUser, HostQuery(family)), family));

    /// <summary>What happens to new connections to mail servers outside, without those translated to a container's published port.</summary>
    public Answer Mail(Family family) => Once("Mail", family, () => Leaving(AskOf(Audit.Walk, Query(family) with { Protocol = "tcp", Ports = PortList.Parse(SmtpRate.DefaultPorts, "Port") }))
        .Where(part => part.NewDestination is null)
        .Without(family == Family.IPv4 ? [Loopback] : []));

    /// <summary>What happens to packets from one of its containers to another.</summary>
    public Answer Neighbours(Family family) => Once("Neighbours", family, () =>
        AskOf(Audit.Walk, Query(family) with { Destinations = [.. Network.Subnets.Where(subnet => subnet.Family == family)] }).Where(part => part.Path is PacketPath.Bridged));

    /// <summary>What happens to packets to containers of other networks, at their own addresses.</summary>
    public Answer Others(Family family) => Once("Others", family, () =>
    {
        var others = Audit.Networks.Where(other => other != this).ToList();
        var places = others.SelectMany(other => other.Query(family).Sources).ToList();
        var bridges = others.Select(other => other.Bridge).ToHashSet(StringComparer.Ordinal);
        return places.Count == 0 || Query(family).Sources.Count == 0 ? Answer.Nothing
            : Services(Places(Cidr.Aggregate(places)).Where(part => part is { Path: PacketPath.Forward, NewDestination: null } && part.OutInterface is { } link && bridges.Contains(link)), family);
    });

    /// <summary>What happens to packets to any places of one family; asked again each time.</summary>
    public Answer Places(IReadOnlyList<Cidr> places) => AskOf(Audit.Walk, Query(places[0].Family) with { Destinations = places });

    /// <summary>All packets from its containers. A source outside the network gets no answer; another check looks at what it can do.</summary>
    public AccessQuery Query(Family family) => new() { Family = family, InInterface = Bridge, Sources = [.. Network.Subnets.Where(subnet => subnet.Family == family)] };

    /// <summary>TCP and UDP: the protocols of services.</summary>
    public static Answer Services(Answer answer, Family family) => answer.Within(AllServices[family]);

    /// <summary>DNS to the servers that containers ask; a control closes it only if told to.</summary>
    public IEnumerable<PacketSet> Dns(Family family)
    {
        var servers = Audit.Host.Resolvers.Where(server => server.Family == family).ToList();
        return servers.Count == 0 ? [] : ServiceProtocols.Select(protocol =>
            PacketSet.Of(new AccessQuery { Family = family, InInterface = Bridge, Destinations = servers, Protocol = protocol, Ports = PortList.Parse("53", "Port") }));
    }

    public AccessQuery MetadataQuery(Family family) =>
        Query(family) with { Destinations = Cidr.Aggregate(MetadataEndpoints.All.Concat(Audit.Cloud.Leased).Select(endpoint => endpoint.Address).Where(address => address.Family == family)) };

    public AccessQuery? HostQuery(Family family)
    {
        var addresses = AccessTargets.HostAddresses(Audit.Host, Bridge).Where(address => address.Family == family).ToList();
        if (addresses.Count == 0)
            return null;
        var query = Query(family) with { Destinations = Cidr.Aggregate(addresses) };
        // The host is a neighbour: it can be reached from link-local addresses too, whether the network has IPv6 or not.
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

    // No source would mean every source, but a network without addresses in a family has nothing to ask about.
    private Answer AskOf(PacketWalk walk, AccessQuery? query) => query is null || (query.Sources.Count == 0 && !Families.Contains(query.Family)) ? Answer.Nothing
        : Answer.Of(Pieces(query).SelectMany(piece => walk.AskWithoutChains(piece)), Origin);

    // Long lists of destinations cut a wide question into as many pieces, and each rule is compared with each piece: sixteen questions, each a sixteenth of the whole,
    // are answered sooner than one. If there are few rules, one question is enough.
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

    /// <summary>Whether containers on it reach published ports through docker-proxy.</summary>
    public bool ReachesProxy => _reachesProxy ??= HostFamilies.Any(family => HostCheck.Of(this, family).Where(part => part.Proxied is not null).IsOpen);

    /// <summary>Forgets the answers: together those of hundreds of networks take more memory than all rules. What is asked afterwards is asked again.</summary>
    public void Forget()
    {
        if (Audit.Setting("userland-proxy") != false)
            _ = ReachesProxy;
        _answers.Clear();
        _remedies.Clear();
    }

    /// <summary>An answer that several checks cut from another; cut only once.</summary>
    public Answer Once(string question, Family family, Func<Answer> ask)
    {
        if (!_answers.TryGetValue((question, family), out var answer))
            _answers[(question, family)] = answer = ask();
        return answer;
    }

    /// <summary>Rules that mend what several checks find; made only once.</summary>
    public IReadOnlyList<FirewallRule> Once(string remedy, Func<IReadOnlyList<FirewallRule>> make)
    {
        if (!_remedies.TryGetValue(remedy, out var rules))
            _remedies[remedy] = rules = make();
        return rules;
    }
}

/// <summary>Which containers count: those that send packets, or will once they resume.</summary>
internal static class ContainerState
{
    public static bool Runs(DockerContainer container) => container.State is not ("created" or "exited" or "dead" or "removing");
}
