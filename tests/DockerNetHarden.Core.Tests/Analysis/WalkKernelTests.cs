using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Cases in which the kernel did something else than the walk said (found by the lab's oracle), each as the smallest ruleset.</summary>
public sealed class WalkKernelTests
{
    [Theory]
    [InlineData("raw", "PREROUTING", "-o eth0", Verdict.Accept)]
    [InlineData("raw", "PREROUTING", "! -o eth0", Verdict.Drop)]
    [InlineData("mangle", "PREROUTING", "-o eth+", Verdict.Accept)]
    [InlineData("mangle", "PREROUTING", "! -o eth+", Verdict.Drop)]
    [InlineData("filter", "FORWARD", "-o eth0", Verdict.Drop)]
    [InlineData("filter", "FORWARD", "! -o eth0", Verdict.Accept)]
    public void Before_routing_there_is_no_out_interface(string table, string chain, string match, Verdict expected)
    {
        var host = WalkHost.Of($"*{table}\n:{chain} ACCEPT [0:0]\n:USER - [0:0]\n-A {chain} -j USER\n-A USER {match} -j DROP\nCOMMIT\n");
        Assert.Equal(expected, host.AskOne("169.254.169.254", "tcp", "80").Verdict);
    }

    [Theory]
    [InlineData("-o eth0", Verdict.Accept)]
    [InlineData("! -o eth0", Verdict.Drop)]
    [InlineData("-o +", Verdict.Drop)]
    public void Packets_to_the_host_itself_leave_by_no_link(string match, Verdict expected)
    {
        var host = WalkHost.Of($"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:COMMON - [0:0]\n-A INPUT -j COMMON\n-A COMMON {match} -j DROP\nCOMMIT\n");
        Assert.Equal(expected, host.AskOne("10.0.0.5", "tcp", "22").Verdict);
    }

    [Theory]
    [InlineData("-i docker0", null, Verdict.Unknown)]
    [InlineData("! -i docker0", null, Verdict.Unknown)]
    [InlineData("-i apps0", null, Verdict.Accept)]
    [InlineData("! -i apps0", null, Verdict.Drop)]
    [InlineData("-i docker0", "5.4.0-190-generic", Verdict.Unknown)]
    [InlineData("-i docker0", "5.10.0-28-amd64", Verdict.Drop)]
    [InlineData("! -i docker0", "6.1", Verdict.Accept)]
    public void After_routing_older_kernels_know_no_in_interface(string match, string? kernel, Verdict expected)
    {
        var host = WalkHost.Of($"*mangle\n:POSTROUTING ACCEPT [0:0]\n:USER - [0:0]\n-A POSTROUTING -j USER\n-A USER {match} -j DROP\nCOMMIT\n").With("kernel.osrelease", kernel);
        Assert.Equal(expected, host.AskOne("203.0.113.9", "tcp", "80").Verdict);
    }

    [Theory]
    [InlineData("10.2.0.1", Verdict.Drop)]
    [InlineData("10.1.0.1", Verdict.Accept)]
    [InlineData("10.1.5.1", Verdict.Drop)]
    [InlineData("8.8.8.8", Verdict.Accept)]
    public void The_longest_prefix_of_a_set_counts(string destination, Verdict expected)
    {
        var host = WalkHost.WithDockerUser("-m set --match-set inside dst -j DROP") with
        {
            IpSets = [new HostIpSet("inside", "hash:net", Family.IPv4, ["10.1.5.0/24", "10.1.0.0/16 nomatch", "10.0.0.0/8"])],
        };
        Assert.Equal(expected, host.AskOne(destination, "tcp", "80").Verdict);
    }

    [Theory]
    [InlineData("tcp", Verdict.Drop)]
    [InlineData("udp", Verdict.Drop)]
    [InlineData("sctp", Verdict.Accept)]
    public void A_set_of_ports_alone_has_only_those_of_tcp_and_udp(string protocol, Verdict expected)
    {
        var host = WalkHost.WithDockerUser("-m set --match-set web dst -j DROP") with { IpSets = [new HostIpSet("web", "bitmap:port", null, ["80"])] };
        Assert.Equal(expected, host.AskOne("8.8.8.8", protocol, "80").Verdict);
    }

    [Fact]
    public void Only_the_port_is_translated_in_IPv6_too()
    {
        var host = WalkHost.Of("*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j DNAT --to-destination :53\nCOMMIT\n", family: Family.IPv6);
        var part = host.AskOne("2001:db8::1", "udp", "80");
        Assert.Equal((Verdict.Accept, "eth0", null), (part.Verdict, part.OutInterface, part.NewDestination));
    }

    [Fact]
    public void Conntrack_takes_the_identifier_of_a_ping_as_its_source_port()
    {
        var parts = WalkHost.WithDockerUser("-m conntrack --ctorigsrcport 1000:65535 -j DROP").Ask("8.8.8.8", "icmp");
        Packet Ping(int identifier) => new(Family.IPv4, Cidr.Parse("172.17.0.2"), Cidr.Parse("8.8.8.8"), 1, identifier, 8 << 8);
        Assert.Equal(Verdict.Drop, Assert.Single(parts, part => part.Packets.Contains(Ping(1000))).Verdict);
        Assert.Equal(Verdict.Accept, Assert.Single(parts, part => part.Packets.Contains(Ping(999))).Verdict);
    }
}
