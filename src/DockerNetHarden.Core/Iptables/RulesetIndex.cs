using DockerNetHarden.Addresses;

namespace DockerNetHarden.Iptables;

/// <summary>
/// The lines of a save output in order, with an index over them. Filled line by line, by the parser and by edits alike, so
/// that both obey the same grammar. It does not change once a <see cref="Ruleset"/> owns it.
/// </summary>
internal sealed class RulesetIndex(Family family)
{
    private TableIndex? _open;

    internal Family Family { get; } = family;

    internal List<SaveLine> Lines { get; } = [];

    internal List<string> TableNames { get; } = [];

    internal Dictionary<string, TableIndex> Tables { get; } = new(StringComparer.Ordinal);

    internal List<RuleLine> Rules { get; } = [];

    /// <summary>The table whose COMMIT has not come yet.</summary>
    internal string? OpenTable => _open?.Name;

    /// <summary>Adds a line. The exception's message is the reason why the line is not allowed there.</summary>
    internal void Add(SaveLine line)
    {
        switch (line.Kind)
        {
            case SaveLineKind.Table:
                OpenNew(line.Name!);
                break;
            case SaveLineKind.Commit:
                _open!.End = Lines.Count;
                _open = null;
                break;
            case SaveLineKind.Chain:
                _open!.Declare(line.Chain!, isPolicy: false);
                break;
            case SaveLineKind.Policy:
                _open!.Declare(line.Chain!, isPolicy: true);
                break;
            case SaveLineKind.Rule:
                var rule = _open!.Append(line.Rule!);
                Rules.Add(rule);
                line = line with { Rule = rule };
                break;
        }
        Lines.Add(line);
    }

    private void OpenNew(string table)
    {
        if (_open is not null)
            throw new FormatException($"the table '{_open.Name}' before it has no COMMIT: lines are missing. Read the rules again.");
        var index = new TableIndex(table, Lines.Count);
        if (!Tables.TryAdd(table, index))
            throw new FormatException(
                $"the table '{table}' is in the output twice. "
                + "Two outputs in one text (nft and legacy, IPv4 and IPv6) must be read each on its own.");
        TableNames.Add(table);
        _open = index;
    }
}

/// <summary>One table: its first and last line, its chains and their rules.</summary>
internal sealed class TableIndex(string name, int start)
{
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<RuleLine>> _rules = new(StringComparer.Ordinal);

    internal string Name { get; } = name;

    /// <summary>The line of <c>*table</c>.</summary>
    internal int Start { get; } = start;

    /// <summary>The line of <c>COMMIT</c>.</summary>
    internal int End { get; set; }

    internal List<RulesetChain> Chains { get; } = [];

    internal bool Has(string chain) => _places.ContainsKey(chain);

    /// <summary>The place of the chain among the declarations.</summary>
    internal int PlaceOf(string chain) => _places[chain];

    internal IReadOnlyList<RuleLine> RulesOf(string chain) => _rules.TryGetValue(chain, out var rules) ? rules.AsReadOnly() : [];

    internal void Declare(RulesetChain chain, bool isPolicy)
    {
        if (_places.TryAdd(chain.Name, Chains.Count))
        {
            Chains.Add(chain);
            _rules.Add(chain.Name, []);
        }
        else if (isPolicy)
            Chains[_places[chain.Name]] = chain;
        else
            throw new FormatException(
                $"the chain '{chain.Name}' is declared twice in the table '{Name}'. Two outputs in one text must be read each on its own.");
    }

    internal RuleLine Append(RuleLine rule)
    {
        if (!_rules.TryGetValue(rule.Chain, out var rules))
            throw new FormatException(
                $"the chain '{rule.Chain}' is not declared in the table '{Name}'; "
                + $"iptables-save declares every chain in front of the rules (':{rule.Chain} - [0:0]'). Lines are missing: read the rules again.");
        if (rule.Position != rules.Count + 1)
            rule = rule with { Position = rules.Count + 1 };
        rules.Add(rule);
        return rule;
    }
}
