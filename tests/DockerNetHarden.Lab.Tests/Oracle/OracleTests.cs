using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Lab.Oracle;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests.Oracle;

/// <summary>The walk against the kernel, with fixed seeds. <c>benchmarks/oracle</c> does the same a million times.</summary>
public sealed class OracleTests(ITestOutputHelper output) : IAsyncLifetime
{
    private KernelOracle? _oracle;

    public async Task InitializeAsync() => _oracle = KernelOracle.WhyUnavailable() is null ? await KernelOracle.RaiseAsync(default) : null;

    public async Task DisposeAsync()
    {
        if (_oracle is not null)
            await _oracle.DisposeAsync();
    }

    [OracleFact]
    public async Task Walk_and_kernel_agree_on_every_packet_under_random_rules()
    {
        var report = await _oracle!.RunAsync(new OracleOptions(Seed: 20261121, Pairs: 6000) { PacketsPerRuleset = 100 }, null, default);
        output.WriteLine(report.ToString());
        Assert.Empty(report.Disagreements);
        // A run that never met them would prove nothing about them.
        foreach (var what in new[] { "Accept Forward", "Accept Local", "Drop", "Reject", "by filter", "by mangle", "by raw", "translated" })
            Assert.InRange(report.Tally.GetValueOrDefault(what), 50, long.MaxValue);
        Assert.Equal(0, report.Tally.GetValueOrDefault("Unknown"));
    }

    [OracleFact]
    public async Task Certain_answers_are_right_even_if_matches_are_not_modelled()
    {
        var report = await _oracle!.RunAsync(new OracleOptions(Seed: 7, Pairs: 4000, Foreign: true) { PacketsPerRuleset = 100 }, null, default);
        output.WriteLine(report.ToString());
        Assert.Empty(report.Disagreements);
        Assert.InRange(report.Tally.GetValueOrDefault("Unknown"), 100, 3900);
    }

    [OracleFact]
    public async Task A_wrong_walk_is_found_out()
    {
        var (arrivals, host) = await _oracle!.ObserveAsync(Forward("-p tcp -m tcp --dport 80"), Packets(80, 81), default);
        Assert.Empty(Comparison.Of(host, Packets(80, 81), arrivals, mayBeUnknown: false));
        var wrong = host with
        {
            Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Ruleset.Parse(Family.IPv4, host.Rules[Family.IPv4].ToString().Replace("--dport 80", "--dport 81", StringComparison.Ordinal)) },
        };
        var differences = Comparison.Of(wrong, Packets(80, 81), arrivals, mayBeUnknown: false);
        Assert.Contains(differences, static difference => difference.Packet?.Header.DestinationPort == 80 && difference.Text.Contains("it did not arrive", StringComparison.Ordinal));
        Assert.Contains(differences, static difference => difference.Packet?.Header.DestinationPort == 81 && difference.Text.Contains("it left by out0", StringComparison.Ordinal));
        Assert.Single(Comparison.Of(wrong, Packets(82), [arrivals[1]! with { Destination = Packets(82)[0].Header.Destination }], mayBeUnknown: false));
    }

    [OracleFact]
    public async Task A_limit_lets_its_burst_through_and_the_walk_calls_it_a_rate()
    {
        foreach (var limit in (string[])["-m limit --limit 1/hour --limit-burst 3", "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 3 --hashlimit-name oracle"])
        {
            var rules = new OracleRuleset(Family.IPv4,
                [new OracleTable(IptablesBackend.Nft, "filter", [new OracleChain("FORWARD", "ACCEPT", [new OracleRule(["-p tcp", limit], "-j RETURN"), new OracleRule(["-p tcp"], "-j DROP")])])]);
            var packets = Packets([.. Enumerable.Range(1000, 10)]);
            var (arrivals, host) = await _oracle!.ObserveAsync(rules, packets, default);
            Assert.Equal(3, arrivals.Count(static arrival => arrival is not null));
            var part = Assert.Single(Ask(host, "tcp"));
            Assert.Equal(Verdict.RateLimited, part.Verdict);
            Assert.All(packets, packet => Assert.True(part.Packets.Contains(packet.Header)));
        }
    }

    [OracleFact]
    public async Task What_decides_every_other_packet_is_unknown()
    {
        var (arrivals, host) = await _oracle!.ObserveAsync(Forward("-p tcp -m statistic --mode nth --every 2 --packet 0"), Packets([.. Enumerable.Range(1000, 10)]), default);
        Assert.Equal(5, arrivals.Count(static arrival => arrival is not null));
        Assert.Equal(Verdict.Unknown, Assert.Single(Ask(host, "tcp")).Verdict);
        Assert.Equal(Verdict.Accept, Assert.Single(Ask(host, "udp")).Verdict);
    }

    private static IReadOnlyList<AccessPart> Ask(HostSnapshot host, string protocol) => new PacketWalk(host).Ask(
        new AccessQuery
        {
            Family = Family.IPv4,
            InInterface = OracleSites.FirstBridge,
            Protocol = protocol,
            Sources = [Cidr.Parse("172.30.0.2")],
            Destinations = [Cidr.Parse("203.0.113.25")],
        });

    private static OracleRuleset Forward(string match) =>
        new(Family.IPv4, [new OracleTable(IptablesBackend.Nft, "filter", [new OracleChain("FORWARD", "ACCEPT", [new OracleRule([match], "-j DROP")])])]);

    private static IReadOnlyList<OraclePacket> Packets(params int[] ports) => [.. ports.Select(static port => new OraclePacket(
        OracleSites.FirstBridge, new Packet(Family.IPv4, Cidr.Parse("172.30.0.2"), Cidr.Parse("203.0.113.25"), OraclePacket.Tcp, 40000, port)))];
}
