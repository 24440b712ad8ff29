using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>Lines that ask a set in place of many destinations: a control's rule with a list, and the rules of a person's own list, which differ only in their destination.</summary>
internal static class SetLines
{
    /// <summary>The set for the list of a control's rule; null if the list is short.</summary>
    public static AddressSet? For(FirewallRule rule) =>
        rule.Set is null && rule.Destination?.Contains(',', StringComparison.Ordinal) == true && AddressLists.Destinations(rule) is var places && OwnLists.IsWorth(places) ? AddressSet.Of(places) : null;

    /// <summary>The lines of a chain in their order, with one line for as many of a person's own rules in a row as one set can stand for.</summary>
    public static IEnumerable<(OurLine Line, AddressSet? Set)> Gathered(IReadOnlyList<OurLine> lines)
    {
        foreach (var (first, count, places) in OwnLists.Runs(lines, line => line.Rule))
        {
            if (OwnLists.IsWorth(places))
            {
                var set = AddressSet.Of(places);
                yield return (OurLine.Make(set.AskedBy(lines[first].Rule!), lines[first].Line.Chain).Counted(lines.Skip(first).Take(count)), set);
                continue;
            }
            for (var i = first; i < first + count; i++)
                yield return (lines[i], null);
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
            : [line.Meaning(With(AddressLists.Of(members)))];
    }
}
