using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>A host on paper: docker0 and a network on apps0, as Docker 20.10 leaves them.</summary>
internal static class Snapshots
{
    public const string Save = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD DROP [0:0]
        :OUTPUT ACCEPT [0:0]
        :DOCKER - [0:0]
        :DOCKER-USER - [0:0]
        [0:0] -A INPUT -p tcp -m tcp --dport 22 -m comment --comment "admin's own" -j ACCEPT
        [0:0] -A FORWARD -j DOCKER-USER
        [7:420] -A DOCKER-USER -j RETURN
        COMMIT

        """;

    public const string Save6 = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        COMMIT

        """;

    public static HostSnapshot Host(string save = Save, string save6 = Save6) => new()
    {
        HostName = "lab",
        TakenAt = DateTimeOffset.UnixEpoch,
        Iptables = new IptablesTool(IptablesBackend.Nft, "iptables v1.8.9 (nf_tables)", "iptables", "ip6tables"),
        Engine = new DockerEngine { Version = "20.10.24", ApiVersion = "1.41", AddressPools = [Cidr.Parse("172.17.0.0/16"), Cidr.Parse("192.168.0.0/16")] },
        Networks =
        [
            new DockerNetwork { Name = "bridge", Id = "a", Driver = "bridge", Bridge = "docker0", Subnets = [Cidr.Parse("172.17.0.0/16")] },
            new DockerNetwork { Name = "apps", Id = "b", Driver = "bridge", Bridge = "apps0", Subnets = [Cidr.Parse("172.18.0.0/16"), Cidr.Parse("fd01::/64")] },
            new DockerNetwork { Name = "lan", Id = "c", Driver = "macvlan" },
        ],
        Containers = [new DockerContainer { Id = "1", Name = "web", Ports = [new PublishedPort(null, 8080, 80, "tcp"), new PublishedPort(Cidr.Parse("127.0.0.1"), 9090, 80, "tcp"), new PublishedPort(null, 53, 53, "udp")] }],
        Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Ruleset.Parse(Family.IPv4, save), [Family.IPv6] = Ruleset.Parse(Family.IPv6, save6) },
        Links = ["lo", "eth0", "docker0", "apps0"],
        Resolvers = [Cidr.Parse("10.0.0.2"), Cidr.Parse("fd00::2")],
    };

    /// <summary>The host after a plan, with what it did to its sets.</summary>
    public static HostSnapshot After(this HostSnapshot host, Plan plan)
    {
        var after = host.After(plan.Steps.Select(step => (step.Family, step.Restore)));
        if (plan.Sets is not { } sets)
            return after;
        Assert.Equal(sets.Premise, host.IpSets.Select(set => set.Name).Where(AddressSet.IsOurs).Order(StringComparer.Ordinal));
        var text = sets.Text.Split('\n').Where(line => !line.StartsWith("swap ", StringComparison.Ordinal) && !line.StartsWith("destroy ", StringComparison.Ordinal)).Select(line => line.Replace("-x ", " ", StringComparison.Ordinal));
        var made = IpSetText.Parse(string.Join('\n', text));
        // A line that asks a set which is not there is refused, and one that is asked cannot be removed.
        after = after with { IpSets = [.. host.IpSets.Where(set => !made.Any(each => each.Name == set.Name)).Where(set => !sets.Gone.Contains(set.Name)), .. made] };
        Assert.Equal(after.Rules.Values.SelectMany(rules => rules.AllRules).Select(AddressSet.NamedBy).OfType<string>().Distinct().Order(StringComparer.Ordinal), after.IpSets.Select(set => set.Name).Where(AddressSet.IsOurs).Order(StringComparer.Ordinal));
        return after;
    }

    /// <summary>The host after a plan's transactions: a small model of <c>iptables-restore --noflush</c>, for the texts that plans write.</summary>
    public static HostSnapshot After(this HostSnapshot host, IEnumerable<(Family Family, string Restore)> steps)
    {
        var rules = host.Rules.ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach (var (family, restore) in steps)
            rules[family] = RestoreModel.Apply(rules[family], restore);
        return host with { Rules = rules };
    }
}
