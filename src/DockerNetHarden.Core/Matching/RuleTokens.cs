using DockerNetHarden.Iptables;

namespace DockerNetHarden.Matching;

/// <summary>Goes through the tokens of a rule, option by option.</summary>
internal struct RuleTokens(IReadOnlyList<string> tokens)
{
    private int _next;

    /// <summary>The last option that was read.</summary>
    internal string Option { get; private set; } = "";

    /// <summary>Whether an exclamation mark preceded it.</summary>
    internal bool IsNegated { get; private set; }

    internal bool ReadOption()
    {
        IsNegated = false;
        if (_next >= tokens.Count)
            return false;
        if (tokens[_next] == "!" && _next + 1 < tokens.Count)
        {
            IsNegated = true;
            _next++;
        }
        Option = tokens[_next++];
        return true;
    }

    /// <summary>The option's next value; empty if there is none.</summary>
    internal string Value() => _next < tokens.Count ? tokens[_next++] : "";

    /// <summary>Skips the values of an unknown option.</summary>
    internal void SkipValues()
    {
        if (RuleOptions.TakesText(Option))
            _next++;
        while (_next < tokens.Count && tokens[_next] != "!" && !RuleOptions.IsOption(tokens[_next]))
            _next++;
    }

    /// <summary>The values of an option, which stand before the next one.</summary>
    internal IReadOnlyList<string> Values()
    {
        var start = _next;
        SkipValues();
        return [.. tokens.Skip(start).Take(_next - start)];
    }

    /// <summary>Whether an option with this beginning occurs anywhere in the rule.</summary>
    internal readonly bool Has(string start) => tokens.Any(token => token.StartsWith(start, StringComparison.Ordinal));
}
