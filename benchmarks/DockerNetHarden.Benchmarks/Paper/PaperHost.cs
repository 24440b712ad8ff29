using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Benchmarks;

/// <summary>
/// An invented host as it would be read: networks as Docker 20.10 leaves them, and rules. It takes neither root nor Docker, and can have more
/// networks than a kernel.
/// </summary>
internal static class PaperHost
{
    private static readonly string[] LinkSettings = ["rp_filter", "route_localnet", "accept_local"];
    private static readonly string[] RoutingTables = ["local", "main", "default"];

    /// <summary>A host with all four controls, and with an administrator's own rules until there are so many in all.</summary>
    public static HostSnapshot Hardened(int networks, int rules)
    {
        var hardened = With(Bare(networks), Hardening.Rules);
        return WithLists(hardened, Math.Max(0, rules - hardened.Rules.Values.Sum(static each => each.AllRules.Count)));
    }

    /// <summary>A host with so many rules of an administrator in DOCKER-USER and INPUT: most keep the world from published ports, some keep containers from the world.</summary>
    public static HostSnapshot WithLists(HostSnapshot host, int count)
    {
        var four = host.Rules[Family.IPv4];
        var lines = Enumerable.Range(0, count).Select(Line).ToList();
        four = four.WithRules("filter", Hook.DockerUser, [.. four["filter", Hook.DockerUser].SkipLast(1), .. lines.Where(static line => line.Chain is Hook.DockerUser), four["filter", Hook.DockerUser][^1]]);
        four = four.WithRules("filter", "INPUT", [.. four["filter", "INPUT"], .. lines.Where(static line => line.Chain is "INPUT")]);
        return host with { Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = four, [Family.IPv6] = host.Rules[Family.IPv6] } };
    }

    private static RuleLine Line(int number)
    {
        var (a, b) = (number / 250 % 250, number % 250);
        string[] tokens = (number % 10) switch
        {
            0 => ["-d", $"{100 + (number % 50)}.{a}.{b}.0/24", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"],
            1 => ["-d", $"10.{b}.{a}.7/32", "-p", "tcp", "-m", "tcp", "--dport", "5432", "-j", "DROP"],
            2 or 3 => ["-s", $"203.{a}.{b}.0/24", "-j", "DROP"],
            _ => ["-s", $"{60 + (number % 30)}.{a}.{b}.9/32", "-i", "eth0", "-p", "tcp", "-m", "tcp", "--dport", "443", "-j", "DROP"],
        };
        return new RuleLine(Family.IPv4, "filter", number % 4 == 0 ? "INPUT" : Hook.DockerUser, tokens);
    }

    /// <summary>A host after rules were applied: the chains and lines of the plan, without iptables-restore.</summary>
    public static HostSnapshot With(HostSnapshot host, IReadOnlyList<FirewallRule> rules)
    {
        var plan = Planning.Plan.From(rules, host);
        var tables = host.Rules.ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach (var group in plan.Added.GroupBy(line => (line.Family, line.Table, line.Chain)))
        {
            var there = tables[group.Key.Family][group.Key.Table, group.Key.Chain];
            tables[group.Key.Family] = tables[group.Key.Family].WithRules(group.Key.Table, group.Key.Chain, [.. group, .. there]);
        }
        return host with { Rules = tables };
    }

    /// <summary>A host with so many networks and only Docker's rules.</summary>
    public static HostSnapshot Bare(int count)
    {
        // A network for each /24 of 10.0.0.0/8: some sixty thousand are possible.
        var networks = Enumerable.Range(0, count).Select(number => new DockerNetwork
        {
            Name = $"net{number}",
            Id = $"{number:x64}",
            Driver = "bridge",
            Bridge = $"net{number}",
            Subnets = [Cidr.Parse($"10.{1 + (number / 250)}.{number % 250}.0/24")],
        }).ToList();
        return new HostSnapshot
        {
            HostName = "paper",
            TakenAt = DateTimeOffset.UnixEpoch,
            Iptables = new IptablesTool(IptablesBackend.Legacy, "iptables v1.8.9 (legacy)", "iptables", "ip6tables"),
            Engine = new DockerEngine { Version = "20.10.24", ApiVersion = "1.41", AddressPools = [Cidr.Parse("10.0.0.0/8")] },
            Networks = networks,
            Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Ruleset.Parse(Family.IPv4, Save(networks)), [Family.IPv6] = Ruleset.Parse(Family.IPv6, Save([])) },
            Nft = new NftRuleset([], [], []),
            Links = ["lo", "eth0", .. networks.Select(network => network.Bridge!)],
            LinkDetails = [.. networks.Select(network => new HostLink(network.Bridge!, "bridge", null, HasXdp: false, HasTcFilter: false)).Prepend(new HostLink("eth0", null, null, HasXdp: false, HasTcFilter: false))],
            Addresses = [new("eth0", Cidr.Parse("192.0.2.5")), .. networks.Select(Gateway)],
            Routes =
            [
                new(Family.IPv4, "main", "unicast", Cidr.Parse("0.0.0.0/0"), ["eth0"]),
                new(Family.IPv4, "main", "unicast", Cidr.Parse("192.0.2.0/24"), ["eth0"]),
                new(Family.IPv4, "local", "local", Cidr.Parse("192.0.2.5"), ["eth0"]),
                .. networks.SelectMany(network => new HostRoute[] { new(Family.IPv4, "main", "unicast", network.Subnets[0], [network.Bridge!]), new(Family.IPv4, "local", "local", Gateway(network).Address, [network.Bridge!]) }),
            ],
            RoutingRules = [.. RoutingTables.Select((table, place) => new RoutingRule(Family.IPv4, place, null, null, null, table, IsModelled: true, table))],
            Sysctls = networks.Select(network => network.Bridge!).Append("all")
                .SelectMany(link => LinkSettings.Select(name => KeyValuePair.Create($"net.ipv4.conf.{link}.{name}", "0")))
                .Append(KeyValuePair.Create("net.ipv4.ip_forward", "1")).Append(KeyValuePair.Create("net.bridge.bridge-nf-call-iptables", "1"))
                .ToDictionary(StringComparer.Ordinal),
            Connections = [],
        };
    }

    private static HostAddress Gateway(DockerNetwork network) => new(network.Bridge!, Cidr.Parse(network.Subnets[0].Address[..^1] + "1"));

    private static string Save(IReadOnlyList<DockerNetwork> networks) => string.Concat(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n",
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n:DOCKER-ISOLATION-STAGE-1 - [0:0]\n:DOCKER-ISOLATION-STAGE-2 - [0:0]\n:DOCKER-USER - [0:0]\n",
        "-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-ISOLATION-STAGE-1\n",
        string.Concat(networks.Select(network => $"""
            -A FORWARD -o {network.Bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A FORWARD -o {network.Bridge} -j DOCKER
            -A FORWARD -i {network.Bridge} ! -o {network.Bridge} -j ACCEPT
            -A FORWARD -i {network.Bridge} -o {network.Bridge} -j ACCEPT

            """)),
        string.Concat(networks.Select(network => $"-A DOCKER-ISOLATION-STAGE-1 -i {network.Bridge} ! -o {network.Bridge} -j DOCKER-ISOLATION-STAGE-2\n")),
        string.Concat(networks.Select(network => $"-A DOCKER-ISOLATION-STAGE-2 -o {network.Bridge} -j DROP\n")),
        "-A DOCKER-USER -j RETURN\nCOMMIT\n");
}
