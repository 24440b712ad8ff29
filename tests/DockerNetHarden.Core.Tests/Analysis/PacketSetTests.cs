using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Core.Tests.Analysis;

public sealed class PacketSetTests
{
    private static PacketSet Set(string? destination = null, string? protocol = null, string? ports = null, string? source = null) => PacketSet.Of(new AccessQuery
    {
        Family = Cidr.Parse((destination ?? source ?? "0.0.0.0/0").Split(',')[0]).Family,
        InInterface = "docker0",
        Destinations = destination is null ? [] : [.. destination.Split(',').Select(Cidr.Parse)],
        Sources = source is null ? [] : [Cidr.Parse(source)],
        Protocol = protocol,
        Ports = ports is null ? null : PortList.Parse(ports, "Ports"),
    });

    [Theory]
    [InlineData("169.254.169.254", "tcp", "80", null, "tcp to 169.254.169.254 port 80")]
    [InlineData("10.0.0.0/8", null, null, null, "all packets to 10.0.0.0/8")]
    [InlineData(null, null, null, null, "all packets")]
    [InlineData("10.0.0.0/8,192.168.0.0/16", "udp", "53,67:68", null, "udp to 10.0.0.0/8, 192.168.0.0/16 port 53, 67-68")]
    [InlineData("fd00:ec2::254", "tcp", null, null, "tcp to fd00:ec2::254")]
    [InlineData(null, "icmp", null, "172.17.0.0/16", "icmp from 172.17.0.0/16")]
    public void A_set_is_described_in_words(string? destination, string? protocol, string? ports, string? source, string text) =>
        Assert.Equal(text, Set(destination, protocol, ports, source).ToString());

    [Fact]
    public void A_remainder_is_described_in_words_too()
    {
        Assert.Equal("all but tcp to 10.0.0.1; tcp to 10.0.0.1 port 0-79, 81-65535", Set("10.0.0.1").Subtract(Set("10.0.0.1", "tcp", "80")).ToString());
        Assert.Equal("no packets", Set("10.0.0.1").Subtract(Set("10.0.0.0/8")).ToString());
    }

    [Fact]
    public void Sets_are_added_and_subtracted_exactly()
    {
        var all = Set("10.0.0.0/8");
        var hole = Set("10.1.0.0/16", "tcp", "25");
        var rest = all.Subtract(hole);
        Assert.True(rest.Intersect(hole).IsEmpty);
        Assert.True(rest.Union(hole).SetEquals(all));
        Assert.False(rest.SetEquals(all));
        Assert.Equal(["10.0.0.0/8"], rest.Destinations.Select(static prefix => prefix.ToString()));
        Assert.Equal(["10.1.0.0/16"], hole.Destinations.Select(static prefix => prefix.ToString()));
    }

    [Fact]
    public void The_destinations_of_all_of_IPv6_are_one_prefix()
    {
        Assert.Equal([Cidr.Parse("::/0")], PacketSet.All(Family.IPv6).Destinations);
        var loopback = PacketSet.From(Family.IPv6, Layers.AnyProtocol, null, [(1, 1)]);
        Assert.Equal(128, PacketSet.All(Family.IPv6).Subtract(loopback).Destinations.Count);
    }

    [Fact]
    public void A_sample_is_in_the_set_and_an_empty_set_has_none()
    {
        var set = Set("10.0.0.0/8", "tcp", "8000:9000", "172.17.0.0/16");
        var sample = set.Sample()!;
        Assert.True(set.Contains(sample));
        Assert.Equal((6, 40000, 8000), (sample.Protocol, sample.SourcePort, sample.DestinationPort));
        Assert.Null(PacketSet.None(Family.IPv4).Sample());
    }

    [Theory]
    [InlineData("gre", "80", "has no ports")]
    [InlineData(null, "80", "without a protocol")]
    [InlineData("tcpp", null, "'tcpp' is not a protocol")]
    public void A_question_that_contradicts_itself_is_refused(string? protocol, string? ports, string reason) =>
        Assert.Contains(reason, Assert.Throws<ArgumentException>(() => Set("10.0.0.1", protocol, ports)).Message, StringComparison.Ordinal);

    [Fact]
    public void Families_do_not_mix()
    {
        Assert.Contains("each family on its own", Assert.Throws<ArgumentException>(() => PacketSet.All(Family.IPv4).Union(PacketSet.All(Family.IPv6))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "a", Destinations = [Cidr.Parse("::1")] }));
    }
}
