using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Chains of nftables beside those of iptables, and rules of nft in the tables of iptables-nft.</summary>
public sealed class WalkNativeTests
{
    private const string Open = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

    private static HostSnapshot Host(string rules, string policy = "accept", string chain = "\"hook\":\"forward\",\"type\":\"filter\",\"prio\":-10", string family = "inet", string save = Open) => WalkHost.Of(save) with
    {
        Nft = NftText.Parse(Encoding.UTF8.GetBytes(Json(rules, policy, chain, family))),
    };

    private static string Json(string rules, string policy, string chain, string family)
    {
        var lines = rules.Split('\n').Where(static rule => rule.Length > 0).Select((rule, i) => $$$""",{"rule":{"family":"{{{family}}}","table":"own","chain":"c","handle":{{{i + 10}}},"expr":[{{{rule}}}]}}""");
        return $$$"""
            {"nftables":[{"chain":{"family":"{{{family}}}","table":"own","name":"c","handle":1,{{{chain}}},"policy":"{{{policy}}}"}},
            {"chain":{"family":"{{{family}}}","table":"own","name":"sub","handle":2}},
            {"map":{"family":"{{{family}}}","name":"jumps","table":"own","type":"ifname","handle":31,"map":"verdict","elem":[["apps0",{"drop":null}],["docker0",{"jump":{"target":"sub"}}]]}},
            {"limit":{"family":"{{{family}}}","name":"within","table":"own","handle":32,"rate":5,"per":"minute","burst":5}},
            {"limit":{"family":"{{{family}}}","name":"beyond","table":"own","handle":33,"rate":5,"per":"minute","inv":true,"burst":5}},
            {"rule":{"family":"{{{family}}}","table":"own","chain":"sub","handle":3,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":25}},{"drop":null}]}}
            {{{string.Concat(lines)}}}]}
            """;
    }

    private static string Match(string left, string right, string op = "==") => $"{{\"match\":{{\"op\":\"{op}\",\"left\":{left},\"right\":{right}}}}}";

    private const string Daddr = "{\"payload\":{\"protocol\":\"ip\",\"field\":\"daddr\"}}";
    private const string Drop = ",{\"drop\":null}";

    private static string Xt(string target) => $$$"""{"xt":{"type":"target","name":"{{{target}}}"}}""";

