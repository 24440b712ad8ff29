using System.Collections.ObjectModel;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Iptables;

/// <summary>A chain of a table, as a save output declares it (<c>:INPUT ACCEPT [12:3456]</c>).</summary>
/// <param name="Name">The chain.</param>
/// <param name="Policy">The policy of a built-in chain; null for a user's chain (<c>-</c>).</param>
/// <param name="Packets">The policy's packet counter.</param>
/// <param name="Bytes">The policy's byte counter.</param>
public sealed record RulesetChain(string Name, string? Policy, long Packets, long Bytes);

/// <summary>
/// One family's whole rule set, read from <c>iptables-save -c</c>. Immutable: an edit returns a new one. Writing it unchanged gives the
/// same text, character for character. To get the same bytes, decode and encode it with one lossless encoding (Latin-1; UTF-8 loses bytes
/// that are not UTF-8).
/// </summary>
/// <remarks>
/// What is not understood is kept: unknown options are ordinary tokens. A line that iptables-save cannot print is an error, never a
/// rule: an undeclared chain, a table without COMMIT, a command, an error message between the lines.
/// Source: iptables-save(8), iptables-restore(8).
/// </remarks>
public sealed class Ruleset
{
    private readonly RulesetIndex _index;

    private Ruleset(RulesetIndex index)
    {
        _index = index;
        Tables = new ReadOnlyCollection<string>(index.TableNames);
        AllRules = new ReadOnlyCollection<RuleLine>(index.Rules);
        var warnings = new List<string>();
        var incompatible = new List<string>();
        foreach (var line in index.Lines)
        {
            if (line.Kind != SaveLineKind.Remark)
                continue;
            var text = line.Content.AsSpan().Trim(" \t");
            if (IncompatibleTable(text) is { } table)
                incompatible.Add(table);
            else if (IsWarning(text))
                warnings.Add(line.Content);
        }
        Warnings = warnings.AsReadOnly();
        IncompatibleTables = incompatible.AsReadOnly();
    }

    /// <summary>The family.</summary>
    public Family Family => _index.Family;

    /// <summary>The tables, in the order of the text.</summary>
    public IReadOnlyList<string> Tables { get; }

    /// <summary>Lines such as <c># Warning: iptables-legacy tables present</c>, as they stand in the text.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>
    /// Tables that iptables-nft-save says it cannot list (<c># Table `nat' is incompatible, use 'nft' tool.</c>, or that they
    /// contain incompatible base chains): they hold native nftables rules, and the text does not show all of their contents.
    /// Source: iptables/xtables-save.c of iptables 1.8.
    /// </summary>
    public IReadOnlyList<string> IncompatibleTables { get; }

    /// <summary>All rules of all tables, in the order of the text.</summary>
    public IReadOnlyList<RuleLine> AllRules { get; }

    /// <summary>Whether rules have counters: at least one rule of the text has, or there is no rule.</summary>
    public bool HasCounters => _index.Rules.Count == 0 || _index.Lines.Exists(static line => line.Rule?.Raw is { } raw && IsCounted(raw));

    /// <summary>The chains of a table, in the order of the text; empty if there is no such table.</summary>
    public IReadOnlyList<RulesetChain> ChainsOf(string table) =>
        _index.Tables.TryGetValue(table, out var found) ? found.Chains.AsReadOnly() : [];

    /// <summary>Whether a table has a chain.</summary>
    public bool HasChain(string table, string chain) => _index.Tables.TryGetValue(table, out var found) && found.Has(chain);

    /// <summary>The rules of a chain, in order; empty if there is no such chain.</summary>
    public IReadOnlyList<RuleLine> this[string table, string chain] =>
        _index.Tables.TryGetValue(table, out var found) ? found.RulesOf(chain) : [];

    /// <summary>
    /// The lines of a table from <c>*table</c> to <c>COMMIT</c> as they were read, without line ends, rules without their counters: what
    /// <c>iptables-save -t TABLE</c> prints. A chain's declaration keeps the counters of its policy. Empty if there is no such table.
    /// </summary>
    public IReadOnlyList<string> Lines(string table)
    {
        if (!_index.Tables.TryGetValue(table, out var found))
            return [];
        var lines = new List<string>(found.End - found.Start + 1);
        for (var i = found.Start; i <= found.End; i++)
        {
            var line = _index.Lines[i];
            lines.Add(line.Rule is null ? line.Content : WithoutCounters(line.Content));
        }
        return lines.AsReadOnly();
    }

