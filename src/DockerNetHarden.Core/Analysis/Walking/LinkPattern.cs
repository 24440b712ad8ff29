namespace DockerNetHarden.Analysis.Walking;

/// <summary>
/// What <c>-i</c> or <c>-o</c> says: names, or beginnings of names with a plus sign behind them (iptables(8)) or an asterisk (nft(8)).
/// </summary>
internal sealed class LinkPattern(IReadOnlyList<string> texts, bool negated)
{
    private (string Link, bool Matches)? _last;

    internal bool Matches(string link)
    {
        // The same link is asked for again and again, thousands of rules in a row.
        if (_last is { } last && ReferenceEquals(last.Link, link))
            return last.Matches;
        var matches = texts.Any(text => Matches(text, link)) != negated;
        _last = (link, matches);
        return matches;
    }

    private static bool Matches(string text, string link) => text is [.., '+' or '*']
        ? link.AsSpan().StartsWith(text.AsSpan(0, text.Length - 1), StringComparison.Ordinal)
        : string.Equals(text, link, StringComparison.Ordinal);
}
