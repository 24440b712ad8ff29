using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Oracle;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests.Oracle;

/// <summary>Matches and targets that other programs' rules have: what the walk says of them is what the kernel does.</summary>
public sealed class ForeignMatchTests(ITestOutputHelper output) : IAsyncLifetime
{
    private KernelOracle? _oracle;

    public async Task InitializeAsync() => _oracle = KernelOracle.WhyUnavailable() is null ? await KernelOracle.RaiseAsync(default) : null;

    public async Task DisposeAsync()
    {
        if (_oracle is not null)
            await _oracle.DisposeAsync();
    }

    public static TheoryData<Family, string, string> Exact => new()
    {
        { Family.IPv6, "filter FORWARD", "-p ipv6-icmp -m icmp6 --icmpv6-type 255 -j DROP" },
        { Family.IPv6, "filter FORWARD", "-p ipv6-icmp -m icmp6 ! --icmpv6-type 255 -j DROP" },
        { Family.IPv6, "filter INPUT", "-p ipv6-icmp -m icmp6 --icmpv6-type 128/255 -j DROP" },
        { Family.IPv4, "filter FORWARD", "-p icmp -m icmp --icmp-type 255 -j DROP" },
        { Family.IPv4, "filter FORWARD", "-p icmp -m icmp --icmp-type 255/3 -j DROP" },
        { Family.IPv4, "filter FORWARD", "-p icmp -m icmp ! --icmp-type any -j DROP" },
        { Family.IPv4, "filter FORWARD", "-s 172.30.0.2/255.255.0.255 -j DROP" },
        { Family.IPv4, "filter FORWARD", "! -d 10.0.0.5/255.255.0.255 -j DROP" },
        { Family.IPv6, "filter FORWARD", "-d fd00:a::5/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff -j DROP" },
        { Family.IPv4, "filter FORWARD", "-j DROP -p udp --dport 53 -s 172.30.0.0/16" },
        { Family.IPv4, "filter FORWARD", "-j REJECT --reject-with icmp-net-unreachable -p tcp -m tcp ! --dport 80" },
        { Family.IPv4, "mangle POSTROUTING", "-m owner --uid-owner 0 -j DROP" },
        { Family.IPv4, "mangle POSTROUTING", "-m owner ! --uid-owner 0 -j DROP" },
        { Family.IPv6, "mangle POSTROUTING", "-m owner ! --uid-owner 0 --socket-exists -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m statistic --mode random --probability 1 -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m statistic --mode nth ! --every 1 --packet 0 -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m recent --set --name seen -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m recent ! --set --name seen -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m policy --dir in --pol none -j DROP" },
        { Family.IPv6, "filter INPUT", "-m policy --dir in --pol ipsec --proto esp -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m physdev ! --physdev-is-bridged -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m physdev --physdev-in p+ -j DROP" },
        { Family.IPv4, "mangle PREROUTING", "-m rpfilter --invert -j DROP" },
        { Family.IPv4, "raw PREROUTING", "-m rpfilter --loose --invert -j DROP" },
        { Family.IPv4, "raw PREROUTING", "-m rpfilter -j DROP" },
        { Family.IPv6, "raw PREROUTING", "-m rpfilter --validmark --invert -j DROP" },
        { Family.IPv6, "mangle PREROUTING", "-m rpfilter --loose -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set --match-set links4 src,src -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set ! --match-set links4 dst,dst -j DROP" },
        { Family.IPv4, "filter FORWARD", "-i br-dnhorc -m set --match-set links4 src,src -j DROP" },
        { Family.IPv4, "filter INPUT", "-m set ! --match-set links4 dst,dst -j DROP" },
        { Family.IPv6, "filter FORWARD", "-m set --match-set links6 dst,dst -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set --match-set triples4 dst,dst,src -j DROP" },
        { Family.IPv6, "filter FORWARD", "-m set --match-set triples6 dst,dst,src -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set --match-set wide4 dst -j DROP" },
        { Family.IPv6, "filter FORWARD", "-m set ! --match-set wide6 dst -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set --match-set lists4 dst,dst -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set --match-set lists4 dst -j DROP" },
        { Family.IPv4, "filter FORWARD", "-m set --match-set services4 dst -j DROP" },
        { Family.IPv6, "filter FORWARD", "-m set ! --match-set lists6 src,src -j DROP" },
        { Family.IPv4, "nat PREROUTING", "-d 8.8.8.0/24 -j NETMAP --to 10.1.2.0/24" },
        { Family.IPv4, "nat PREROUTING", "-d 203.0.113.0/24 -j NETMAP --to 10.1.2.0/25" },
        { Family.IPv6, "nat PREROUTING", "-d 2a00::/64 -j NETMAP --to fd00:a::/64" },
    };

    [OracleTheory]
    [MemberData(nameof(Exact))]
    public async Task What_headers_and_links_decide_is_exact(Family family, string chain, string rule)
    {
        Assert.Empty((await CompareAsync(family, [(chain, [rule])], mayBeUnknown: false)).Select(static difference => difference.Text));
    }

