using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>The file of a snapshot carries each of its properties, there and back, and says what is wrong with a file that it cannot read.</summary>
public sealed class SnapshotFileTests
{
    private const string Save = "*filter\n:INPUT ACCEPT [1:2]\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n[3:4] -A FORWARD -m comment --comment \"a \\\"quote\\\" and ümlaut\" -j DOCKER-USER\nCOMMIT\n";

    // Every list has a member and every text is there: what is left out here could not be seen to be missing in the file.
    private static HostSnapshot Sample { get; } = new()
    {
        HostName = "admin@web1",
        TakenAt = new DateTimeOffset(2026, 1, 31, 12, 30, 15, 123, TimeSpan.FromHours(2)),
        Iptables = new IptablesTool(IptablesBackend.Legacy, "iptables v1.8.9 (legacy)", "iptables-legacy", "ip6tables-legacy"),
        Engine = new DockerEngine { Version = "29.0.0", ApiVersion = "1.51", AddressPools = [Cidr.Parse("172.17.0.0/16")], IsRootless = true, FirewallBackend = "nftables", BridgeNfIptables = true },
        DockerError = new DockerException(DockerFailure.EngineError, "it failed", "unix:///run/docker.sock", 500),
        Networks =
        [
            new DockerNetwork
            {
                Name = "web", Id = "b", Driver = "bridge", Bridge = "web0", Internal = true, EnableIPv6 = true, Subnets = [Cidr.Parse("172.18.0.0/16")], Gateways = [Cidr.Parse("172.18.0.1")],
                Options = new Dictionary<string, string> { ["o"] = "1" }, Labels = new Dictionary<string, string> { ["l"] = "2" }, Containers = ["c0"],
            },
        ],
        Containers =
        [
            new DockerContainer
            {
                Id = "c", Name = "c0", Image = "busybox", State = "running", NetworkMode = "web", Addresses = [new ContainerAddress("web", Cidr.Parse("172.18.0.2"), Cidr.Parse("fd00::2"))],
                Ports = [new PublishedPort(Cidr.Parse("127.0.0.1"), 8080, 80, "tcp")], Dns = [Cidr.Parse("10.0.0.2")], Pid = 7, Privileged = true, AddedCapabilities = ["NET_ADMIN"], DroppedCapabilities = ["NET_RAW"],
            },
        ],
        Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Ruleset.Parse(Family.IPv4, Save), [Family.IPv6] = Ruleset.Parse(Family.IPv6, "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n") },
        HasIPv6 = false,
        Links = ["lo", "web0"],
        Addresses = [new HostAddress("web0", Cidr.Parse("172.18.0.1"))],
        Resolvers = [Cidr.Parse("10.0.0.2")],
        Session = new SessionConnection(Cidr.Parse("192.0.2.7"), 22, "eth0"),
        OtherRules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Ruleset.Parse(Family.IPv4, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n") },
        Nft = NftText.Parse("""
            {"nftables":[{"table":{"family":"netdev","name":"n","flags":["owner","persist"]}},{"chain":{"family":"netdev","table":"n","name":"i","type":"filter","hook":"ingress","prio":-150,"policy":"drop","dev":["br0","br1"]}},
             {"rule":{"family":"netdev","table":"n","chain":"i","handle":3,"expr":[{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"drop":null}]}},{"flowtable":{"family":"ip","table":"x","name":"f g"}},
             {"map":{"family":"ip","table":"x","name":"jumps","type":"ifname","map":"verdict","elem":[["web0",{"jump":{"target":"c"}}]]}},{"limit":{"family":"ip","table":"x","name":"l","handle":4,"rate":5,"per":"minute","inv":true}}]}
            """u8.ToArray()),
        Routes = [new HostRoute(Family.IPv4, "main", "unicast", Cidr.Parse("0.0.0.0/0"), ["eth0"], 4_294_967_295, IsModelled: false)],
        RoutingRules = [new RoutingRule(Family.IPv6, 5, Cidr.Parse("fd00::/8"), Cidr.Parse("fd01::/16"), "web0", "7", IsModelled: true, "5: from ...")],
        LinkDetails = [new HostLink("web0", "bridge", "vrf1", HasXdp: true, HasTcFilter: true)],
        IpSets = [new HostIpSet("s", "hash:net", Family.IPv4, ["10.0.0.0/8"])],
        IpvsServices = ["TCP  0A000001:0050 rr"],
        Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_forward"] = "1" },
        DaemonSettings = new Dictionary<string, string> { ["icc"] = "false" },
        Connections = [new OpenConnection(Family.IPv4, "tcp", Cidr.Parse("172.18.0.2"), Cidr.Parse("169.254.169.254"), 80)],
        Unread = new Dictionary<string, string> { ["Nft"] = "no right" },
        Saved = new SavedFiles { Texts = new Dictionary<string, string> { ["/etc/docker-net-harden/saved"] = "[iptables]\n4 iptables\n" }, Links = ["/etc/a"], Systems = ["systemd"] },
        Warnings = ["a warning"],
    };

