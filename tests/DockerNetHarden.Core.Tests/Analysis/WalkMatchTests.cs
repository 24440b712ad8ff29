using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>One match each, in a rule of DOCKER-USER that drops; the question is about one kind of packet from docker0.</summary>
public sealed class WalkMatchTests
{
    private const string Address = "203.0.113.9";

    [Theory]
    [InlineData("-i docker0", Verdict.Drop)]
    [InlineData("-i docker+", Verdict.Drop)]
    [InlineData("! -i docker0", Verdict.Accept)]
    [InlineData("-i apps0", Verdict.Accept)]
    [InlineData("-o eth0", Verdict.Drop)]
    [InlineData("! -o eth+", Verdict.Accept)]
    [InlineData("-s 172.17.0.0/16", Verdict.Drop)]
    [InlineData("! -s 172.17.0.2/32", Verdict.Accept)]
    [InlineData("-d 203.0.113.0/24", Verdict.Drop)]
    [InlineData("! -d 203.0.113.0/24", Verdict.Accept)]
    [InlineData("-p tcp", Verdict.Drop)]
    [InlineData("-p 6", Verdict.Drop)]
    [InlineData("-p all", Verdict.Drop)]
    [InlineData("! -p udp", Verdict.Drop)]
    [InlineData("! -p tcp", Verdict.Accept)]
    [InlineData("-p tcp -m tcp --dport 443", Verdict.Drop)]
    [InlineData("-p tcp -m tcp --dport 400:500", Verdict.Drop)]
    [InlineData("-p tcp -m tcp ! --dport 443", Verdict.Accept)]
    [InlineData("-p udp -m udp --dport 443", Verdict.Accept)]
    [InlineData("-p tcp -m multiport --dports 80,443", Verdict.Drop)]
    [InlineData("-p tcp -m multiport ! --dports 80,443", Verdict.Accept)]
    [InlineData("-p tcp -m multiport --ports 443", Verdict.Drop)]
    [InlineData("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", Verdict.Drop)]
    [InlineData("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", Verdict.Accept)]
    [InlineData("-p tcp -m tcp --tcp-flags ALL NONE", Verdict.Accept)]
    [InlineData("-p icmp -m icmp --icmp-type 8", Verdict.Accept)]
    [InlineData("-m conntrack --ctstate NEW", Verdict.Drop)]
    [InlineData("-m conntrack --ctstate RELATED,ESTABLISHED", Verdict.Accept)]
    [InlineData("-m conntrack ! --ctstate RELATED,ESTABLISHED", Verdict.Drop)]
    [InlineData("-m conntrack --ctstate INVALID,UNTRACKED", Verdict.Accept)]
    [InlineData("-m conntrack --ctstate DNAT", Verdict.Accept)]
    [InlineData("-m conntrack ! --ctstate DNAT", Verdict.Drop)]
    [InlineData("-m conntrack --ctdir ORIGINAL", Verdict.Drop)]
    [InlineData("-m conntrack --ctdir REPLY", Verdict.Accept)]
    [InlineData("-m conntrack --ctorigdst 203.0.113.9 --ctorigdstport 443", Verdict.Drop)]
    [InlineData("-m conntrack ! --ctorigdst 203.0.113.9", Verdict.Accept)]
    [InlineData("-m conntrack --ctorigsrc 172.17.0.0/16", Verdict.Drop)]
    [InlineData("-m state --state NEW", Verdict.Drop)]
    [InlineData("-m addrtype --dst-type LOCAL", Verdict.Accept)]
    [InlineData("-m addrtype ! --dst-type LOCAL", Verdict.Drop)]
    [InlineData("-m addrtype --dst-type UNICAST", Verdict.Drop)]
    [InlineData("-m addrtype --dst-type BROADCAST,MULTICAST", Verdict.Accept)]
    [InlineData("-m addrtype --src-type LOCAL", Verdict.Accept)]
    [InlineData("-m iprange --dst-range 203.0.113.1-203.0.113.9", Verdict.Drop)]
    [InlineData("-m iprange ! --src-range 172.17.0.1-172.17.0.9", Verdict.Accept)]
    [InlineData("-m set --match-set nets dst", Verdict.Drop)]
    [InlineData("-m set ! --match-set nets dst", Verdict.Accept)]
    [InlineData("-m set --match-set nets src", Verdict.Accept)]
    [InlineData("-m set --match-set pairs dst,dst", Verdict.Drop)]
    [InlineData("-m set --match-set ports dst", Verdict.Accept)]
    [InlineData("-m mark --mark 0x0/0xff", Verdict.Drop)]
    [InlineData("-m mark --mark 0x1", Verdict.Accept)]
    [InlineData("-m mark ! --mark 0x1", Verdict.Drop)]
    [InlineData("-m comment --comment \"-d 1.2.3.4 -j RETURN\"", Verdict.Drop)]
    [InlineData("-m limit --limit 5/min", Verdict.Unknown)]
    [InlineData("-m hashlimit --hashlimit-above 5/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a", Verdict.RateLimited)]
    [InlineData("-m hashlimit --hashlimit-upto 5/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a", Verdict.Unknown)]
    [InlineData("-m string --algo bm --string \"-i x\" --to 60", Verdict.Unknown)]
    [InlineData("-d 198.51.100.1/32 -m string --algo bm --string x --to 60", Verdict.Accept)]
    [InlineData("-m length --length 100:200", Verdict.Unknown)]
    [InlineData("-m statistic --mode random --probability 0.5", Verdict.Unknown)]
    [InlineData("-m recent --update --seconds 60 --name x --mask 255.255.255.255 --rsource", Verdict.Unknown)]
    [InlineData("-f", Verdict.Unknown)]
    [InlineData("-m set --match-set gone dst", Verdict.Unknown)]
    [InlineData("-m set --match-set short dst", Verdict.Drop)]
    [InlineData("-m set --match-set counted dst", Verdict.Drop)]
    [InlineData("-m set --match-set kept dst", Verdict.Accept)]
    [InlineData("-m addrtype --dst-type LOCAL --limit-iface-in", Verdict.Unknown)]
    [InlineData("-p tcp -m tcp --tcp-option 5", Verdict.Unknown)]
    [InlineData("-s 172.17.0.0/255.255.0.0", Verdict.Drop)]
    [InlineData("-s 172.17.0.2/255.255.0.255", Verdict.Drop)]
    [InlineData("! -d 203.0.0.9/255.255.0.255", Verdict.Accept)]
    [InlineData("-d 203.0.0.8/255.255.0.255", Verdict.Accept)]
    [InlineData("-d 0.0.0.9/0.0.0.255", Verdict.Unknown)]
    [InlineData("-d 10.0.0.9/255.0.255.255", Verdict.Accept)]
    [InlineData("-m owner --uid-owner 0", Verdict.Accept)]
    [InlineData("-m owner ! --uid-owner 0-99", Verdict.Drop)]
    [InlineData("-m owner ! --uid-owner 0 --socket-exists", Verdict.Accept)]
    [InlineData("-m owner ! --uid-owner 0 --cgroup x", Verdict.Unknown)]
    [InlineData("-m statistic --mode random --probability 1.00000000000", Verdict.Drop)]
    [InlineData("-m statistic --mode random ! --probability 1.00000000000", Verdict.Accept)]
    [InlineData("-m statistic --mode random --probability 0.00000000000", Verdict.Accept)]
    [InlineData("-m statistic --mode nth --every 1 --packet 0", Verdict.Drop)]
    [InlineData("-m statistic --mode nth ! --every 1 --packet 0", Verdict.Accept)]
    [InlineData("-m statistic --mode nth --every 2 --packet 0", Verdict.Unknown)]
    [InlineData("-m recent --set --name x --mask 255.255.255.255 --rsource", Verdict.Drop)]
    [InlineData("-m recent ! --set --name x --mask 255.255.255.255 --rsource", Verdict.Accept)]
    [InlineData("-m recent --remove --name x", Verdict.Unknown)]
    [InlineData("-m connlimit --connlimit-above 10 --connlimit-mask 32 --connlimit-saddr", Verdict.Unknown)]
    [InlineData("-m mac --mac-source 02:00:00:00:00:01", Verdict.Unknown)]
    [InlineData("-p udp -m mac --mac-source 02:00:00:00:00:01", Verdict.Accept)]
    [InlineData("-m policy --dir in --pol none", Verdict.Drop)]
    [InlineData("-m policy --dir in --pol ipsec --proto esp", Verdict.Accept)]
    [InlineData("-m policy --dir out --pol none", Verdict.Unknown)]
    [InlineData("-m physdev --physdev-is-bridged", Verdict.Accept)]
    [InlineData("-m physdev ! --physdev-is-bridged", Verdict.Drop)]
    [InlineData("-m physdev --physdev-in veth+", Verdict.Accept)]
    [InlineData("-m rpfilter", Verdict.Drop)]
    [InlineData("-m rpfilter --loose --validmark --invert", Verdict.Accept)]
    [InlineData("-m socket --transparent", Verdict.Unknown)]
    public void A_match_takes_what_it_names(string match, Verdict verdict)
    {
        var host = WalkHost.WithDockerUser($"{match} -j DROP") with
        {
            IpSets =
            [
                new HostIpSet("nets", "hash:net", Family.IPv4, ["203.0.113.0/24", "198.51.100.7"]),
                new HostIpSet("pairs", "hash:ip,port", Family.IPv4, ["203.0.113.9,tcp:443", "203.0.113.9,udp:53"]),
                new HostIpSet("ports", "bitmap:port", null, ["80", "1000-2000"]),
                new HostIpSet("short", "hash:ip", Family.IPv4, ["203.0.113.9 timeout 300"]),
                new HostIpSet("counted", "hash:net", Family.IPv4, ["203.0.113.0/24 timeout 300 packets 7 bytes 420 skbprio 1:1 comment \"a timeout nomatch\""]),
                new HostIpSet("kept", "hash:net", Family.IPv4, ["203.0.113.0/24 timeout 0", "203.0.113.9 timeout 300 nomatch comment \"ours\""]),
            ],
        };
        Assert.Equal(verdict, host.AskOne(Address, "tcp", "443").Verdict);
    }

