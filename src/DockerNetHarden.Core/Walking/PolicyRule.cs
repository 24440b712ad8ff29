using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>What a routing rule does with packets of one link and mark. Source: ip-rule(8), fib_rule_match in net/core/fib_rules.c.</summary>
/// <param name="Packets">The packets that it takes, or may take.</param>
/// <param name="Table">The table in which they are looked up; null if it is not certain that they are, or where.</param>
/// <param name="Suppressed">Prefixes of this length and shorter do not count in the table; -1 for none.</param>
internal sealed record PolicyRule(PacketSet Packets, string? Table, int Suppressed)
{
    /// <summary>The rule for packets that enter by a link; null if it takes none of them.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="inLink">The link.</param>
    /// <param name="mark">The packets' mark; null if it is not known.</param>
    internal static PolicyRule? Of(RoutingRule rule, string inLink, uint? mark)
    {
        var words = Words.Of(rule);
        var named = PacketSet.From(rule.Family, Layers.AnyProtocol, Spans(rule.From), Spans(rule.To));
        var isMarked = words.Mark is not { } wanted ? true : mark is { } known ? ((known ^ wanted.Value) & wanted.Mask) == 0 : (bool?)null;
        // A different link or mark decides, whatever else the rule says.
        var isOther = isMarked == false || (rule.InLink is not null && rule.InLink != inLink);
        var table = words.AreKnown && (isOther || isMarked == true) ? rule.Table : null;
        if (!words.AreNegated)
            return isOther ? null : new PolicyRule(named, table, words.Suppressed);
        // "not" inverts everything, link and mark too. If something is not known, the rule may then take any packet.
        var all = PacketSet.All(rule.Family);
        var packets = isOther || table is null ? all : all.Subtract(named);
        return packets.IsEmpty ? null : new PolicyRule(packets, table, words.Suppressed);
    }

    private static IEnumerable<(UInt128, UInt128)>? Spans(Cidr? prefix) => prefix is { } cidr ? [(cidr.Bits, cidr.Last)] : null;

    // What the text says that the fields of the rule do not.
    private sealed record Words(bool AreKnown, bool AreNegated = false, (uint Value, uint Mask)? Mark = null, int Suppressed = -1)
    {
        internal static Words Of(RoutingRule rule)
        {
            var words = new Words(true);
            if (rule.IsModelled)
                return words;
            var text = rule.Text[(rule.Text.IndexOf(':', StringComparison.Ordinal) + 1)..].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            for (var i = 0; i < text.Length; i++)
            {
                if (text[i] == "not")
                    words = words with { AreNegated = true };
                else
                    words = words.With(text[i], i + 1 < text.Length ? text[++i] : "");
            }
            return words with { AreKnown = words.AreKnown && rule.Table is not null };
        }

        private Words With(string option, string value) => option switch
        {
            "fwmark" when MatchModules.MarkValue(value) is { } mark => this with { Mark = mark },
            "suppress_prefixlength" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var length) => this with { Suppressed = length },
            "from" or "to" when value is "all" || Cidr.TryParse(value, out _) => this,
            "iif" or "lookup" or "proto" => this,
            _ => this with { AreKnown = false },
        };
    }
}
