using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// A rule's matches in nft's words. One rule can need several alternatives, of which at most one matches a packet: nft has no "or" over different things, and a packet
/// without a connection ends a rule that asks about one. Source: nft(8), iptables-extensions(8), xt_conntrack and nft_ct of Linux.
/// </summary>
internal static class NftMatches
{
    /// <summary>The alternatives, each ready for a verdict after it; empty if no packet can match.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="sets">Takes the destinations of a rule that has several, as a named set.</param>
    /// <param name="places">The destinations in place of the rule's own; null if those count.</param>
    /// <exception cref="NftException">nft cannot express it.</exception>
    public static IReadOnlyList<string> Of(FirewallRule rule, NftSets sets, IReadOnlyList<Cidr>? places = null)
    {
        // The cheapest comes first: interfaces before addresses, a connection's direction before its addresses.
        var said = RuleFields.All.Where(field => rule.Spec.Has(field)).Select(field => (Field: field, Text: Say(rule, field, sets, places)))
            .OrderBy(each => each.Field == RuleFields.InInterface || each.Field == RuleFields.OutInterface || each.Field == RuleFields.ConnectionDirection ? 0 : 1).ToList();
        var packet = said.Where(each => each.Field.Index < RuleFields.ConnectionState.Index && !NftStates.IsOfConnection(each.Field)).Select(each => each.Text);
        var rest = Join(said.Where(each => NftStates.IsOfConnection(each.Field)).Select(each => each.Text));
        var behind = said.Where(each => each.Field.Index > RuleFields.ConnectionState.Index && !NftStates.IsOfConnection(each.Field)).Select(each => each.Text);
        return [.. NftStates.Alternatives(rule.ConnectionState, rest.Length > 0).Select(each => Join([.. packet, each.State, each.HasRest ? rest : "", .. behind]))];
    }

    private static string Say(FirewallRule rule, RuleField field, NftSets sets, IReadOnlyList<Cidr>? places)
    {
        if (field == RuleFields.Destination && (places is not null || rule.Destination!.Contains(',', StringComparison.Ordinal)))
            return $"{NftForm.Word(rule.Family)} daddr @{sets.Addresses(places ?? AddressLists.Destinations(rule))}";
        var form = field.Nft(rule.Spec, rule.Spec[field] is not string text ? default : field.IsNegatable ? Negatable.Parse(text) : new Negatable(false, text));
        return form.Problem is null ? form.Text ?? "" : throw new NftException(rule, form.Problem);
    }

    private static string Join(IEnumerable<string> parts) => string.Join(' ', parts.Where(part => part.Length > 0));
}