    [Fact]
    public void A_hashlimit_whose_name_has_two_rates_limits_nothing_for_certain()
    {
        const string Limit = "--hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a -j DROP";
        var host = WalkHost.WithDockerUser($"-m hashlimit --hashlimit-above 5/min {Limit}", $"-d 10.9.9.9/32 -m hashlimit --hashlimit-above 9/min {Limit}");
        var part = host.AskOne(Address, "tcp", "25");
        Assert.Equal(Verdict.Unknown, part.Verdict);
        Assert.Contains("different parameters", part.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_splits_a_question_into_disjoint_parts_that_are_the_question()
    {
        var parts = WalkHost.WithDockerUser("-d 203.0.113.0/25 -p tcp -m multiport --dports 25,465 -j DROP", "-d 203.0.113.8/29 -j REJECT").Ask("203.0.113.0/24");
        Assert.Equal([Verdict.Drop, Verdict.Reject, Verdict.Accept], parts.Select(static part => part.Verdict));
        Assert.Equal("tcp from 172.17.0.2 to 203.0.113.0/25 port 25, 465", parts[0].Packets.ToString());
        var whole = parts.Select(static part => part.Packets).Aggregate(static (one, other) => one.Union(other));
        Assert.True(whole.SetEquals(PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "docker0", Sources = [Cidr.Parse("172.17.0.2")], Destinations = [Cidr.Parse("203.0.113.0/24")] })));
        Assert.All(parts, part => Assert.All(parts.Where(other => other != part), other => Assert.True(part.Packets.Intersect(other.Packets).IsEmpty)));
    }

