using System.Reflection;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>The file of a snapshot carries each of its properties, there and back, and says what is wrong with a file that it cannot read.</summary>
public sealed class SnapshotFileTests
{
    private const string Save = "*filter\n:INPUT ACCEPT [1:2]\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n[3:4] -A FORWARD -m comment --comment \"a \\\"quote\\\" and ümlaut\" -j DOCKER-USER\nCOMMIT\n";

    // Every list has a member and no text is missing: otherwise nobody would notice if the file lacked one.
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
        Platform = new HostPlatform { Vendor = "QEMU", Product = "Google Compute Engine", ChassisVendor = "c", ChassisAssetTag = "t", BiosVersion = "1.0", DhcpServers = [Cidr.Parse("10.0.0.1")] },
        Session = new SessionConnection(Cidr.Parse("192.0.2.7"), 22, "eth0"),
        OtherRules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Ruleset.Parse(Family.IPv4, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n") },
        Nft = NftText.Parse("""
            {"nftables":[{"table":{"family":"netdev","name":"n","flags":["owner","persist"]}},{"chain":{"family":"netdev","table":"n","name":"i","type":"filter","hook":"ingress","prio":-150,"policy":"drop","dev":["br0","br1"]}},
             {"rule":{"family":"netdev","table":"n","chain":"i","handle":3,"comment":"ours","expr":[{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"drop":null}]}},{"flowtable":{"family":"ip","table":"x","name":"f g"}},
             {"map":{"family":"ip","table":"x","name":"jumps","type":"ifname","map":"verdict","elem":[["web0",{"jump":{"target":"c"}}]]}},{"limit":{"family":"ip","table":"x","name":"l","handle":4,"rate":5,"per":"minute","burst":6,"inv":true}},
             {"set":{"family":"ip","table":"x","name":"s","type":["ipv4_addr","inet_service"],"size":9,"timeout":60,"elem":[{"concat":["10.0.0.1",80]}]}}]}
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
        // What only the reader does, beyond what the writer could hide.
        Assert.Equal(Sample.TakenAt, read.TakenAt);
        Assert.Equal(TimeSpan.FromHours(2), read.TakenAt.Offset);
        Assert.Equal(Save, read.Rules[Family.IPv4].ToString(), StringComparer.Ordinal);
        Assert.Equal(500, read.DockerError!.Status);
        Assert.Equal(Sample.Routes[0].Links, read.Routes[0].Links, StringComparer.Ordinal);
        Assert.Equal(Sample.Containers[0].Ports, read.Containers[0].Ports);
    }

    [Fact]
    public void Utf16_is_named()
    {
        foreach (var encoding in new[] { System.Text.Encoding.Unicode, System.Text.Encoding.BigEndianUnicode })
            Assert.Contains("UTF-16", Assert.Throws<SnapshotFormatException>(() => SnapshotFile.Read(new([.. encoding.GetPreamble(), .. encoding.GetBytes(Write(Sample))]))).Message, StringComparison.Ordinal);
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

    // What the sample lacks: prefixes of full length where the file keeps the length and where it does not, unsorted names, nulls where allowed.
    private static HostSnapshot Format1 { get; } = Sample with
    {
        Engine = Sample.Engine! with { AddressPools = [Cidr.Parse("10.9.0.1/32"), Cidr.Parse("fd00::/48")], FirewallBackend = null },
        Networks = [Sample.Networks[0] with { Subnets = [Cidr.Parse("10.8.0.1/32"), Cidr.Parse("fd00:8::/64")], Bridge = null, Labels = new Dictionary<string, string> { ["z"] = "\u0001 \"<&'", ["a"] = "", ["B"] = "é" } }],
        Containers = [Sample.Containers[0] with { Addresses = [new ContainerAddress("web", null, null)], Ports = [new PublishedPort(null, 0, 80, "udp"), new PublishedPort(Cidr.Parse("::/0"), 1, 2, "sctp")], Dns = [] }],
        Iptables = Sample.Iptables with { Prefix6 = null },
        Rules = new Dictionary<Family, Ruleset> { [Family.IPv6] = Sample.Rules[Family.IPv6], [Family.IPv4] = Sample.Rules[Family.IPv4] },
        Platform = null,
        Session = Sample.Session! with { Link = null },
        Routes = [.. Sample.Routes, new HostRoute(Family.IPv4, "local", "local", Cidr.Parse("127.0.0.1"), [])],
        RoutingRules = [.. Sample.RoutingRules, new RoutingRule(Family.IPv4, 0, Cidr.Parse("10.0.0.1"), null, null, null, IsModelled: false, "0: from 10.0.0.1 lookup local")],
        LinkDetails = [.. Sample.LinkDetails, new HostLink("lo", null, null, HasXdp: false, HasTcFilter: false)],
        // What later versions write besides.
        Nft = Sample.Nft! with { Rules = [Sample.Nft.Rules[0] with { Comment = null }], Limits = [new NftLimit("ip", "x", "l", IsOver: true)], Sets = [] },
        IpSets = [.. Sample.IpSets, new HostIpSet("ports", "bitmap:port", null, [])],
        Sysctls = new Dictionary<string, string> { ["b"] = "1", ["a.c"] = "2", ["a.B"] = "3" },
    };

    // The hand-written writer of version 1.0 made this file, which stays as it is.
    [Fact]
    public void A_file_of_format_1_is_read_and_written_as_ever()
    {
        var file = File.ReadAllText(Path.Combine(DockerNetHarden.Tests.ProjectRoot.Path, "tests", "DockerNetHarden.Core.Tests", "Snapshots", "snapshot-format-1.json"));
        Assert.Equal(file, Write(Format1), StringComparer.Ordinal);
        Assert.Equal(file, Write(Read(file)), StringComparer.Ordinal);
    }

    [Fact]
    public void A_part_that_came_later_may_be_missing_but_not_a_part_of_it()
    {
        var text = Write(Sample with { Platform = null });
        Assert.DoesNotContain("platform", text, StringComparison.Ordinal);
        Assert.Null(Read(text).Platform);
        Assert.Equal("$.platform.vendor", Assert.Throws<SnapshotFormatException>(() => Read(text.Replace("\"hasIPv6\"", "\"platform\": {}, \"hasIPv6\"", StringComparison.Ordinal))).Place, StringComparer.Ordinal);
    }

    public static TheoryData<string> Properties => [.. Mutation.Of(Sample).Select(static mutation => mutation.Name)];

    // A new property of the snapshot or one of its records fails here until the file has it.
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
    [InlineData("\"product\": \"Google Compute Engine\"", "\"product\": 7", "$.platform.product")]
    [InlineData("\"net.ipv4.ip_forward\": \"1\"", "\"net.ipv4.ip_forward\": 1", "$.sysctls['net.ipv4.ip_forward']")]
    public void A_value_that_cannot_be_is_named_by_its_path(string good, string bad, string path)
    {
        var text = Write(Sample);
        Assert.Contains(good, text, StringComparison.Ordinal);
        var error = Assert.Throws<SnapshotFormatException>(() => Read(text.Replace(good, bad, StringComparison.Ordinal)));
        Assert.Equal(path, error.Place, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("\"pid\": 7,", "", "$.containers[0].pid")]
    [InlineData("\"prefix4\": \"iptables-legacy\",", "\"prefix4\": null,", "$.iptables.prefix4")]
    [InlineData("\"failure\": \"EngineError\"", "\"failure\": \"None\"", "$.dockerError.failure")]
    [InlineData("\"status\": 500", "\"status\": \"500\"", "$.dockerError.status")]
    [InlineData("\"metric\": 4294967295", "\"metric\": 1e30", "$.routes[0].metric")]
    [InlineData("\"from\": \"fd00::/8\"", "\"from\": \"fd00::/129\"", "$.routingRules[0].from")]
    [InlineData("\"busybox\"", "[]", "$.containers[0].image")]
    [InlineData("\"vrf1\"", "{}", "$.linkDetails[0].master")]
    [InlineData("\"icc\": \"false\"", "\"icc\": null", "$.daemonSettings['icc']")]
    [InlineData("\"a warning\"", "\"a warning\", null", "$.warnings[1]")]
    [InlineData("\"warnings\": [", "\"warnings\": null, \"more\": [", "$.warnings")]
    [InlineData("\"IPv6\": \"*filter\\n:INPUT ACCEPT [0:0]\\nCOMMIT\\n\"", "\"IPv6\": null", "$.rules['IPv6']")]
    public void A_value_that_is_missing_or_null_or_of_another_kind_is_named_by_its_path(string good, string bad, string path) => A_value_that_cannot_be_is_named_by_its_path(good, bad, path);

    // Half a surrogate pair in a value, in a name, and where nothing reads it before the analysis.
    [Theory]
    [InlineData("admin@web1", "\\ud800")]
    [InlineData("icc", "\\ud800")]
    [InlineData("\"jump\"", "\"\\ud800\"")]
    [InlineData("\"format\": 1,", "\"format\": 1, \"\\ud800\": 1,")]
    public void A_text_that_is_not_Unicode_is_an_error_with_its_place(string good, string bad)
    {
        var text = Write(Sample);
        Assert.Contains(good, text, StringComparison.Ordinal);
        Assert.StartsWith("line ", Assert.Throws<SnapshotFormatException>(() => Read(text.Replace(good, bad, StringComparison.Ordinal))).Place, StringComparison.Ordinal);
        var bytes = Encoding.Latin1.GetBytes(Write(Sample with { HostName = "web\u00ff" }));
        Assert.StartsWith("line 3, ", Assert.Throws<SnapshotFormatException>(() => SnapshotFile.Read(bytes)).Place, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_member_that_stands_twice_the_last_counts_and_an_unknown_one_is_left_out()
    {
        var read = Read(Write(Sample).Replace("\"hostName\": \"admin@web1\"", "\"hostName\": \"admin@web1\", \"color\": {\"a\": [1]}, \"hostName\": \"web2\"", StringComparison.Ordinal)
            .Replace("\"icc\": \"false\"", "\"icc\": \"false\", \"icc\": \"true\"", StringComparison.Ordinal));
        Assert.Equal(("web2", "true"), (read.HostName, read.DaemonSettings["icc"]));
    }

    // In place of each value, and before it under the same name.
    [Theory]
    [InlineData("7")]
    [InlineData("1e400")]
    [InlineData("\"x\"")]
    [InlineData("null")]
    [InlineData("false")]
    [InlineData("[7, null]")]
    [InlineData("{\"a\": [7]}")]
    public void Whatever_stands_in_a_file_it_is_read_or_the_error_is_typed(string other)
    {
        var lines = Write(Sample).Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Split("\": ", 2) is not [var name, var value])
                continue;
            foreach (var line in value is "{" or "[" ? [$"{name}\": {other}, {lines[i]}"] : new[] { $"{name}\": {other}, {lines[i]}", $"{name}\": {other}{(value.EndsWith(',') ? "," : "")}" })
            {
                var error = Record.Exception(() => Read(string.Join('\n', [.. lines[..i], line, .. lines[(i + 1)..]])));
                Assert.True(error is null or SnapshotFormatException { Place: not null }, $"{line}: {error}");
            }
        }
    }

    // System.Text.Json of .NET 8 does not see nullable annotations, so they are compared with what it is told.
    [Fact]
    public void What_may_be_null_in_the_file_is_what_may_be_null_in_the_records()
    {
        var nullability = new NullabilityInfoContext();
        var (records, seen) = (new Queue<Type>([typeof(HostSnapshot)]), new HashSet<Type>());
        while (records.TryDequeue(out var record))
        {
            var type = SnapshotForm.Of(record);
            if (type.Kind == JsonTypeInfoKind.Enumerable)
                records.Enqueue(record.GetGenericArguments()[0]);
            if (type.Kind != JsonTypeInfoKind.Object || !seen.Add(record))
                continue;
            foreach (var member in SnapshotForm.MembersOf(type))
            {
                var property = record.GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                    .Single(property => string.Equals(property.Name is "DockerErrorText" ? "dockerError" : property.Name is "DockerError" ? "" : property.Name, member.Name, StringComparison.OrdinalIgnoreCase));
                Assert.True(SnapshotForm.MayBeNull(type, member) == (nullability.Create(property).ReadState == NullabilityState.Nullable), $"{record.Name}.{member.Name}");
                records.Enqueue(member.PropertyType);
            }
        }
        Assert.Contains(typeof(OpenConnection), seen);
    }

    [Fact]
    public void A_byte_order_mark_is_allowed() => Assert.Equal("admin@web1", SnapshotFile.Read(Encoding.UTF8.GetBytes("\uFEFF" + Write(Sample))).HostName, StringComparer.Ordinal);
}
