using DockerNetHarden.Addresses;

namespace DockerNetHarden.Core.Tests.Rules;

public sealed class CidrTests
{
    [Theory]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("169.254.169.254", "169.254.169.254/32")]
    [InlineData("0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("255.255.255.255/32", "255.255.255.255/32")]
    [InlineData("fd00:ec2::254", "fd00:ec2::254/128")]
    [InlineData("FD00:0EC2:0:0::/64", "fd00:ec2::/64")]
    [InlineData("::/0", "::/0")]
    [InlineData("::1", "::1/128")]
    [InlineData("1::", "1::/128")]
    [InlineData("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128")]
    [InlineData("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128")]
    [InlineData("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8/128")]
    [InlineData("fe80::/10", "fe80::/10")]
    // What glibc's inet_ntop prints with dots, and what people write so; .NET would print the last two with dots too.
    [InlineData("::9f56:1", "::159.86.0.1/128")]
    [InlineData("::159.86.0.1", "::159.86.0.1/128")]
    [InlineData("::1:0", "::0.1.0.0/128")]
    [InlineData("::ffff:1.2.3.4", "::ffff:1.2.3.4/128")]
    [InlineData("::ffff:0:0/96", "::ffff:0.0.0.0/96")]
    [InlineData("::/96", "::/96")]
    [InlineData("64:ff9b::192.0.2.33", "64:ff9b::c000:221/128")]
    [InlineData("64:ff9b::/96", "64:ff9b::/96")]
    [InlineData("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304/128")]
    [InlineData("fe80::5efe:10.0.0.1", "fe80::5efe:a00:1/128")]
    [InlineData("::ffff:0:1.2.3.4", "::ffff:0:102:304/128")]
    [InlineData("1:0:0:2:0:0:3:4", "1::2:0:0:3:4/128")]
    [InlineData("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7/128")]
    public void Reads_what_iptables_prints(string text, string canonical) => Assert.Equal(canonical, Cidr.Parse(text).ToString());

    [Theory]
    [InlineData("10.0.0.1/8", "host bits", "10.0.0.0/8")]
    [InlineData("fd00::1/64", "host bits", "fd00::/64")]
    [InlineData("010.0.0.1", "leading zero", "10")]
    [InlineData("10.0.0.00", "leading zero", "write 0")]
    [InlineData("256.0.0.1", "0 to 255", "256")]
    [InlineData("10.0.0", "four numbers", "10.0.0")]
    [InlineData("10.0.0.0.0", "four numbers", "10.0.0.0.0")]
    [InlineData("10.0.0.1/33", "0 to 32", "33")]
    [InlineData("10.0.0.0/08", "0 to 32", "08")]
    [InlineData("10.0.0.0/+8", "0 to 32", "+8")]
    [InlineData("10.0.0.0/", "0 to 32", "''")]
    [InlineData("10.0.0.0/8/8", "0 to 32", "8/8")]
    [InlineData("::/129", "0 to 128", "129")]
    [InlineData("fe80::1%eth0", "zone", "eth0")]
    [InlineData("1::2::3", "eight groups", "1::2::3")]
    [InlineData("1:2:3:4:5:6:7:8:9", "eight groups", "9")]
    [InlineData("::12345", "eight groups", "12345")]
    [InlineData(":::", "eight groups", ":::")]
    [InlineData("1:2:3:4::5:6:7:8", "eight groups", "1:2")]
    [InlineData("::1.2.3", "four numbers", "1.2.3")]
    [InlineData("::1.2.3.4:5", "four numbers", "4:5")]
    [InlineData("1:2:3:4:5:6:7:1.2.3.4", "eight groups", "1:2")]
    [InlineData("::ffff:1.2.3.04", "leading zero", "write 4")]
    [InlineData(" 10.0.0.1", "0 to 255", "10")]
    [InlineData("１0.0.0.1", "0 to 255", "0.0.0.1")]
    [InlineData("", "empty", "''")]
    [InlineData("/8", "empty", "/8")]
    [InlineData("$(reboot)", "four numbers", "$(reboot)")]
    [InlineData("'; rm -rf /", "four numbers", "rm -rf")]
    public void Refuses_what_runtimes_disagree_on(string text, string reason, string named)
    {
        var error = Assert.Throws<FormatException>(() => Cidr.Parse(text));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.False(Cidr.TryParse(text, out _));
    }

    [Theory]
    [InlineData("10.0.0.0/8", "10.255.255.255", true)]
    [InlineData("10.0.0.0/8", "11.0.0.0", false)]
    [InlineData("10.0.0.0/8", "0.0.0.0/0", false)]
    [InlineData("0.0.0.0/0", "203.0.113.0/24", true)]
    [InlineData("::/0", "fd00::1", true)]
    [InlineData("::/0", "10.0.0.1", false)]
    public void Contains_is_about_every_address(string outer, string inner, bool expected) =>
        Assert.Equal(expected, Cidr.Parse(outer).Contains(Cidr.Parse(inner)));

    [Fact]
    public void Last_address_and_truncation()
    {
        Assert.Equal(Cidr.Parse("10.255.255.255").Bits, Cidr.Parse("10.0.0.0/8").Last);
        Assert.Equal(UInt128.MaxValue, Cidr.Parse("::/0").Last);
        Assert.Equal("10.1.2.0/24", Cidr.Parse("10.1.2.3").Truncate(24).ToString());
        Assert.Throws<ArgumentOutOfRangeException>(() => Cidr.Parse("10.0.0.0/8").Truncate(9));
    }

    [Theory]
    [InlineData("172.17.0.0/16 172.18.0.0/16 172.19.0.0/16 172.20.0.0/14 172.24.0.0/13 192.168.0.0/16", "172.17.0.0/16 172.18.0.0/15 172.20.0.0/14 172.24.0.0/13 192.168.0.0/16")]
    [InlineData("10.0.0.0/9 10.128.0.0/9 10.1.0.0/16", "10.0.0.0/8")]
    [InlineData("10.1.0.0/16 10.2.0.0/16", "10.1.0.0/16 10.2.0.0/16")]
    [InlineData("0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1", "0.0.0.0/0 ::/0")]
    [InlineData("fd00::/64 10.0.0.0/8 fd00::/64", "10.0.0.0/8 fd00::/64")]
    [InlineData("", "")]
    public void Prefixes_are_aggregated_without_gaining_or_losing_an_address(string given, string expected) =>
        Assert.Equal(expected, string.Join(' ', Cidr.Aggregate(given.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Cidr.Parse))));
}
