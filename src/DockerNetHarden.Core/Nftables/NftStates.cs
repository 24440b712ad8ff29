using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// A connection's states in nft's words. xt_conntrack compares states and translations in one list, and a packet without a connection by its state alone; nft knows two different keys, and every key but
/// the state ends the rule for such a packet. So packets without a connection need an alternative of their own if anything else is asked. Source: xt_conntrack and nft_ct of Linux.
/// </summary>
internal static class NftStates
{
    private static readonly string[] Untracked = ["INVALID", "UNTRACKED"];
    private static readonly string[] Tracked = ["NEW", "RELATED", "ESTABLISHED"];
    private static readonly string[] Translated = ["SNAT", "DNAT"];

    // Backwards: every list that a rule can have, by its words. Of two that mean the same the first one is kept.
    private static readonly Dictionary<(string Words, bool HasRest), string> Known = Backwards();

    /// <summary>Whether a field asks about a connection.</summary>
    public static bool IsOfConnection(RuleField field) => field.Module == RuleFields.ConnectionState.Module;

    /// <summary>The alternatives: what each asks of the state, and whether it can ask the rest of what the rule wants to know of the connection.</summary>
    /// <param name="text">The states; null for any.</param>
    /// <param name="hasRest">Whether the rule asks anything else of the connection.</param>
    public static IReadOnlyList<(string State, bool HasRest)> Alternatives(string? text, bool hasRest)
    {
        if (text is null)
            return [("", hasRest)];
        var parsed = Negatable.Parse(text);
        var given = parsed.Value.Split(',');
        var translated = given.Where(Translated.Contains).Select(state => state.ToLowerInvariant()).ToList();
        if (translated.Count == 0 && !hasRest)
            return [(Said(given, parsed.Not), false)];
        var without = Untracked.Where(state => given.Contains(state, StringComparer.Ordinal) != parsed.Not).ToList();
        var states = Tracked.Where(state => given.Contains(state, StringComparer.Ordinal) != parsed.Not).ToList();

        var all = new List<(string, bool)>();
        if (without.Count > 0)
            all.Add((Said(without), false));
        if (translated.Count == 0 || !parsed.Not)
        {
            if (states.Count > 0)
                all.Add((Said(states), hasRest));
            var others = Tracked.Except(states, StringComparer.Ordinal).ToList();
            if (translated.Count > 0 && others.Count > 0)
                all.Add(($"{Said(others)} ct status & ({string.Join(" | ", translated)}) != 0", hasRest));
        }
        else if (states.Count > 0)
            all.Add(($"{Said(states)} ct status & ({string.Join(" | ", translated)}) == 0", hasRest));
        return all;
    }

    /// <summary>The states that some words mean; null if this module does not write them.</summary>
    /// <param name="words">What each alternative asks.</param>
    /// <param name="hasRest">Whether the rule asks anything else of the connection.</param>
    public static string? Read(IEnumerable<string> words, bool hasRest) => Known.GetValueOrDefault((string.Join('\n', words), hasRest));

    /// <summary>The same states as they are read back.</summary>
    public static string? Canonical(string? text, bool hasRest) => text is null ? null : Read(Alternatives(text, hasRest).Select(each => each.State), hasRest && Alternatives(text, hasRest).Any(each => each.HasRest)) ?? text;

    /// <summary>Some states in nft's words.</summary>
    public static string Said(IEnumerable<string> states, bool not = false) =>
        $"ct state {(not ? "!= " : "")}{{ {string.Join(", ", Tracked.Prepend(Untracked[0]).Append(Untracked[1]).Where(states.Contains).Select(state => state.ToLowerInvariant()))} }}";

    private static Dictionary<(string, bool), string> Backwards()
    {
        var known = new Dictionary<(string, bool), string>();
        string[] all = [Untracked[0], .. Tracked, Untracked[1], .. Translated];
        foreach (var hasRest in new[] { false, true })
        {
            foreach (var not in new[] { "", "!" })
            {
                for (var bits = 1; bits < 1 << all.Length; bits++)
                {
                    var list = not + string.Join(',', all.Where((_, i) => (bits >> i & 1) == 1));
                    known.TryAdd((string.Join('\n', Alternatives(list, hasRest).Select(each => each.State)), hasRest), list);
                }
            }
        }
        return known;
    }
}
