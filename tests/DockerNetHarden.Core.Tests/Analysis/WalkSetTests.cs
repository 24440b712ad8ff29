using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Sets of ipset in rules of other programs; the question is about TCP from 172.17.0.2 (docker0) to port 443 of 203.0.113.9 (eth0).</summary>
public sealed class WalkSetTests
{
    [Theory]
    [InlineData("hash:ip", "203.0.113.9 timeout 20", "dst", Verdict.Drop)]
    [InlineData("hash:ip", "203.0.113.8-203.0.113.10", "dst", Verdict.Drop)]
    [InlineData("hash:ip netmask 24", "203.0.113.0", "dst", Verdict.Drop)]
    [InlineData("hash:ip bitmask 255.255.255.0", "203.0.113.0", "dst", Verdict.Unknown)]
    [InlineData("bitmap:ip netmask 24", "203.0.112.0", "dst", Verdict.Accept)]
    [InlineData("hash:ip,port", "203.0.113.9,tcp:443", "dst,dst", Verdict.Drop)]
    [InlineData("hash:ip,port", "203.0.113.9,udp:443", "dst,src", Verdict.Accept)]
    [InlineData("hash:ip,port", "203.0.113.9,icmp:echo-request", "dst,dst", Verdict.Accept)]
    [InlineData("hash:ip,port", "203.0.113.9,tcp:443", "dst", Verdict.Accept)]
    [InlineData("hash:ip,port,ip", "203.0.113.9,tcp:443,172.17.0.2", "dst,dst,src", Verdict.Drop)]
    [InlineData("hash:ip,port,ip", "203.0.113.9,tcp:443,172.17.0.3", "dst,dst,src", Verdict.Accept)]
    [InlineData("hash:ip,port,net", "172.17.0.2,tcp:400-500,203.0.113.0/24", "src,dst,dst", Verdict.Drop)]
    [InlineData("hash:net,net", "172.17.0.0/16,203.0.113.0/24", "src,dst", Verdict.Drop)]
    [InlineData("hash:net,net", "172.17.0.0/16,203.0.113.0/24|172.17.0.0/24,203.0.113.9 nomatch", "src,dst", Verdict.Unknown)]
    [InlineData("hash:net,port", "203.0.113.0/24,tcp:443|203.0.113.9,tcp:443 nomatch", "dst,dst", Verdict.Accept)]
    [InlineData("hash:net,port", "203.0.113.0/24,tcp:443|203.0.113.9,udp:443 nomatch", "dst,dst", Verdict.Drop)]
    [InlineData("hash:net,iface", "172.17.0.0/16,docker0", "src,src", Verdict.Drop)]
    [InlineData("hash:net,iface", "172.17.0.0/16,apps0", "src,src", Verdict.Accept)]
    [InlineData("hash:net,iface", "203.0.113.0/24,eth0", "dst,dst", Verdict.Drop)]
    [InlineData("hash:net,iface", "203.0.113.0/24,eth wildcard", "dst,dst", Verdict.Drop)]
    [InlineData("hash:net,iface", "203.0.113.0/24,eth0|203.0.113.9,eth0 nomatch", "dst,dst", Verdict.Accept)]
    [InlineData("hash:net,iface", "203.0.113.0/24,eth0|203.0.113.9,docker0 nomatch", "dst,dst", Verdict.Drop)]
    [InlineData("hash:net,iface", "203.0.113.0/24,eth wildcard|203.0.113.9,eth0 nomatch", "dst,dst", Verdict.Unknown)]
    [InlineData("hash:net,iface", "172.17.0.0/16,physdev:veth1", "src,src", Verdict.Unknown)]
    [InlineData("hash:net,iface", "10.0.0.0/8,physdev:veth1", "src,src", Verdict.Accept)]
    [InlineData("hash:ip,mac", "172.17.0.2,02:00:00:00:00:01", "src,src", Verdict.Unknown)]
    [InlineData("hash:ip,mac", "172.17.0.3,02:00:00:00:00:01", "src,src", Verdict.Accept)]
    [InlineData("hash:mac", "02:00:00:00:00:01", "src", Verdict.Unknown)]
    [InlineData("hash:ip,mark", "203.0.113.9,0x00000005", "dst,dst", Verdict.Unknown)]
    [InlineData("hash:ip,mark", "203.0.113.8,0x00000005", "dst,dst", Verdict.Accept)]
    [InlineData("list:set", "one|other", "dst", Verdict.Drop)]
    [InlineData("list:set", "other", "dst", Verdict.Accept)]
    [InlineData("list:set", "links", "src,src", Verdict.Drop)]
    [InlineData("list:set", "gone", "dst", Verdict.Unknown)]
    [InlineData("hash:new,kind", "x,y", "dst,dst", Verdict.Unknown)]
    [InlineData("hash:ip", "what?", "dst", Verdict.Unknown)]
    public void A_set_holds_what_its_members_say(string type, string members, string directions, Verdict verdict)
    {
        Assert.Equal(verdict, Host(type, members, $"-m set --match-set tested {directions} -j DROP").AskOne("203.0.113.9", "tcp", "443").Verdict);
        // Everything that is not in it.
        var opposite = verdict switch { Verdict.Drop => Verdict.Accept, Verdict.Accept => Verdict.Drop, var other => other };
        if (type is "hash:ip,mac" or "hash:ip,mark" || members.Contains("physdev", StringComparison.Ordinal) || members.Contains("wildcard", StringComparison.Ordinal))
            opposite = Verdict.Unknown;
        Assert.Equal(opposite, Host(type, members, $"-m set ! --match-set tested {directions} -j DROP").AskOne("203.0.113.9", "tcp", "443").Verdict);
    }

