using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Effects;

/// <summary>
/// nf_tables as it would be beside other rules of iptables-nft. The walk looks each line up there, because iptables-save prints some wider than they are: lines that stay keep what nft says of them, and
/// lines of a plan are all that their text says.
/// </summary>
internal static class PlannedNft
{
    /// <summary>What nft would print.</summary>
    /// <param name="nft">What it prints.</param>
    /// <param name="before">The rules of iptables now.</param>
    /// <param name="after">The rules of iptables then.</param>
    /// <param name="tables">The tables that differ.</param>
    public static NftRuleset After(NftRuleset nft, IReadOnlyDictionary<Family, Ruleset> before, IReadOnlyDictionary<Family, Ruleset> after, IEnumerable<PlanTable> tables)
    {
        foreach (var (family, table) in tables)
        {
            var word = family == Family.IPv4 ? "ip" : "ip6";
            var there = nft.Rules.Where(rule => rule.Family == word && rule.Table == table).ToLookup(static rule => rule.Chain, StringComparer.Ordinal);
            // A table that nft does not know yet is what iptables prints of it.
            if (!nft.Chains.Any(chain => chain.Family == word && chain.Table == table) || !after.TryGetValue(family, out var rules))
                continue;
            nft = nft with
            {
                Rules =
                [
                    .. nft.Rules.Where(rule => rule.Family != word || rule.Table != table),
                    .. rules.ChainsOf(table).SelectMany(chain => Chain(word, table, chain.Name, before[family][table, chain.Name], [.. there[chain.Name]], rules[table, chain.Name])),
                ],
            };
        }
        return nft;
    }

    private static IEnumerable<NftRule> Chain(string family, string table, string chain, IReadOnlyList<RuleLine> before, IReadOnlyList<NftRule> known, IReadOnlyList<RuleLine> after)
    {
        // iptables-save shows fewer lines than there are: the walk then takes the table as nft has it, and so it stays.
        if (before.Count != known.Count)
            return known;
        var same = new Dictionary<RuleLine, Queue<NftRule>>();
        for (var i = 0; i < known.Count; i++)
        {
            if (!same.TryGetValue(before[i], out var queue))
                same.Add(before[i], queue = new Queue<NftRule>());
            queue.Enqueue(known[i]);
        }
        return after.Select(line => same.TryGetValue(line, out var queue) && queue.TryDequeue(out var rule) ? rule : new NftRule(family, table, chain, 0, []));
    }
}
