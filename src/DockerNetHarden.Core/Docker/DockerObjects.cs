using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>What <c>GET /info</c> and <c>GET /version</c> say about an engine.</summary>
public sealed record DockerEngine
{
    /// <summary>The engine's version, for example <c>20.10.24</c>.</summary>
    public required string Version { get; init; }

    /// <summary>The API version that was negotiated, for example <c>1.41</c>.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>The address pools for new networks; the built-in ones (172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/16) if the engine names none.</summary>
    public IReadOnlyList<Cidr> AddressPools { get; init; } = [];

    /// <summary>True if the daemon runs in a user namespace: its rules are not in the host's tables.</summary>
    public bool IsRootless { get; init; }

    /// <summary>The engine's firewall backend (29+: <c>iptables</c>, <c>nftables</c>, with <c>+firewalld</c>); null if the engine does not say.</summary>
    public string? FirewallBackend { get; init; }

    /// <summary>
    /// Whether bridged packets pass iptables (<c>BridgeNfIptables</c>); also false if the engine does not say, as is always the case from API 1.50 on.
    /// The host's own answer is <c>/proc/sys/net/bridge/bridge-nf-call-iptables</c>.
    /// </summary>
    public bool BridgeNfIptables { get; init; }
}

/// <summary>A network of the engine (<c>GET /networks/{id}</c>). Names are <see cref="ShownText.Plain"/>: engines let a network be called anything.</summary>
public sealed record DockerNetwork
{
    /// <summary>The name.</summary>
    public required string Name { get; init => field = ShownText.Plain(value); }

    /// <summary>The id, 64 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The driver: <c>bridge</c>, <c>overlay</c>, <c>macvlan</c>, <c>host</c>, <c>null</c> ...</summary>
    public required string Driver { get; init => field = ShownText.Plain(value); }

    /// <summary>The bridge's interface name; null if the driver is not <c>bridge</c>.</summary>
    public string? Bridge { get; init => field = value is null ? null : ShownText.Plain(value); }

    /// <summary>Whether the network is <c>--internal</c>.</summary>
    public bool Internal { get; init; }

    /// <summary>Whether IPv6 is enabled.</summary>
    public bool EnableIPv6 { get; init; }

    /// <summary>The subnets, both families.</summary>
    public IReadOnlyList<Cidr> Subnets { get; init; } = [];

    /// <summary>
    /// The gateways, as prefixes of full length, if the engine names them: 20.10 leaves out one that it chose itself.
    /// The bridge's own addresses (<c>ip address show dev</c> the bridge) are what counts.
    /// </summary>
    public IReadOnlyList<Cidr> Gateways { get; init; } = [];

    /// <summary>The driver's options.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The names of the containers on it, if the network was inspected.</summary>
    public IReadOnlyList<string> Containers { get; init; } = [];

    // The addresses on it by container id, if the network was inspected.
    internal IReadOnlyDictionary<string, ContainerAddress> Endpoints { get; init; } = new Dictionary<string, ContainerAddress>(StringComparer.Ordinal);

    /// <summary>
    /// The families in which its containers have addresses. From engine 28 on a network may have no IPv4 (<c>--ipv4=false</c>). One whose subnets are not known, such as those
    /// of an external DHCP server, has IPv4.
    /// </summary>
    public IEnumerable<Family> Families =>
        Enum.GetValues<Family>().Where(family => Subnets.Any(subnet => subnet.Family == family) || (family == Family.IPv6 ? EnableIPv6 : Subnets.Count == 0));

    // Engines to 24 make several networks of one name if asked through the API, and a container says only the name.
    internal bool Holds(ContainerAddress address) =>
        string.Equals(address.Network, Name, StringComparison.Ordinal)
        && (Subnets.Count == 0 || (address.IPv4 ?? address.IPv6) is not { } place || Subnets.Any(subnet => subnet.Contains(place)));

    /// <summary>The driver option that names the bridge's interface.</summary>
    public const string BridgeNameOption = "com.docker.network.bridge.name";

