using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Hosts on which a check could pass although something is open or not certain.</summary>
public sealed class AuditHoleTests
{
    private const string Driver = "com.docker.network.bridge.";
    private const string Block = "-I DOCKER-USER -d 169.254.169.254/32 -j DROP";

    private static readonly HostSnapshot Bare = FixtureHost.Docker20;

    [Theory]
    [InlineData(Family.IPv4, "0.0.0.0/0")]
    [InlineData(Family.IPv6, "::/0")]
    public void A_proxys_local_route_for_everything_still_leaves_something_to_ask(Family family, string everything)
    {
        var host = Bare.WithIPv6();
        host = host with { Routes = [.. host.Routes, new HostRoute(family, "100", "local", Cidr.Parse(everything), ["lo"])] };
        var findings = HardeningAudit.Of(host);
        foreach (var id in new[] { "METADATA-AWS", "HOST-ACCESS", "GATEWAY-ACCESS", "MAIL-RATE" })
            Assert.Equal(FindingStatus.Fail, Find(findings, id, "plain").Status);
        Assert.Equal(
            Find(HardeningAudit.Of(Bare.WithIPv6()), "METADATA-AWS", "plain").Evidence,
            Find(findings, "METADATA-AWS", "plain").Evidence);
    }

    [Fact]
    public void A_removed_jump_is_removed_from_nft_too()
    {
        var host = Bare.WithIPv4Only().Iptables(Block).OnNft();
        host = host with { Nft = host.Nft! with { Chains = [.. host.Nft.Chains.Select(Hooked)], Rules = [.. host.Nft.Rules.Select(rule => Told(rule, host.Rules[Family.IPv4]))] } };
        var findings = HardeningAudit.Of(host.InCloud("digitalocean"));
        Assert.Equal(FindingStatus.Pass, Find(findings, "METADATA-DIGITALOCEAN", "plain").Status);
        Assert.Equal(FindingStatus.Fail, Find(findings, "DOCKER-USER-BACKSTOP", "plain").Status);
    }

    // filter FORWARD and the contents of DOCKER-USER as nft prints them; the rest is read from iptables-save alone.
    private static NftChain Hooked(NftChain chain) => chain is { Family: "ip", Table: "filter", Name: "FORWARD" }
        ? chain with { Type = "filter", Hook = "forward", Priority = 0, Policy = "drop" } : chain;

    private static NftRule Told(NftRule rule, Ruleset rules)
    {
        if (rule is not { Family: "ip", Table: "filter" } || rules["filter", rule.Chain][(int)rule.Handle - 1] is not { } line)
            return rule;
        var expressions = new List<string>();
        if (RuleOptions.LastValueOf(line.Tokens, "-i") is { } link)
            expressions.Add($$$"""{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"{{{link}}}"}}""");
        if (RuleOptions.LastValueOf(line.Tokens, "-d") is "169.254.169.254/32")
            expressions.Add("""{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"169.254.169.254"}}""");
        expressions.Add("""{"counter":{"packets":0,"bytes":0}}""");
        expressions.Add(line.Target is "DROP" or "ACCEPT" or "RETURN" ? $$"""{"{{line.Target.ToLowerInvariant()}}":null}""" : $$$"""{"jump":{"target":"{{{line.Target}}}"}}""");
        return rule with { Expressions = [.. expressions.Select(text => JsonDocument.Parse(text).RootElement)] };
    }

