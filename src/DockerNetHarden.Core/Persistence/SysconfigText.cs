using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Persistence;

/// <summary>
/// Our lines in a file of iptables-services, which holds whole tables as iptables-save prints them. Every other line stays as it is, byte for byte.
/// Source: iptables.init of the package iptables-services.
/// </summary>
internal static class SysconfigText
{
    /// <summary>The file with exactly these rules of ours.</summary>
    /// <param name="family">The file's family.</param>
    /// <param name="text">The file; empty if there is none.</param>
    /// <param name="saved">The rules; those of the other family are left out.</param>
    /// <returns>The file; empty if nothing is left.</returns>
    /// <exception cref="FormatException">The file is not output of iptables-save.</exception>
    internal static string With(Family family, string text, SavedRules saved)
    {
        var rules = Ruleset.Parse(family, text);
        if (Holds(rules, family, saved))
            return text;
        rules = WithoutOurs(rules);
        foreach (var table in saved.Tables.Where(table => table.Family == family))
        {
            foreach (var chain in table.Chains)
                rules = rules.WithRules(table.Table, chain.Name, [.. chain.Lines.Select(line => LineOf(family, table.Table, line))]);
            foreach (var hook in table.Jumps.GroupBy(static jump => jump.Hook, StringComparer.Ordinal))
                rules = rules.WithRules(table.Table, hook.Key, [.. hook.Select(jump => LineOf(family, table.Table, "-A " + jump.Text)), .. rules[table.Table, hook.Key]]);
            // The service loads the file before Docker starts, when nobody else has made the jump.
            if (IsWithoutJump(table, rules))
                rules = rules.WithRules(table.Table, ForwardJump.Chain, [LineOf(family, table.Table, $"-A {ForwardJump.Chain} -j {Hook.DockerUser}"), .. rules[table.Table, ForwardJump.Chain]]);
        }
        return rules.ToString();
    }

    // Whether the file already says the same; writing it again would only move lines.
    private static bool Holds(Ruleset rules, Family family, SavedRules saved)
    {
        var wanted = saved.Tables.Where(table => table.Family == family).ToList();
        var there = SavedRules.FromLines(rules.AllRules, new IptablesTool(IptablesBackend.Nft, "", "iptables", "ip6tables"));
        var jumps = rules.AllRules.Where(JumpPlan.IsOurs).Select(static line => (line.Table, line.Text)).Order();
        return string.Equals((there with { Commands = saved.Commands }).ToText(), (saved with { Tables = wanted, SetLines = [] }).ToText(), StringComparison.Ordinal)
            && jumps.SequenceEqual(wanted.SelectMany(static table => table.Jumps.Select(jump => (table.Table, "-A " + jump.Text))).Order())
            && !wanted.Any(table => IsWithoutJump(table, rules));
    }

    private static Ruleset WithoutOurs(Ruleset rules)
    {
        foreach (var table in rules.Tables)
        {
            var usedHook = rules[table, Hook.DockerUser].Any(JumpPlan.IsOurs);
            foreach (var chain in rules.ChainsOf(table))
            {
                var kept = rules[table, chain.Name].Where(static line => !JumpPlan.IsOurs(line)).ToList();
                if (kept.Count < rules[table, chain.Name].Count)
                    rules = rules.WithRules(table, chain.Name, kept);
                if (Hook.IsOurs(table, chain.Name))
                    rules = rules.WithoutChain(table, chain.Name);
            }
            if (!usedHook || rules[table, Hook.DockerUser].Count > 0)
                continue;
            // Whatever was made only for our jumps is removed with them: the bare jump is what this class writes. Any other line that goes to the chain needs it.
            var bare = rules.WithRules(table, ForwardJump.Chain, [.. rules[table, ForwardJump.Chain].Where(static line => line.Tokens is not ["-j", Hook.DockerUser])]);
            if (!bare.AllRules.Any(line => string.Equals(line.Table, table, StringComparison.Ordinal) && string.Equals(line.Target, Hook.DockerUser, StringComparison.Ordinal)))
                rules = bare.WithoutChain(table, Hook.DockerUser);
        }
        return rules;
    }

    private static bool IsWithoutJump(SavedTable table, Ruleset rules) =>
        table.NeedsDockerUser && !ForwardJump.Reached(rules).Any();

    private static RuleLine LineOf(Family family, string table, string line)
    {
        var tokens = SaveTokenizer.Split(line);
        return new RuleLine(family, table, tokens[1], [.. tokens.Skip(2)]);
    }
}
