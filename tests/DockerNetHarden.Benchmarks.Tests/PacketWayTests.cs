using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Benchmarks.Tests;

public sealed class PacketWayTests
{
    private static readonly Packet Outbound = new("net1", "up0", "172.18.0.2", "203.0.113.25", "udp", 40000, 5201, "ESTABLISHED");

    private static IReadOnlyList<string> Met(string rules, Packet? packet = null, string table = "filter") =>
        [.. PacketWay.Of(Ruleset.Parse(Family.IPv4, $"*{table}\n{rules}COMMIT\n"), packet ?? Outbound).Select(static each => (each.Matched ? "+ " : "- ") + each.Rule.Text)];

    [Fact]
    public void A_packet_meets_every_rule_until_one_decides() => Assert.Equal(
        ["- -A FORWARD -d 10.0.0.0/8 -j DROP", "+ -A FORWARD -j DNH-X", "- -A DNH-X -p tcp -j DROP", "+ -A DNH-X -j RETURN", "+ -A FORWARD -i net+ -j ACCEPT"],
        Met("""
            :FORWARD DROP [0:0]
            :DNH-X - [0:0]
            -A FORWARD -d 10.0.0.0/8 -j DROP
            -A FORWARD -j DNH-X
            -A FORWARD -i net+ -j ACCEPT
            -A FORWARD -j DROP
            -A DNH-X -p tcp -j DROP
            -A DNH-X -j RETURN
            -A DNH-X -j DROP

            """));

    [Theory]
    [InlineData("-d 203.0.113.0/24", true)]
    [InlineData("! -d 203.0.113.0/24", false)]
    [InlineData("-s 172.16.0.0/12 ! -o net1", true)]
    [InlineData("! -i net1", false)]
    [InlineData("-p udp -m udp --dport 5000:6000", true)]
    [InlineData("-p udp -m udp --dport 53", false)]
    [InlineData("-p udp -m multiport --dports 53,5201", true)]
    [InlineData("-p udp -m multiport ! --dports 53,5201", false)]
    [InlineData("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", false)]
    [InlineData("-m conntrack --ctstate RELATED,ESTABLISHED", true)]
    [InlineData("-m conntrack --ctstate INVALID,UNTRACKED", false)]
    [InlineData("-m conntrack --ctdir ORIGINAL", true)]
    [InlineData("-m conntrack --ctdir REPLY", false)]
    [InlineData("-m conntrack --ctorigdst 169.254.170.2 --ctorigdstport 80", false)]
    [InlineData("-m addrtype ! --src-type LOCAL", true)]
    [InlineData("-m addrtype --dst-type LOCAL", false)]
    [InlineData("-m comment --comment \"a -d 10.0.0.1 text\"", true)]
    [InlineData("-d 10.0.0.1/32 -m u32 --u32 \"6&0xFF=17\"", false)]
    public void A_rule_matches_as_the_kernel_does(string rule, bool matches) => Assert.StartsWith(matches ? "+ " : "- ", Met($":FORWARD ACCEPT [0:0]\n-A FORWARD {rule} -j ACCEPT\n")[0], StringComparison.Ordinal);

    [Theory]
    [InlineData("-m limit --limit 5/min")]
    [InlineData("-m mark --mark 0x1")]
    [InlineData("-m set --match-set blocked dst")]
    public void A_match_that_could_decide_and_is_not_known_is_refused(string rule) =>
        Assert.Throws<NotSupportedException>(() => Met($":FORWARD ACCEPT [0:0]\n-A FORWARD {rule} -j DROP\n"));

    [Fact]
    public void Only_the_first_packet_of_a_connection_meets_nat()
    {
        const string Rules = ":POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 172.18.0.0/16 ! -o net1 -j MASQUERADE\n";
        Assert.Empty(Met(Rules, table: "nat"));
        Assert.Single(Met(Rules, Outbound with { State = "NEW" }, table: "nat"));
    }

    [Fact]
    public void What_is_dropped_meets_nothing_after_that()
    {
        var rules = Ruleset.Parse(Family.IPv4, "*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j DNH-X\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\nCOMMIT\n");
        Assert.Equal("-A FORWARD -j DROP", Assert.Single(PacketWay.Of(rules, Outbound)).Rule.Text);
    }

    [Fact]
    public void Rules_of_ours_are_counted_in_both_families_with_their_jumps() => Assert.Equal(3, new Firewall(
        "*filter\n:DNH-X - [0:0]\n:DockerNetHarden-made - [0:0]\n-A FORWARD -m comment --comment DockerNetHarden -j DNH-X\n-A FORWARD -j DOCKER-USER\n-A DNH-X -j RETURN\nCOMMIT\n", "*filter\n-A DNH-X -j DROP\nCOMMIT\n").OurRules);
}
