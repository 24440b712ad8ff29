using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Oracle;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Oracle;

public sealed class ShrinkerTests
{
    [Fact]
    public async Task What_is_left_is_only_what_is_needed()
    {
        var rules = new OracleRuleset(Family.IPv4,
        [
            new OracleTable(IptablesBackend.Legacy, "raw", [new OracleChain("PREROUTING", "DROP", [new OracleRule(["-i out0"], "-j DROP")])]),
            new OracleTable(IptablesBackend.Nft, "filter",
            [
                new OracleChain("FORWARD", "DROP", [new OracleRule(["-p tcp", "-m tcp --dport 80"], "-j A"), new OracleRule(["-s 10.0.0.0/8"], "-j ACCEPT")]),
                new OracleChain("A", null, [new OracleRule(["-d 8.8.8.8", "-i br+"], "-j DROP"), new OracleRule([], "-j RETURN")]),
            ]),
        ]);
        var tried = 0;
        var smallest = await Shrinker.ShrinkAsync(rules, candidate =>
        {
            tried++;
            var text = candidate.ToString();
            return Task.FromResult(text.Contains("-d 8.8.8.8", StringComparison.Ordinal) && text.Contains("-j A\n", StringComparison.Ordinal));
        });
        Assert.Equal("*filter (iptables-nft)\n:FORWARD ACCEPT\n-A FORWARD -j A\n:A -\n-A A -d 8.8.8.8 -j DROP\n", smallest.ToString());
        Assert.InRange(tried, 8, 100);
    }
}
