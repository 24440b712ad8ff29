using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Effects;

/// <summary>Lines of conntrack, as Linux 6.18 and conntrack 1.4.7 print them.</summary>
public sealed class TrackedConnectionTests
{
    [Fact]
    public void Both_directions_and_the_age_are_read()
    {
        var read = Assert.Single(TrackedConnection.Parse(
            "ipv4     2 tcp      6 431999 ESTABLISHED src=172.18.0.2 dst=10.0.0.7 sport=40000 dport=5432 src=10.0.0.7 dst=10.0.0.5 sport=5432 dport=40001 [ASSURED] mark=0 delta-time=187 zone=0 use=2\n"));
        Assert.Equal(new ConnectionSide(Cidr.Parse("172.18.0.2"), 40000, Cidr.Parse("10.0.0.7"), 5432), read.Original);
        Assert.Equal(new ConnectionSide(Cidr.Parse("10.0.0.7"), 5432, Cidr.Parse("10.0.0.5"), 40001), read.Reply);
        Assert.Equal(("tcp", true, TimeSpan.FromSeconds(187), Family.IPv4), (read.Protocol, read.IsReplied, read.Age!.Value, read.Family));
    }

    [Theory]
    [InlineData("ipv6     10 udp      17 29 src=fd17::2 dst=fd00::53 sport=5353 dport=53 [UNREPLIED] src=fd00::53 dst=fd17::2 sport=53 dport=5353 mark=0 use=1", "udp", 5353, 53, false)]
    [InlineData("ipv4     2 icmp     1 29 src=172.18.0.2 dst=10.0.0.7 type=8 code=0 id=77 src=10.0.0.7 dst=172.18.0.2 type=0 code=0 id=77 mark=0 use=1", "icmp", 77, 2048, true)]
    [InlineData("ipv4     2 unknown  4 599 src=172.18.0.2 dst=10.0.0.7 src=10.0.0.7 dst=172.18.0.2 mark=0 use=1", "4", 0, 0, true)]
    public void Every_protocol_is_read_and_an_age_that_the_kernel_does_not_keep_is_not_known(string line, string protocol, int sourcePort, int port, bool isReplied)
    {
        var read = Assert.Single(TrackedConnection.Parse(line));
        Assert.Equal((protocol, sourcePort, port, isReplied, null), (read.Protocol, read.Original.SourcePort, read.Original.DestinationPort, read.IsReplied, read.Age));
    }

    [Theory]
    [InlineData("")]
    [InlineData("conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.")]
    [InlineData("ipv4     2 tcp      6 100 TIME_WAIT src=172.18.0.2 dst=10.0.0.7 sport=1 dport=2 src=10.0.0.7 dst=172.18.0.2 sport=2 dport=1 [ASSURED] mark=0 use=1")]
    [InlineData("ipv4     2 tcp      6 100 SYN_SENT src=172.18.0.2 dst=10.0.0.7 sport=1 dport=2 [UNREPLIED] src=10.0.0.7 dst=172.18.0.2 sport=2 dport=1 mark=0 use=1")]
    [InlineData("ipv4     2 tcp      6 100 ESTABLISHED src=172.18.0.2 dst=10.0.0.7 sport=1 dport=2")]
    [InlineData("ipv4     2 tcp      6 100 ESTABLISHED src=172.18.0.2 dst=fd00::7 sport=1 dport=2 src=10.0.0.7 dst=172.18.0.2 sport=2 dport=1")]
    public void What_is_not_an_open_connection_is_left_out(string line) => Assert.Empty(TrackedConnection.Parse(line));
}
