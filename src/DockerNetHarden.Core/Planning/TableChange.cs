using System.Globalization;
using System.Text;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>All changes in one table of one family: one iptables-restore transaction, and the one that undoes it.</summary>
internal sealed class TableChange(Ruleset rules, string table)
{
    private readonly List<(OurChain? Before, OurChain After)> _chains = [];
    private readonly List<JumpPlan> _jumps = [];

    // Only if something changes: a table can have thousands of lines.
    private string? _ours;
    private List<(LaidChain? Before, LaidChain? After)>? _laid;

    public IReadOnlyList<OurChain> Chains => [.. _chains.Select(chain => chain.After)];

    public List<RuleLine> Added { get; } = [];

    public List<RuleLine> Removed { get; } = [];

    public List<string> Warnings { get; } = [];

    /// <summary>The lines of the table that contain our prefix, each ended by a newline.</summary>
    public string Ours => _ours ??= string.Concat(rules.Lines(table).Where(line => line.Contains(Hook.Prefix, StringComparison.Ordinal)).Select(line => line + "\n"));

    /// <summary>Whether nothing in the table is ours or has our prefix.</summary>
    public bool IsBare => Ours.Length == 0;

    /// <summary>
    /// Whether the transaction needs no premise. No line of ours can be lost, because -N would fail; and another control that has come since still works,
    /// because a new jump goes to the head of its hook. Only Custom rules, which may ACCEPT, must not get ahead of another control.
    /// </summary>
    public bool IsItsOwnPremise => IsBare && !Chains.Any(chain => chain.Control is "Custom");

    public bool IsEmpty => Laid.Count == 0 && _jumps.TrueForAll(jump => jump.Delete.Count + jump.Insert.Count == 0);

    public void Add(OurChain? before, OurChain after)
    {
        _chains.Add((before, after));
        IReadOnlyList<OurLine> was = [.. before?.Folded ?? [], .. before?.Strays ?? []], will = [.. after.Lines, .. after.Strays];
        Added.AddRange(OurLine.Missing(will, was).Select(line => line.Shown(after.Name)));
        Removed.AddRange(OurLine.Missing(was, will).Select(line => line.Shown(after.Name)));
        if (after.Lines.Count > 0 && after.Lines.All(line => line.Mark is null))
            Warnings.Add($"{table} {after.Name} holds {after.Lines.Count} line(s) that are not ours; the chain and its jump are kept for them.");
        if (before is not null && after.Lines.Count == 0 && !IsFree(after.Name))
            Warnings.Add($"{table} {after.Name} is emptied but kept: rules that are not ours jump to it.");
        foreach (var part in after.Strays.Where(line => line.Mark is null).GroupBy(line => line.Line.Chain, StringComparer.Ordinal))
            Warnings.Add($"{table} {part.Key} is a part of {after.Name} and holds {part.Count()} line(s) that are not ours. They are kept, but which packets meet them can change: put them into {after.Hook.Chain}.");
    }

    public void Jumps(JumpPlan jumps)
    {
        _jumps.Add(jumps);
        // A jump that is only moved is neither added nor removed.
        Added.AddRange(jumps.Insert.Where(line => !jumps.Delete.Any(other => Same(line, other))));
        Removed.AddRange(jumps.Delete.Where((line, index) => !jumps.Insert.Any(other => Same(line, other)) || jumps.Delete.Take(index).Any(other => Same(line, other))));
    }

    /// <summary>The transaction.</summary>
    public string Restore() => Write(Laid, _jumps.SelectMany(jump => jump.Delete), _jumps.SelectMany(jump => jump.Insert));

    /// <summary>The transaction that undoes it. A jump comes back at the head of its chain.</summary>
    public string Inverse() => Write(
        [.. Laid.Select(chain => (chain.After, chain.Before))],
        _jumps.SelectMany(jump => jump.Insert),
        _jumps.SelectMany(jump => jump.Delete.Reverse()));

    // The chains of the kernel that change: those of the controls, their parts, and the chains that blocks share. All chains of the table must be known.
    private List<(LaidChain? Before, LaidChain? After)> Laid => _laid ??=
    [
        .. _chains.SelectMany(chain => Pairs(chain.Before?.Laid ?? [], chain.After.Laid)).Concat(Verdicts()).Where(pair => IsChanged(pair.Before, pair.After)).Select(pair => (pair.Before, Counted(pair.Before, pair.After))),
    ];

    private static IEnumerable<(LaidChain? Before, LaidChain? After)> Pairs(IReadOnlyList<LaidChain> before, IReadOnlyList<LaidChain> after)
    {
        var there = before.ToDictionary(chain => chain.Name, StringComparer.Ordinal);
        return after.Select(chain => (there.Remove(chain.Name, out var old) ? old : null, (LaidChain?)chain)).ToList().Concat(there.Values.Select(chain => ((LaidChain?)chain, (LaidChain?)null)));
    }