    [Theory]
    [InlineData("-p ipv6-icmp -m icmp6 --icmpv6-type 128", Verdict.Drop)]
    [InlineData("-p ipv6-icmp -m icmp6 ! --icmpv6-type 128", Verdict.Accept)]
    [InlineData("-s fd17::/64 -m addrtype ! --dst-type LOCAL", Verdict.Drop)]
    [InlineData("-d 2001:db8::/32", Verdict.Drop)]
    [InlineData("-m addrtype --dst-type UNICAST,LOCAL", Verdict.Unknown)]
    [InlineData("-p ipv6-icmp -m icmp6 --icmpv6-type 255", Verdict.Accept)]
    [InlineData("-p ipv6-icmp -m icmp6 ! --icmpv6-type 255", Verdict.Drop)]
    [InlineData("-p ipv6-icmp -m icmp6 --icmpv6-type 128/255", Verdict.Accept)]
    [InlineData("-d 2001:db8::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff", Verdict.Drop)]
    [InlineData("-d 2001::1/ffff::ffff", Verdict.Unknown)]
    [InlineData("-s fd17::/64 -m rpfilter --invert", Verdict.Accept)]
    public void IPv6_has_the_same_matches(string match, Verdict verdict)
    {
        var host = WalkHost.Of($"{WalkHost.DockerUser}\n-A DOCKER-USER {match} -j DROP\nCOMMIT\n", family: Family.IPv6);
        var parts = host.Ask("2001:db8::1", "icmpv6");
        Assert.Contains(verdict, parts.Select(static part => part.Verdict));
    }

