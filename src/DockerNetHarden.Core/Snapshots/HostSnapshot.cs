using System.Text.Json.Serialization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>Which of the two backends of iptables a rule set is in. Source: iptables(8), xtables-nft(8).</summary>
public enum IptablesBackend
{
    /// <summary>iptables-nft: rules are kept in nf_tables.</summary>
    Nft,

    /// <summary>iptables-legacy: the old xtables kernel interface.</summary>
    Legacy,
}

/// <summary>The iptables commands to use on a host: absolute or plain names, for example <c>iptables-nft-restore</c>.</summary>
/// <param name="Backend">The backend.</param>
/// <param name="Version">What <c>iptables --version</c> prints, for example <c>iptables v1.8.9 (nf_tables)</c>; without the number if the host has no table that would show it.</param>
/// <param name="Prefix4">The IPv4 command without suffix: <c>iptables</c>, <c>iptables-nft</c> or <c>iptables-legacy</c>.</param>
/// <param name="Prefix6">The IPv6 command without suffix: <c>ip6tables</c>, <c>ip6tables-nft</c> or <c>ip6tables-legacy</c>; null if the host has none.</param>
public sealed record IptablesTool(IptablesBackend Backend, string Version, string Prefix4, string? Prefix6);

/// <summary>An address that a link of the host has.</summary>
/// <param name="Link">The link's name, for example <c>eth0</c>.</param>
/// <param name="Address">The address as a prefix of full length.</param>
public sealed record HostAddress(string Link, Cidr Address);

/// <summary>The SSH connection that the caller came through, from <c>SSH_CONNECTION</c> (sshd(8)); null at a console.</summary>
/// <param name="Client">The client's address.</param>
/// <param name="ServerPort">The port of sshd on this host.</param>
/// <param name="Link">The link to the client, if it could be found out.</param>
public sealed record SessionConnection(Cidr Client, int ServerPort, string? Link);

/// <summary>What a host keeps on its disk so that rules of ours are there after its next start: files and links as they are, without their meaning.</summary>
public sealed record SavedFiles
{
    /// <summary>The text of each file that exists, by its path.</summary>
    public required IReadOnlyDictionary<string, string> Texts { get; init; }

    /// <summary>The existing links that enable a unit.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>What starts the host or could load rules on it: <c>systemd</c>, <c>netfilter-persistent</c>, <c>iptables-services</c>.</summary>
    public IReadOnlyList<string> Systems { get; init; } = [];
}

/// <summary>Everything that was read of a host in one trip. Everything else is computed from it.</summary>
/// <remarks>The properties of this record and of those in it, in their order, define the form of <see cref="SnapshotFile"/>.</remarks>
public sealed record HostSnapshot
{
    /// <summary>The family of our own nftables table.</summary>
    internal const string OwnFamily = "inet";

    /// <summary>The name of our own nftables table.</summary>
    internal const string OwnName = "docker_net_harden";

    private readonly NftRuleset? _ownTable;

    /// <summary>The host as the user named it; <c>localhost</c> for this one.</summary>
    public required string HostName { get; init; }

    /// <summary>When it was read.</summary>
    public required DateTimeOffset TakenAt { get; init; }

    /// <summary>The iptables with Docker's chains, or the host's default if no chain of Docker's exists.</summary>
    public required IptablesTool Iptables { get; init; }

    /// <summary>Docker's engine; null if it could not be asked, as <see cref="DockerError"/> explains.</summary>
    public DockerEngine? Engine { get; init; }

    /// <summary>Why the engine could not be asked, with the way out; null if it could.</summary>
    [JsonIgnore]
    public DockerException? DockerError { get; init; }

    // The part of the exception that belongs in a file.
    [JsonInclude]
    internal DockerErrorText? DockerErrorText
    {
        get => DockerError is { } error ? new(error.Failure, error.Message, error.Endpoint, error.Status) : null;
        init => DockerError = value is { } text ? new(text.Failure, text.Message, text.Endpoint, text.Status) : null;
    }

    /// <summary>Docker's networks.</summary>
    public IReadOnlyList<DockerNetwork> Networks { get; init; } = [];

    /// <summary>Docker's containers, running or not.</summary>
    public IReadOnlyList<DockerContainer> Containers { get; init; } = [];

