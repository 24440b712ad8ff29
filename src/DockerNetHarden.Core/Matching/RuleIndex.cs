namespace DockerNetHarden.Matching;

/// <summary>
/// The rules of a chain by the destinations that they can match, so that packets to one network do not meet thousands of rules about others. An interval tree in
/// an array, sorted by the lowest destination; each node also has the highest destination below it.
/// </summary>
internal sealed class RuleIndex
{
    // Walking a short chain is faster than looking it up.
    private const int Worthwhile = 64;

    private readonly CompiledRule[] _rules;
    private readonly (UInt128 Low, UInt128 High, int Place)[] _sorted = [];
    private readonly UInt128[] _highest = [];

    internal RuleIndex(CompiledRule[] rules)
    {
        _rules = rules;
        if (rules.Length < Worthwhile)
            return;
        _sorted = [.. rules.Select(static (rule, place) => (rule.Match.Low, rule.Match.High, place)).OrderBy(static each => each.Low).ThenBy(static each => each.place)];
        _highest = new UInt128[_sorted.Length];
        Measure(0, _sorted.Length);
    }

    /// <summary>The rules that can match a destination between these two, in the chain's order.</summary>
    internal ReadOnlySpan<CompiledRule> Between(UInt128 low, UInt128 high)
    {
        if (_sorted.Length == 0)
            return _rules;
        var places = new List<int>();
        Find(0, _sorted.Length, low, high, places);
        if (places.Count == _rules.Length)
            return _rules;
        places.Sort();
        var rules = new CompiledRule[places.Count];
        for (var i = 0; i < rules.Length; i++)
            rules[i] = _rules[places[i]];
        return rules;
    }

    // The middle of a range is the root of its tree.
    private UInt128 Measure(int start, int end)
    {
        if (start >= end)
            return UInt128.Zero;
        var middle = (start + end) / 2;
        return _highest[middle] = UInt128.Max(_sorted[middle].High, UInt128.Max(Measure(start, middle), Measure(middle + 1, end)));
    }

    private void Find(int start, int end, UInt128 low, UInt128 high, List<int> places)
    {
        if (start >= end)
            return;
        var middle = (start + end) / 2;
        if (_highest[middle] < low)
            return;
        Find(start, middle, low, high, places);
        if (_sorted[middle].Low > high)
            return;
        if (_sorted[middle].High >= low)
            places.Add(_sorted[middle].Place);
        Find(middle + 1, end, low, high, places);
    }
}
