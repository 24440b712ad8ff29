using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Core.Tests.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>What a whole reading makes of replies: a failed part is noted and is not a failure of the whole. The replies are written here, and no command is run.</summary>
public sealed class ReadWholeTests
{
    private const string Nft = "iptables v1.8.9 (nf_tables)";
    private const string Rules = "*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n[1:2] -A FORWARD -j DOCKER-USER\nCOMMIT\n";
    private const string Empty = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

    private static string Established(string source) => $"ipv4 2 tcp 6 431999 ESTABLISHED src={source} dst=10.9.9.9 sport=1 dport=80 src=10.9.9.9 dst={source} sport=80 dport=1 use=1\n";

    private static ShellSection Section(string name, string text = "", int exitCode = 0, string errors = "") => new(name, exitCode, Encoding.UTF8.GetBytes(text), errors);

    private static HostDocker Engine() => HostDocker.Through(
        StubTransport.Of(static request => request switch
        {
            "GET /version" => DockerReplies.Version2010,
            "GET /v1.41/info" => DockerReplies.Info2010,
            "GET /v1.41/networks" => """[{"Name":"bridge","Id":"a","Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]}}]""",
            _ => "[]",
        }),
        "unix:///x");

    private static Task<HostSnapshot> ReadAsync(bool docker, params ShellSection[] sections)
    {
        List<ShellSection> all = [Section("id", "0\n"), Section("tools", $"iptables\t/sbin/iptables\t{Nft}\niptables-legacy\t/sbin/iptables-legacy\tiptables v1.8.9 (legacy)\n")];
        if (!Array.Exists(sections, static section => section.Name is "save4"))
            all.Add(Section("save4", Rules));
        return new DockerHost(new Replies([.. all, .. sections]), docker ? Engine() : null).ReadWholeAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_the_firmware_and_the_leases_say_is_read_with_the_other_files()
    {
        var read = await ReadAsync(docker: true, Section("files", "/proc/net/dev:  eth0: 0\n/sys/class/dmi/id/sys_vendor:Amazon EC2\n/sys/class/dmi/id/product_name:m7i.large \n/run/systemd/netif/leases/2:SERVER_ADDRESS=10.1.1.1\n"));
        Assert.Equal(("Amazon EC2", "m7i.large", ""), (read.Platform!.Vendor, read.Platform.Product, read.Platform.ChassisAssetTag));
        Assert.Equal([Cidr.Parse("10.1.1.1")], read.Platform.DhcpServers);
        Assert.Equal(["eth0"], read.Links);
        var none = await ReadAsync(docker: true, Section("files", "/proc/net/dev:  eth0: 0\n"));
        Assert.Equal("", none.Platform!.Vendor);
        Assert.Empty(none.Platform.DhcpServers);
    }

    [Fact]
    public async Task Each_part_is_in_its_place()
    {
        var whole = await ReadAsync(
            docker: true, Section("save4", Rules.Replace("COMMIT", "[0:0] -A DOCKER-USER -m set --match-set s dst -j DROP\nCOMMIT", StringComparison.Ordinal)), Section("nft", "{\"nftables\":[]}"), Section("ip", "ip utility, iproute2-6.1.0\n"), Section("routes4", "default dev eth0\n"), Section("routes6", "fd00::/64 dev eth0\n"),
            Section("rules4", "0: from all lookup local\n"), Section("rules6", "0: from all lookup local\n"), Section("link-details", "1: br0: <UP> mtu 1500\\    link/ether x\\    bridge x\n"),
            Section("filters", "@ br0\nfilter protocol ip\n"), Section("sysctls", "/proc/sys/net/ipv4/ip_forward:1\n"), Section("ipvs", "TCP  0A000001:0050 rr\n"),
            Section("ipsets", "create s hash:ip family inet\n"), Section("dockerd", "dockerd\n--icc=false\n"), Section("daemon", "{\"iptables\":false}"),
            Section("addresses", "1: docker0 inet 172.17.0.1/16 scope global\n"),
            Section("connections", Established("172.17.0.2") + Established("172.17.0.1") + Established("10.0.0.5")));
        Assert.Empty(whole.Unread);
        Assert.NotNull(whole.Nft);
        Assert.Equal([Family.IPv4, Family.IPv6], whole.Routes.Select(static route => route.Family));
        Assert.Equal([Family.IPv4, Family.IPv6], whole.RoutingRules.Select(static rule => rule.Family));
        Assert.Equal(new HostLink("br0", "bridge", null, false, true), Assert.Single(whole.LinkDetails));
        Assert.Equal("s", Assert.Single(whole.IpSets).Name, StringComparer.Ordinal);
        Assert.Single(whole.IpvsServices);
        Assert.Equal("1", whole.Sysctls["net.ipv4.ip_forward"], StringComparer.Ordinal);
        Assert.Equal("false false", $"{whole.DaemonSettings["icc"]} {whole.DaemonSettings["iptables"]}", StringComparer.Ordinal);
        // Neither the host's own connections on the bridge nor those of others.
        Assert.Equal("172.17.0.2", Assert.Single(whole.Connections!).Source.Address, StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_is_missing_is_said_and_fails_nothing()
    {
        var whole = await ReadAsync(docker: true);
        Assert.Equal(
            ["Connections", "DaemonSettings", "LinkDetails", "Nft", "Routes", "RoutingRules", "Sysctls", "TcFilters"], whole.Unread.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Null(whole.Nft);
        Assert.Null(whole.Connections);
        Assert.All(whole.Unread.Values, static reason => Assert.EndsWith(".", reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_fails_is_said_with_its_reason()
    {
        var whole = await ReadAsync(
            docker: true, Section("nft", "", 1, "Operation not permitted\n"), Section("routes4", "Dump was interrupted\n"), Section("ipsets", "", 1, "ipset: Kernel error"), Section("daemon", "", 1, "cat: no"),
            Section("connections", "", 0, "sudo: a password is required\n"), Section("ip", "BusyBox v1.35.0 multi-call binary.\n"), Section("link-details", "1: lo: <UP> mtu 1\n"));
        Assert.Equal("Operation not permitted", whole.Unread["Nft"], StringComparer.Ordinal);
        Assert.Contains("Dump was interrupted", whole.Unread["Routes"], StringComparison.Ordinal);
        Assert.Contains("password", whole.Unread["Connections"], StringComparison.Ordinal);
        Assert.Contains("cat: no", whole.Unread["DaemonSettings"], StringComparison.Ordinal);
        Assert.Contains("busybox", whole.Unread["LinkDetails"], StringComparison.Ordinal);
        Assert.Equal("lo", Assert.Single(whole.LinkDetails).Name, StringComparer.Ordinal);
        // No rule names a set, so there may be none.
        Assert.DoesNotContain("IpSets", whole.Unread.Keys);
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(1, "ipset v7.17: Kernel error received: Operation not permitted")]
    public async Task Sets_that_a_rule_names_must_have_been_read(int exitCode, string errors)
    {
        const string WithSet = "*filter\n:FORWARD DROP [0:0]\n[0:0] -A FORWARD -m set --match-set s dst -j DROP\nCOMMIT\n";
        var sets = exitCode == 0 ? [] : new[] { Section("ipsets", "", exitCode, errors) };
        var whole = await ReadAsync(docker: true, [Section("save4", WithSet), .. sets]);
        Assert.Contains(exitCode == 0 ? "install" : "Operation not permitted", whole.Unread["IpSets"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_sets_that_rules_name_are_kept_with_those_in_their_lists()
    {
        const string Sets = "create a hash:ip family inet\nadd a 10.0.0.1\ncreate b hash:ip family inet\ncreate other hash:net family inet\nadd other 10.0.0.0/8\ncreate l list:set size 8\nadd l b timeout 0\n";
        const string WithSets = "*filter\n:FORWARD DROP [0:0]\n[0:0] -A FORWARD -m set ! --match-set a dst -j DROP\n[0:0] -A FORWARD -m set --match-set l src -m comment --comment \"--match-set other\" -j DROP\nCOMMIT\n";
        Assert.Equal(["a", "b", "l"], (await ReadAsync(docker: true, Section("save4", WithSets), Section("ipsets", Sets))).IpSets.Select(static set => set.Name));
        Assert.Empty((await ReadAsync(docker: true, Section("ipsets", Sets))).IpSets);
    }

    [Fact]
    public void Whether_rules_name_sets_is_asked_of_the_kernels_modules()
    {
        var text = ReadingProgram.Whole(ReadingProgram.Begin()).Build(TimeSpan.FromSeconds(1)).Text;
        Assert.Contains("command -v ipset >/dev/null && dnh_names_sets", text, StringComparison.Ordinal);
        Assert.True(text.IndexOf("dnh_names_sets() {", StringComparison.Ordinal) < text.IndexOf("$S ipset save\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_implementation_that_Docker_does_not_use_is_kept_where_it_does_anything()
    {
        const string Twin = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -d 10.0.0.5/32 -j DROP\nCOMMIT\n";
        Assert.Single((await ReadAsync(docker: false, Section("save4-legacy", Twin))).OtherRules[Family.IPv4].AllRules);
        Assert.Equal("DROP", (await ReadAsync(docker: false, Section("save4-legacy", Empty.Replace("FORWARD ACCEPT", "FORWARD DROP", StringComparison.Ordinal)))).OtherRules[Family.IPv4].ChainsOf("filter")[1].Policy, StringComparer.Ordinal);
        Assert.Empty((await ReadAsync(docker: false, Section("save4-legacy", Empty))).OtherRules);
        Assert.Empty((await ReadAsync(docker: false, Section("save4-legacy", ""))).OtherRules);
        var failed = await ReadAsync(docker: false, Section("save4-legacy", "", 1, "modprobe: not found"));
        Assert.Contains("modprobe", failed.Unread["OtherRules"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_connections_than_are_read_are_said()
    {
        var whole = await ReadAsync(docker: true, Section("connections", string.Concat(Enumerable.Repeat(Established("172.17.0.2"), 20_001))));
        Assert.Contains("20000", whole.Unread["Connections"], StringComparison.Ordinal);
        Assert.Single(whole.Connections!);
    }

    [Fact]
    public async Task Without_Docker_it_is_not_known_whose_connections_they_are() =>
        Assert.Contains("Docker", (await ReadAsync(docker: false, Section("connections", ""))).Unread["Connections"], StringComparison.Ordinal);

    [Fact]
    public void What_planning_reads_did_not_grow()
    {
        var lean = ReadingProgram.Lean(ReadingProgram.Begin()).Build(TimeSpan.FromSeconds(1)).Text;
        // Of nf_tables only our own table, and of sets only ours.
        Assert.All(["nft -j list ruleset", "route show", "tc filter", "ipset save\n", "conntrack"], part => Assert.DoesNotContain(part, lean, StringComparison.Ordinal));
        Assert.All(["nft -j list ruleset", "route show", "tc filter", "ipset save\n", "conntrack"], part => Assert.Contains(part, ReadingProgram.Whole(ReadingProgram.Begin()).Build(TimeSpan.FromSeconds(1)).Text, StringComparison.Ordinal));
    }

    private sealed class Replies(IReadOnlyList<ShellSection> sections) : IShell
    {
        public string HostName => "tested";

        public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop) => Task.FromResult(new ShellReply(sections));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
