using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Matching;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Redirection, routing, and mechanisms other than rules.</summary>
public sealed class WalkNatTests
{
    private const string Open = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n";

    private static HostSnapshot Nat(string rule, string filter = "") => WalkHost.Of($"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {rule}\nCOMMIT\n{Open}{filter}COMMIT\n");

    [Fact]
    public void A_redirected_packet_is_matched_by_its_new_destination_and_by_its_original_one()
    {
        const string Dnat = "-d 10.0.0.5/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.9:80";
        var part = Nat(Dnat, "-A FORWARD -d 172.18.0.9/32 -p tcp -m tcp --dport 80 -j DROP\n").AskOne("10.0.0.5", "tcp", "8080");
        Assert.Equal((Verdict.Drop, PacketPath.Forward, "apps0", Cidr.Parse("172.18.0.9")), (part.Verdict, part.Path, part.OutInterface, part.NewDestination!.Value));
        Assert.Equal("tcp from 172.17.0.2 to 10.0.0.5 port 8080", part.Packets.ToString());
        Assert.Equal(Verdict.Accept, Nat(Dnat, "-A FORWARD -d 10.0.0.5/32 -j DROP\n").AskOne("10.0.0.5", "tcp", "8080").Verdict);
        Assert.Equal(Verdict.Drop, Nat(Dnat, "-A FORWARD -m conntrack --ctorigdst 10.0.0.5 --ctorigdstport 8080 -j DROP\n").AskOne("10.0.0.5", "tcp", "8080").Verdict);
        Assert.Equal(Verdict.Drop, Nat(Dnat, "-A FORWARD -m conntrack --ctstate DNAT -j DROP\n").AskOne("10.0.0.5", "tcp", "8080").Verdict);
        Assert.Equal(Verdict.Accept, Nat(Dnat, "-A FORWARD -m conntrack ! --ctstate DNAT -j DROP\n").AskOne("10.0.0.5", "tcp", "8080").Verdict);
    }

    [Fact]
    public void REDIRECT_takes_packets_to_the_links_own_address()
    {
        var part = Nat("-d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8181", "-A INPUT -d 172.17.0.1/32 -p tcp -m tcp --dport 8181 -j REJECT\n").AskOne("169.254.169.254", "tcp", "80");
        Assert.Equal((Verdict.Reject, PacketPath.Local, Cidr.Parse("172.17.0.1")), (part.Verdict, part.Path, part.NewDestination!.Value));
    }

    [Theory]
    [InlineData("-d 10.9.0.0/16 -j DNAT --to-destination 10.0.0.1-10.0.0.9")] // one of them is the host's own
    [InlineData("-d 10.9.0.0/16 -j DNAT --to-destination 10.1.0.0-10.1.255.255")]
    [InlineData("-d 10.9.0.0/16 -m string --algo bm --string x --to 60 -j DNAT --to-destination 10.0.0.5")]
    [InlineData("-d 10.9.0.0/16 -j NETMAP --to 10.0.0.0/255.0.255.0")]
    public void Where_a_redirection_leads_is_not_guessed_at(string rule) =>
        Assert.Equal(Verdict.Unknown, Nat(rule, "-A FORWARD -j DROP\n").AskOne("10.9.1.1", "tcp", "80").Verdict);

    [Fact]
    public void Two_nat_tables_that_both_redirect_leave_it_open()
    {
        const string Other = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.9.1.1/32 -j DNAT --to-destination {0}\nCOMMIT\n";
        var one = Nat("-d 10.9.0.0/16 -j DNAT --to-destination 203.0.113.1");
        var other = WalkHost.Of(Other.Replace("{0}", "203.0.113.2", StringComparison.Ordinal)).Rules;
        Assert.Equal(Verdict.Unknown, (one with { OtherRules = other }).AskOne("10.9.1.1").Verdict);
        Assert.Equal(Verdict.Accept, (one with { OtherRules = other }).AskOne("10.9.1.2").Verdict);
    }

