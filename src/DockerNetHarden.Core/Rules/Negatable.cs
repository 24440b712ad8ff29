namespace DockerNetHarden.Rules;

/// <summary>A value that can be negated: a <c>!</c> in front, as in iptables. Canonical without a space behind it.</summary>
internal readonly record struct Negatable(bool Not, string Value)
{
    public static Negatable Parse(string text)
    {
        var trimmed = text.Trim();
        return trimmed.StartsWith('!') ? new Negatable(true, trimmed[1..].TrimStart()) : new Negatable(false, trimmed);
    }

    /// <summary>The canonical text of a value after a check that may rewrite it; null stays null.</summary>
    public static string? Normalize(string? text, Func<string, string> check)
    {
        if (text is null)
            return null;
        var parsed = Parse(text);
        return new Negatable(parsed.Not, check(parsed.Value)).ToString();
    }

    public override string ToString() => Not ? "!" + Value : Value;
}
