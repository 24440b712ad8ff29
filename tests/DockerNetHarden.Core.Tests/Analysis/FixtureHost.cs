using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>
/// Hosts on paper as three engines leave them: 20.10 and 28 with iptables, 29 with nftables. They are in AWS. eth0 is 10.0.0.5 and leads out; docker0 is 172.17/16,
/// plain0 172.18/16 with a container that publishes 8080 to its port 80, inner0 172.19/16 internal, quiet0 172.20/16 with icc off, and from 28 on routed0
/// 172.21/16 (gateway mode routed) and open0 172.22/16 (nat-unprotected, 8081 to 80). The rules are in Fixtures, in the forms that the engines write and
/// iptables-save and nft print. Sources: moby's integration/network/bridge/iptablesdoc and nftablesdoc; for 20.10 its libnetwork.
/// </summary>
internal static class FixtureHost
{
    private const string Driver = "com.docker.network.bridge.";

    private static readonly (string Name, string Bridge, int Octet)[] Old = [("bridge", "docker0", 17), ("plain", "plain0", 18), ("inner", "inner0", 19), ("quiet", "quiet0", 20)];
    private static readonly (string Name, string Bridge, int Octet)[] New = [.. Old, ("routed", "routed0", 21), ("open", "open0", 22)];

    private const string Empty = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        COMMIT

