namespace DockerNetHarden.Analysis.Walking;

/// <summary>What <c>-i</c> or <c>-o</c> says: a name, or the beginning of one with a plus sign. Source: iptables(8).</summary>
internal sealed class LinkPattern(string text, bool negated)
{
    private (string Link, bool Matches)? _last;

    internal bool Matches(string link)
    {
        // The same link is asked for again and again, thousands of rules in a row.
        if (_last is { } last && ReferenceEquals(last.Link, link))
            return last.Matches;
        var matches = negated != (text.EndsWith('+')
            ? link.AsSpan().StartsWith(text.AsSpan(0, text.Length - 1), StringComparison.Ordinal)
            : string.Equals(text, link, StringComparison.Ordinal));
        _last = (link, matches);
        return matches;
    }
}