    public static TheoryData<string, Verdict> Rules => new()
    {
        { Match(Daddr, "\"203.0.113.9\"") + Drop, Verdict.Drop },
        { Match(Daddr, "\"203.0.113.9\"", "!=") + Drop, Verdict.Accept },
        { Match(Daddr, "{\"prefix\":{\"addr\":\"203.0.113.0\",\"len\":24}}") + Drop, Verdict.Drop },
        { Match(Daddr, "{\"set\":[\"1.1.1.1\",{\"range\":[\"203.0.113.1\",\"203.0.113.99\"]}]}") + Drop, Verdict.Drop },
        { Match(Daddr, "\"@named\"") + Drop, Verdict.Unknown },
        { Match("{\"payload\":{\"protocol\":\"ip6\",\"field\":\"daddr\"}}", "\"::1\"") + Drop, Verdict.Accept },
        { Match("{\"meta\":{\"key\":\"iifname\"}}", "{\"set\":[\"docker0\",\"x\"]}") + Drop, Verdict.Drop },
        { Match("{\"meta\":{\"key\":\"iifname\"}}", "\"dock*\"") + ",{\"counter\":{\"packets\":0,\"bytes\":0}},{\"reject\":{\"type\":\"tcp reset\"}}", Verdict.Reject },
        { Match("{\"meta\":{\"key\":\"oifname\"}}", "\"eth0\"", "!=") + Drop, Verdict.Accept },
        { Match("{\"meta\":{\"key\":\"l4proto\"}}", "{\"set\":[\"tcp\",\"udp\"]}") + "," + Match("{\"payload\":{\"protocol\":\"th\",\"field\":\"dport\"}}", "25") + Drop, Verdict.Drop },
        { Match("{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}}", "{\"set\":[80,{\"range\":[20,30]}]}") + Drop, Verdict.Drop },
        { Match("{\"payload\":{\"protocol\":\"udp\",\"field\":\"dport\"}}", "25") + Drop, Verdict.Accept },
        { Match("{\"ct\":{\"key\":\"state\"}}", "[\"established\",\"related\"]", "in") + Drop, Verdict.Accept },
        { Match("{\"ct\":{\"key\":\"state\"}}", "\"new\"", "in") + Drop, Verdict.Drop },
        { Match("{\"ct\":{\"key\":\"ip daddr\",\"dir\":\"original\"}}", "\"203.0.113.9\"") + Drop, Verdict.Drop },
        { Match("{\"ct\":{\"key\":\"direction\"}}", "\"reply\"") + Drop, Verdict.Accept },
        { Match("{\"fib\":{\"result\":\"type\",\"flags\":[\"daddr\"]}}", "\"local\"") + Drop, Verdict.Accept },
        { Match("{\"&\":[{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}},{\"|\":[\"syn\",\"ack\"]}]}", "\"syn\"") + Drop, Verdict.Drop },
        { "{\"limit\":{\"rate\":5,\"per\":\"minute\",\"inv\":true}}" + Drop, Verdict.RateLimited },
        { "{\"limit\":{\"rate\":5,\"per\":\"minute\"}}" + Drop, Verdict.Unknown },
        { Match("{\"socket\":{\"key\":\"mark\"}}", "1") + Drop, Verdict.Unknown },
        { "{\"queue\":{\"num\":0}}", Verdict.Unknown },
        { Xt("CONNMARK") + "\n" + Match("{\"meta\":{\"key\":\"mark\"}}", "0") + Drop, Verdict.Unknown },
        { Xt("TCPMSS") + "\n{\"drop\":null}", Verdict.Drop },
        { "{\"xt\":null}", Verdict.Unknown },
        { "{\"log\":{\"prefix\":\"x\"}},{\"accept\":null}", Verdict.Accept },
        { "{\"vmap\":{\"key\":{\"meta\":{\"key\":\"iifname\"}},\"data\":\"@jumps\"}}", Verdict.Drop },
        { "{\"vmap\":{\"key\":{\"ct\":{\"key\":\"state\"}},\"data\":{\"set\":[[\"established\",{\"accept\":null}],[\"new\",{\"drop\":null}]]}}}", Verdict.Drop },
        { "{\"mangle\":{\"key\":{\"meta\":{\"key\":\"mark\"}},\"value\":7}}\n" + Match("{\"meta\":{\"key\":\"mark\"}}", "7") + Drop, Verdict.Drop },
        { "{\"jump\":{\"target\":\"sub\"}}", Verdict.Drop },
        { "{\"jump\":{\"target\":\"gone\"}}", Verdict.Unknown },
    };

    private const string Status = "{\"ct\":{\"key\":\"status\"}}";
    private const string State = "{\"ct\":{\"key\":\"state\"}}";
    private const string TcpFlags = "{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}}";

