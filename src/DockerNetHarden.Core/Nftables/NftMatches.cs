using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// A rule's matches in nft's words. One rule can need several alternatives, of which at most one matches a packet: nft has no "or" over different things, and a packet
/// without a connection ends a rule that asks about one. Source: nft(8), iptables-extensions(8), xt_conntrack and nft_ct of Linux.
/// </summary>
internal static class NftMatches
{
    private static readonly string[] Untracked = ["INVALID", "UNTRACKED"];
    private static readonly string[] Tracked = ["NEW", "RELATED", "ESTABLISHED"];

    /// <summary>The alternatives, each ready for a verdict after it; empty if no packet can match.</summary>
    /// <exception cref="NftException">nft cannot express it.</exception>
    public static IReadOnlyList<string> Of(FirewallRule rule)
    {
        // The cheapest comes first: interfaces before addresses, a connection's direction before its addresses.
        var said = RuleFields.All.Where(field => rule.Spec.Has(field)).Select(field => (Field: field, Text: Say(rule, field)))
            .OrderBy(each => each.Field == RuleFields.InInterface || each.Field == RuleFields.OutInterface || each.Field == RuleFields.ConnectionDirection ? 0 : 1).ToList();
        var packet = said.Where(each => each.Field.Index < RuleFields.ConnectionState.Index && !IsOfConnection(each.Field)).Select(each => each.Text);
        var rest = Join(said.Where(each => IsOfConnection(each.Field)).Select(each => each.Text));
        var behind = said.Where(each => each.Field.Index > RuleFields.ConnectionState.Index && !IsOfConnection(each.Field)).Select(each => each.Text);
        return [.. Connection(rule, rest).Select(connection => Join([.. packet, connection, .. behind]))];
    }

    private static bool IsOfConnection(RuleField field) => field.Module == RuleFields.ConnectionState.Module;

    private static string Say(FirewallRule rule, RuleField field)
    {
        var form = field.Nft(rule.Spec, rule.Spec[field] is not string text ? default : field.IsNegatable ? Negatable.Parse(text) : new Negatable(false, text));
        return form.Problem is null ? form.Text ?? "" : throw new NftException(rule, form.Problem);
    }

    // xt_conntrack compares states and translations in one list, and a packet without a connection by its state alone; nft knows two different keys, and
    // every key but the state ends the rule for such a packet. So packets without a connection need an alternative of their own.
    private static IEnumerable<string> Connection(FirewallRule rule, string rest)
    {
        if (rule.ConnectionState is not { } text)
            return [rest];
        var parsed = Negatable.Parse(text);
        var given = parsed.Value.Split(',');
        var without = Untracked.Where(state => given.Contains(state, StringComparer.Ordinal) != parsed.Not).ToList();
        var states = Tracked.Where(state => given.Contains(state, StringComparer.Ordinal) != parsed.Not).ToList();
        var translated = given.Where(state => state is "SNAT" or "DNAT").Select(state => state.ToLowerInvariant()).ToList();

        var all = new List<string>();
        if (without.Count > 0)
            all.Add(State(without));
        if (translated.Count == 0)
        {
            if (states.Count > 0)
                all.Add(Join([State(states), rest]));
        }
        else if (parsed.Not)
        {
            if (states.Count > 0)
                all.Add(Join([State(states), $"ct status & ({string.Join(" | ", translated)}) == 0", rest]));
        }
        else
        {
            if (states.Count > 0)
                all.Add(Join([State(states), rest]));
            var others = Tracked.Except(states, StringComparer.Ordinal).ToList();
            if (others.Count > 0)
                all.Add(Join([State(others), $"ct status & ({string.Join(" | ", translated)}) != 0", rest]));
        }
        return all;
    }

    private static string State(IReadOnlyList<string> states) => $"ct state {{ {string.Join(", ", states.Select(state => state.ToLowerInvariant()))} }}";

    private static string Join(IEnumerable<string> parts) => string.Join(' ', parts.Where(part => part.Length > 0));
}
