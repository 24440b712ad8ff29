using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Effects;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Effects;

/// <summary>What plans would do to open connections on a host of paper: container web on apps (172.18.0.2), container db on docker0 (172.17.0.9), the host at 10.0.0.5.</summary>
public sealed class PlanEffectTests
{
    private const string ToDatabase = "172.18.0.2:40000 10.0.0.7:5432 10.0.0.7:5432 10.0.0.5:40000";
    private const string ToWeb = "172.18.0.2:40001 203.0.113.9:443 203.0.113.9:443 10.0.0.5:40001";

    private static readonly string[] Open =
    [
        ToDatabase, ToWeb, "172.17.0.9:40002 10.0.0.7:5432 10.0.0.7:5432 10.0.0.5:40002",
        // A client of a published port, and the host itself.
        "198.51.100.3:50000 10.0.0.5:8080 172.18.0.2:80 198.51.100.3:50000", "172.18.0.1:50001 172.18.0.2:80 172.18.0.2:80 172.18.0.1:50001", "10.0.0.5:22 198.51.100.3:40003 198.51.100.3:40003 10.0.0.5:22",
    ];

    private static HostSnapshot Host { get; } = Prepared(WalkHost.WithDockerUser());

    [Theory]
    [InlineData(FirewallBackend.Iptables)]
    [InlineData(FirewallBackend.Nftables)]
    public void A_block_cuts_what_it_blocks_and_nothing_else(FirewallBackend backend)
    {
        var plan = Plan.From(new InternalAccess { Network = new NetworkReference("apps") }.Rules(), Host, new PlanOptions { Backend = backend });
        var effect = PlanEffect.Of(plan, Host, Connections(Open));
        var cut = Assert.Single(effect.Connections!);
        Assert.Equal(("web", "apps", "10.0.0.7", 5432, "tcp", ConnectionEffect.Cut, "InternalAccess:apps"), (cut.Container, cut.Network, cut.Destination, cut.Port, cut.Protocol, cut.Effect, cut.DecidedBy));
        Assert.Equal("web on apps -> 10.0.0.7:5432/tcp, would be cut", cut.ToString());
        Assert.Contains("nf_conntrack_timestamp", Assert.Single(effect.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(30, "web on apps -> 10.0.0.7:5432/tcp, open for 30 s, would be cut")]
    [InlineData(200, "web on apps -> 10.0.0.7:5432/tcp, open for 3 min, would be cut")]
    [InlineData(7200, "web on apps -> 10.0.0.7:5432/tcp, open for 2 h, would be cut")]
    [InlineData(432000, "web on apps -> 10.0.0.7:5432/tcp, open for 5 days, would be cut")]
    public void A_line_says_how_long_the_connection_has_been_open(int seconds, string line)
    {
        var effect = Effect([Connection(ToDatabase) with { Age = TimeSpan.FromSeconds(seconds) }], new InternalAccess { Network = new NetworkReference("apps") }.Rules());
        Assert.Equal(["Open connections that this change concerns:", "  " + line], effect.Lines, StringComparer.Ordinal);
    }

    [Fact]
    public void Many_connections_to_one_place_are_one_line()
    {
        var many = Enumerable.Range(0, 12).Select(number => Connection($"172.18.0.2:{41000 + number} 10.0.0.7:5432 10.0.0.7:5432 10.0.0.5:{41000 + number}") with { Age = TimeSpan.FromMinutes(number + 1) });
        var effect = Effect([.. many], new InternalAccess().Rules());
        Assert.Equal("web on apps -> 10.0.0.7:5432/tcp, 12 connections, the oldest open for 12 min, would be cut", Assert.Single(effect.Connections!).ToString());
    }

    [Fact]
    public void A_connection_that_is_blocked_already_is_not_cut_again()
    {
        var host = Prepared(WalkHost.WithDockerUser("-d 10.0.0.0/8 -j DROP"));
        Assert.Empty(PlanEffect.Of(Plan.From(new InternalAccess().Rules(), host), host, Connections(ToDatabase)).Connections!);
    }

    [Fact]
    public void What_established_packets_pass_before_a_rule_of_ours_is_not_cut()
    {
        // Some hosts begin like this. Then the rule does not stop connections that are open.
        var host = Prepared(WalkHost.Of("*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -j DOCKER-USER\nCOMMIT\n"));
        FirewallRule[] rules = [FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.0/8 -j DROP")];
        Assert.Empty(PlanEffect.Of(Plan.From(rules, host), host, Connections(ToDatabase)).Connections!);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -s 10.0.0.7 -p tcp --sport 5432 -j DROP", "10.0.0.7", ConnectionOpener.Container)]
    [InlineData("-A DOCKER-USER -i apps0 -p tcp --sport 80 -j DROP", "10.0.0.5", ConnectionOpener.Other)]
    [InlineData("-A DOCKER-USER -d 172.18.0.2 -p tcp --dport 80 -j DROP", "10.0.0.5", ConnectionOpener.Other)]
    [InlineData("-A INPUT -i apps0 -s 172.18.0.2 -p tcp --sport 80 -j DROP", "172.18.0.2", ConnectionOpener.Other)]
    [InlineData("-t mangle -A FORWARD -i eth0 -p tcp -m conntrack --ctorigdst 10.0.0.5 --ctorigdstport 8080 -j DROP", "10.0.0.5", ConnectionOpener.Other)]
    public void Packets_are_looked_at_in_both_directions_as_conntrack_translates_them(string rule, string destination, ConnectionOpener opener)
    {
        foreach (var backend in new[] { FirewallBackend.Iptables, FirewallBackend.Nftables })
        {
            var effect = PlanEffect.Of(Plan.From([FirewallRule.Parse(rule)], Host, new PlanOptions { Backend = backend, Force = true }), Host, Connections(Open));
            Assert.All(effect.Connections!, each => Assert.Equal((ConnectionEffect.Cut, opener), (each.Effect, each.OpenedBy)));
            Assert.Contains(effect.Connections!, each => each.Destination == destination);
        }
    }

    [Fact]
    public void A_limit_and_a_rule_that_is_not_understood_are_named_as_such()
    {
        var limited = Effect(Connections(ToDatabase), [FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.7 -m hashlimit --hashlimit-above 5/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name x -j DROP")]);
        Assert.Equal(ConnectionEffect.Limited, Assert.Single(limited.Connections!).Effect);
        var host = Prepared(WalkHost.WithDockerUser("-m u32 --u32 0x0=0x1 -j RETURN"));
        var unsure = PlanEffect.Of(Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.7 -j DROP")], host), host, Connections(ToDatabase));
        Assert.Equal(ConnectionEffect.Cut, Assert.Single(unsure.Connections!).Effect);
    }

    [Fact]
    public void An_address_that_no_container_has_is_named_itself_and_ipv6_in_brackets()
    {
        var effect = Effect([new TrackedConnection("udp", Side("fd17::77", 5000, "fd00::1", 514), Side("fd00::1", 514, "fd17::77", 5000), IsReplied: false, null)], new InternalAccess().Rules());
        Assert.Equal("fd17::77 on bridge -> [fd00::1]:514/udp, would be cut", Assert.Single(effect.Connections!).ToString());
    }

    [Fact]
    public void Connections_that_the_host_does_not_track_are_not_passed_over_in_silence()
    {
        var host = Host with { Containers = [Host.Containers[0] with { Addresses = [new ContainerAddress("apps", Cidr.Parse("172.18.0.2"), Cidr.Parse("fd17::9"))] }] };
        Assert.Contains("no IPv6 connection", Assert.Single(PlanEffect.Of(Plan.From(new HostAccess().Rules(), host), host, Connections(ToWeb)).Notes), StringComparison.Ordinal);
        var six = new TrackedConnection("tcp", Side("fd17::9", 1, "2001:db8::1", 443), Side("2001:db8::1", 443, "fd17::9", 1), IsReplied: true, null);
        Assert.Empty(PlanEffect.Of(Plan.From(new HostAccess().Rules(), host), host, [six]).Notes);
    }

    [Fact]
    public void Removing_an_exception_cuts_what_it_kept_open()
    {
        var open = new InternalAccess { Network = new NetworkReference("apps"), AllowAddresses = [Cidr.Parse("10.0.0.7")] };
        var host = Host.After(Plan.From(open.Rules(), Host));
        Assert.Empty(PlanEffect.Of(Plan.From(open.Rules(), Host), Host, Connections(ToDatabase)).Connections!);
        var closed = Plan.From(new InternalAccess { Network = new NetworkReference("apps") }.Rules(), host);
        Assert.Equal("10.0.0.7", Assert.Single(PlanEffect.Of(closed, host, Connections(ToDatabase)).Connections!).Destination);
    }

    private static ChangeEffect Effect(IReadOnlyList<TrackedConnection> connections, IReadOnlyList<FirewallRule> rules) => PlanEffect.Of(Plan.From(rules, Host), Host, connections);

    private static HostSnapshot Prepared(HostSnapshot host) => host with
    {
        Engine = new DockerEngine { Version = "20.10.24", ApiVersion = "1.41" },
        OwnTable = new NftRuleset([], [], []),
        Rules = host.Rules.ContainsKey(Family.IPv6) ? host.Rules : host.Rules.Append(new(Family.IPv6, Ruleset.Parse(Family.IPv6, WalkHost.DockerUser + "\nCOMMIT\n"))).ToDictionary(),
        Containers =
        [
            new DockerContainer { Id = "1", Name = "web", State = "running", Addresses = [new ContainerAddress("apps", Cidr.Parse("172.18.0.2"), null)] },
            new DockerContainer { Id = "2", Name = "db", State = "running", Addresses = [new ContainerAddress("bridge", Cidr.Parse("172.17.0.9"), null)] },
        ],
    };

    private static IReadOnlyList<TrackedConnection> Connections(params string[] lines) => [.. lines.Select(Connection)];

    // The two ends of the first packet and of the first reply.
    private static TrackedConnection Connection(string line)
    {
        var ends = line.Split(' ').Select(end => (Address: end.Split(':')[0], Port: int.Parse(end.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture))).ToList();
        return new TrackedConnection("tcp", Side(ends[0].Address, ends[0].Port, ends[1].Address, ends[1].Port), Side(ends[2].Address, ends[2].Port, ends[3].Address, ends[3].Port), IsReplied: true, null);
    }

    private static ConnectionSide Side(string from, int fromPort, string to, int toPort) => new(Cidr.Parse(from), fromPort, Cidr.Parse(to), toPort);
}

/// <summary>The host after a plan of iptables.</summary>
file static class Planned
{
    public static HostSnapshot After(this HostSnapshot host, Plan plan) => Planning.Snapshots.After(host, plan.Steps.Select(static step => (step.Family, step.Restore)));
}