    [Fact]
    public void Routing_splits_a_question()
    {
        var parts = WalkHost.Of($"{Open}-A INPUT -j DROP\n-A FORWARD -o apps0 -j REJECT\nCOMMIT\n").Ask("172.16.0.0/12");
        Assert.Equal(
            ["Bridged Accept 172.17.0.0/32", "Forward Accept 172.16.0.0/16", "Forward Reject 172.18.0.0/32", "Local Drop 172.17.0.1/32"],
            parts.Select(static part => $"{part.Path} {part.Verdict} {part.Packets.Destinations[0]}").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("blackhole", Verdict.Drop)]
    [InlineData("unreachable", Verdict.Reject)]
    [InlineData("prohibit", Verdict.Reject)]
    [InlineData("throw", Verdict.Accept)]
    [InlineData("nonsense", Verdict.Unknown)]
    public void A_route_can_end_the_way(string type, Verdict verdict)
    {
        var host = WalkHost.Of($"{Open}COMMIT\n");
        host = host with
        {
            Routes = [.. host.Routes, new HostRoute(Family.IPv4, "block", type, Cidr.Parse("169.254.169.254"), [])],
            RoutingRules = [new RoutingRule(Family.IPv4, 100, null, null, "docker0", "block", true, "100: from all iif docker0 lookup block"), .. host.RoutingRules],
        };
        Assert.Equal(verdict, host.AskOne("169.254.169.254").Verdict);
        Assert.Equal(Verdict.Accept, host.AskOne("169.254.169.254", link: "apps0", source: "172.18.0.2").Verdict);
    }

    [Fact]
    public void A_routing_rule_for_a_mark_matters_only_if_the_mark_is_set()
    {
        var rule = new RoutingRule(Family.IPv4, 50, null, null, null, "7", false, "50: from all fwmark 0x7 lookup 7");
        var plain = WalkHost.Of($"{Open}-A FORWARD -j DROP\nCOMMIT\n");
        Assert.Equal(Verdict.Drop, (plain with { RoutingRules = [rule, .. plain.RoutingRules] }).AskOne("203.0.113.9").Verdict);
        var marked = WalkHost.Of($"*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n{Open}-A FORWARD -j DROP\nCOMMIT\n");
        var hole = new HostRoute(Family.IPv4, "7", "blackhole", Cidr.Parse("0.0.0.0/0"), []);
        Assert.Contains("black hole", (marked with { RoutingRules = [rule, .. marked.RoutingRules], Routes = [.. marked.Routes, hole] }).AskOne("203.0.113.9").Reason, StringComparison.Ordinal);
        var perhaps = WalkHost.Of($"*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m string --algo bm --string x -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n{Open}-A FORWARD -j DROP\nCOMMIT\n");
        Assert.Equal(Verdict.Unknown, (perhaps with { RoutingRules = [rule, .. perhaps.RoutingRules] }).AskOne("203.0.113.9").Verdict);
    }

    [Fact]
    public void Without_routes_only_the_hosts_own_addresses_are_known()
    {
        var host = WalkHost.Of($"{Open}-A INPUT -j DROP\n-A FORWARD -j DROP\nCOMMIT\n") with { Routes = [], RoutingRules = [] };
        Assert.Equal(Verdict.Drop, host.AskOne("10.0.0.5").Verdict);
        Assert.Equal(Verdict.Unknown, host.AskOne("203.0.113.9").Verdict);
    }

    [Theory]
    [InlineData(null, Verdict.Accept)]
    [InlineData("0", Verdict.Accept)]
    [InlineData("1", Verdict.Drop)]
    public void Neighbours_on_a_bridge_meet_iptables_only_with_br_netfilter(string? sysctl, Verdict verdict)
    {
        var part = WalkHost.Of($"{Open}-A FORWARD -i docker0 -o docker0 -j DROP\nCOMMIT\n").With("net.bridge.bridge-nf-call-iptables", sysctl).AskOne("172.17.0.3");
        Assert.Equal((verdict, PacketPath.Bridged), (part.Verdict, part.Path));
    }

    [Fact]
    public void Whether_neighbours_meet_iptables_must_have_been_read()
    {
        var host = WalkHost.Of($"{Open}-A FORWARD -i docker0 -o docker0 -j DROP\nCOMMIT\n") with { Sysctls = new Dictionary<string, string>() };
        Assert.Equal(Verdict.Unknown, host.AskOne("172.17.0.3").Verdict);
    }

    [Fact]
    public void A_host_that_does_not_forward_drops()
    {
        Assert.Equal(Verdict.Drop, WalkHost.Of($"{Open}COMMIT\n").With("net.ipv4.ip_forward", "0").AskOne("203.0.113.9").Verdict);
        Assert.Equal(Verdict.Drop, (WalkHost.Of($"{Open}COMMIT\n", family: Family.IPv6) with { HasIPv6 = false }).AskOne("2001:db8::1").Verdict);
    }

    [Theory]
    [InlineData("0", Verdict.Drop)]
    [InlineData("1", Verdict.Accept)]
    [InlineData(null, Verdict.Unknown)]
    public void Loopback_is_reached_only_with_route_localnet(string? sysctl, Verdict verdict) =>
        Assert.Equal(verdict, WalkHost.Of($"{Open}COMMIT\n").With("net.ipv4.conf.all.route_localnet", sysctl).AskOne("127.0.0.1").Verdict);

    [Fact]
    public void Spoofed_sources_may_be_dropped_by_rp_filter_and_are_still_blocked_by_rules()
    {
        var open = WalkHost.Of($"{Open}COMMIT\n").With("net.ipv4.conf.docker0.rp_filter", "1");
        Assert.Equal(Verdict.Accept, open.AskOne("203.0.113.9").Verdict);
        Assert.Equal(Verdict.Unknown, open.AskOne("203.0.113.9", source: "9.9.9.9").Verdict);
        Assert.Equal(Verdict.Accept, WalkHost.Of($"{Open}COMMIT\n").AskOne("203.0.113.9", source: "9.9.9.9").Verdict);
        var closed = WalkHost.Of($"{Open}-A FORWARD -j DROP\nCOMMIT\n").With("net.ipv4.conf.docker0.rp_filter", "1").Ask("203.0.113.9", source: null);
        Assert.All(closed, static part => Assert.Equal(Verdict.Drop, part.Verdict));
    }

    [Theory]
    [InlineData("0", Verdict.Drop)]
    [InlineData("1", Verdict.Accept)]
    [InlineData(null, Verdict.Unknown)]
    public void The_hosts_own_address_is_not_a_source_unless_accept_local_says_so(string? sysctl, Verdict verdict) =>
        Assert.Equal(verdict, WalkHost.Of($"{Open}COMMIT\n").With("net.ipv4.conf.docker0.accept_local", sysctl).AskOne("203.0.113.9", source: "10.0.0.5").Verdict);

    [Fact]
    public void A_published_port_leads_to_the_container_behind_it()
    {
        var host = WalkHost.Of($"{Open}COMMIT\n") with
        {
            Containers = [new DockerContainer { Id = "1", Name = "web", State = "running", Ports = [new PublishedPort(null, 8080, 80, "tcp")] }],
        };
        var parts = host.Ask("10.0.0.5", "tcp", "8080:8081");
        Assert.Equal(["web 8080", " 8081"], parts.Select(static part => $"{part.Proxied} {part.Packets.Sample()!.DestinationPort}"));
        var direct = host with { DaemonSettings = new Dictionary<string, string> { ["userland-proxy"] = "false" } };
        Assert.Null(direct.AskOne("10.0.0.5", "tcp", "8080").Proxied);
    }

    [Theory]
    [InlineData("0.0.0.0/0", "web", null)]
    [InlineData("::/0", null, "web")]
    [InlineData("10.0.0.5", "web", null)]
    public void A_port_published_in_one_family_leads_to_the_container_only_in_that_family(string address, string? four, string? six)
    {
        var host = WalkHost.Of($"{Open}COMMIT\n") with
        {
            Containers = [new DockerContainer { Id = "1", Name = "web", State = "running", Ports = [new PublishedPort(Cidr.Parse(address), 8080, 80, "tcp")] }],
        };
        Assert.Equal(four, host.AskOne("10.0.0.5", "tcp", "8080").Proxied);
        Assert.Equal(six, (host with { Rules = WalkHost.Of($"{Open}COMMIT\n", family: Family.IPv6).Rules }).AskOne("fd10::5", "tcp", "8080", source: "fd17::2").Proxied);
    }

    // Measured on Linux 6.18 (iptables-legacy and nft): behind a bridge with br_netfilter, the reset of a redirected connection comes from the new address and is ignored.
    [Theory]
    [InlineData("1", "tcp-reset", Verdict.Drop)]
    [InlineData("1", "icmp-port-unreachable", Verdict.Reject)]
    [InlineData("0", "tcp-reset", Verdict.Reject)]
    public void A_reset_of_a_redirected_connection_does_not_arrive_behind_a_bridge_with_br_netfilter(string sysctl, string with, Verdict verdict)
    {
        const string Dnat = "-d 10.0.0.5/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.9:80";
        var host = Nat(Dnat, $"-A FORWARD -p tcp -j REJECT --reject-with {with}\n").With("net.bridge.bridge-nf-call-iptables", sysctl);
        Assert.Equal(verdict, host.AskOne("10.0.0.5", "tcp", "8080").Verdict);
        Assert.Equal(Verdict.Reject, host.AskOne("172.18.0.9", "tcp", "80").Verdict);
        Assert.Contains("rejected by filter FORWARD rule 1", host.AskOne("10.0.0.5", "tcp", "8080").Reason, StringComparison.Ordinal);
        Assert.Equal(Verdict.Reject, host.AskOne("10.0.0.5", "tcp", "8080", link: "eth0", source: "10.0.0.9").Verdict);
    }

    [Fact]
    public void Programs_on_links_decide_before_and_after_all_rules()
    {
        var host = WalkHost.Of($"{Open}-A FORWARD -d 203.0.113.9/32 -j DROP\nCOMMIT\n");
        Assert.Equal(Verdict.Unknown, (host with { LinkDetails = [new HostLink("docker0", "bridge", null, false, true)] }).AskOne("203.0.113.9").Verdict);
        Assert.Equal(Verdict.Unknown, (host with { LinkDetails = [new HostLink("veth1", "veth", "docker0", true, false)] }).AskOne("203.0.113.9").Verdict);
        var outside = host with { LinkDetails = [new HostLink("eth0", null, null, false, true)] };
        Assert.Equal((Verdict.Drop, Verdict.Unknown), (outside.AskOne("203.0.113.9").Verdict, outside.AskOne("203.0.113.8").Verdict));
        Assert.Equal(Verdict.Unknown, (host with { LinkDetails = [new HostLink("docker0", "bridge", "red", false, false), new HostLink("red", "vrf", null, false, false)] }).AskOne("203.0.113.9").Verdict);
    }

    [Fact]
    public void A_virtual_server_takes_what_comes_to_its_address()
    {
        var host = WalkHost.Of($"{Open}COMMIT\n") with { IpvsServices = ["TCP  0A000005:0050 rr"] };
        Assert.Equal([Verdict.Unknown, Verdict.Accept], host.Ask("10.0.0.5", "tcp", "80:81").Select(static part => part.Verdict));
    }

    [Fact]
    public void A_rule_is_asked_for_the_packets_that_it_names()
    {
        var host = WalkHost.WithDockerUser("-d 169.254.169.254/32 -i docker0 -p tcp -j DROP", "-d 169.254.0.0/16 -j DROP");
        var rules = host.Rules[Family.IPv4]["filter", "DOCKER-USER"];
        var first = Assert.Single(new PacketWalk(host).AskFor(rules[0]), static part => part.Verdict == Verdict.Drop);
        Assert.Equal(("docker0", rules[0]), (first.InInterface, first.Rule));
        Assert.Equal(["apps0", "docker0", "eth0"], new PacketWalk(host).AskFor(rules[1]).Select(static part => part.InInterface!).Distinct().Order(StringComparer.Ordinal));
        Assert.All(new PacketWalk(host).AskFor(rules[1]), static part => Assert.Equal(Verdict.Drop, part.Verdict));
    }
}