    private static string Write(HostSnapshot snapshot)
    {
        using var stream = new MemoryStream();
        SnapshotFile.Write(snapshot, stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static HostSnapshot Read(string json) => SnapshotFile.Read(Encoding.UTF8.GetBytes(json));

    [Fact]
    public void What_is_read_is_what_was_written()
    {
        var text = Write(Sample);
        var read = Read(text);
        Assert.Equal(text, Write(read), StringComparer.Ordinal);
        // The reader's own work, beyond what the writer could undo again.
        Assert.Equal(Sample.TakenAt, read.TakenAt);
        Assert.Equal(TimeSpan.FromHours(2), read.TakenAt.Offset);
        Assert.Equal(Save, read.Rules[Family.IPv4].ToString(), StringComparer.Ordinal);
        Assert.Equal(500, read.DockerError!.Status);
        Assert.Equal(Sample.Routes[0].Links, read.Routes[0].Links, StringComparer.Ordinal);
        Assert.Equal(Sample.Containers[0].Ports, read.Containers[0].Ports);
    }

    [Fact]
    public void What_is_not_there_stays_away()
    {
        var bare = new HostSnapshot { HostName = "h", TakenAt = DateTimeOffset.UnixEpoch, Iptables = new IptablesTool(IptablesBackend.Nft, "v", "iptables", null), Rules = new Dictionary<Family, Ruleset>() };
        var read = Read(Write(bare));
        Assert.Equal(Write(bare), Write(read), StringComparer.Ordinal);
        Assert.Null(read.Connections);
        Assert.Null(read.Nft);
        Assert.Null(read.Engine);
        Assert.True(read.HasIPv6);
    }

    public static TheoryData<string> Properties => [.. Mutation.Of(Sample).Select(static mutation => mutation.Name)];

    // A property that is new in the snapshot, or in one of its records, fails here until the file carries it.
    [Theory]
    [MemberData(nameof(Properties))]
    public void A_property_changes_the_file_and_comes_back(string name)
    {
        var changed = Mutation.Of(Sample).Single(mutation => string.Equals(mutation.Name, name, StringComparison.Ordinal)).Changed;
        var text = Write(changed);
        Assert.NotEqual(Write(Sample), text);
        Assert.Equal(text, Write(Read(text)), StringComparer.Ordinal);
    }

    [Fact]
    public void Every_property_of_every_record_is_among_them() =>
        Assert.Subset(
            Mutation.Of(Sample).Select(static mutation => mutation.Name).ToHashSet(StringComparer.Ordinal),
            new HashSet<string>(StringComparer.Ordinal) { "HostName", "Engine.FirewallBackend", "Containers[0].Ports[0].HostPort", "Nft.Chains[0].Devices", "Routes[0].IsModelled", "DockerError.Status" });

    [Theory]
    [InlineData("", "line 1")]
    [InlineData("{\"format\": 1,\n oops", "line 2")]
    [InlineData("[]", "$ ")]
    [InlineData("{}", "$.format")]
    [InlineData("{\"format\": \"1\"}", "$.format")]
    [InlineData("{\"format\": 2}", "format 2")]
    [InlineData("{\"format\": 1}", "$.hostName")]
    public void A_file_that_is_no_snapshot_says_where_and_what_to_do(string json, string place)
    {
        var error = Assert.Throws<SnapshotFormatException>(() => Read(json));
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
        Assert.Contains("Export-DockerHostSnapshot", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"state\": \"running\"", "\"state\": 7", "$.containers[0].state")]
    [InlineData("\"172.18.0.0/16\"", "\"172.18.0.1/16\"", "$.networks[0].subnets[0]")]
    [InlineData("\"backend\": \"Legacy\"", "\"backend\": \"1\"", "$.iptables.backend")]
    [InlineData("\"pid\": 7", "\"pid\": 7.5", "$.containers[0].pid")]
    [InlineData("\"hasIPv6\": false", "\"hasIPv6\": null", "$.hasIPv6")]
    [InlineData("\"IPv6\": \"*filter", "\"IPv5\": \"*filter", "$.rules['IPv5']")]
    [InlineData("\"IPv6\": \"*filter", "\"IPv6\": \"*filter\\nnonsense", "$.rules['IPv6']")]
    [InlineData("\"handle\": 3", "\"handle\": \"3\"", "$.nft")]
    [InlineData("2026-01-31T", "the 31st ", "$.takenAt")]
    [InlineData("\"net.ipv4.ip_forward\": \"1\"", "\"net.ipv4.ip_forward\": 1", "$.sysctls['net.ipv4.ip_forward']")]
    public void A_value_that_cannot_be_is_named_by_its_path(string good, string bad, string path)
    {
        var text = Write(Sample);
        Assert.Contains(good, text, StringComparison.Ordinal);
        var error = Assert.Throws<SnapshotFormatException>(() => Read(text.Replace(good, bad, StringComparison.Ordinal)));
        Assert.Equal(path, error.Place, StringComparer.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_allowed() => Assert.Equal("admin@web1", SnapshotFile.Read(Encoding.UTF8.GetBytes("\uFEFF" + Write(Sample))).HostName, StringComparer.Ordinal);
}
