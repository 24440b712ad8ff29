using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>
/// A host on paper whose every deciding part is known: docker0 (172.17.0.0/16, fd17::/64), the network apps on apps0 (172.18.0.0/16), eth0 with
/// 10.0.0.5 and the default route.
/// </summary>
internal static class WalkHost
{
    public const string DockerUser = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :DOCKER-USER - [0:0]
        -A FORWARD -j DOCKER-USER
        """;

    private static readonly Dictionary<string, string> s_sysctls = new(StringComparer.Ordinal)
    {
        ["net.ipv4.ip_forward"] = "1", ["net.ipv6.conf.all.forwarding"] = "1", ["net.ipv4.conf.all.route_localnet"] = "0",
        ["net.ipv4.conf.all.rp_filter"] = "0", ["net.ipv4.conf.docker0.rp_filter"] = "0", ["net.ipv4.conf.apps0.rp_filter"] = "0",
        ["net.ipv4.conf.all.accept_local"] = "0", ["net.ipv4.conf.docker0.accept_local"] = "0", ["net.ipv4.conf.apps0.accept_local"] = "0",
    };

    public static HostSnapshot Of(string save, string? other = null, Family family = Family.IPv4) => new()
    {
        HostName = "paper",
        TakenAt = DateTimeOffset.UnixEpoch,
        Iptables = new IptablesTool(IptablesBackend.Nft, "iptables v1.8.9 (nf_tables)", "iptables", "ip6tables"),
        Networks =
        [
            new DockerNetwork { Name = "bridge", Id = "a", Driver = "bridge", Bridge = "docker0", Subnets = [Cidr.Parse("172.17.0.0/16"), Cidr.Parse("fd17::/64")] },
            new DockerNetwork { Name = "apps", Id = "b", Driver = "bridge", Bridge = "apps0", Subnets = [Cidr.Parse("172.18.0.0/16")] },
        ],
        Rules = new Dictionary<Family, Ruleset> { [family] = Ruleset.Parse(family, save) },
        OtherRules = other is null ? new Dictionary<Family, Ruleset>() : new Dictionary<Family, Ruleset> { [family] = Ruleset.Parse(family, other) },
        Links = ["lo", "eth0", "docker0", "apps0"],
        Addresses = [Address("lo", "127.0.0.1"), Address("eth0", "10.0.0.5"), Address("docker0", "172.17.0.1"), Address("apps0", "172.18.0.1"), Address("docker0", "fd17::1"), Address("eth0", "fd10::5")],
        Routes =
        [
            Local("127.0.0.0/8", "lo"), Local("127.0.0.1/32", "lo"), Local("10.0.0.5/32", "eth0"), Local("172.17.0.1/32", "docker0"), Local("172.18.0.1/32", "apps0"),
            Local("10.0.0.255/32", "eth0", "broadcast"), Local("172.17.255.255/32", "docker0", "broadcast"),
            Unicast("0.0.0.0/0", "eth0"), Unicast("10.0.0.0/24", "eth0"), Unicast("172.17.0.0/16", "docker0"), Unicast("172.18.0.0/16", "apps0"),
            Local("fd17::1/128", "docker0"), Local("fd10::5/128", "eth0"), Unicast("fd17::/64", "docker0"), Unicast("::/0", "eth0"),
        ],
        RoutingRules = [.. new[] { Family.IPv4, Family.IPv6 }.SelectMany(static family => new[]
        {
            new RoutingRule(family, 0, null, null, null, "local", true, "0: from all lookup local"),
            new RoutingRule(family, 32766, null, null, null, "main", true, "32766: from all lookup main"),
        })],
        LinkDetails = [new HostLink("docker0", "bridge", null, false, false), new HostLink("apps0", "bridge", null, false, false), new HostLink("eth0", null, null, false, false)],
        Sysctls = s_sysctls,
        Nft = new NftRuleset([], [], []),
    };

    /// <summary>DOCKER-USER, reached from FORWARD, with these rules; the policies accept.</summary>
    public static HostSnapshot WithDockerUser(params string[] rules) => Of($"{DockerUser}\n{string.Join('\n', rules.Select(static rule => $"-A DOCKER-USER {rule}"))}\nCOMMIT\n");

    public static HostSnapshot With(this HostSnapshot host, string sysctl, string? value)
    {
        var sysctls = host.Sysctls.ToDictionary(StringComparer.Ordinal);
        if (value is null)
            sysctls.Remove(sysctl);
        else
            sysctls[sysctl] = value;
        return host with { Sysctls = sysctls };
    }

    /// <summary>Asks for packets from docker0's subnet.</summary>
    public static IReadOnlyList<AccessPart> Ask(this HostSnapshot host, string destination, string? protocol = null, string? ports = null, string link = "docker0", string? source = "172.17.0.2")
    {
        var to = Cidr.Parse(destination);
        return new PacketWalk(host).Ask(new AccessQuery
        {
            Family = to.Family,
            InInterface = link,
            Sources = source is null ? [] : to.Family == Family.IPv6 ? [Cidr.Parse("fd17::2")] : [Cidr.Parse(source)],
            Destinations = [to],
            Protocol = protocol,
            Ports = ports is null ? null : PortList.Parse(ports, "Ports"),
        });
    }

    /// <summary>The same, if the answer must be a single part.</summary>
    public static AccessPart AskOne(this HostSnapshot host, string destination, string? protocol = null, string? ports = null, string link = "docker0", string? source = "172.17.0.2") =>
        Assert.Single(host.Ask(destination, protocol, ports, link, source));

    private static HostAddress Address(string link, string address) => new(link, Cidr.Parse(address));

    private static HostRoute Local(string prefix, string link, string type = "local") => new(Cidr.Parse(prefix).Family, "local", type, Cidr.Parse(prefix), [link]);

    private static HostRoute Unicast(string prefix, string link) => new(Cidr.Parse(prefix).Family, "main", "unicast", Cidr.Parse(prefix), [link]);
}
