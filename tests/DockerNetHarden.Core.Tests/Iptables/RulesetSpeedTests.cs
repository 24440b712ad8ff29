using System.Diagnostics;
using System.Globalization;
using System.Text;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Iptables;

/// <summary>Not in parallel with the other tests: a clock is read.</summary>
[CollectionDefinition(nameof(RulesetSpeedTests), DisableParallelization = true)]
[Collection(nameof(RulesetSpeedTests))]
public sealed class RulesetSpeedTests
{
    [Fact]
    public void Ten_thousand_rules_are_read_in_less_than_half_a_second()
    {
        var save = new StringBuilder("*filter\n:DOCKER-USER - [0:0]\n");
        for (var i = 0; i < 10_000; i++)
            save.Append(CultureInfo.InvariantCulture, $"[{i}:{i}] -A DOCKER-USER -d 10.{i / 256}.{i % 256}.0/24 -i br-0123456789ab -p tcp -m tcp --dport 25 -m comment --comment \"DockerNetHarden:Custom/rule {i}\" -j DROP\n");
        var text = save.Append("COMMIT\n").ToString();

        // The best of up to ten: the machine may be busy with something else.
        var best = TimeSpan.MaxValue;
        for (var run = 0; run < 10 && best.TotalMilliseconds > 500; run++)
        {
            var clock = Stopwatch.StartNew();
            var rules = Ruleset.Parse(Family.IPv4, text);
            best = clock.Elapsed < best ? clock.Elapsed : best;
            Assert.Equal(10_000, rules["filter", "DOCKER-USER"][^1].Position);
        }
        Assert.InRange(best.TotalMilliseconds, 0, 500);
    }
}
