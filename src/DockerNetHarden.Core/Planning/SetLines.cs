using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>Lines that ask a set in place of many destinations: a control's rule with a list, and the rules of a person's own list, which differ only in their destination.</summary>
internal static class SetLines
{
    /// <summary>The set for the list of a control's rule; null if the list is short.</summary>
    public static AddressSet? For(FirewallRule rule) =>
        rule.Set is null && rule.Destination?.Contains(',', StringComparison.Ordinal) == true && AddressLists.Destinations(rule) is var places && AddressSet.IsWorth(places) ? AddressSet.Of(places) : null;

    /// <summary>The lines of a chain in their order, with one line for as many of a person's own rules in a row as one set can stand for.</summary>
    public static IEnumerable<(OurLine Line, AddressSet? Set)> Gathered(IReadOnlyList<OurLine> lines)
    {
        for (var first = 0; first < lines.Count;)
        {
            var (last, places, key) = (first, new List<Cidr>(), KeyOf(lines[first]));
            while (key is not null && last < lines.Count && KeyOf(lines[last]) == key)
                places.Add(Cidr.Parse(lines[last++].Rule!.Destination!));
            if (places.Count > 0 && AddressSet.IsWorth(places))
            {
                var set = AddressSet.Of(places);
                yield return (OurLine.Make(set.AskedBy(lines[first].Rule!), lines[first].Line.Chain).Counted(lines.Skip(first).Take(last - first)), set);
            }
            else
            {
                last = Math.Max(last, first + 1);
                foreach (var line in lines.Skip(first).Take(last - first))
                    yield return (line, null);
            }
            first = last;
        }
    }

    /// <summary>What a line means that asks a set with these members: a control's rule one with a list, a person's own rule one for each member, of which the first has the counters.</summary>
    public static IEnumerable<OurLine> Meant(OurLine line, IReadOnlyList<Cidr>? members)
    {
        if (line.Rule is not { } rule)
            return [line];
        if (members is not { Count: > 0 })
            return [line.Unresolved()];
        FirewallRule With(string destination) => rule.With(spec =>
        {
            spec[RuleFields.Set] = null;
            spec.Destination = destination;
        });
        return rule.Control is "Custom"
            ? members.Select((member, index) => line.Meaning(With(member.ToString())) is var one && index == 0 ? one : one with { Line = line.Line with { Packets = 0, Bytes = 0 } })
            : [line.Meaning(With(string.Join(',', members)))];
    }

    // Rules of a person's own list are the same but for the destination, and end a packet's way, so that it does not matter which of them is asked first.
    private static string? KeyOf(OurLine line) =>
        line is { Mark: not null, Rule: { Control: "Custom", Set: null, Limit: null, HashLimit: null, Action: RuleAction.Accept or RuleAction.Drop or RuleAction.Reject or RuleAction.Return, Destination: { } destination } rule }
        && Cidr.TryParse(destination, out var prefix) && prefix.Length > 0
            ? SaveTokenizer.Join(AddressLists.WithDestination(rule, null)) : null;
}
