using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>Routes and routing rules as iproute2 6.1 and busybox 1.35 printed them in one and the same namespace.</summary>
public sealed class RoutingTextTests
{
    private const string Default4 = "0.0.0.0/0";

    private static string Short(HostRoute route) =>
        $"{route.Table} {route.Type} {route.Destination} [{string.Join(' ', route.Links)}] {route.Metric}{(route.IsModelled ? "" : " ?")}";

    private static string Short(RoutingRule rule) =>
        $"{rule.Priority}: {rule.From?.ToString() ?? "*"} {rule.To?.ToString() ?? "*"} {rule.InLink ?? "*"} -> {rule.Table ?? "none"}{(rule.IsModelled ? "" : " ?")}";

    [Theory]
    [InlineData("default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.5 metric 100 ", "main unicast 0.0.0.0/0 [eth0] 100")]
    [InlineData("172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown ", "main unicast 172.17.0.0/16 [docker0] 0")]
    [InlineData("172.17.0.0/16 dev br0 scope link  src 172.17.0.1 ", "main unicast 172.17.0.0/16 [br0] 0")]
    [InlineData("unreachable 198.51.100.0/24 table 7 ", "7 unreachable 198.51.100.0/24 [] 0")]
    [InlineData("prohibit 10.11.0.0/16  metric 5 ", "main prohibit 10.11.0.0/16 [] 5")]
    [InlineData("throw default table 9 ", "9 throw 0.0.0.0/0 [] 0")]
    [InlineData("blackhole 192.0.2.0/24 ", "main blackhole 192.0.2.0/24 [] 0")]
    [InlineData("local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1 ", "local local 127.0.0.0/8 [lo] 0")]
    [InlineData("local 172.17.0.1 dev br0 table local scope host  src 172.17.0.1 ", "local local 172.17.0.1/32 [br0] 0")]
    [InlineData("broadcast 172.17.255.255 dev br0 table local proto kernel scope link src 172.17.0.1 ", "local broadcast 172.17.255.255/32 [br0] 0")]
    [InlineData("203.0.113.0/24 \\\tnexthop via 172.17.0.2 dev br0 weight 1 \\\tnexthop via 10.0.0.3 dev eth0 weight 2 ", "main unicast 203.0.113.0/24 [br0 eth0] 0")]
    [InlineData("203.0.113.0/24 \\\tnexthop via 172.17.0.2 dev br0 weight 1 \\\tnexthop via 172.17.0.3 dev br0 weight 2 ", "main unicast 203.0.113.0/24 [br0] 0")]
    [InlineData("10.10.0.0/16 via inet6 fd01::5 dev br0 ", "main unicast 10.10.0.0/16 [br0] 0")]
    [InlineData("100.64.0.0/10 tos 0x10 dev br0 scope link ", "main unicast 100.64.0.0/10 [br0] 0 ?")]
    [InlineData("10.5.0.0/16 nhid 12 via 10.0.0.1 dev eth0 onlink mtu lock 1400 ", "main unicast 10.5.0.0/16 [eth0] 0")]
    [InlineData("10.6.0.0/16  encap mpls  100 via 10.0.0.1 dev eth0 ", "main unicast 10.6.0.0/16 [eth0] 0 ?")]
    [InlineData("10.7.0.0/16 via 10.0.0.1 dev eth0 dead linkdown ", "main unicast 10.7.0.0/16 [eth0] 0 ?")]
    [InlineData("10.8.0.0/16 dev eth0 something new ", "main unicast 10.8.0.0/16 [eth0] 0 ?")]
    public void A_route_is_read_and_what_is_not_known_of_it_is_said(string line, string expected) =>
        Assert.Equal(expected, Short(Assert.Single(RouteText.Parse(Family.IPv4, line + "\n"))), StringComparer.Ordinal);