    [Fact]
    public void Credentials_that_a_container_serves_are_reached()
    {
        var host = FixtureHost.Docker28.WithIPv4Only().Iptables(Block, "-t nat -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.22.0.2:80");
        var finding = Find(HardeningAudit.Of(host), "METADATA-AWS", "quiet");
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains("169.254.170.2", StringComparison.Ordinal));
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(finding.Rules)), "METADATA-AWS", "quiet").Status);
    }

    [Fact]
    public void An_unknown_redirection_of_credentials_is_a_warning()
    {
        var host = Bare.WithIPv4Only().Iptables(Block, "-t nat -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -m u32 --u32 \"6&0xFF=0x6\" -j REDIRECT --to-ports 51679");
        Assert.Equal(FindingStatus.Warning, Find(HardeningAudit.Of(host), "METADATA-AWS", "plain").Status);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.InCloud("digitalocean")), "METADATA-DIGITALOCEAN", "plain").Status);
    }

    [Theory]
    [InlineData("20.10", "-I DOCKER-USER -i quiet0 -o quiet0 -j ACCEPT", FindingStatus.Fail)]
    [InlineData("28", "-I DOCKER-USER -i quiet0 -o quiet0 -p tcp -m tcp --dport 5432 -j ACCEPT", FindingStatus.Fail)]
    [InlineData("28", "-I DOCKER-USER -i quiet0 -o quiet0 -m u32 --u32 \"6&0xFF=0x6\" -j ACCEPT", FindingStatus.Warning)]
    [InlineData("28", "-I DOCKER-USER -i plain0 -o plain0 -j ACCEPT", FindingStatus.Pass)]
    public void Icc_off_needs_rules_that_hold(string engine, string rule, FindingStatus status) =>
        Assert.Equal(status, Find(HardeningAudit.Of(FixtureHost.ByName(engine).Iptables(rule)), "ICC-NOT-FILTERED", "quiet").Status);

    [Fact]
    public void Icc_off_needs_br_netfilter_and_rules_in_IPv6_too()
    {
        var host = Bare.WithIPv6().WithNetwork("plain", network => network.WithOption(DockerNetwork.IccOption, "false")).Iptables("-I FORWARD -i plain0 -o plain0 -j DROP");
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "ICC-NOT-FILTERED", "plain").Status);
        host = host.Ip6tables("-I FORWARD -i plain0 -o plain0 -j DROP");
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host), "ICC-NOT-FILTERED", "plain").Status);
        var unseen = Find(HardeningAudit.Of(host.Sysctl("net.bridge.bridge-nf-call-ip6tables", "0")), "ICC-NOT-FILTERED", "plain");
        Assert.Equal(FindingStatus.Fail, unseen.Status);
        Assert.Contains("net.bridge.bridge-nf-call-ip6tables=1", unseen.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void An_internal_network_isolated_only_in_IPv4_reaches_the_host_in_IPv6()
    {
        var host = FixtureHost.Docker28.WithNetwork("inner", network => network.WithOption(Driver + "gateway_mode_ipv4", "isolated"));
        host = host with { Addresses = [.. host.Addresses.Where(address => address.Address != Cidr.Parse("172.19.0.1"))] };
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "INTERNAL-GATEWAY", "inner").Status);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.WithIPv4Only()), "INTERNAL-GATEWAY", "inner").Status);
    }

    [Fact]
    public void What_only_DOCKER_USER_of_IPv6_closes_is_open_while_its_jump_is_away()
    {
        var host = Bare.WithIPv6().Ip6tables("-N DOCKER-USER", "-A FORWARD -j DOCKER-USER", "-A DOCKER-USER -d fd00::/8 -j DROP");
        var finding = Find(HardeningAudit.Of(host), "DOCKER-USER-BACKSTOP", "plain");
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(finding.Rules)), "DOCKER-USER-BACKSTOP", "plain").Status);
    }

    [Fact]
    public void A_jump_for_one_interface_is_not_the_jump()
    {
        var host = Bare.Iptables("-F FORWARD", "-A FORWARD -i docker0 -j DOCKER-USER");
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "DOCKER-USER-JUMP", null).Status);
        var commented = Bare.Iptables("-F FORWARD", "-A FORWARD -m comment --comment Docker's -j DOCKER-USER");
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(commented), "DOCKER-USER-JUMP", null).Status);
    }

    [Fact]
    public void A_port_that_is_published_at_the_public_address_leads_to_an_internal_range()
    {
        var host = FixtureHost.Docker28.WithIPv4Only().WithNetwork("quiet", network => network.WithProfile("ExternalOnly"));
        host = host with
        {
            Addresses = [.. host.Addresses, new HostAddress("eth0", Cidr.Parse("203.0.113.5"))],
            Routes = [.. host.Routes, new HostRoute(Family.IPv4, "local", "local", Cidr.Parse("203.0.113.5"), ["eth0"])],
        };
        // Closed at the addresses that containers use, before DNAT.
        host = host.Iptables([.. InternalAccess.DefaultRanges.Select(range => $"-t mangle -A PREROUTING -i quiet0 -d {range} -j DROP")]);
        var finding = Find(HardeningAudit.Of(host), "INTERNAL-ACCESS", "quiet");
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains("203.0.113.5", StringComparison.Ordinal));
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(finding.Rules)), "INTERNAL-ACCESS", "quiet").Status);
    }

    [Fact]
    public void Open_connections_are_judged_by_their_next_packet()
    {
        var metadata = new OpenConnection(Family.IPv4, "tcp", Cidr.Parse("172.18.0.2"), Cidr.Parse("169.254.169.254"), 80);
        Assert.Equal(FindingStatus.Pass, Of(Bare.Iptables(Block)).Status);
        Assert.Equal(FindingStatus.Fail, Of(Bare.Iptables("-I DOCKER-USER -d 169.254.169.254/32 -m conntrack --ctstate NEW -j DROP", "-I DOCKER-USER -p udp -j DROP")).Status);
        string[] nested = ["-N known", "-A known -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-I FORWARD -j known"];
        var finding = Of(Bare.Iptables([Block, .. nested]));
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Equal("conntrack -D -p tcp -s 172.18.0.2 -d 169.254.169.254 --dport 80", finding.Remedy);
        Assert.Equal(FindingStatus.Warning, Of(Bare.Iptables(Block, "-I FORWARD -m conntrack --ctstate ESTABLISHED -m u32 --u32 \"6&0xFF=0x6\" -j ACCEPT")).Status);

        HardeningFinding Of(HostSnapshot host) => Find(HardeningAudit.Of(host with { Connections = [metadata] }), "OPEN-CONNECTION", null);
    }

    [Theory]
    [InlineData("20.10.24", null, true, FindingStatus.Fail)]
    [InlineData("20.10.24", "true", true, FindingStatus.Pass)]
    [InlineData("20.10.24", "true", false, FindingStatus.Fail)]
    [InlineData("28.3.0", null, true, FindingStatus.Pass)]
    [InlineData("28.3.0", null, false, FindingStatus.Fail)]
    [InlineData("28.3.0", "false", true, FindingStatus.Fail)]
    public void IPv6_of_networks_needs_Dockers_chains(string version, string? setting, bool hasChain, FindingStatus status)
    {
        var host = Bare.WithIPv6() with
        {
            Engine = Bare.Engine! with { Version = version },
            DaemonSettings = setting is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["ip6tables"] = setting },
        };
        host = hasChain ? host.Ip6tables("-N DOCKER") : host;
        Assert.Equal(status, Find(HardeningAudit.Of(host), "DAEMON-IP6TABLES", null).Status);
    }

    [Theory]
    [InlineData("ACCEPT", null, FindingStatus.Fail)]
    [InlineData("DROP", null, FindingStatus.Pass)]
    [InlineData("ACCEPT", "-I FORWARD -i eth0 -o plain0 -j DROP", FindingStatus.Pass)]
    [InlineData("DROP", "-I FORWARD -i eth0 -o plain0 -p tcp -m tcp --dport 80 -j ACCEPT", FindingStatus.Fail)]
    [InlineData("DROP", "-I FORWARD -d 172.18.0.2/32 -i eth0 -o plain0 -p tcp -m tcp --dport 80 -j ACCEPT", FindingStatus.Pass)]
    public void Unpublished_ports_are_tried_from_outside(string policy, string? rule, FindingStatus status)
    {
        var host = Bare.WithIPv4Only();
        var text = host.Rules[Family.IPv4].ToString()!.Replace(":FORWARD DROP", $":FORWARD {policy}", StringComparison.Ordinal);
        host = host with { Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = FixtureHost.Rules(text) } };
        var finding = Find(HardeningAudit.Of(rule is null ? host : host.Iptables(rule)), "NAT-UNPROTECTED", "plain");
        Assert.True(status == finding.Status, string.Join('\n', finding.Evidence));
        Assert.Equal(status == FindingStatus.Fail, finding.Remedy is not null);
    }

    // LXC's containers, and hosts in namespaces, have a veth as their uplink.
    [Theory]
    [InlineData(null)]
    [InlineData("veth")]
    [InlineData("macvlan")]
    [InlineData("wireguard")]
    public void A_link_with_a_route_leads_outside_whatever_its_kind(string? kind)
    {
        var host = FixtureHost.Docker20.WithIPv4Only();
        host = host with
        {
            LinkDetails = [.. host.LinkDetails.Where(link => link.Name != "eth0"), new HostLink("eth0", kind, null, HasXdp: false, HasTcFilter: false)],
            Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = FixtureHost.Rules(host.Rules[Family.IPv4].ToString()!.Replace(":FORWARD DROP", ":FORWARD ACCEPT", StringComparison.Ordinal)) },
        };
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "NAT-UNPROTECTED", "plain").Status);
    }

    [Fact]
    public void The_veth_of_a_container_of_another_tool_does_not_lead_outside()
    {
        var host = FixtureHost.Docker20.WithIPv4Only();
        host = host with
        {
            // As with Calico: a route to the container's single address, and a link-local address.
            LinkDetails = [new HostLink("cali1", "veth", null, HasXdp: false, HasTcFilter: false), .. host.LinkDetails.Where(link => link.Name != "eth0")],
            Addresses = [.. host.Addresses.Where(address => address.Link != "eth0"), new HostAddress("cali1", Cidr.Parse("169.254.1.1"))],
            Routes = [.. host.Routes.Where(route => !route.Links.Contains("eth0")), new HostRoute(Family.IPv4, "main", "unicast", Cidr.Parse("10.244.0.7"), ["cali1"])],
        };
        var finding = Find(HardeningAudit.Of(host), "NAT-UNPROTECTED", "plain");
        Assert.Equal((FindingStatus.Pass, "No link of the host leads outside."), (finding.Status, Assert.Single(finding.Evidence)));
    }

    [Fact]
    public void A_remedy_in_words_says_what_else_it_does()
    {
        var proxy = Find(HardeningAudit.Of(Bare), "DAEMON-USERLAND-PROXY", null);
        Assert.Contains("route_localnet", proxy.Remedy, StringComparison.Ordinal);
        var unseen = Bare.Sysctl("net.bridge.bridge-nf-call-iptables", "0");
        Assert.DoesNotContain("not Docker's", Find(HardeningAudit.Of(unseen), "ICC-NOT-FILTERED", "quiet").Remedy, StringComparison.Ordinal);
        var virtualMachines = unseen with { LinkDetails = [.. unseen.LinkDetails, new HostLink("virbr0", "bridge", null, HasXdp: false, HasTcFilter: false)] };
        Assert.Contains("virbr0 (not Docker's)", Find(HardeningAudit.Of(virtualMachines), "ICC-NOT-FILTERED", "quiet").Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_limit_in_IPv6_closes_nothing_but_mail()
    {
        var host = Bare.WithIPv6().Iptables("-I INPUT -i plain0 -j DROP").Ip6tables("-A INPUT -i plain0 -m limit --limit 5/min -j ACCEPT", "-A INPUT -i plain0 -j DROP");
        var finding = Find(HardeningAudit.Of(host), "IPV6-OPEN", "plain");
        Assert.Equal((FindingStatus.Fail, "The host, closed in IPv4:"), (finding.Status, finding.Evidence[0]));
        var mail = Bare.WithIPv6().Iptables("-I DOCKER-USER -p tcp -m multiport --dports 25,465,587 -j DROP")
            .Ip6tables("-A FORWARD -p tcp -m multiport --dports 25,465,587 -m limit --limit 5/min -j ACCEPT", "-A FORWARD -p tcp -m multiport --dports 25,465,587 -j DROP");
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(mail), "IPV6-OPEN", "plain").Status);
    }

    [Fact]
    public void An_uncertain_answer_about_a_network_does_not_count_as_forbidden()
    {
        var both = new DockerContainer { Id = "1", Name = "both", State = "running", Addresses = [new ContainerAddress("plain", null, null), new ContainerAddress("quiet", null, null)] };
        var host = Bare.WithIPv4Only().Iptables("-I DOCKER-USER -i quiet0 -m u32 --u32 \"6&0xFF=0x6\" -j DROP") with { Containers = [both] };
        var finding = Assert.Single(HardeningAudit.Of(host.WithNetwork("quiet", network => network.WithProfile("Isolated"))), each => each.Id == "CONTAINER-SEVERAL-NETWORKS");
        Assert.Equal(FindingStatus.Warning, finding.Status);
        Assert.Contains(finding.Evidence, line => line.StartsWith("It is not certain whether it reaches metadata by quiet;", StringComparison.Ordinal));
        Assert.DoesNotContain(finding.Evidence, line => line.Contains("quiet forbids", StringComparison.Ordinal));
    }

    // A block whose match nobody knows closes nothing; an accept of that kind opens nothing for certain. Both are mended by our own block before them.
    [Theory]
    [InlineData("-m u32 --u32 \"6&0xFF=0x6\" -j DROP", FindingStatus.Fail)]
    [InlineData("-m u32 --u32 \"6&0xFF=0x6\" -j REJECT", FindingStatus.Fail)]
    [InlineData("-m u32 --u32 \"6&0xFF=0x6\" -j LOOK", FindingStatus.Fail)]
    [InlineData("-m u32 --u32 \"6&0xFF=0x6\" -j SOMETHING", FindingStatus.Warning)]
    public void What_a_rule_with_an_unknown_match_may_let_pass_is_open_and_can_be_mended(string rule, FindingStatus status)
    {
        var host = Bare.WithIPv4Only().Iptables("-N LOOK").Iptables("-A LOOK -j DROP").Iptables("-I DOCKER-USER " + rule);
        var finding = Find(HardeningAudit.Of(host), "METADATA-AWS", "plain");
        Assert.Equal(status, finding.Status);
        Assert.NotEmpty(finding.Rules);
        Assert.Equal(status == FindingStatus.Fail, finding.Evidence.Any(line => line.Contains("If it does not match, they pass.", StringComparison.Ordinal)));
        var mended = Find(HardeningAudit.Of(host.Applied(finding.Rules)), "METADATA-AWS", "plain");
        Assert.True(mended.Status == FindingStatus.Pass, string.Join('\n', mended.Evidence));
    }

    [Fact]
    public void An_unknown_accept_before_a_certain_block_is_neither_open_nor_closed()
    {
        var host = Bare.InCloud("digitalocean").WithIPv4Only().Iptables("-I DOCKER-USER -d 169.254.169.254 -j DROP").Iptables("-I DOCKER-USER -m u32 --u32 \"6&0xFF=0x6\" -j ACCEPT");
        var finding = Find(HardeningAudit.Of(host), "METADATA-DIGITALOCEAN", "plain");
        Assert.Equal(FindingStatus.Warning, finding.Status);
        Assert.NotEmpty(finding.Rules);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(finding.Rules)), "METADATA-DIGITALOCEAN", "plain").Status);
    }

    private static HardeningFinding Find(IReadOnlyList<HardeningFinding> findings, string id, string? network) =>
        Assert.Single(findings, finding => finding.Id == id && finding.Network == network);
}
