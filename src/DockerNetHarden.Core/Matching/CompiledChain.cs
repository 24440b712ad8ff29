using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>A chain, ready to be walked.</summary>
/// <param name="name">Its name in an answer: <c>filter FORWARD</c>.</param>
internal sealed class CompiledChain(string name)
{
    // Walking a short chain is faster than looking rules up.
    private const int Worthwhile = 64;

    private CompiledRule[] _rules = [];
    private CompiledRule?[]? _unsure;
    private ChainIndex? _index;

    internal string Name { get; } = name;

    /// <summary>Whether the walk is inside it: a jump to it is then a loop.</summary>
    internal bool IsWalked { get; set; }

    /// <summary>Whether rules share it as their target: whatever it decides, the rule that jumped to it decided.</summary>
    internal bool IsTarget { get; init; }

    internal void Fill(IEnumerable<CompiledRule> rules) =>
        _rules = [.. rules.Where(static rule => rule.Action.Kind != ActionKind.Continue && !rule.Match.IsNever)];

    internal IReadOnlyList<CompiledRule> Rules => _rules;

    /// <summary>Whether its rules are looked up by links and addresses.</summary>
    internal bool IsIndexed => _rules.Length >= Worthwhile;

    /// <summary>The rules that can match packets to these destinations before or after routing.</summary>
    /// <param name="inLink">The link by which they entered.</param>
    /// <param name="state">What is true of them all: which links they leave by.</param>
    /// <param name="isBehindRouting">Whether the kernel may have forgotten there by which link they entered.</param>
    /// <param name="destinations">Their destinations.</param>
    /// <param name="bounds">The bounds of their other numbers.</param>
    internal RuleSelection RulesFor(string inLink, FlowState state, bool isBehindRouting, ReadOnlySpan<(UInt128 First, UInt128 Last)> destinations, in Bounds bounds)
    {
        PlaceSet? found = null;
        if (IsIndexed)
        {
            found = PlaceSet.Rent(_rules.Length);
            (_index ??= new ChainIndex(_rules)).Find(inLink, state, destinations, bounds, found);
        }
        return new RuleSelection(this, _rules, found, inLink, isBehindRouting);
    }

    /// <summary>A rule that names in-interfaces, as packets from a link meet it; null if they do not.</summary>
    internal CompiledRule? Seen(int place, string inLink, bool isBehindRouting)
    {
        var (rule, link) = (_rules[place], _rules[place].Match.In!);
        var matches = link.Matches(inLink);
        // Before kernel 5.7 there is no in-interface behind routing: its name is empty. iptables still lets a chain that POSTROUTING jumps to match on it.
        return !isBehindRouting || matches == link.MatchesNone ? matches ? rule : null
            : (_unsure ??= new CompiledRule?[_rules.Length])[place] ??= rule with { Match = rule.Match.Unsure("kernels before 5.7 know no in-interface in POSTROUTING") };
    }
}

/// <summary>The rules of a chain that certain packets can meet, in order; for <c>foreach</c>, once.</summary>
internal readonly ref struct RuleSelection(CompiledChain chain, CompiledRule[] rules, PlaceSet? found, string inLink, bool isBehindRouting)
{
    public Enumerator GetEnumerator() => new(chain, rules, found, inLink, isBehindRouting);

    internal ref struct Enumerator(CompiledChain chain, CompiledRule[] rules, PlaceSet? found, string inLink, bool isBehindRouting)
    {
        private int _at = -1;
        private CompiledRule? _current;

        public readonly CompiledRule Current => _current!;

        public bool MoveNext()
        {
            do
            {
                _at = found?.From(_at + 1) ?? _at + 1;
                if ((uint)_at >= (uint)rules.Length)
                    return false;
                _current = rules[_at].Match.In is null ? rules[_at] : chain.Seen(_at, inLink, isBehindRouting);
            }
            while (_current is null);
            return true;
        }

        public readonly void Dispose() => found?.Return();
    }
}
