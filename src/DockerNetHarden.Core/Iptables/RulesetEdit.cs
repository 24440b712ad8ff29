using System.Globalization;

namespace DockerNetHarden.Iptables;

/// <summary>The lines of a rule set with other rules in one chain. What does not change keeps its bytes and its place.</summary>
/// <param name="index">The rule set's lines.</param>
/// <param name="counted">Whether rules are written with counters.</param>
internal sealed class RulesetEdit(RulesetIndex index, bool counted)
{
    /// <summary>The lines with exactly these rules in a chain, which is declared if it is missing.</summary>
    internal IEnumerable<SaveLine> WithRules(string table, string chain, IReadOnlyList<RuleLine> rules)
    {
        var lines = new List<SaveLine>(index.Lines);
        var old = Declare(lines, table, chain);
        Replace(lines, table, chain, old, Lay(old, rules));
        return lines;
    }

    private string NewLine => index.Lines.Count > 0 && index.Lines[0].Ending == "\r\n" ? "\r\n" : "\n";

    // Declares the chain and the table if they are missing; returns the places of the chain's rules among the lines.
    private List<int> Declare(List<SaveLine> lines, string table, string chain)
    {
        var places = new List<int>();
        if (!index.Tables.TryGetValue(table, out var found))
        {
            if (lines.Count > 0 && lines[^1].Ending is not ("\n" or "\r\n"))
                lines[^1] = lines[^1] with { Ending = NewLine };
            lines.Add(new SaveLine(SaveLineKind.Table, $"*{table}", NewLine, table));
            lines.Add(Declaration(chain));
            lines.Add(new SaveLine(SaveLineKind.Commit, "COMMIT", NewLine));
        }
        else if (!found.Has(chain))
        {
            var last = lines.FindLastIndex(
                found.End, found.End - found.Start + 1, static line => line.Kind is SaveLineKind.Chain or SaveLineKind.Table);
            lines.Insert(last + 1, Declaration(chain));
        }
        else
        {
            for (var i = found.Start; i < found.End; i++)
            {
                if (lines[i].Rule?.Chain == chain)
                    places.Add(i);
            }
        }
        return places;
    }

    // A built-in chain that was not listed has its default policy; any other chain is a user's.
    private SaveLine Declaration(string chain)
    {
        var policy = chain is "PREROUTING" or "INPUT" or "FORWARD" or "OUTPUT" or "POSTROUTING" ? "ACCEPT" : null;
        return new SaveLine(SaveLineKind.Chain, $":{chain} {policy ?? "-"} [0:0]", NewLine, Chain: new RulesetChain(chain, policy, 0, 0));
    }

    // One line per rule: the existing one, each used once, or a new one.
    private List<SaveLine> Lay(List<int> old, IReadOnlyList<RuleLine> rules)
    {
        var there = new Dictionary<RuleLine, Queue<SaveLine>>();
        foreach (var place in old)
        {
            var line = index.Lines[place];
            if (!there.TryGetValue(line.Rule!, out var same))
                there.Add(line.Rule!, same = new Queue<SaveLine>());
            same.Enqueue(line);
        }
        var lines = new List<SaveLine>(rules.Count);
        foreach (var rule in rules)
        {
            if (there.TryGetValue(rule, out var same) && same.TryDequeue(out var line))
            {
                lines.Add(line);
                continue;
            }
            var text = counted ? string.Create(CultureInfo.InvariantCulture, $"[{rule.Packets}:{rule.Bytes}] {rule.Text}") : rule.Text;
            lines.Add(new SaveLine(SaveLineKind.Rule, text, NewLine, Rule: counted
                ? rule with { Raw = text }
                : rule with { Raw = text, Packets = 0, Bytes = 0 }));
        }
        return lines;
    }

    // Puts the new lines into the places of the old ones. Lines that are the same at either end do not move, so that lines of other chains and
    // comments between the rules stay where they are. Surplus places are removed; surplus lines go in together.
    private static void Replace(List<SaveLine> lines, string table, string chain, List<int> old, List<SaveLine> added)
    {
        var shared = Math.Min(old.Count, added.Count);
        var head = 0;
        while (head < shared && added[head].Rule!.Equals(lines[old[head]].Rule))
            head++;
        var tail = 0;
        while (tail < shared - head && added[^(tail + 1)].Rule!.Equals(lines[old[^(tail + 1)]].Rule))
            tail++;

        var places = old.GetRange(head, old.Count - head - tail);
        var middle = added.GetRange(head, added.Count - head - tail);
        var same = Math.Min(places.Count, middle.Count);
        for (var i = 0; i < same; i++)
            lines[places[i]] = middle[i];
        var drop = places.Skip(same).ToHashSet();
        if (drop.Count > 0)
        {
            var kept = lines.Where((_, i) => !drop.Contains(i)).ToList();
            lines.Clear();
            lines.AddRange(kept);
        }
        else if (middle.Count > same)
        {
            var before = same > 0 ? places[^1] : head > 0 ? old[head - 1] : -1;
            var at = before >= 0 ? before + 1 : tail > 0 ? old[^tail] : PlaceForFirst(lines, table, chain);
            lines.InsertRange(at, middle.Skip(same));
        }
    }

    // Where iptables-save would print the first rule of a chain without rules: before the rules of the chains declared after it.
    private static int PlaceForFirst(List<SaveLine> lines, string table, string chain)
    {
        var start = lines.FindIndex(line => line.Kind == SaveLineKind.Table && line.Name == table);
        var later = new HashSet<string>(StringComparer.Ordinal);
        var seen = false;
        for (var i = start + 1; ; i++)
        {
            var line = lines[i];
            if (line.Kind == SaveLineKind.Commit || (line.Rule is { } rule && later.Contains(rule.Chain)))
                return i;
            if (line.Chain is { } declared && (seen || (seen = declared.Name == chain)) && declared.Name != chain)
                later.Add(declared.Name);
        }
    }
}