    // As nft 1.0.6, 1.1.3 and 1.1.7 list the rule in the comment. The packet opens a connection, and nothing has been translated.
    public static TheoryData<string, Verdict> Bits => new()
    {
        // ct status & dnat == 0; ct status ! dnat
        { Match(Status, "\"dnat\"", "!") + Drop, Verdict.Drop },
        // ct status & (snat | dnat) == 0
        { Match(Status, "[\"snat\",\"dnat\"]", "!") + Drop, Verdict.Drop },
        // ct status dnat; ct status & dnat != 0
        { Match(Status, "\"dnat\"", "in") + Drop, Verdict.Accept },
        { Match(Status, "[\"snat\",\"dnat\"]", "in") + Drop, Verdict.Accept },
        // ct status & (snat | dnat) == dnat, and the same before 1.1 without the bar.
        { Match("{\"&\":[" + Status + ",{\"|\":[\"snat\",\"dnat\"]}]}", "\"dnat\"") + Drop, Verdict.Accept },
        { Match("{\"&\":[" + Status + ",[\"snat\",\"dnat\"]]}", "\"dnat\"", "!=") + Drop, Verdict.Drop },
        { Match("{\"&\":[" + Status + ",\"dnat\"]}", "0") + Drop, Verdict.Drop },
        { Match("{\"&\":[" + Status + ",\"dnat\"]}", "0", "!=") + Drop, Verdict.Accept },
        // A status has many bits; ct status == dnat matches exactly one.
        { Match(Status, "\"dnat\"") + Drop, Verdict.Unknown },
        { Match(Status, "\"assured\"", "!") + Drop, Verdict.Unknown },
        // ct state ! established,related; ct state & (established | related) == 0
        { Match(State, "[\"established\",\"related\"]", "!") + Drop, Verdict.Drop },
        { Match(State, "\"new\"", "!") + Drop, Verdict.Accept },
        { Match(State, "{\"set\":[\"established\",\"related\"]}", "!=") + Drop, Verdict.Drop },
        // ct state == (established | new): no packet is in two states.
        { Match(State, "[\"established\",\"new\"]") + Drop, Verdict.Unknown },
        // ct state & new == new
        { Match("{\"&\":[" + State + ",\"new\"]}", "\"new\"") + Drop, Verdict.Drop },
        { Match("{\"ct\":{\"key\":\"direction\"}}", "\"reply\"", "!=") + Drop, Verdict.Drop },
        // tcp flags syn; tcp flags & (syn | ack) != 0
        { Match(TcpFlags, "\"syn\"", "in") + Drop, Verdict.Drop },
        { Match(TcpFlags, "[\"rst\",\"ack\"]", "in") + Drop, Verdict.Accept },
        // tcp flags & (rst | ack) == 0
        { Match(TcpFlags, "[\"rst\",\"ack\"]", "!") + Drop, Verdict.Drop },
        { Match(TcpFlags, "\"syn\"", "!") + Drop, Verdict.Accept },
        // Two more flags, for congestion, are not known here.
        { Match(TcpFlags, "\"syn\"") + Drop, Verdict.Unknown },
        { Match("{\"&\":[" + TcpFlags + ",{\"|\":[\"fin\",\"syn\"]}]}", "{\"set\":[\"fin\",\"syn\"]}") + Drop, Verdict.Drop },
        // meta l4proto tcp ct original proto-dst 20-30
        { Match("{\"meta\":{\"key\":\"l4proto\"}}", "\"tcp\"") + "," + Match("{\"ct\":{\"key\":\"proto-dst\",\"dir\":\"original\"}}", "{\"range\":[20,30]}") + Drop, Verdict.Drop },
        { Match("{\"meta\":{\"key\":\"l4proto\"}}", "\"tcp\"") + "," + Match("{\"ct\":{\"key\":\"proto-dst\",\"dir\":\"original\"}}", "{\"set\":[80,25]}", "!=") + Drop, Verdict.Accept },
        { Match("{\"fib\":{\"result\":\"type\",\"flags\":[\"daddr\"]}}", "{\"set\":[\"local\",\"broadcast\"]}", "!=") + Drop, Verdict.Drop },
        // A named limit of the rule's table.
        { "{\"limit\":\"beyond\"}" + Drop, Verdict.RateLimited },
        { "{\"limit\":\"within\"},{\"return\":null}\n{\"drop\":null}", Verdict.RateLimited },
        { "{\"limit\":\"gone\"}" + Drop, Verdict.Unknown },
        // update @buckets { ip saddr limit rate over 5/minute burst 5 packets } drop
        { Bucket("ip", "saddr", isOver: true) + Drop, Verdict.RateLimited },
        { Bucket("ip", "saddr", isOver: false) + ",{\"return\":null}\n{\"drop\":null}", Verdict.RateLimited },
        // Without the fields of the key the rule ends.
        { Bucket("udp", "dport", isOver: true) + Drop, Verdict.Accept },
        { Bucket("ip6", "saddr", isOver: true) + Drop, Verdict.Accept },
        { Bucket("ether", "saddr", isOver: true) + Drop, Verdict.Unknown },
    };

    private static string Bucket(string protocol, string field, bool isOver) =>
        $$$"""{"set":{"op":"update","elem":{"payload":{"protocol":"{{{protocol}}}","field":"{{{field}}}"}},"set":"@buckets","stmt":[{"limit":{"rate":5,"burst":5,"per":"minute"{{{(isOver ? ",\"inv\":true" : "")}}}}}]}}""";

    [Theory]
    [MemberData(nameof(Bits))]
    public void A_native_rule_about_bits_rates_and_lists_does_what_it_says(string rules, Verdict verdict) =>
        Assert.Equal(verdict, Host(rules).AskOne("203.0.113.9", "tcp", "25").Verdict);