    /// <summary>Reads the output of <c>iptables-save</c> or <c>iptables-save -c</c> (or ip6tables); an empty text is an empty rule set.</summary>
    /// <exception cref="IptablesFormatException">A line cannot come from that output, or the output ends within a table.</exception>
    public static Ruleset Parse(Family family, string save)
    {
        ArgumentNullException.ThrowIfNull(save);
        return new Ruleset(SaveParser.Parse(family, save));
    }

    /// <summary>Writes the rule set; unchanged lines are written byte for byte as they were read.</summary>
    public void WriteTo(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        foreach (var line in _index.Lines)
        {
            output.Write(line.Content);
            output.Write(line.Ending);
        }
    }

    /// <summary>The text that <see cref="WriteTo"/> writes.</summary>
    public override string ToString()
    {
        using var text = new StringWriter();
        WriteTo(text);
        return text.ToString();
    }

    private static bool IsCounted(string line) => line.AsSpan().TrimStart(" \t").StartsWith("[", StringComparison.Ordinal);

    private static string WithoutCounters(string line) =>
        IsCounted(line) ? line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..].TrimStart(' ', '\t') : line;

    private static bool IsWarning(ReadOnlySpan<char> text) =>
        text.Length > 0 && (text[0] != '#' || text.TrimStart("# \t").StartsWith("Warning", StringComparison.OrdinalIgnoreCase));

    // "# Table `nat' is incompatible, ..." and "# Table `nat' contains incompatible base-chains, ...".
    private static string? IncompatibleTable(ReadOnlySpan<char> text)
    {
        const string Start = "# Table `";
        if (!text.StartsWith(Start, StringComparison.Ordinal))
            return null;
        var rest = text[Start.Length..];
        var end = rest.IndexOf('\'');
        return end > 0 && rest[end..].Contains("incompatible", StringComparison.Ordinal) ? rest[..end].ToString() : null;
    }

    /// <summary>
    /// The rule set with exactly these rules in a chain. A rule that is already there keeps its bytes and its counters; a new
    /// one is written as iptables-save would write it; all other lines stay as they are. A missing chain or table is declared.
    /// </summary>
    /// <param name="table">The table.</param>
    /// <param name="chain">The chain.</param>
    /// <param name="rules">The rules, all of this family, table and chain. Counters of new ones are written if the text has counters.</param>
    /// <exception cref="ArgumentException">A rule has another family, table or chain, or a name is not valid.</exception>
    public Ruleset WithRules(string table, string chain, IReadOnlyList<RuleLine> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        RuleLine.CheckedName(table, "table");
        RuleLine.CheckedName(chain, "chain");
        foreach (var rule in rules)
        {
            if (rule.Family != Family || rule.Table != table || rule.Chain != chain)
                throw new ArgumentException(
                    $"The rule '{rule.Text}' is for {rule.Family}, table {rule.Table}, chain {rule.Chain}, "
                    + $"not for {Family}, table {table}, chain {chain}; make it for the place where it should be.",
                    nameof(rules));
        }

        return From(Family, new RulesetEdit(_index, HasCounters).WithRules(table, chain, rules));
    }

    /// <summary>
    /// The rule set without a user's chain and its rules; unchanged if there is no such chain. Jumps to it stay: they are rules of other
    /// chains, and iptables-restore refuses the result until they are gone too.
    /// </summary>
    /// <exception cref="ArgumentException">The chain is built in and cannot be removed.</exception>
    public Ruleset WithoutChain(string table, string chain)
    {
        if (!HasChain(table, chain))
            return this;
        var found = _index.Tables[table];
        if (found.Chains[found.PlaceOf(chain)].Policy is { } policy)
            throw new ArgumentException(
                $"The chain '{chain}' of the table '{table}' is built in (its policy is {policy}) and cannot be removed; remove its rules.",
                nameof(chain));
        var lines = _index.Lines.Where((line, i) =>
            i <= found.Start || i >= found.End || (line.Rule?.Chain != chain && line.Chain?.Name != chain));
        return From(Family, lines);
    }

    private static Ruleset From(Family family, IEnumerable<SaveLine> lines)
    {
        var index = new RulesetIndex(family);
        foreach (var line in lines)
            index.Add(line);
        return new Ruleset(index);
    }
}
