using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Oracle;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests.Oracle;

/// <summary>Random output is usable, and the same in each run.</summary>
public sealed class GeneratorTests(ITestOutputHelper output)
{
    [OracleFact]
    public async Task Iptables_accepts_every_ruleset_as_it_was_made()
    {
        await using var oracle = await KernelOracle.RaiseAsync(default);
        var clock = Stopwatch.StartNew();
        for (var seed = 1; seed <= 25; seed++)
        {
            var rules = RulesetGenerator.Take(seed, foreign: seed % 3 == 0);
            var packets = PacketGenerator.Take(seed, rules.Family, 300);
            var (arrivals, host) = await oracle.ObserveAsync(rules, packets, default);
            Assert.Equal(rules.RuleCount, host.Rules[rules.Family].AllRules.Count + (host.OtherRules.TryGetValue(rules.Family, out var other) ? other.AllRules.Count : 0));
            output.WriteLine($"{seed}: {rules.RuleCount} rules, {arrivals.Count(static arrival => arrival is not null)} arrived, {clock.ElapsedMilliseconds} ms");
        }
    }

    [Fact]
    public void A_seed_makes_the_same_rules_and_packets_again()
    {
        Assert.Equal(RulesetGenerator.Take(7, foreign: true).ToString(), RulesetGenerator.Take(7, foreign: true).ToString());
        Assert.NotEqual(RulesetGenerator.Take(7, foreign: false).ToString(), RulesetGenerator.Take(8, foreign: false).ToString());
        Assert.Equal(PacketGenerator.Take(7, Family.IPv4, 100), PacketGenerator.Take(7, Family.IPv4, 100));
    }
}