    // What somebody else put into a chain of ours stays at the end that it was nearer to.
    private IEnumerable<(LaidChain? Before, LaidChain? After)> Verdicts()
    {
        foreach (var verdict in VerdictChain.In(table))
        {
            var before = rules.HasChain(table, verdict.Name) ? new LaidChain(verdict.Name, [.. rules[table, verdict.Name].Select(LaidLine.Of)]) : null;
            var lines = verdict.Lines(rules.Family, table).Select(LaidLine.Of).ToList();
            var keys = lines.Select(line => line.Key).ToHashSet(StringComparer.Ordinal);
            var first = before?.Lines.TakeWhile(line => !keys.Contains(line.Key)).ToList() ?? [];
            var last = before?.Lines.Skip(first.Count).Where(line => !keys.Contains(line.Key)).ToList() ?? [];
            var isUsed = _chains.Exists(chain => chain.After.Laid.Any(part => part.Lines.Any(line => string.Equals(line.Line.Target, verdict.Name, StringComparison.Ordinal)))) || (before is not null && !IsFree(verdict.Name));
            yield return (before, isUsed ? new LaidChain(verdict.Name, [.. first, .. lines, .. last]) : first.Count + last.Count > 0 ? new LaidChain(verdict.Name, [.. first, .. last]) : null);
        }
    }

    // Lines that stand there already keep their counters; those of rules know theirs.
    private static LaidChain? Counted(LaidChain? before, LaidChain? after)
    {
        if (before is null || after is null)
            return after;
        var there = before.Lines.DistinctBy(line => line.Key, StringComparer.Ordinal).ToDictionary(line => line.Key, line => line.Line, StringComparer.Ordinal);
        return after with
        {
            Lines = [.. after.Lines.Select(line => line.Line.Packets == 0 && there.TryGetValue(line.Key, out var old) ? line with { Line = line.Line with { Packets = old.Packets, Bytes = old.Bytes } } : line)],
        };
    }

    private string Write(IReadOnlyList<(LaidChain? From, LaidChain? To)> chains, IEnumerable<RuleLine> delete, IEnumerable<RuleLine> insert)
    {
        var filled = chains.Where(chain => chain.To?.Lines.Count > 0).Select(chain => chain.To!).ToList();
        var gone = chains.Where(chain => chain.From is not null && chain.To is not { Lines.Count: > 0 }).Select(chain => chain.From!.Name).ToList();
        var text = new StringBuilder().Append('*').Append(table).Append('\n');
        // A declaration makes a chain, or flushes an existing one, so the whole refill is one transaction. If nothing was ours, -N makes the chain; if the chain exists
        // after all, -N fails and the whole transaction with it.
        foreach (var chain in filled)
            text.Append(IsBare ? $"-N {chain.Name}\n" : $":{chain.Name} - [0:0]\n");
        foreach (var line in filled.SelectMany(chain => chain.Lines).Select(line => line.Line))
            text.Append(CultureInfo.InvariantCulture, $"[{line.Packets}:{line.Bytes}] -A {line.Chain} {SaveTokenizer.Join(line.Tokens)}\n");
        foreach (var jump in delete)
            text.Append(CultureInfo.InvariantCulture, $"-D {jump.Chain} {SaveTokenizer.Join(jump.Tokens)}\n");
        foreach (var jump in insert)
            text.Append(CultureInfo.InvariantCulture, $"-I {jump.Chain} {SaveTokenizer.Join(jump.Tokens)}\n");
        // All are emptied before the first is deleted: one may send packets to another.
        foreach (var chain in gone)
            text.Append(CultureInfo.InvariantCulture, $"-F {chain}\n");
        foreach (var chain in gone.Where(IsFree))
            text.Append(CultureInfo.InvariantCulture, $"-X {chain}\n");
        return text.Append("COMMIT\n").ToString();
    }

    // A chain that somebody else jumps to cannot be deleted.
    private bool IsFree(string chain) => !rules.ChainsOf(table).Where(each => !Hook.IsOurs(table, each.Name)).SelectMany(each => rules[table, each.Name])
        .Any(line => string.Equals(line.Target, chain, StringComparison.Ordinal) && !JumpPlan.IsOurs(line));

    // Removing an empty chain that nobody needs is a change too.
    private bool IsChanged(LaidChain? from, LaidChain? to) => (from, to) switch
    {
        (null, null or { Lines.Count: 0 }) => false,
        ({ } one, null or { Lines.Count: 0 }) => one.Lines.Count > 0 || (IsFree(one.Name) && rules.HasChain(table, one.Name)),
        ({ } one, { } other) => !one.IsSameAs(other),
        _ => true,
    };

    private static bool Same(RuleLine one, RuleLine other) =>
        string.Equals(one.Chain, other.Chain, StringComparison.Ordinal) && one.Tokens.SequenceEqual(other.Tokens, StringComparer.Ordinal);
}
