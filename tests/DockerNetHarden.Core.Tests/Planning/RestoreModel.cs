using System.Globalization;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>What <c>iptables-restore --noflush --counters</c> does with the few forms that a plan writes; anything else is an error.</summary>
internal static class RestoreModel
{
    public static Ruleset Apply(Ruleset rules, string restore)
    {
        var table = "";
        var declared = new HashSet<string>(StringComparer.Ordinal);
        foreach (var text in restore.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (text[0] == '*')
                table = text[1..];
            else if (text[0] == ':')
            {
                declared.Add(text[1..].Split(' ')[0]);
                rules = rules.WithRules(table, text[1..].Split(' ')[0], []);
            }
            else if (text != "COMMIT")
                rules = Line(rules, table, text, declared);
        }
        return rules;
    }

    private static Ruleset Line(Ruleset rules, string table, string text, HashSet<string> declared)
    {
        var (packets, bytes) = (0L, 0L);
        if (text[0] == '[')
        {
            var counters = text[1..text.IndexOf(']', StringComparison.Ordinal)].Split(':');
            (packets, bytes) = (long.Parse(counters[0], CultureInfo.InvariantCulture), long.Parse(counters[1], CultureInfo.InvariantCulture));
            text = text[(text.IndexOf(']', StringComparison.Ordinal) + 2)..];
        }
        var tokens = SaveTokenizer.Split(text);
        var chain = tokens[1];
        var line = new RuleLine(rules.Family, table, chain, [.. tokens.Skip(2)], packets, bytes);
        var there = rules[table, chain];
        switch (tokens[0])
        {
            case "-A":
                Assert.Contains(chain, declared); // a plan never appends to a chain that is not ours
                return rules.WithRules(table, chain, [.. there, line]);
            case "-I":
                return rules.WithRules(table, chain, [line, .. there]);
            case "-D":
                var index = there.ToList().FindIndex(each => each.Equals(line));
                Assert.True(index >= 0, $"Bad rule: {text}");
                return rules.WithRules(table, chain, [.. there.Where((_, position) => position != index)]);
            case "-F":
                return rules.WithRules(table, chain, []);
            case "-N":
                Assert.False(rules.HasChain(table, chain), $"Chain already exists: {chain}");
                declared.Add(chain);
                return rules.WithRules(table, chain, []);
            case "-X":
                Assert.Empty(there);
                Assert.DoesNotContain(rules.AllRules, other => other.Table == table && other.Target == chain);
                return rules.WithoutChain(table, chain);
            default:
                throw new InvalidOperationException(text);
        }
    }
}