    [Theory]
    [InlineData("--match-set tested src,src --return-nomatch", Verdict.Unknown)]
    [InlineData("! --match-set tested src,src ! --update-counters", Verdict.Accept)]
    [InlineData("--match-set tested src,src --packets-gt 5", Verdict.Unknown)]
    public void Options_of_the_lookup_are_read(string options, Verdict verdict) =>
        Assert.Equal(verdict, Host("hash:net,iface", "172.17.0.0/16,docker0", $"-m set {options} -j DROP").AskOne("203.0.113.9", "tcp", "443").Verdict);

    [Fact]
    public void A_set_of_the_other_family_holds_nothing() =>
        Assert.Equal(Verdict.Accept, (WalkHost.WithDockerUser("-m set --match-set six dst -j DROP") with { IpSets = [new HostIpSet("six", "hash:ip", Family.IPv6, ["2001:db8::1"])] }).AskOne("203.0.113.9").Verdict);

    // A jump is followed once for each link that a set names, and comes back to the packets of all links.
    [Fact]
    public void A_jump_with_a_set_of_links_comes_back()
    {
        const string Rules = "\n-A DOCKER-USER -m set --match-set tested src,src -j A\n-A DOCKER-USER -p tcp -j DROP\n-A A -p udp -j RETURN\n-A A -d 10.0.0.0/8 -j REJECT\nCOMMIT\n";
        var host = WalkHost.Of(WalkHost.DockerUser.Replace(":DOCKER-USER", ":A - [0:0]\n:DOCKER-USER", StringComparison.Ordinal) + Rules) with { IpSets = [new HostIpSet("tested", "hash:net,iface", Family.IPv4, ["172.17.0.0/16,docker0", "172.18.0.0/16,apps0", "172.17.0.0/24,eth0"])] };
        Assert.Equal(Verdict.Reject, host.AskOne("10.9.9.9", "tcp", "80").Verdict);
        Assert.Equal(Verdict.Reject, host.AskOne("10.9.9.9", "tcp", "80", "apps0", "172.18.0.2").Verdict);
        Assert.Equal(Verdict.Drop, host.AskOne("203.0.113.9", "tcp", "80").Verdict);
        Assert.Equal(Verdict.Accept, host.AskOne("203.0.113.9", "udp", "80").Verdict);
    }

    // As CrowdSec and fail2ban leave them: tens of thousands of members, in several chains, asked about again and again.
    [Theory]
    [InlineData("hash:ip", "")]
    [InlineData("hash:net", "/30")]
    [InlineData("hash:ip,port", ",tcp:443")]
    public void A_large_set_is_looked_up_quickly(string type, string rest)
    {
        string[] members = [.. Enumerable.Range(0, 20_000).Select(number => $"45.{number >> 14}.{(number >> 6) & 255}.{(number & 63) << 2}{rest} timeout 3600")];
        var directions = type == "hash:ip,port" ? ("src,dst", "dst,dst") : ("src", "dst");
        var host = WalkHost.WithDockerUser($"-m set --match-set tested {directions.Item1} -j DROP", $"-m set --match-set tested {directions.Item2} -j DROP", "-d 10.0.0.0/8 -j REJECT") with
        {
            IpSets = [new HostIpSet("tested", type, Family.IPv4, members)],
        };
        var clock = Stopwatch.StartNew();
        Assert.Equal(Verdict.Drop, host.AskOne("45.0.5.4", "tcp", "443").Verdict);
        Assert.Equal(Verdict.Accept, host.AskOne("46.0.5.4", "tcp", "443").Verdict);
        var parts = host.Ask("0.0.0.0/0", "tcp");
        Assert.Contains(parts, static part => part.Verdict == Verdict.Drop);
        // Minutes if each member were compared with each span of the question.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 20);
    }

    private static HostSnapshot Host(string type, string members, string rule) => WalkHost.WithDockerUser(rule) with
    {
        IpSets =
        [
            new HostIpSet("one", "hash:ip", Family.IPv4, ["203.0.113.9"]), new HostIpSet("other", "hash:ip,port", Family.IPv4, ["203.0.113.9,tcp:443"]),
            new HostIpSet("links", "hash:net,iface", Family.IPv4, ["172.17.0.0/16,docker0"]), new HostIpSet("tested", type, type is "list:set" or "hash:mac" ? null : Family.IPv4, members.Split('|')),
        ],
    };
}
