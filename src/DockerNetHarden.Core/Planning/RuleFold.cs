using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>
/// Puts together what one rule can say: the two or three rules of a block for opened connections, which stood apart before blocks shared a chain, and blocks of one mark that differ only in their destination.
/// So rules of an older form, on a host or in a backup, come to the same lines as new ones. Custom rules stay as they are.
/// </summary>
internal static class RuleFold
{
    /// <summary>The lines of one chain in their order, folded. A folded line has the sum of the counters.</summary>
    public static IReadOnlyList<OurLine> Fold(IEnumerable<OurLine> lines)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return Destinations(Opened([.. lines.Where(line => line.Mark is null || seen.Add(line.Key))]));
    }

    /// <summary>Resolved rules as they come to the host: folded, and without exceptions that another of the same mark includes because its interface is a pattern (<c>br-+</c>).</summary>
    public static IReadOnlyList<FirewallRule> Fold(IReadOnlyList<FirewallRule> rules)
    {
        var patterns = rules.Where(rule => IsPlainPair(rule) && rule.InInterface!.EndsWith('+')).ToLookup(rule => rule.Mark);
        return
        [
            .. rules.Where(rule => !IsPlainPair(rule) || !patterns[rule.Mark].Any(wide => wide.Family == rule.Family && wide.Hook == rule.Hook && wide.InInterface != rule.InInterface && InterfaceName.Matches(wide.InInterface!, rule.InInterface!)))
                .GroupBy(rule => (rule.Family, rule.Hook, rule.Control))
                .SelectMany(chain => Fold(chain.Select(rule => OurLine.Make(rule, chain.Key.Hook.ChainOf(chain.Key.Control)))).Select(line => line.Rule!)),
        ];
    }

    // An exception for what leaves by the bridge by which it came, and nothing else.
    private static bool IsPlainPair(FirewallRule rule) =>
        rule is { Action: RuleAction.Return, InInterface: { } name, Protocol: null, Source: null, Destination: null, ConnectionState: null, ConnectionDirection: null, Limit: null, HashLimit: null, Control: not "Custom" }
        && !name.StartsWith('!') && name == rule.OutInterface && rule.Tokens.Count <= 10;

    private static List<OurLine> Opened(List<OurLine> lines)
    {
        if (!lines.Exists(IsOfNone))
            return lines;
        var there = lines.GroupBy(line => line.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var folded = new Dictionary<string, OurLine>(StringComparer.Ordinal);
        var gone = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in lines.Where(IsOfNone))
        {
            foreach (var verdict in VerdictChain.DecidingIn(line.Rule!.Table))
            {
                var whole = line.Rule!.With(spec =>
                {
                    (spec[RuleFields.ConnectionState], spec[RuleFields.RejectWith]) = (null, null);
                    (spec[RuleFields.Connections], spec[RuleFields.Action]) = (VerdictChain.Opened, verdict.Action);
                });
                var parts = VerdictChain.Apart(whole).Select(part => part.ToString()).ToList();
                if (!parts.TrueForAll(part => there.ContainsKey(part) && !gone.Contains(part)))
                    continue;
                folded[parts[0]] = OurLine.Make(whole, line.Line.Chain).Counted(parts.Select(part => there[part]));
                gone.UnionWith(parts);
                break;
            }
        }
        return [.. lines.Where(line => folded.ContainsKey(line.Key) || !gone.Contains(line.Key)).Select(line => folded.GetValueOrDefault(line.Key, line))];
    }

    // The rule of a block that is about packets of no connection.
    private static bool IsOfNone(OurLine line) =>
        line is { Mark.Control: not "Custom", Rule: { Action: RuleAction.Drop, ConnectionState: "INVALID,UNTRACKED", ConnectionDirection: null, Limit: null, HashLimit: null } };

    private static List<OurLine> Destinations(List<OurLine> lines)
    {
        var groups = lines.Where(IsOfDestinations).GroupBy(line => SaveTokenizer.Join(AddressLists.WithDestination(line.Rule!, null)), StringComparer.Ordinal).Where(group => group.Skip(1).Any())
            .ToDictionary(group => group.First().Key, group => group.ToList(), StringComparer.Ordinal);
        if (groups.Count == 0)
            return lines;
        var gone = groups.Values.SelectMany(group => group.Skip(1)).Select(line => line.Key).ToHashSet(StringComparer.Ordinal);
        return [.. lines.Where(line => !gone.Contains(line.Key)).Select(line => groups.TryGetValue(line.Key, out var group)
            ? OurLine.Make(line.Rule!.With(spec => spec.Destination = string.Join(',', group.Select(each => each.Rule!.Destination))), line.Line.Chain).Counted(group)
            : line)];
    }

    private static bool IsOfDestinations(OurLine line) =>
        line is { Mark.Control: not "Custom", Rule: { Phase: Phase.Block, Action: RuleAction.Drop or RuleAction.Reject or RuleAction.Log or RuleAction.Report, Destination: { } destination } } && !destination.StartsWith('!');
}