        """;

    public static HostSnapshot Docker20 => Host("20.10.24", "docker-20.10.rules", Old);

    public static HostSnapshot Docker28 => Host("28.3.0", "docker-28.rules", New);

    public static HostSnapshot Docker29 => Host("29.0.0", null, New) with
    {
        Engine = new DockerEngine { Version = "29.0.0", ApiVersion = "1.52", FirewallBackend = "nftables", AddressPools = [Cidr.Parse("172.17.0.0/16")] },
        Nft = NftText.Parse(Encoding.UTF8.GetBytes(Text("docker-29.nft.json"))),
    };

    public static HostSnapshot ByName(string name) => name switch
    {
        "20.10" => Docker20,
        "28" => Docker28,
        "29" => Docker29,
        _ => throw new ArgumentException(name, nameof(name)),
    };

    /// <summary>The host with lines added as <c>iptables</c> adds them: <c>-A CHAIN ...</c>, <c>-I CHAIN ...</c>, <c>-N CHAIN</c>, after <c>-t TABLE</c> if it is not filter.</summary>
    public static HostSnapshot Iptables(this HostSnapshot host, params string[] commands) =>
        host with { Rules = Changed(host.Rules, Family.IPv4, commands) };

    /// <summary>The same with <c>ip6tables</c>.</summary>
    public static HostSnapshot Ip6tables(this HostSnapshot host, params string[] commands) =>
        host with { Rules = Changed(host.Rules, Family.IPv6, commands) };

    /// <summary>The same host with iptables-nft: nf_tables holds one rule for each that iptables-save prints.</summary>
    public static HostSnapshot OnNft(this HostSnapshot host) => host with
    {
        Iptables = new IptablesTool(IptablesBackend.Nft, "iptables v1.8.9 (nf_tables)", "iptables", "ip6tables"),
        Nft = new NftRuleset(
            [.. host.Rules.SelectMany(pair => pair.Value.Tables.SelectMany(table => pair.Value.ChainsOf(table).Select(chain => new NftChain(Nft(pair.Key), table, chain.Name, null, null, 0, null, []))))],
            [.. host.Rules.SelectMany(pair => pair.Value.AllRules.Select(line => new NftRule(Nft(pair.Key), line.Table, line.Chain, line.Position, [])))],
            []),
    };

    /// <summary>The same host in another cloud, as its firmware tells; in none if no name is given.</summary>
    public static HostSnapshot InCloud(this HostSnapshot host, string? provider, params string[] dhcpServers)
    {
        var sign = provider is null ? new FirmwareSign("vendor", "QEMU") : MetadataEndpoints.Find(provider).Firmware[0];
        var text = sign.Text.Replace("*", " 1", StringComparison.Ordinal);
        return host with
        {
            Platform = new HostPlatform
            {
                Vendor = sign.Place is "vendor" ? text : "QEMU", Product = sign.Place is "product" ? text : "", ChassisVendor = sign.Place is "chassisVendor" ? text : "",
                ChassisAssetTag = sign.Place is "chassisAssetTag" ? text : "", BiosVersion = sign.Place is "biosVersion" ? text : "", DhcpServers = [.. dhcpServers.Select(Cidr.Parse)],
            },
        };
    }

    public static HostSnapshot Sysctl(this HostSnapshot host, string name, string value) =>
        host with { Sysctls = new Dictionary<string, string>(host.Sysctls, StringComparer.Ordinal) { [name] = value } };

    public static HostSnapshot WithNetwork(this HostSnapshot host, string name, Func<DockerNetwork, DockerNetwork> change) =>
        host with { Networks = [.. host.Networks.Select(network => network.Name == name ? change(network) : network)] };

    public static DockerNetwork WithProfile(this DockerNetwork network, string profile) =>
        network with { Labels = new Dictionary<string, string>(StringComparer.Ordinal) { [DockerNetwork.ProfileLabel] = profile } };

    public static DockerNetwork WithOption(this DockerNetwork network, string name, string value) =>
        network with { Options = new Dictionary<string, string>(network.Options, StringComparer.Ordinal) { [name] = value } };

    /// <summary>The plain network with IPv6: its subnet, the bridge's address and the routes.</summary>
    public static HostSnapshot WithIPv6(this HostSnapshot host) => host.WithNetwork("plain", network => network with { EnableIPv6 = true, Subnets = [.. network.Subnets, Cidr.Parse("fd18::/64")] })
        .Sysctl("net.ipv6.conf.all.forwarding", "1") with
    {
        Addresses = [.. host.Addresses, new HostAddress("plain0", Cidr.Parse("fd18::1")), new HostAddress("eth0", Cidr.Parse("2001:db8::5"))],
        Routes =
        [
            .. host.Routes,
            new HostRoute(Family.IPv6, "main", "unicast", Cidr.Parse("fd18::/64"), ["plain0"], 256),
            new HostRoute(Family.IPv6, "main", "unicast", Cidr.Parse("::/0"), ["eth0"], 1024),
            new HostRoute(Family.IPv6, "local", "local", Cidr.Parse("fd18::1"), ["plain0"]),
            new HostRoute(Family.IPv6, "local", "local", Cidr.Parse("2001:db8::5"), ["eth0"]),
        ],
    };

    /// <summary>The plain network without IPv4, as engines from 28 on make it with <c>--ipv4=false --ipv6</c>.</summary>
    public static HostSnapshot WithIPv6Only(this HostSnapshot host) => host.WithIPv6().WithNetwork("plain", network => network with { Subnets = [Cidr.Parse("fd18::/64")] }) is var six
        ? six with
        {
            Addresses = [.. six.Addresses.Where(address => address is not { Link: "plain0", Address.Family: Family.IPv4 })],
            Routes = [.. six.Routes.Where(route => route.Family == Family.IPv6 || !route.Links.Contains("plain0"))],
            Containers = [.. six.Containers.Select(container => container.Name != "web" ? container
                : container with { Addresses = [new ContainerAddress("plain", null, Cidr.Parse("fd18::2"))], Ports = [new PublishedPort(Cidr.Parse("::/0"), 8080, 80, "tcp")] })],
        }
        : host;

    /// <summary>The host after rules were applied: the plan's transactions, in memory.</summary>
    public static HostSnapshot Applied(this HostSnapshot host, IReadOnlyList<FirewallRule> rules, PlanOptions? options = null) =>
        // On paper there is a model of iptables only.
        Planning.Snapshots.After(host, Plan.From(rules, host, (options ?? new PlanOptions()) with { Backend = FirewallBackend.Iptables }).Steps.Select(step => (step.Family, step.Restore)));

    public static Ruleset Rules(string save, Family family = Family.IPv4) => Ruleset.Parse(family, save);

    private static Dictionary<Family, Ruleset> Changed(IReadOnlyDictionary<Family, Ruleset> all, Family family, string[] commands)
    {
        var changed = all.ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach (var command in commands)
            changed[family] = Run(changed[family], SaveTokenizer.Split(command));
        return changed;
    }

    private static Ruleset Run(Ruleset rules, IReadOnlyList<string> tokens)
    {
        var table = "filter";
        if (tokens is ["-t", var named, ..])
            (table, tokens) = (named, [.. tokens.Skip(2)]);
        if (!rules.Tables.Contains(table))
            rules = Ruleset.Parse(rules.Family, rules + string.Concat("*", table, "\n", Chains(table), "COMMIT\n"));
        var chain = tokens[1];
        var line = new RuleLine(rules.Family, table, chain, [.. tokens.Skip(2)]);
        return tokens[0] switch
        {
            "-N" => rules.WithRules(table, chain, []),
            "-A" => rules.WithRules(table, chain, [.. rules[table, chain], line]),
            "-I" => rules.WithRules(table, chain, [line, .. rules[table, chain]]),
            "-F" => rules.WithRules(table, chain, []),
            _ => throw new ArgumentException(string.Join(' ', tokens), nameof(tokens)),
        };
    }

    private static string Chains(string table) => string.Concat((table switch
    {
        "raw" => ["PREROUTING", "OUTPUT"],
        "nat" => ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        _ => new[] { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" },
    }).Select(chain => $":{chain} ACCEPT [0:0]\n"));

    private static HostSnapshot Host(string version, string? rules, (string Name, string Bridge, int Octet)[] networks) => new()
    {
        HostName = "fixture",
        TakenAt = DateTimeOffset.UnixEpoch,
        // Legacy: nf_tables then holds nothing of it, and rules can be added without writing them twice.
        Iptables = new IptablesTool(IptablesBackend.Legacy, "iptables v1.8.9 (legacy)", "iptables", "ip6tables"),
        Engine = new DockerEngine { Version = version, ApiVersion = "1.41", AddressPools = [Cidr.Parse("172.17.0.0/16")] },
        Networks = [.. networks.Select(Network)],
        Containers =
        [
            Container("web", "plain", "172.18.0.2", new PublishedPort(null, 8080, 80, "tcp")),
            Container("job", "inner", "172.19.0.2"),
            Container("silent", "quiet", "172.20.0.2"),
            .. networks.Length == New.Length
                ? new[] { Container("front", "routed", "172.21.0.2", new PublishedPort(null, 0, 80, "tcp")), Container("shop", "open", "172.22.0.2", new PublishedPort(null, 8081, 80, "tcp")) }
                : [],
        ],
        Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Rules(rules is null ? Empty : Text(rules)), [Family.IPv6] = Rules(Empty, Family.IPv6) },
        Nft = new NftRuleset([], [], []),
        Links = ["lo", "eth0", .. networks.Select(network => network.Bridge)],
        LinkDetails =
        [
            new HostLink("lo", null, null, HasXdp: false, HasTcFilter: false), new HostLink("eth0", null, null, HasXdp: false, HasTcFilter: false),
            .. networks.Select(network => new HostLink(network.Bridge, "bridge", null, HasXdp: false, HasTcFilter: false)),
        ],
        Addresses =
        [
            new("lo", Cidr.Parse("127.0.0.1")), new("lo", Cidr.Parse("::1")), new("eth0", Cidr.Parse("10.0.0.5")), new("eth0", Cidr.Parse("fe80::5")),
            .. networks.SelectMany(network => new HostAddress[] { new(network.Bridge, Cidr.Parse($"172.{network.Octet}.0.1")), new(network.Bridge, Cidr.Parse($"fe80::{network.Octet}")) }),
        ],
        Routes = [.. Routes(networks)],
        RoutingRules =
        [
            Rule(Family.IPv4, 0, "local"), Rule(Family.IPv4, 32766, "main"), Rule(Family.IPv4, 32767, "default"),
            Rule(Family.IPv6, 0, "local"), Rule(Family.IPv6, 32766, "main"),
        ],
        Sysctls = new Dictionary<string, string>(
            new[] { "all", "default", "lo", "eth0" }.Concat(networks.Select(network => network.Bridge))
                .SelectMany(link => new[] { KeyValuePair.Create($"net.ipv4.conf.{link}.rp_filter", "0"), KeyValuePair.Create($"net.ipv4.conf.{link}.route_localnet", "0"), KeyValuePair.Create($"net.ipv4.conf.{link}.accept_local", "0") })
                .Append(KeyValuePair.Create("net.ipv4.ip_forward", "1"))
                .Append(KeyValuePair.Create("net.ipv6.conf.all.forwarding", "0"))
                .Append(KeyValuePair.Create("net.bridge.bridge-nf-call-iptables", "1"))
                .Append(KeyValuePair.Create("net.bridge.bridge-nf-call-ip6tables", "1")), StringComparer.Ordinal),
        Connections = [],
        Resolvers = [Cidr.Parse("10.0.0.2")],
        Platform = new HostPlatform { Vendor = "Amazon EC2", Product = "m7i.large" },
    };

    private static DockerNetwork Network((string Name, string Bridge, int Octet) network) => new()
    {
        Name = network.Name,
        Id = new string('a', 64),
        Driver = "bridge",
        Bridge = network.Bridge,
        Internal = network.Name is "inner",
        Subnets = [Cidr.Parse($"172.{network.Octet}.0.0/16")],
        Options = new Dictionary<string, string>(network.Name switch
        {
            "quiet" => [KeyValuePair.Create(DockerNetwork.IccOption, "false")],
            "routed" => [KeyValuePair.Create(Driver + "gateway_mode_ipv4", "routed")],
            "open" => [KeyValuePair.Create(Driver + "gateway_mode_ipv4", "nat-unprotected")],
            _ => Array.Empty<KeyValuePair<string, string>>(),
        }, StringComparer.Ordinal),
    };

    private static DockerContainer Container(string name, string network, string address, params PublishedPort[] ports) => new()
    {
        Id = name,
        Name = name,
        State = "running",
        NetworkMode = network,
        Addresses = [new ContainerAddress(network, Cidr.Parse(address), null)],
        Ports = ports,
        DroppedCapabilities = ["NET_RAW"],
    };

    private static IEnumerable<HostRoute> Routes((string Name, string Bridge, int Octet)[] networks)
    {
        yield return new(Family.IPv4, "main", "unicast", Cidr.Parse("0.0.0.0/0"), ["eth0"]);
        yield return new(Family.IPv4, "main", "unicast", Cidr.Parse("10.0.0.0/24"), ["eth0"]);
        yield return new(Family.IPv4, "local", "local", Cidr.Parse("127.0.0.0/8"), ["lo"]);
        yield return new(Family.IPv4, "local", "local", Cidr.Parse("10.0.0.5"), ["eth0"]);
        yield return new(Family.IPv4, "local", "broadcast", Cidr.Parse("10.0.0.255"), ["eth0"]);
        yield return new(Family.IPv6, "local", "local", Cidr.Parse("::1"), ["lo"]);
        yield return new(Family.IPv6, "local", "local", Cidr.Parse("fe80::5"), ["eth0"]);
        yield return new(Family.IPv6, "main", "unicast", Cidr.Parse("fe80::/64"), ["eth0"], 256);
        foreach (var (_, bridge, octet) in networks)
        {
            yield return new(Family.IPv4, "main", "unicast", Cidr.Parse($"172.{octet}.0.0/16"), [bridge]);
            yield return new(Family.IPv4, "local", "local", Cidr.Parse($"172.{octet}.0.1"), [bridge]);
            yield return new(Family.IPv4, "local", "broadcast", Cidr.Parse($"172.{octet}.255.255"), [bridge]);
            yield return new(Family.IPv6, "local", "local", Cidr.Parse($"fe80::{octet}"), [bridge]);
            yield return new(Family.IPv6, "main", "unicast", Cidr.Parse("fe80::/64"), [bridge], 256);
        }
    }

    private static RoutingRule Rule(Family family, int priority, string table) => new(family, priority, null, null, null, table, IsModelled: true, $"{priority}: from all lookup {table}");

    private static string Nft(Family family) => family == Family.IPv4 ? "ip" : "ip6";

    private static string Text(string resource)
    {
        using var stream = typeof(FixtureHost).Assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException(resource);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
