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

    public bool IsEmpty => !_chains.Exists(chain => IsChanged(chain.Before, chain.After)) && _jumps.TrueForAll(jump => jump.Delete.Count + jump.Insert.Count == 0);

    public void Add(OurChain? before, OurChain after)
    {
        _chains.Add((before, after));
        Added.AddRange(Missing(after.Lines, before?.Lines ?? []));
        Removed.AddRange(Missing(before?.Lines ?? [], after.Lines));
        if (after.Lines.Count > 0 && after.Lines.All(line => line.Mark is null))
            Warnings.Add($"{table} {after.Name} holds {after.Lines.Count} line(s) that are not ours; the chain and its jump are kept for them.");
        if (before is not null && after.Lines.Count == 0 && !IsFree(after))
            Warnings.Add($"{table} {after.Name} is emptied but kept: rules that are not ours jump to it.");
    }

    public void Jumps(JumpPlan jumps)
    {
        _jumps.Add(jumps);
        // A jump that is only moved is neither added nor removed.
        Added.AddRange(jumps.Insert.Where(line => !jumps.Delete.Any(other => Same(line, other))));
        Removed.AddRange(jumps.Delete.Where((line, index) => !jumps.Insert.Any(other => Same(line, other)) || jumps.Delete.Take(index).Any(other => Same(line, other))));
    }

    /// <summary>The transaction.</summary>
    public string Restore() => Write(_chains.Select(chain => (chain.Before, (OurChain?)chain.After)), _jumps.SelectMany(jump => jump.Delete), _jumps.SelectMany(jump => jump.Insert));

    /// <summary>The transaction that undoes it. A jump comes back at the head of its chain.</summary>
    public string Inverse() => Write(
        _chains.Select(chain => ((OurChain?)chain.After, chain.Before)),
        _jumps.SelectMany(jump => jump.Insert),
        _jumps.SelectMany(jump => jump.Delete.Reverse()));

    private string Write(IEnumerable<(OurChain? From, OurChain? To)> chains, IEnumerable<RuleLine> delete, IEnumerable<RuleLine> insert)
    {
        var all = chains.Where(chain => IsChanged(chain.From, chain.To)).ToList();
        var filled = all.Where(chain => chain.To?.Lines.Count > 0).Select(chain => chain.To!).ToList();
        var gone = all.Where(chain => chain.From is not null && chain.To is not { Lines.Count: > 0 }).Select(chain => chain.From!).ToList();
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
        foreach (var chain in gone)
        {
            text.Append(CultureInfo.InvariantCulture, $"-F {chain.Name}\n");
            if (IsFree(chain))
                text.Append(CultureInfo.InvariantCulture, $"-X {chain.Name}\n");
        }
        return text.Append("COMMIT\n").ToString();
    }

    // A chain that somebody else jumps to cannot be deleted.
    private bool IsFree(OurChain chain) => !rules.ChainsOf(table).SelectMany(each => rules[table, each.Name])
        .Any(line => string.Equals(line.Target, chain.Name, StringComparison.Ordinal) && !JumpPlan.IsOurs(line));

    // Removing an empty chain that nobody needs is a change too.
    private bool IsChanged(OurChain? from, OurChain? to) => (from, to) switch
    {
        (null, null) => false,
        (null, { Lines.Count: 0 }) or ({ Lines.Count: 0 }, null) => false,
        ({ } one, { Lines.Count: 0 } other) => one.Lines.Count > 0 || (IsFree(other) && rules.HasChain(table, other.Name)),
        ({ } one, { } other) => !one.SameLinesAs(other),
        _ => true,
    };

    private static IEnumerable<RuleLine> Missing(IReadOnlyList<OurLine> lines, IReadOnlyList<OurLine> elsewhere)
    {
        var counts = elsewhere.GroupBy(line => line.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (counts.TryGetValue(line.Key, out var count) && count > 0)
                counts[line.Key] = count - 1;
            else
                yield return line.Line;
        }
    }

    private static bool Same(RuleLine one, RuleLine other) =>
        string.Equals(one.Chain, other.Chain, StringComparison.Ordinal) && one.Tokens.SequenceEqual(other.Tokens, StringComparer.Ordinal);
}