    // What iptables stores as 255 in IPv4 is any type, with whatever code.
    [Theory]
    [InlineData("--icmp-type any", Verdict.Drop)]
    [InlineData("--icmp-type 255", Verdict.Drop)]
    [InlineData("--icmp-type 255/3", Verdict.Drop)]
    [InlineData("! --icmp-type any", Verdict.Accept)]
    public void ICMP_type_255_is_any_type_in_IPv4(string match, Verdict verdict) =>
        Assert.Equal(verdict, WalkHost.WithDockerUser($"-p icmp -m icmp {match} -j DROP").AskOne(Address, "icmp").Verdict);

    [Theory]
    [InlineData("-j DROP -p tcp --dport 443", Verdict.Drop)]
    [InlineData("-j DROP -p tcp --dport 80", Verdict.Accept)]
    [InlineData("-j DROP -s 10.0.0.0/8", Verdict.Accept)]
    [InlineData("-j REJECT --reject-with icmp-net-unreachable ! -d 203.0.113.0/24", Verdict.Accept)]
    [InlineData("-j REJECT --reject-with tcp-reset -p tcp -m multiport --dports 80,443", Verdict.Reject)]
    [InlineData("-j LOG --log-prefix \"-d 10.0.0.1 \" -d 203.0.113.9", Verdict.Accept)]
    [InlineData("-j MARK --set-xmark 0x1/0xffffffff -o eth0", Verdict.Accept)]
    [InlineData("-p tcp -j DROP -m string --algo bm --string x", Verdict.Unknown)]
    public void A_match_behind_the_target_counts(string rule, Verdict verdict) => Assert.Equal(verdict, WalkHost.WithDockerUser(rule).AskOne(Address, "tcp", "443").Verdict);

    // Rules above and below a match that is not certain: it never makes another answer certain, nor uncertain where it does not matter.
    [Theory]
    [InlineData(Verdict.Drop, "-m string --algo bm --string x -j DROP", "-p tcp -j DROP")]
    [InlineData(Verdict.Drop, "-m statistic --mode random --probability 0.5 -j REJECT", "-d 203.0.113.0/24 -j DROP")]
    [InlineData(Verdict.Unknown, "-m connlimit --connlimit-above 3 -j ACCEPT", "-p tcp -j DROP")]
    [InlineData(Verdict.Drop, "-p tcp -j DROP", "-m recent --rcheck --name x -j ACCEPT")]
    [InlineData(Verdict.Drop, "-d 10.0.0.0/8 -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT", "-p tcp -j DROP")]
    [InlineData(Verdict.Unknown, "-d 0.0.0.9/0.0.0.255 -j ACCEPT", "-p tcp -j DROP")]
    public void A_match_that_is_not_certain_is_bounded(Verdict verdict, params string[] rules) => Assert.Equal(verdict, WalkHost.WithDockerUser(rules).AskOne(Address, "tcp", "443").Verdict);
}