    [Theory]
    [InlineData("!", Verdict.Accept)]
    [InlineData("in", Verdict.Drop)]
    public void A_redirected_packet_has_that_status(string op, Verdict verdict)
    {
        const string Dnat = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 203.0.113.9/32 -j DNAT --to-destination 198.51.100.7\nCOMMIT\n";
        Assert.Equal(verdict, Host(Match(Status, "\"dnat\"", op) + Drop, save: Dnat + Open).AskOne("203.0.113.9", "tcp", "25").Verdict);
    }

    // nft 1.0.6 prints names of codes, 1.1 prints numbers.
    [Theory]
    [InlineData("\"echo-request\"", "\"net-unreachable\"", Verdict.Drop)]
    [InlineData("\"echo-request\"", "0", Verdict.Drop)]
    [InlineData("\"echo-request\"", "4", Verdict.Accept)]
    [InlineData("{\"set\":[\"info-request\",\"echo-request\"]}", "{\"set\":[0,4]}", Verdict.Drop)]
    [InlineData("\"echo-request\"", "\"what\"", Verdict.Unknown)]
    public void A_native_rule_names_an_ICMP_type_and_a_code(string type, string code, Verdict verdict)
    {
        var host = Host(Match("{\"payload\":{\"protocol\":\"icmp\",\"field\":\"type\"}}", type) + "," + Match("{\"payload\":{\"protocol\":\"icmp\",\"field\":\"code\"}}", code) + Drop);
        var query = new AccessQuery { Family = Family.IPv4, InInterface = "docker0", Sources = [Cidr.Parse("172.17.0.2")], Destinations = [Cidr.Parse("203.0.113.9")], Protocol = "icmp" };
        // A ping, type 8 and code 0; the sender chooses its identifier.
        var ping = new Packet(query.Family, query.Sources[0], query.Destinations[0], 1, 7, 8 << 8);
        Assert.Equal(verdict, Assert.Single(new PacketWalk(host).Ask(query), part => part.Packets.Contains(ping)).Verdict);
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_native_rule_does_what_it_says(string rules, Verdict verdict) =>
        Assert.Equal(verdict, Host(rules).AskOne("203.0.113.9", "tcp", "25").Verdict);

    [Fact]
    public void A_native_drop_is_reported_with_its_table()
    {
        var part = Host("{\"drop\":null}").AskOne("203.0.113.9");
        Assert.Equal((Verdict.Drop, "inet own", "own", "c", 1), (part.Verdict, part.Backend, part.Table, part.Chain, part.Position));
        Assert.Equal((Verdict.Drop, 0), (Host("", "drop").AskOne("203.0.113.9") is var policy ? policy.Verdict : default, policy.Position));
    }

    [Theory]
    [InlineData("\"dormant\"", Verdict.Accept)]
    [InlineData("[\"dormant\",\"owner\"]", Verdict.Accept)]
    [InlineData("\"owner\"", Verdict.Drop)]
    // nft 1.0.6 prints stray memory there: the name of its release, or of another table.
    [InlineData("\"Lester Gooch #5\"", Verdict.Unknown)]
    public void A_dormant_table_decides_nothing(string flags, Verdict expected)
    {
        foreach (var (family, chain) in new[] { ("inet", "\"hook\":\"forward\",\"type\":\"filter\",\"prio\":-10"), ("bridge", "\"hook\":\"forward\",\"type\":\"filter\",\"prio\":0") })
        {
            var table = $$$"""{"nftables":[{"table":{"family":"{{{family}}}","name":"own","handle":1,"flags":{{{flags}}}}},""";
            var json = Json("{\"drop\":null}", "accept", chain, family).Replace("{\"nftables\":[", table, StringComparison.Ordinal);
            var host = WalkHost.Of(Open) with { Nft = NftText.Parse(Encoding.UTF8.GetBytes(json)) };
            Assert.Equal(family == "bridge" && expected == Verdict.Drop ? Verdict.Unknown : expected, host.AskOne("203.0.113.9").Verdict);
        }
    }

    [Fact]
    public void A_dormant_table_of_iptables_own_decides_nothing()
    {
        const string Save = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
        const string Tables = """
            {"nftables":[{"table":{"family":"ip","name":"filter","handle":1,"flags":"dormant"}},
            {"chain":{"family":"ip","table":"filter","name":"FORWARD","handle":1,"hook":"forward","type":"filter","prio":0,"policy":"drop"}}]}
            """;
        Assert.Equal(Verdict.Accept, (WalkHost.Of(Save) with { Nft = NftText.Parse(Encoding.UTF8.GetBytes(Tables)) }).AskOne("203.0.113.9").Verdict);
    }

    [Fact]
    public void A_native_accept_opens_nothing() =>
        Assert.Equal(Verdict.Drop, Host("{\"accept\":null}", save: Open.Replace("FORWARD ACCEPT", "FORWARD DROP", StringComparison.Ordinal)).AskOne("203.0.113.9").Verdict);

    [Fact]
    public void A_native_redirection_is_followed()
    {
        var part = Host("{\"dnat\":{\"addr\":\"172.18.0.9\",\"port\":80}}", chain: "\"hook\":\"prerouting\",\"type\":\"nat\",\"prio\":-100", family: "ip").AskOne("203.0.113.9", "tcp", "25");
        Assert.Equal(("172.18.0.9", "apps0"), (part.NewDestination!.Value.Address, part.OutInterface));
    }

    [Theory]
    [InlineData("CT", -300, "filter")]
    [InlineData("REDIRECT", -100, "nat")]
    [InlineData("DNAT", -100, "nat")]
    public void Options_of_a_target_that_nft_does_not_print_are_not_guessed_at(string target, int priority, string type)
    {
        var part = Host(Xt(target), chain: $"\"hook\":\"prerouting\",\"type\":\"{type}\",\"prio\":{priority}", family: "ip").AskOne("203.0.113.9", "tcp", "25");
        Assert.Equal(Verdict.Unknown, part.Verdict);
        Assert.Contains($"options of the target {target}", part.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bridge", "\"hook\":\"forward\",\"type\":\"filter\",\"prio\":0")]
    [InlineData("netdev", "\"hook\":\"ingress\",\"type\":\"filter\",\"prio\":0,\"dev\":\"docker0\"")]
    public void What_decides_below_IP_is_not_guessed_at(string family, string chain)
    {
        Assert.Equal(Verdict.Unknown, Host("{\"drop\":null}", chain: chain, family: family).AskOne("203.0.113.9").Verdict);
        Assert.Equal(Verdict.Unknown, Host("", "drop", chain, family).AskOne("203.0.113.9").Verdict);
    }

    [Fact]
    public void A_native_rule_that_iptables_save_prints_wider_matches_what_it_matches()
    {
        const string Save = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j DROP\nCOMMIT\n";
        const string Head = """
            {"nftables":[{"chain":{"family":"ip","table":"filter","name":"FORWARD","handle":1,"hook":"forward","type":"filter","prio":0,"policy":"accept"}},
            {"chain":{"family":"ip","table":"filter","name":"DOCKER-USER","handle":2}},
            {"rule":{"family":"ip","table":"filter","chain":"FORWARD","handle":3,"expr":[{"counter":{"packets":0,"bytes":0}},{"jump":{"target":"DOCKER-USER"}}]}},
            {"rule":{"family":"ip","table":"filter","chain":"DOCKER-USER","handle":4,"expr":[
            """;
        var wider = WalkHost.Of(Save) with { Nft = NftText.Parse(Encoding.UTF8.GetBytes($"{Head}{Match(Daddr, "{\"set\":[\"1.1.1.1\",\"2.2.2.2\"]}")}{Drop}]}}}}]}}")) };
        Assert.Equal((Verdict.Drop, Verdict.Accept), (wider.AskOne("1.1.1.1").Verdict, wider.AskOne("203.0.113.9").Verdict));
        var whole = WalkHost.Of(Save) with { Nft = NftText.Parse(Encoding.UTF8.GetBytes($"{Head}{{\"counter\":{{\"packets\":0,\"bytes\":0}}}}{Drop}]}}}}]}}")) };
        Assert.Equal((Verdict.Drop, "DOCKER-USER"), (whole.AskOne("203.0.113.9") is var part ? part.Verdict : default, part.Chain));
        // A rule that iptables-save leaves out completely: the numbers differ, and the table is walked as nft has it.
        var left = WalkHost.Of(Save.Replace("-A DOCKER-USER -j DROP\n", "", StringComparison.Ordinal)) with { Nft = wider.Nft };
        Assert.Equal((Verdict.Drop, Verdict.Accept), (left.AskOne("1.1.1.1").Verdict, left.AskOne("203.0.113.9").Verdict));
    }
}
