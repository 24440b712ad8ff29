using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Routing rules beyond the usual three, and what the kernel decides before it reads them.</summary>
public sealed class WalkRoutingTests
{
    private const string Open = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

    // Table 100 leads to vpn0.
    private static HostSnapshot Host(params string[] rules)
    {
        var host = WalkHost.Of(Open);
        return host with
        {
            RoutingRules = [.. RoutingRuleText.Parse(Family.IPv4, string.Join('\n', ["0: from all lookup local", .. rules, "32766: from all lookup main"]))],
            Routes = [.. host.Routes, new HostRoute(Family.IPv4, "100", "unicast", Cidr.Parse("0.0.0.0/0"), ["vpn0"])],
        };
    }

    [Theory]
    [InlineData("100: not from 10.0.0.0/8 lookup 100", "vpn0")]
    [InlineData("100: not from 172.17.0.0/16 lookup 100", "eth0")]
    [InlineData("100: not from all to 203.0.113.0/24 lookup 100", "eth0")]
    [InlineData("100: not from all to 198.51.100.0/24 lookup 100", "vpn0")]
    [InlineData("100: not from all iif docker0 lookup 100", "eth0")]
    [InlineData("100: not from all iif apps0 lookup 100", "vpn0")]
    [InlineData("100: not from all fwmark 0xca6c lookup 100", "vpn0")]
    [InlineData("100: not from all fwmark 0/0xff lookup 100", "eth0")]
    [InlineData("100: from all fwmark 0/0xff lookup 100", "vpn0")]
    [InlineData("100: from all fwmark 0x1 dport 80 lookup 100", "eth0")]
    public void A_routing_rule_takes_what_it_names(string rule, string link)
    {
        var part = Host(rule).AskOne("203.0.113.9");
        Assert.Equal((Verdict.Accept, link), (part.Verdict, part.OutInterface));
    }