    public static TheoryData<string, string> Bounded => new()
    {
        // What only may match does not decide, and a block that takes the packets either way does.
        { "-m statistic --mode random --probability 0.5 -j ACCEPT", "-j DROP" },
        { "-m statistic --mode nth --every 2 --packet 0 -j DROP", "-p udp -j DROP" },
        { "-m string --algo bm --string x -j RETURN", "-d 10.0.0.0/8 -j DROP" },
        { "-m recent --rcheck --name nobody -j ACCEPT", "-s 172.30.0.0/16 -j DROP" },
        { "-m connlimit --connlimit-above 1 --connlimit-mask 32 -j DROP", "-p tcp -j DROP" },
        { "-m mac --mac-source 02:00:00:00:00:99 -j DROP", "-p tcp -j DROP" },
        { "-m policy --dir out --pol ipsec -j ACCEPT", "-p tcp -j DROP" },
    };

    [OracleTheory]
    [MemberData(nameof(Bounded))]
    public async Task A_certain_answer_beside_a_match_that_is_not_is_right(string first, string second)
    {
        Assert.Empty((await CompareAsync(Family.IPv4, [("filter FORWARD", [first, second])], mayBeUnknown: true)).Select(static difference => difference.Text));
    }

    // kube-proxy's service with three endpoints: wherever its connections go, what is certain is right.
    [OracleFact]
    public async Task One_of_several_endpoints_is_followed_to_each_of_them()
    {
        OracleTable nat = new(IptablesBackend.Nft, "nat",
        [
            new OracleChain("PREROUTING", "ACCEPT", [new OracleRule(["-d 100.100.100.200/32"], "-j KUBE-SVC")]),
            new OracleChain("KUBE-SVC", null,
            [
                new OracleRule(["-m statistic --mode random --probability 0.33333333349"], "-j KUBE-SEP-1"), new OracleRule(["-m statistic --mode random --probability 0.5"], "-j KUBE-SEP-2"),
                new OracleRule([], "-j KUBE-SEP-3"),
            ]),
            .. Enumerable.Range(1, 3).Select(static number => new OracleChain($"KUBE-SEP-{number}", null, [new OracleRule(["-p tcp"], $"-j DNAT --to-destination 10.1.2.{number}:80")])),
        ]);
        OracleTable Filter(params string[] rules) => new(IptablesBackend.Nft, "filter", [new OracleChain("FORWARD", "ACCEPT", [.. rules.Select(static rule => new OracleRule([rule], "-j DROP"))])]);
        var packets = Enumerable.Range(0, 40).Select(static number => Packet("100.100.100.200", 20000 + number)).ToList();
        foreach (var (rules, verdict) in new[]
        {
            ((string[])["-d 10.1.2.0/24"], Verdict.Drop), ([], Verdict.Accept), (["-d 10.1.2.2/32"], Verdict.Unknown), (["-d 10.1.2.1/32", "-d 10.1.2.2/32", "-p tcp -m tcp --dport 80"], Verdict.Drop),
            (["-d 100.100.100.200/32"], Verdict.Accept),
        })
        {
            var (arrivals, host) = await _oracle!.ObserveAsync(new OracleRuleset(Family.IPv4, [nat, Filter(rules)]), packets, default);
            Assert.Empty(Comparison.Of(host, packets, arrivals, mayBeUnknown: true).Select(static difference => difference.Text));
            var part = Assert.Single(new PacketWalk(host).Ask(new AccessQuery
            {
                Family = Family.IPv4, InInterface = OracleSites.FirstBridge, Protocol = "tcp", Sources = [Cidr.Parse("172.30.0.2")], Destinations = [Cidr.Parse("100.100.100.200")],
            }));
            Assert.Equal(verdict, part.Verdict);
            output.WriteLine($"{string.Join("; ", rules)}: {part.Verdict}, {part.Reason} {part.NewDestination}; {arrivals.Count(static arrival => arrival is not null)} arrived");
            if (verdict == Verdict.Unknown)
                Assert.InRange(arrivals.Count(static arrival => arrival is not null), 1, 39);
        }
    }

    private async Task<IReadOnlyList<Difference>> CompareAsync(Family family, (string Chain, string[] Rules)[] chains, bool mayBeUnknown)
    {
        var packets = PacketGenerator.Take(5, family, 400);
        // What the router itself sends would be counted after OUTPUT like the packets under test.
        (string Chain, string[] Rules)[] all = [.. chains, ("filter OUTPUT", [])];
        var tables = new List<OracleTable>();
        foreach (var table in all.Select(static each => each.Chain.Split(' ')[0]).Distinct(StringComparer.Ordinal))
        {
            tables.Add(new OracleTable(IptablesBackend.Nft, table, [.. all.Where(each => each.Chain.Split(' ')[0] == table)
                .Select(static each => new OracleChain(each.Chain.Split(' ')[1], each.Chain == "filter OUTPUT" ? "DROP" : "ACCEPT", [.. each.Rules.Select(static rule => new OracleRule([], rule))]))]));
        }
        return await _oracle!.CompareAsync(new OracleRuleset(family, [.. tables]), packets, mayBeUnknown, null, default);
    }

    private static OraclePacket Packet(string destination, int sourcePort) =>
        new(OracleSites.FirstBridge, new Packet(Family.IPv4, Cidr.Parse("172.30.0.2"), Cidr.Parse(destination), OraclePacket.Tcp, sourcePort, 443));
}
