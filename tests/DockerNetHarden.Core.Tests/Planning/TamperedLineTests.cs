using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>A line of ours with an argument more, less or elsewhere is another rule: it counts as missing, and applying the rules again mends it.</summary>
public sealed class TamperedLineTests
{
    private const string Comment = "-m comment --comment \"DockerNetHarden:MetadataAccess/gcp\"";
    private const string Part = "DNH-METADATA.1";
    private const string Block = Comment + " -j DNH-REJECT";

    private static IReadOnlyList<FirewallRule> Rules => new MetadataAccess { Provider = "gcp" }.Rules();

    [Theory]
    [InlineData("-m conntrack --ctdir REPLY " + Block)]
    [InlineData("-m conntrack --ctdir REPLY -m conntrack --ctdir ORIGINAL " + Block)]
    [InlineData("-m limit --limit 1/day " + Block)]
    [InlineData(Comment + " " + Block)]
    [InlineData(Comment + " -m comment --comment mine -j DNH-REJECT")]
    [InlineData(Comment + " -m conntrack --ctstate INVALID -j DNH-REJECT")]
    [InlineData("-m u32 --u32 \"0x0=0x0\" " + Block)]
    [InlineData(Comment + " -g DNH-REJECT")]
    public void Is_found_and_mended(string tampered)
    {
        var whole = Apply(Snapshots.Host(), Plan.From(Rules, Snapshots.Host()));
        Assert.True(Plan.From(Rules, whole).IsEmpty);
        Assert.Empty(RulePresence.Problems(Rules, whole));
        var host = Tamper(whole, tampered);
        Assert.Contains(RulePresence.Problems(Rules, host), problem => problem.Contains("is not there", StringComparison.Ordinal));
        Assert.Contains(InstalledRule.ReadAll(host), line => line.IsOurs && line.Rule is null);

        var plan = Plan.From(Rules, host);
        Assert.Equal("-d 169.254.169.254/32 " + Block, SaveTokenizer.Join(Assert.Single(plan.Added).Tokens));
        Assert.Equal(tampered, SaveTokenizer.Join(Assert.Single(plan.Removed).Tokens));
        var mended = Apply(host, plan);
        Assert.Empty(RulePresence.Problems(Rules, mended));
        Assert.True(Plan.From(Rules, mended).IsEmpty);
    }

    // Each is what iptables-save 1.8.9 prints for a rule of ours, in other letters than we write.
    [Theory]
    [InlineData("-A DOCKER-USER -m conntrack --ctorigdst 169.254.170.2/32 -j DROP", "--ctorigdst 169.254.170.2/32", "--ctorigdst 169.254.170.2")]
    [InlineData("-6 -A INPUT -i docker0 -m conntrack ! --ctorigdst fd00::1/128 -j DROP", "--ctorigdst fd00::1/128", "--ctorigdst fd00::1")]
    [InlineData("-A DOCKER-USER -p 89 -j DROP", "-p 89", "-p ospf")]
    [InlineData("-A DOCKER-USER ! -p 2 -j DROP", "-p 2", "-p igmp")]
    public void What_iptables_save_spells_otherwise_is_still_the_rule(string text, string ours, string printed)
    {
        var rule = FirewallRule.Parse(text);
        var line = SaveTokenizer.Join(rule.Tokens);
        Assert.Contains(ours, line, StringComparison.Ordinal);
        Assert.Equal(rule, RuleParser.TryReadLine(rule.Family, rule.Table, rule.Chain, SaveTokenizer.Split(line.Replace(ours, printed, StringComparison.Ordinal))));
    }

    [Fact]
    public void Any_argument_more_or_less_makes_a_random_rule_another()
    {
        foreach (var rule in new Rules.RandomRules(5).Take(500))
        {
            Assert.NotNull(Read(rule, rule.Tokens));
            for (var i = 0; i < rule.Tokens.Count; i++)
            {
                Assert.NotEqual(rule, Read(rule, [.. rule.Tokens.Take(i), .. rule.Tokens.Skip(i + 1)]));
                if (rule.Tokens[i] is "-m")
                    Assert.NotEqual(rule, Read(rule, [.. rule.Tokens.Take(i + 2), "-m", rule.Tokens[i + 1], .. rule.Tokens.Skip(i + 2)]));
            }
        }
    }

    private static FirewallRule? Read(FirewallRule rule, IReadOnlyList<string> tokens) => RuleParser.TryReadLine(rule.Family, rule.Table, rule.Chain, tokens);

    private static HostSnapshot Tamper(HostSnapshot host, string line)
    {
        var rules = host.Rules[Family.IPv4];
        var lines = rules["filter", Part].Select(each => SaveTokenizer.Join(each.Tokens) == Block
            ? Ruleset.Parse(Family.IPv4, $"*filter\n:{Part} - [0:0]\n-A {Part} {line}\nCOMMIT\n")["filter", Part][0] : each).ToList();
        return host with { Rules = new Dictionary<Family, Ruleset>(host.Rules) { [Family.IPv4] = rules.WithRules("filter", Part, lines) } };
    }

    private static HostSnapshot Apply(HostSnapshot host, Plan plan) => host.After(plan.Steps.Select(step => (step.Family, step.Restore)));
}
