using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>Links and their filters as iproute2 6.1 and busybox 1.35 printed them; the lines are cut after what is read.</summary>
public sealed class LinkTextTests
{
    private static readonly HashSet<string> None = [];

    private static string Short(HostLink link) => $"{link.Name} {link.Kind ?? "-"} {link.Master ?? "-"}{(link.HasXdp ? " xdp" : "")}{(link.HasTcFilter ? " tc" : "")}";

    [Theory]
    [InlineData("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0 addrgenmode eui64 ", "lo - -")]
    [InlineData("2: br0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP qlen 1000\\    link/ether a6:a2:2a:e0:6f:dd brd ff:ff:ff:ff:ff:ff promiscuity 0 \\    bridge forward_delay 1500 \\    alias my bridge\\    altname longname", "br0 bridge -")]
    [InlineData("3: v1@v0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP\\    link/ether 32:d4:ae:65:23:ec brd ff:ff:ff:ff:ff:ff promiscuity 1 \\    veth addrgenmode eui64 ", "v1 veth -")]
    [InlineData("4: v0@if3: <BROADCAST,UP> mtu 1500 qdisc noqueue master br0 state UP\\    link/ether 3a:d0:41:10:07:71 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 1 \\    veth \\    bridge_slave state forwarding ", "v0 veth br0")]
    [InlineData("5: mv0@v1: <BROADCAST,UP> mtu 1500\\    link/ether 2e:e6:64:0c:b0:de brd ff:ff:ff:ff:ff:ff \\    macvlan mode bridge ", "mv0 macvlan -")]
    [InlineData("6: vrf1: <NOARP,MASTER,UP> mtu 65575 qdisc noqueue state UP\\    link/ether 5a:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff \\    vrf table 10 ", "vrf1 vrf -")]
    [InlineData("7: eth1: <BROADCAST,UP> mtu 1500 qdisc mq master vrf1 state UP\\    link/ether 5a:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff promiscuity 0 \\    vrf_slave table 10 addrgenmode eui64 ", "eth1 - vrf1")]
    [InlineData("8: eth0: <BROADCAST,UP> mtu 1500 xdp/id:20 qdisc mq state UP\\    link/ether 5a:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff\\    vf 0     link/ether 00:00:00:00:00:00", "eth0 - - xdp")]
    [InlineData("8: eth0: <BROADCAST,UP> mtu 1500 xdpgeneric/id:20 qdisc mq state UP\\    link/ether 5a:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff", "eth0 - - xdp")]
    [InlineData("8: eth0: <BROADCAST,UP> mtu 1500 xdp qdisc mq state UP\\    link/ether 5a:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff", "eth0 - - xdp")]
    [InlineData("8: eth0: <BROADCAST,UP> mtu 1500 qdisc mq state UP\\    link/ether 5a:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff\\    prog/xdp id 20 tag 3b185187f1855c4c jited", "eth0 - - xdp")]
    [InlineData("9: xdp: <BROADCAST,UP> mtu 1500 qdisc noqueue master xdp state UP\\    link/ether 5a:00:00:00:00:04 brd ff:ff:ff:ff:ff:ff\\    veth ", "xdp veth xdp")]
    [InlineData("4: v0@v1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 qlen 1000\\    link/ether 3a:d0:41:10:07:71 brd ff:ff:ff:ff:ff:ff", "v0 - br0")]
    public void A_link_is_read(string line, string expected) => Assert.Equal(expected, Short(Assert.Single(LinkText.Parse(line + "\n", None))), StringComparer.Ordinal);

    [Fact]
    public void Filters_are_told_of_the_link_that_stands_before_them()
    {
        const string Text = "@ br0\nfilter protocol ip pref 49152 u32 chain 0 \nfilter protocol ip pref 49152 u32 chain 0 fh 800: ht divisor 1 \n  match 01010101/ffffffff at 16\n@ eth0\n@ v0\n"
            + "filter protocol all pref 49152 bpf chain 0 handle 0x1 not_in_hw bytecode '1,6 0 0 0'\n";
        var filtered = LinkText.ParseFilters(Text);
        Assert.Equal(["br0", "v0"], filtered.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(["br0 - - tc", "eth0 - -"], LinkText.Parse("1: br0: <UP> mtu 1\n2: eth0: <UP> mtu 1\n\n", filtered).Select(Short), StringComparer.Ordinal);
    }
}
