using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

public sealed class SnapshotPartTests
{
    private const string Docker = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n";
    private const string LeftOver = "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\nCOMMIT\n";
    private const string NatOnly = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\nCOMMIT\n";
    private const string Plain = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
    private const string LooksAlike = "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER-OLD - [0:0]\n-A FORWARD -m comment --comment \"-j DOCKER-USER\" -j DOCKER-USER-OLD\nCOMMIT\n";

    [Theory]
    [InlineData("iptables v1.8.9 (nf_tables)", IptablesBackend.Nft)]
    [InlineData("iptables v1.8.9 (legacy)", IptablesBackend.Legacy)]
    [InlineData("iptables v1.4.21", IptablesBackend.Legacy)]
    public void The_version_tells_the_implementation(string version, IptablesBackend backend) =>
        Assert.Equal(backend, new InstalledTool("iptables", "/usr/sbin/iptables", version).Backend);

    [Fact]
    public void Tools_are_lines_of_three_parts()
    {
        var tools = InstalledTools.Parse("iptables\t/usr/sbin/iptables\tiptables v1.8.9 (nf_tables)\nnft\t/usr/sbin/nft\tnftables v1.0.6 (Lester Gooch #5)\n  cli: editline\n\nip\t/bin/ip\tip utility, iproute2-6.1.0\r\n");
        Assert.Equal(["ip", "iptables", "nft"], tools.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal("ip utility, iproute2-6.1.0", tools["ip"].Version, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(Docker, Plain, 0)]
    [InlineData(Plain, Docker, 1)]
    [InlineData(LeftOver, Docker, 1)]
    [InlineData(Docker, LeftOver, 0)]
    [InlineData(LeftOver, LeftOver, 0)]
    [InlineData(Plain, NatOnly, 1)]
    [InlineData(Plain, "", 0)]
    [InlineData("", "", 0)]
    [InlineData(LooksAlike, LeftOver, 1)]
    [InlineData(LooksAlike, Plain, 0)]
    public void Docker_decides_which_implementation_it_is(string first, string second, int chosen)
    {
        BackendCandidate[] candidates =
        [
            new(new InstalledTool("iptables", "/usr/sbin/iptables", "iptables v1.8.9 (nf_tables)"), Ruleset.Parse(Family.IPv4, first)),
            new(new InstalledTool("iptables-legacy", "/usr/sbin/iptables-legacy", "iptables v1.8.9 (legacy)"), Ruleset.Parse(Family.IPv4, second)),
        ];
        Assert.Same(candidates[chosen], BackendChoice.Choose(candidates));
    }

    [Fact]
    public void Without_candidates_there_is_no_choice() => Assert.Null(BackendChoice.Choose([]));

    [Fact]
    public void Links_stand_before_the_colon()
    {
        const string Text = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
            + "    lo:    1060      12    0    0    0     0          0         0     1060      12\ndocker0: 0 0 0\nbr-0123456789ab:9 0 0\n";
        Assert.Equal(["lo", "docker0", "br-0123456789ab"], HostLinks.ParseLinks(Text), StringComparer.Ordinal);
        Assert.Empty(HostLinks.ParseLinks(""));
    }

    [Fact]
    public void Addresses_lose_their_subnet_and_nothing_else()
    {
        const string Text = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
            + "1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever\n"
            + "2: eth0    inet 10.1.2.3/24 brd 10.1.2.255 scope global dynamic eth0\\       valid_lft 3000sec\n"
            + "3: tun0    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0\n"
            + "7: veth1@if6    inet6 fe80::42:acff:fe11:2/64 scope link tentative\n8: sit0    sit 0.0.0.0 brd 0.0.0.0\n\n";
        Assert.Equal(
            ["lo 127.0.0.1/32", "lo ::1/128", "eth0 10.1.2.3/32", "tun0 10.8.0.1/32", "veth1 fe80::42:acff:fe11:2/128"],
            HostLinks.ParseAddresses(Text).Select(static address => $"{address.Link} {address.Address}"), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("nameserver 10.0.0.2\n", "10.0.0.2")]
    [InlineData("# nameserver 1.1.1.1\n;nameserver 1.1.1.2\nsearch lan\n  nameserver\t10.0.0.2 # local\r\nnameserver fd00::53\n", "10.0.0.2 fd00::53")]
    [InlineData("nameserver fe80::1%eth0\nnameserver 127.0.0.53\n", "fe80::1 127.0.0.53")]
    [InlineData("nameserver\nnameserver dns.lan\nnameserver 010.0.0.1\noptions edns0", "")]
    [InlineData("", "")]
    public void Nameserver_lines_are_read(string text, string servers) =>
        Assert.Equal(servers, string.Join(' ', ResolverList.ParseResolvConf(text).Select(static server => server.ToShortString())), StringComparer.Ordinal);

    [Theory]
    [InlineData("", "")]
    [InlineData("{}", "")]
    [InlineData("{\"dns\": null}", "")]
    [InlineData("{\"iptables\": true, \"dns\": [\"10.0.0.2\", \"fd00::53\"]}", "10.0.0.2 fd00::53")]
    public void The_daemons_dns_is_read(string json, string servers) =>
        Assert.Equal(servers, string.Join(' ', ResolverList.ParseDaemon(json).Select(static server => server.ToShortString())), StringComparer.Ordinal);

    [Theory]
    [InlineData("{", "not JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{\"dns\": [\"\\ud800\"]}", "not Unicode")]
    [InlineData("{\"dns\": \"10.0.0.2\"}", "not a list")]
    [InlineData("{\"dns\": [1]}", "not a list")]
    [InlineData("{\"dns\": [\"10.0.0\"]}", "'10.0.0'")]
    public void A_daemon_json_that_is_none_is_said(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => ResolverList.ParseDaemon(json)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("dockerd\n-H\nfd://\n", "")]
    [InlineData("dockerd\n--dns=10.0.0.2\n--dns\nfd00::53\n", "10.0.0.2 fd00::53")]
    [InlineData("dockerd\n--dns-search=lan\n--dns", "")]
    public void The_daemons_own_arguments_are_read(string arguments, string servers) =>
        Assert.Equal(servers, string.Join(' ', ResolverList.ParseArguments(arguments).Select(static server => server.ToShortString())), StringComparer.Ordinal);

    [Fact]
    public void Resolvers_are_merged_without_loopback_and_duplicates()
    {
        static Cidr[] Of(params string[] texts) => [.. texts.Select(Cidr.Parse)];
        Assert.Equal(Of("10.0.0.2", "fd00::53", "8.8.8.8"), ResolverList.Merge(Of("10.0.0.2", "127.0.0.53"), Of("fd00::53", "::1", "10.0.0.2"), [], Of("8.8.8.8")));
    }

    [Theory]
    [InlineData("192.0.2.7 50022 10.0.0.5 22\n192.0.2.7 via 10.0.0.1 dev eth0 src 10.0.0.5 uid 0 \\    cache \n", "192.0.2.7/32", 22, "eth0")]
    [InlineData("192.0.2.7 50022 10.0.0.5 2222\n", "192.0.2.7/32", 2222, null)]
    [InlineData("fe80::1%ens3 50022 fe80::2%ens3 22\nError: any valid prefix\n", "fe80::1/128", 22, "ens3")]
    [InlineData("::ffff:192.0.2.7 1 ::ffff:10.0.0.5 22\n", "192.0.2.7/32", 22, null)]
    [InlineData("2001:db8::7 1 2001:db8::1 22\n2001:db8::7 from :: dev wg0 proto kernel src 2001:db8::1\n", "2001:db8::7/128", 22, "wg0")]
    public void The_session_is_read(string text, string client, int port, string? link) =>
        Assert.Equal(new SessionConnection(Cidr.Parse(client), port, link), SessionText.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("UNKNOWN 65535 UNKNOWN 65535")]
    [InlineData("192.0.2.7 1 10.0.0.5")]
    [InlineData("192.0.2.7 1 10.0.0.5 0")]
    [InlineData("192.0.2.7 1 10.0.0.5 x")]
    public void What_is_no_session_is_none(string text) => Assert.Null(SessionText.Parse(text));
}
