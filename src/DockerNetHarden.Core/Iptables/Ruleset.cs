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
public sealed partial class Ruleset
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
}
