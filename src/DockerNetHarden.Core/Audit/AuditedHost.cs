using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>A host under audit: what several checks need to know about it, computed once.</summary>
internal sealed class AuditedHost
{
    // RFC 1122, 3.2.1.3; RFC 4291, 2.5.2, 2.5.3 and 2.7.
    private static readonly Cidr[] NoSources =
    [
        Cidr.Parse("0.0.0.0/8"), Cidr.Parse("127.0.0.0/8"), Cidr.Parse("224.0.0.0/4"), Cidr.Parse("240.0.0.0/4"),
        Cidr.Parse("::"), Cidr.Parse("::1"), Cidr.Parse("ff00::/8"),
    ];

    private readonly Dictionary<Family, PacketSet> _strangers = [];
    private readonly Lazy<PacketWalk> _withoutDockerUser;
    private readonly Lazy<PacketWalk> _withDockerUserFirst;
    private readonly Lazy<InstalledControls> _controls;
    private readonly Lazy<IReadOnlyDictionary<string, string>> _adopted;
    private readonly Lazy<KnownBridges> _bridges;
    private readonly Lazy<IReadOnlyList<string>> _decoys;
    private readonly Lazy<HashSet<string?>> _networkBridges;

    public AuditedHost(PacketWalk walk)
    {
        Walk = walk;
        _withoutDockerUser = new(() => new PacketWalk(WithoutJump(walk.Host)));
        _withDockerUserFirst = new(() => new PacketWalk(WithJumpFirst(walk.Host)));
        _controls = new(() => new InstalledControls(walk));
        _adopted = new(() => AdoptedProfiles.Of(walk.Host));
        Cloud = HostCloud.Of(walk.Host);
        _decoys = new(() => Decoys.Of(walk.Host, [.. MetadataAccessOf.Addresses, .. Cloud.Leased.Select(endpoint => endpoint.Address)]));
        _bridges = new(() => new KnownBridges(walk.Host));
        _networkBridges = new(() => walk.Host.Networks.Select(network => network.Bridge).ToHashSet(StringComparer.Ordinal));
        // The rules of a daemon in a user namespace are in tables that were not read, so nothing is known about its networks.
        var bridged = walk.Host.Networks.Where(network => network.Bridge is not null).OrderBy(network => network.Name, StringComparer.Ordinal).ToList();
        var byName = bridged.ToLookup(network => network.Name, StringComparer.Ordinal);
        Networks = IsRootless ? [] : [.. bridged.Select(network => new AuditedNetwork(this, network, byName[network.Name].Count()))];
    }

    public PacketWalk Walk { get; }

    public HostSnapshot Host => Walk.Host;

    /// <summary>The networks whose packets enter by a bridge of this host.</summary>
    public IReadOnlyList<AuditedNetwork> Networks { get; }

    /// <summary>Our rules on the host.</summary>
    public InstalledControls Controls => _controls.Value;

    /// <summary>The profiles of networks without the profile's label, by name.</summary>
    public IReadOnlyDictionary<string, string> Adopted => _adopted.Value;

    /// <summary>Whether a block of ours does not decide what it names, on any of the networks that were looked at.</summary>
    public bool HasIneffectiveRules { get; set; }

    /// <summary>The cloud that it is in.</summary>
    public HostCloud Cloud { get; }

    /// <summary>What each network reaches of the metadata addresses of other clouds than the host's, noted while the networks are looked at.</summary>
    public ICollection<(string Network, FindingStatus Status, IReadOnlyList<string> Evidence)> OtherClouds { get; } = [];

    /// <summary>Rules that look like blocks of metadata.</summary>
    public IReadOnlyList<string> MetadataDecoys => _decoys.Value;

    /// <summary>Which bridges the host has.</summary>
    public KnownBridges Bridges => _bridges.Value;

    /// <summary>Whether a link is the bridge of one of Docker's networks.</summary>
    public bool IsBridgeOfNetwork(string? link) => _networkBridges.Value.Contains(link);

    /// <summary>The host during the milliseconds in which Docker has removed its jump to DOCKER-USER.</summary>
    public PacketWalk WithoutDockerUser => _withoutDockerUser.Value;

    /// <summary>The host as it would be if FORWARD asked DOCKER-USER before everything else.</summary>
    public PacketWalk WithDockerUserFirst => _withDockerUserFirst.Value;

    public bool IsRootless => Host.Engine?.IsRootless == true;

    /// <summary>Whether Docker writes its rules with nftables: then nothing jumps to DOCKER-USER.</summary>
    public bool IsNftables => HostBackend.DockerUsesNftables(Host);

    /// <summary>Whether DOCKER-USER of IPv4 can hold rules.</summary>
    public bool HasDockerUser => !IsNftables && Host.Rules.TryGetValue(Family.IPv4, out var rules) && rules.HasChain("filter", Hook.DockerUser);

    /// <summary>A setting of dockerd as a switch; null if it is not set.</summary>
    public bool? Setting(string name) => Host.DaemonSettings.TryGetValue(name, out var value) ? GoFlag.Read(value) : null;

    /// <summary>
    /// Packets whose source does not belong to a container: the host's own addresses, broadcast addresses, and addresses that cannot be a source. The kernel drops
    /// them (martian sources; RFC 1812, 5.3.7 and 5.3.8), and no answer ever comes back.
    /// </summary>
    public PacketSet NoContainers(Family family)
    {
        if (_strangers.TryGetValue(family, out var strangers))
            return strangers;
        var addresses = Host.Addresses.Select(address => address.Address)
            // Single addresses of the kernel's own table: a local route for a whole range (AnyIP, transparent proxies) does not make the range the host's own sources.
            .Concat(Host.Routes.Where(route => route is { Type: "local" or "broadcast", Table: "local" or "255" } && IsSingle(route.Destination)).Select(route => route.Destination))
            .Concat(NoSources)
            .Where(address => address.Family == family);
        return _strangers[family] = PacketSet.Of(new AccessQuery { Family = family, InInterface = "any", Sources = Cidr.Aggregate(addresses) });
    }

    private static bool IsSingle(Cidr place) => place.Length == Cidr.Width(place.Family);

    private static HostSnapshot WithoutJump(HostSnapshot host) =>
        WithForward(host, lines => lines.Where(line => !DockerChains.GoesToDockerUser(line)), rules => rules.Where(rule => !DockerChains.GoesToDockerUser(rule)));

    private static HostSnapshot WithJumpFirst(HostSnapshot host) =>
        WithForward(host, lines => lines.OrderByDescending(ForwardJump.IsJump), rules => rules.OrderByDescending(DockerChains.GoesToDockerUser));

    // In both copies, or they differ and the walk takes nft's own, which is as it was.
    private static HostSnapshot WithForward(HostSnapshot host, Func<IEnumerable<RuleLine>, IEnumerable<RuleLine>> change, Func<IEnumerable<NftRule>, IEnumerable<NftRule>> changeNft) => host with
    {
        Rules = host.Rules.ToDictionary(
            pair => pair.Key,
            pair => pair.Value.HasChain("filter", "FORWARD") ? pair.Value.WithRules("filter", "FORWARD", [.. change(pair.Value["filter", "FORWARD"])]) : pair.Value),
        Nft = host.Nft is not { } nft ? null : nft with { Rules = [.. changeNft(nft.Rules)] },
    };
}