    /// <summary>The driver option that lets containers of one bridge talk to each other.</summary>
    public const string IccOption = "com.docker.network.bridge.enable_icc";

    /// <summary>The label that holds a hardened network's profile.</summary>
    public const string ProfileLabel = "io.dockernetharden.profile";

    /// <summary>The profile in the label; null if the network is not one of ours.</summary>
    public string? Profile => Labels.TryGetValue(ProfileLabel, out var profile) ? ShownText.Plain(profile) : null;
}

/// <summary>A container's port that is published on the host.</summary>
/// <param name="HostAddress">The host's address; <c>0.0.0.0/0</c> or <c>::/0</c> for all of one family; null for all of them.</param>
/// <param name="HostPort">The host's port; 0 if it has none: the port is open at the container's own address (gateway mode routed).</param>
/// <param name="ContainerPort">The container's port.</param>
/// <param name="Protocol"><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</param>
public sealed record PublishedPort(Cidr? HostAddress, int HostPort, int ContainerPort, string Protocol)
{
    /// <summary>Whether it is published on all addresses of the host, in its families.</summary>
    public bool IsEverywhere => HostAddress is not { Length: > 0 };

    /// <summary>Whether it is published on addresses of a family.</summary>
    public bool IsOf(Family family) => HostAddress is not { } address || address.Family == family;
}

/// <summary>A container's place on a network.</summary>
/// <param name="Network">The network's name.</param>
/// <param name="IPv4">Its IPv4 address there.</param>
/// <param name="IPv6">Its global IPv6 address there.</param>
public sealed record ContainerAddress(string Network, Cidr? IPv4, Cidr? IPv6);

/// <summary>A container (<c>GET /containers/json</c> and <c>GET /containers/{id}/json</c>).</summary>
public sealed record DockerContainer
{
    /// <summary>The id, 64 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The name, without the leading slash.</summary>
    public required string Name { get; init => field = ShownText.Plain(value); }

    /// <summary>The image as it was asked for.</summary>
    public string Image { get; init => field = ShownText.Plain(value); } = "";

    /// <summary>The state: <c>running</c>, <c>exited</c> ...</summary>
    public string State { get; init; } = "";

    /// <summary>Whether it has its addresses now: it runs, or is paused and will go on.</summary>
    internal bool IsUp => State is "running" or "paused";

    /// <summary>
    /// The network mode: a network's name, <c>host</c>, <c>none</c>, <c>container:id</c>. A container that shares the network of one in mode host or none has that mode.
    /// </summary>
    public string NetworkMode { get; init => field = ShownText.Plain(value); } = "";

    /// <summary>Its addresses, one entry per network; those of the other container if it shares one's network.</summary>
    public IReadOnlyList<ContainerAddress> Addresses { get; init => field = [.. value.Select(static address => address with { Network = ShownText.Plain(address.Network) })]; } = [];

    /// <summary>Its published ports.</summary>
    public IReadOnlyList<PublishedPort> Ports { get; init; } = [];

    /// <summary>Its own DNS servers (<c>--dns</c>), if the container was inspected.</summary>
    public IReadOnlyList<Cidr> Dns { get; init; } = [];

    /// <summary>The process id of its first process in the host's pid namespace; 0 if it does not run.</summary>
    public int Pid { get; init; }

    /// <summary>Whether it runs privileged, if the container was inspected.</summary>
    public bool Privileged { get; init; }

    /// <summary>The capabilities that were added to Docker's defaults, without <c>CAP_</c> (<c>NET_ADMIN</c>, <c>ALL</c>), if the container was inspected.</summary>
    public IReadOnlyList<string> AddedCapabilities { get; init; } = [];

    /// <summary>The capabilities that were dropped from Docker's defaults, without <c>CAP_</c>, if the container was inspected.</summary>
    public IReadOnlyList<string> DroppedCapabilities { get; init; } = [];
}