    [Theory]
    [InlineData("default via fd01::2 dev br0 metric 1024 pref medium", "main unicast ::/0 [br0] 1024")]
    [InlineData("fd02::/64 from fd01::/64 via fd01::2 dev br0 metric 1024 pref medium", "main unicast fd02::/64 [br0] 1024 ?")]
    [InlineData("fd03::/64 metric 1024 pref medium\\\tnexthop via fd01::2 dev br0 weight 1 \\\tnexthop via fd01::3 dev br0 weight 1 ", "main unicast fd03::/64 [br0] 1024")]
    // busybox prints no next hops: a route without a link cannot be followed.
    [InlineData("fd03::/64  metric 1024 ", "main unicast fd03::/64 [] 1024 ?")]
    [InlineData("unreachable fd09::/64 dev lo metric 1024 error -101 pref medium", "main unreachable fd09::/64 [lo] 1024")]
    [InlineData("local ::1 dev lo table local proto kernel metric 0 pref medium", "local local ::1/128 [lo] 0")]
    [InlineData("anycast fd01:: dev br0 table local proto kernel metric 0 pref medium", "local anycast fd01::/128 [br0] 0")]
    [InlineData("multicast ff00::/8 dev br0 table local proto kernel metric 256 pref medium", "local multicast ff00::/8 [br0] 256")]
    public void An_IPv6_route_is_read(string line, string expected) => Assert.Equal(expected, Short(Assert.Single(RouteText.Parse(Family.IPv6, line))), StringComparer.Ordinal);

    [Theory]
    [InlineData("Dump terminated\n")]
    [InlineData("local\n")]
    [InlineData("10.0.0.1/8 dev eth0\n")]
    public void What_is_no_route_is_an_error(string text) => Assert.Throws<FormatException>(() => RouteText.Parse(Family.IPv4, text));

    [Fact]
    public void A_route_of_the_other_family_is_an_error() => Assert.Throws<FormatException>(() => RouteText.Parse(Family.IPv6, "10.0.0.0/8 dev eth0"));

    [Fact]
    public void No_routes_are_no_routes() => Assert.Empty(RouteText.Parse(Family.IPv4, ""));

    [Fact]
    public void Default_is_the_prefix_of_its_family() => Assert.Equal(Default4, RouteText.Parse(Family.IPv4, "default dev x").Single().Destination.ToString(), StringComparer.Ordinal);

    [Theory]
    [InlineData("0:\tfrom all lookup local", "0: * * * -> local")]
    [InlineData("32766:\tfrom all lookup main proto kernel", "32766: * * * -> main")]
    [InlineData("5:\tfrom all to 8.8.8.8 iif br0 lookup 9", "5: * 8.8.8.8/32 br0 -> 9")]
    [InlineData("100:\tfrom 10.0.0.0/24 lookup 7", "100: 10.0.0.0/24 * * -> 7")]
    [InlineData("6:\tnot from 1.2.3.4 lookup 3", "6: 1.2.3.4/32 * * -> 3 ?")]
    [InlineData("7:\tfrom all blackhole", "7: * * * -> none ?")]
    [InlineData("7:\tfrom all lookup unspec blackhole", "7: * * * -> none ?")]
    [InlineData("8:\tfrom all dport 80 lookup 4", "8: * * * -> 4 ?")]
    [InlineData("9:\tfrom all lookup main suppress_prefixlength 0", "9: * * * -> main ?")]
    [InlineData("11:\tfrom all goto 32766", "11: * * * -> none ?")]
    [InlineData("99:\tfrom all fwmark 0x1 lookup 8", "99: * * * -> 8 ?")]
    [InlineData("1000:\tfrom all lookup [l3mdev-table]", "1000: * * * -> none ?")]
    [InlineData("12:\tfrom all iif veth1 [detached] lookup 5", "12: * * veth1 -> 5 ?")]
    public void A_routing_rule_is_read_and_what_is_not_known_of_it_is_said(string line, string expected)
    {
        var rule = Assert.Single(RoutingRuleText.Parse(Family.IPv4, line + " \n"));
        Assert.Equal(expected, Short(rule), StringComparer.Ordinal);
        Assert.Equal(line, rule.Text, StringComparer.Ordinal);
    }

    [Fact]
    public void What_is_no_routing_rule_is_an_error() => Assert.Throws<FormatException>(() => RoutingRuleText.Parse(Family.IPv4, "RTNETLINK answers: Operation not supported\n"));
}