    [Theory]
    // Whether the packets are of that kind is not known: they may go either way, whoever sent them.
    [InlineData("100: not from 172.17.0.0/16 dport 80 lookup 100")]
    [InlineData("100: not from 10.0.0.0/8 tos 0x10 lookup 100")]
    [InlineData("100: not from all iif apps0 tos 0x10 lookup 100")]
    [InlineData("100: from all uidrange 0-99 lookup 100")]
    public void A_routing_rule_that_is_not_modelled_is_not_guessed_at(string rule)
    {
        var part = Host(rule).AskOne("203.0.113.9");
        Assert.Equal(Verdict.Unknown, part.Verdict);
        Assert.Contains(rule, part.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.1.2.3", Verdict.Accept, PacketPath.Forward)]
    [InlineData("0.0.0.0", Verdict.Drop, PacketPath.None)]
    [InlineData("255.255.255.255", Verdict.Accept, PacketPath.Local)]
    [InlineData("224.0.0.1", Verdict.Accept, PacketPath.Local)]
    [InlineData("224.9.9.9", Verdict.Unknown, PacketPath.Local)]
    [InlineData("ff02::1", Verdict.Accept, PacketPath.Local)]
    [InlineData("ff02::9", Verdict.Unknown, PacketPath.Local)]
    public void Some_destinations_are_not_routed(string destination, Verdict verdict, PacketPath path)
    {
        var host = WalkHost.Of(Open, family: destination.Contains(':', StringComparison.Ordinal) ? Family.IPv6 : Family.IPv4);
        var part = host.AskOne(destination);
        Assert.Equal((verdict, path), (part.Verdict, part.Path));
        var closed = WalkHost.Of(Open.Replace("INPUT ACCEPT", "INPUT DROP", StringComparison.Ordinal), family: host.Rules.Keys.Single());
        Assert.Equal(path == PacketPath.Forward ? Verdict.Accept : Verdict.Drop, closed.AskOne(destination).Verdict);
    }

    [Fact]
    public void A_packet_from_0_0_0_0_to_0_0_0_0_reaches_the_host() =>
        Assert.Equal((Verdict.Unknown, PacketPath.Local), (WalkHost.Of(Open).AskOne("0.0.0.0", source: "0.0.0.0") is var part ? part.Verdict : default, part.Path));

    [Theory]
    [InlineData("net.ipv6.conf.docker0.disable_ipv6", "1", Verdict.Drop)]
    [InlineData("net.ipv6.conf.docker0.disable_ipv6", "0", Verdict.Accept)]
    [InlineData("net.ipv6.conf.eth0.disable_ipv6", "1", Verdict.Accept)]
    [InlineData("net.ipv6.conf.all.forwarding", "0", Verdict.Drop)]
    [InlineData("net.ipv6.conf.all.forwarding", null, Verdict.Unknown)]
    public void IPv6_can_be_off_and_unforwarded(string sysctl, string? value, Verdict verdict) =>
        Assert.Equal(verdict, WalkHost.Of(Open, family: Family.IPv6).With(sysctl, value).AskOne("2001:db8::1").Verdict);

    [Theory]
    [InlineData("docker0", Verdict.Accept)]
    [InlineData("eth0", Verdict.Drop)]
    public void A_link_may_forward_IPv6_even_if_the_host_does_not(string link, Verdict verdict)
    {
        var host = WalkHost.Of(Open, family: Family.IPv6).With("net.ipv6.conf.all.forwarding", "0").With($"net.ipv6.conf.{link}.force_forwarding", "1");
        Assert.Equal(verdict, host.AskOne("2001:db8::1").Verdict);
    }

    [Fact]
    public void IPv6_that_stays_on_a_bridge_does_not_ask_the_bridge() =>
        Assert.Equal(Verdict.Accept, WalkHost.Of(Open, family: Family.IPv6).With("net.ipv6.conf.docker0.disable_ipv6", "1").AskOne("fd17::3").Verdict);

    [Theory]
    [InlineData("Routes")]
    [InlineData("RoutingRules")]
    [InlineData("LinkDetails")]
    [InlineData("TcFilters")]
    [InlineData("OtherRules")]
    public void What_was_not_read_may_decide(string part)
    {
        var host = WalkHost.Of(Open) with { Unread = new Dictionary<string, string> { [part] = "no right" } };
        Assert.Equal(Verdict.Unknown, host.AskOne("203.0.113.9").Verdict);
    }

    [Fact]
    public void Rules_that_were_not_read_may_drop_and_open_nothing()
    {
        var unseen = WalkHost.Of(Open) with { Nft = null };
        Assert.Equal(Verdict.Unknown, unseen.AskOne("203.0.113.9").Verdict);
        Assert.Contains("nf_tables was not read", unseen.AskOne("203.0.113.9").Reason, StringComparison.Ordinal);
        Assert.Equal(Verdict.Drop, (WalkHost.WithDockerUser("-j DROP") with { Nft = null }).AskOne("203.0.113.9").Verdict);
        var legacy = new IptablesTool(IptablesBackend.Legacy, "iptables v1.8.9 (legacy)", "iptables", null);
        Assert.Equal(Verdict.Accept, (unseen with { Iptables = legacy }).AskOne("203.0.113.9").Verdict);
        Assert.Equal(Verdict.Unknown, (unseen with { Iptables = legacy }).Ask("2001:db8::1").Single().Verdict);
    }

    [Fact]
    public void What_a_rule_suppresses_the_next_one_decides()
    {
        // The rules that wg-quick(8) makes: the main table without its default route, then the tunnel for everything but its own packets.
        var host = Host("100: from all lookup main suppress_prefixlength 0", "101: not from all fwmark 0xca6c lookup 100");
        Assert.Equal(("vpn0", "eth0"), (host.AskOne("203.0.113.9").OutInterface, host.AskOne("10.0.0.9").OutInterface));
        Assert.Equal("vpn0", Host("100: from all lookup main suppress_prefixlength 24", "101: from all lookup 100").AskOne("10.0.0.9").OutInterface);
        var hole = host with { Routes = [.. host.Routes.Where(static route => route.Destination.Length > 0), new HostRoute(Family.IPv4, "main", "blackhole", Cidr.Parse("0.0.0.0/0"), [])] };
        Assert.Equal(Verdict.Drop, hole.AskOne("203.0.113.9").Verdict);
    }
}