    /// <summary>The rule sets of the active backend, one per family. A family without its tool is absent.</summary>
    public required IReadOnlyDictionary<Family, Ruleset> Rules { get; init; }

    /// <summary>Whether the kernel speaks IPv6; without it there is nothing to decide, and no rule is needed.</summary>
    public bool HasIPv6 { get; init; } = true;

    /// <summary>The names of all links (network interfaces) of the host.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>The addresses of the host's links.</summary>
    public IReadOnlyList<HostAddress> Addresses { get; init; } = [];

    /// <summary>
    /// The DNS servers that containers ask: from the daemon's configuration, the containers' own settings and the host's resolv.conf.
    /// Loopback addresses are left out: a container cannot reach them.
    /// </summary>
    public IReadOnlyList<Cidr> Resolvers { get; init; } = [];

    /// <summary>What tells which cloud the host is in; null in a snapshot of a version that did not read it.</summary>
    public HostPlatform? Platform { get; init; }

    /// <summary>The connection in use, if it is known.</summary>
    public SessionConnection? Session { get; init; }

    /// <summary>The rule sets of the backend that Docker does not use (legacy tables beside nft ones, or the other way round): their drops count too.</summary>
    public IReadOnlyDictionary<Family, Ruleset> OtherRules { get; init; } = new Dictionary<Family, Ruleset>();

    /// <summary>nf_tables as nft prints it; null if nft is missing or could not be read: there may then be rules that iptables-save does not show.</summary>
    public NftRuleset? Nft { get; init; }

    /// <summary>
    /// The nftables table of our own; empty if there is none, null if nft is missing or could not be read. A snapshot of the whole host has it in <see cref="Nft"/> too, and a file only there.
    /// </summary>
    internal NftRuleset? OwnTable { get => _ownTable ?? Nft?.Only(OwnFamily, OwnName); init => _ownTable = value; }

    /// <summary>Why <see cref="OwnTable"/> could not be read; null if it could, or if there is no nft.</summary>
    internal string? OwnTableError { get; init; }

    /// <summary>Whether the host has ipset(8); null if nobody looked for it.</summary>
    internal bool? HasIpSet { get; init; }

    /// <summary>The routes of all tables, both families.</summary>
    public IReadOnlyList<HostRoute> Routes { get; init; } = [];

    /// <summary>The routing rules, both families.</summary>
    public IReadOnlyList<RoutingRule> RoutingRules { get; init; } = [];

    /// <summary>What is known of the links.</summary>
    public IReadOnlyList<HostLink> LinkDetails { get; init; } = [];

    /// <summary>The sets of ipset(8): those that rules name and, in a snapshot for planning, our own.</summary>
    public IReadOnlyList<HostIpSet> IpSets { get; init; } = [];

    /// <summary>IPVS services, as <c>/proc/net/ip_vs</c> names them, one line each.</summary>
    public IReadOnlyList<string> IpvsServices { get; init; } = [];

    /// <summary>
    /// Sysctls by name (<c>net.ipv4.ip_forward</c>, <c>net.ipv4.conf.docker0.rp_filter</c>, <c>net.bridge.bridge-nf-call-iptables</c> ...) and value.
    /// One that does not exist (br_netfilter not loaded) is absent.
    /// </summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>dockerd's settings that matter here, from its arguments and its configuration file: <c>iptables</c>, <c>ip6tables</c>, <c>userland-proxy</c>, <c>icc</c>, <c>live-restore</c>, <c>firewall-backend</c> ...</summary>
    public IReadOnlyDictionary<string, string> DaemonSettings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The connections that conntrack knows from containers' addresses; null if they could not be read.</summary>
    public IReadOnlyList<OpenConnection>? Connections { get; init; }

    /// <summary>What is on the host's disk for its next start; null if it was not read.</summary>
    public SavedFiles? Saved { get; init; }

    /// <summary>
    /// The parts of this snapshot that were not read, or not completely, by the names of their properties, and why: what depends on them is not certain.
    /// <c>TcFilters</c> is <see cref="HostLink.HasTcFilter"/>. A snapshot for planning never needs such parts and names none.
    /// </summary>
    public IReadOnlyDictionary<string, string> Unread { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>What could not be read and is not always needed, in one sentence each: a daemon.json that is not JSON, rules of the backend that Docker does not use.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
