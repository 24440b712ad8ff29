using System.Text.Json.Serialization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>Which of the two iptables implementations a rule set is in. Source: iptables(8), xtables-nft(8).</summary>
public enum IptablesBackend
{
    /// <summary>iptables-nft: rules are kept in nf_tables.</summary>
    Nft,

    /// <summary>iptables-legacy: the old xtables kernel interface.</summary>
    Legacy,
}

/// <summary>The iptables commands to use on a host: absolute or plain names, for example <c>iptables-nft-restore</c>.</summary>
/// <param name="Backend">The implementation.</param>
/// <param name="Version">What <c>iptables --version</c> prints, for example <c>iptables v1.8.9 (nf_tables)</c>; without the number where the host has no table that would say it.</param>
/// <param name="Prefix4">The IPv4 command without suffix: <c>iptables</c>, <c>iptables-nft</c> or <c>iptables-legacy</c>.</param>
/// <param name="Prefix6">The IPv6 command without suffix: <c>ip6tables</c>, <c>ip6tables-nft</c> or <c>ip6tables-legacy</c>; null where the host has none.</param>
public sealed record IptablesTool(IptablesBackend Backend, string Version, string Prefix4, string? Prefix6);

/// <summary>An address that a link of the host has.</summary>
/// <param name="Link">The link's name, for example <c>eth0</c>.</param>
/// <param name="Address">The address as a prefix of full length.</param>
public sealed record HostAddress(string Link, Cidr Address);

/// <summary>The SSH connection that the caller came by, from <c>SSH_CONNECTION</c> (sshd(8)); null at a console.</summary>
/// <param name="Client">The client's address.</param>
/// <param name="ServerPort">The port of sshd on this host.</param>
/// <param name="Link">The link by which the client is reached, where it could be found out.</param>
public sealed record SessionConnection(Cidr Client, int ServerPort, string? Link);

/// <summary>What a host keeps on its disk so that rules of ours are there after its next start: files and links as they are, not what they mean.</summary>
public sealed record SavedFiles
{
    /// <summary>The text of each file that exists, by its path.</summary>
    public required IReadOnlyDictionary<string, string> Texts { get; init; }

    /// <summary>The links that enable a unit, those that exist.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>What the host starts with and could load rules by: <c>systemd</c>, <c>netfilter-persistent</c>, <c>iptables-services</c>.</summary>
    public IReadOnlyList<string> Systems { get; init; } = [];
}

/// <summary>All that was read of a host in one trip. Everything else is computed from it.</summary>
/// <remarks>The properties of this record and of those in it, in their order, are the form of <see cref="SnapshotFile"/>.</remarks>
public sealed record HostSnapshot
{
    /// <summary>The host as the user named it; <c>localhost</c> for this one.</summary>
    public required string HostName { get; init; }

    /// <summary>When it was read.</summary>
    public required DateTimeOffset TakenAt { get; init; }

    /// <summary>The iptables in which Docker's chains are (or the host's default, where no chain of Docker's exists).</summary>
    public required IptablesTool Iptables { get; init; }

    /// <summary>Docker's engine; null where it could not be asked, then <see cref="DockerError"/> says why.</summary>
    public DockerEngine? Engine { get; init; }

    /// <summary>Why the engine could not be asked, with the way out; null where it could.</summary>
    [JsonIgnore]
    public DockerException? DockerError { get; init; }

    // What a file has of the exception; the rest of it belongs in no file.
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

    /// <summary>The rule sets of the active backend, a family each. A family whose tool is missing is absent.</summary>
    public required IReadOnlyDictionary<Family, Ruleset> Rules { get; init; }

    /// <summary>Whether the kernel speaks IPv6; without it there is nothing to decide, and no rule is needed.</summary>
    public bool HasIPv6 { get; init; } = true;

    /// <summary>The names of all links (network interfaces) of the host.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>The addresses of the host's links.</summary>
    public IReadOnlyList<HostAddress> Addresses { get; init; } = [];

    /// <summary>
    /// The DNS servers that containers ask: of the daemon's configuration, of the containers' own settings and of the host's resolv.conf.
    /// Loopback addresses are left out: a container cannot reach them.
    /// </summary>
    public IReadOnlyList<Cidr> Resolvers { get; init; } = [];

    /// <summary>The connection in use, where it is known.</summary>
    public SessionConnection? Session { get; init; }

    /// <summary>The rule sets of the implementation that Docker does not use (legacy tables beside nft ones, or the other way round): their drops hold too.</summary>
    public IReadOnlyDictionary<Family, Ruleset> OtherRules { get; init; } = new Dictionary<Family, Ruleset>();

    /// <summary>nf_tables as nft prints it; null where nft is missing or could not be read, then rules may exist that iptables-save does not show.</summary>
    public NftRuleset? Nft { get; init; }

    /// <summary>The routes of all tables, both families.</summary>
    public IReadOnlyList<HostRoute> Routes { get; init; } = [];

    /// <summary>The routing rules, both families.</summary>
    public IReadOnlyList<RoutingRule> RoutingRules { get; init; } = [];

    /// <summary>What is known of the links.</summary>
    public IReadOnlyList<HostLink> LinkDetails { get; init; } = [];

    /// <summary>The sets of ipset(8).</summary>
    public IReadOnlyList<HostIpSet> IpSets { get; init; } = [];

    /// <summary>IPVS services, as <c>/proc/net/ip_vs</c> names them, a line each.</summary>
    public IReadOnlyList<string> IpvsServices { get; init; } = [];

    /// <summary>
    /// Sysctls by name (<c>net.ipv4.ip_forward</c>, <c>net.ipv4.conf.docker0.rp_filter</c>, <c>net.bridge.bridge-nf-call-iptables</c> ...) and value.
    /// One that does not exist (br_netfilter not loaded) is absent.
    /// </summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>dockerd's settings that matter here, from its arguments and its configuration file: <c>iptables</c>, <c>ip6tables</c>, <c>userland-proxy</c>, <c>icc</c>, <c>live-restore</c>, <c>firewall-backend</c> ...</summary>
    public IReadOnlyDictionary<string, string> DaemonSettings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The connections that conntrack knows from containers' addresses; null where they could not be read.</summary>
    public IReadOnlyList<OpenConnection>? Connections { get; init; }

    /// <summary>What stands on the host's disk for its next start; null where it was not looked at.</summary>
    public SavedFiles? Saved { get; init; }

    /// <summary>
    /// Which of the parts of this snapshot were not read, or not wholly, by the names of their properties, and why: what rests on them cannot be said for certain.
    /// <c>TcFilters</c> is <see cref="HostLink.HasTcFilter"/>. A snapshot for planning has no such parts and names none.
    /// </summary>
    public IReadOnlyDictionary<string, string> Unread { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>What could not be read and is not needed for every task, a sentence each: a daemon.json that is no JSON, rules of the implementation that Docker does not use.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
