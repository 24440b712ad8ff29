using System.Collections.Immutable;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>Removes everything that can be removed while something stays true: the smallest ruleset that shows a disagreement.</summary>
internal static class Shrinker
{
    public static async Task<OracleRuleset> ShrinkAsync(OracleRuleset rules, Func<OracleRuleset, Task<bool>> staysTrue)
    {
        for (var isSmaller = true; isSmaller;)
        {
            isSmaller = false;
            foreach (var step in (Func<OracleRuleset, IEnumerable<OracleRuleset>>[])[WithoutATable, WithoutAChain, WithoutARule, WithoutAMatch, WithoutAPolicy])
            {
                // Each success makes new candidates: begin again with the smaller one.
                for (var found = true; found;)
                {
                    found = false;
                    foreach (var smaller in step(rules))
                    {
                        if (!await staysTrue(smaller).ConfigureAwait(false))
                            continue;
                        (rules, found, isSmaller) = (smaller, true, true);
                        break;
                    }
                }
            }
        }
        return rules;
    }

    private static IEnumerable<OracleRuleset> WithoutATable(OracleRuleset rules) =>
        rules.Tables.Select(table => rules with { Tables = rules.Tables.Remove(table) });

    // A user's chain goes together with the jumps to it; a built-in one is emptied.
    private static IEnumerable<OracleRuleset> WithoutAChain(OracleRuleset rules) =>
        from table in rules.Tables
        from chain in table.Chains
        where chain.Policy is null || chain.Rules.Count > 0
        let rest = chain.Policy is null ? table.Chains.Remove(chain).ConvertAll(other => WithoutJumps(other, chain.Name)) : table.Chains.Replace(chain, chain with { Rules = [] })
        select rules with { Tables = rules.Tables.Replace(table, table with { Chains = rest }) };

    private static OracleChain WithoutJumps(OracleChain chain, string target) =>
        chain with { Rules = chain.Rules.RemoveAll(rule => rule.Target[Math.Min(3, rule.Target.Length)..].Equals(target, StringComparison.Ordinal)) };

    private static IEnumerable<OracleRuleset> WithoutARule(OracleRuleset rules) =>
        Changed(rules, static chain => Enumerable.Range(0, chain.Rules.Count).Select(i => chain.Rules.RemoveAt(i)));

    private static IEnumerable<OracleRuleset> WithoutAMatch(OracleRuleset rules) => Changed(rules, static chain =>
        from i in Enumerable.Range(0, chain.Rules.Count)
        from m in Enumerable.Range(0, chain.Rules[i].Matches.Count)
        select chain.Rules.SetItem(i, chain.Rules[i] with { Matches = chain.Rules[i].Matches.RemoveAt(m) }));

    private static IEnumerable<OracleRuleset> WithoutAPolicy(OracleRuleset rules) =>
        from table in rules.Tables
        from chain in table.Chains
        where chain.Policy is "DROP" && chain.Name is not "OUTPUT"
        select rules with { Tables = rules.Tables.Replace(table, table with { Chains = table.Chains.Replace(chain, chain with { Policy = "ACCEPT" }) }) };

    private static IEnumerable<OracleRuleset> Changed(OracleRuleset rules, Func<OracleChain, IEnumerable<ImmutableList<OracleRule>>> changes) =>
        from table in rules.Tables
        from chain in table.Chains
        from changed in changes(chain)
        select rules with { Tables = rules.Tables.Replace(table, table with { Chains = table.Chains.Replace(chain, chain with { Rules = changed }) }) };
}
