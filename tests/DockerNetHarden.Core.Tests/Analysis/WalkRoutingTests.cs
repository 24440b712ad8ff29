using DockerNetHarden.Analysis;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Routing rules beyond the usual three, and what the kernel decides before it looks at them.</summary>
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

    [Fact]
    public void What_a_rule_suppresses_the_next_one_decides()
    {
        // What wg-quick(8) makes: the main table without its default route, then the tunnel for all that is not the tunnel's own.
        var host = Host("100: from all lookup main suppress_prefixlength 0", "101: not from all fwmark 0xca6c lookup 100");
        Assert.Equal(("vpn0", "eth0"), (host.AskOne("203.0.113.9").OutInterface, host.AskOne("10.0.0.9").OutInterface));
        Assert.Equal("vpn0", Host("100: from all lookup main suppress_prefixlength 24", "101: from all lookup 100").AskOne("10.0.0.9").OutInterface);
        var hole = host with { Routes = [.. host.Routes.Where(static route => route.Destination.Length > 0), new HostRoute(Family.IPv4, "main", "blackhole", Cidr.Parse("0.0.0.0/0"), [])] };
        Assert.Equal(Verdict.Drop, hole.AskOne("203.0.113.9").Verdict);
    }
}
