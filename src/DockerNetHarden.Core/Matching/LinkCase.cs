using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>What a match takes of the packets that enter, or leave, by certain links. The cases of a match are disjoint, and together they are what it takes.</summary>
/// <param name="In">The links by which they enter; null for all.</param>
/// <param name="Out">The links by which they leave; null for all.</param>
/// <param name="Packets">The packets; null for all.</param>
/// <param name="Why">Why it is not certain that they match; null if it is.</param>
internal sealed record LinkCase(LinkPattern? In, LinkPattern? Out, PacketSet? Packets, string? Why = null)
{
    /// <summary>What is in both; null if nothing can be.</summary>
    internal LinkCase? And(LinkCase other)
    {
        if (!LinkPattern.Both(In, other.In, out var inLinks) || !LinkPattern.Both(Out, other.Out, out var outLinks))
            return null;
        var packets = Packets is null ? other.Packets : other.Packets is null ? Packets : Packets.Intersect(other.Packets);
        return packets is { IsEmpty: true } ? null : new LinkCase(inLinks, outLinks, packets, Why ?? other.Why);
    }
}

/// <summary>
/// The argument of <c>-i</c> or <c>-o</c>: names, or beginnings of names followed by a plus sign (iptables(8)) or an asterisk (nft(8)).
/// </summary>
internal sealed class LinkPattern
{
    private readonly IReadOnlyList<string> _texts;
    private readonly bool _negated;
    private readonly LinkPattern? _also;
    private (string Link, bool Matches)? _last;

    internal LinkPattern(IReadOnlyList<string> texts, bool negated)
        : this(texts, negated, null)
    {
    }

    private LinkPattern(IReadOnlyList<string> texts, bool negated, LinkPattern? also)
    {
        (_texts, _negated, _also) = (texts, negated, also);
        if (also is null && texts is [var text] && text is not [.., '+' or '*'])
        {
            OnlyName = negated ? null : text;
            AllBut = negated ? text : null;
        }
        MatchesNone = MatchesTexts("") && also?.MatchesNone != false;
    }

    /// <summary>The only link that can match; null if several can, or all but some.</summary>
    internal string? OnlyName { get; }

    /// <summary>The only link that cannot match; null if there are several or none.</summary>
    internal string? AllBut { get; }

    /// <summary>Whether it matches where there is no link: its name is empty there.</summary>
    internal bool MatchesNone { get; }

    /// <summary>The links that match both; false if none can.</summary>
    internal static bool Both(LinkPattern? one, LinkPattern? other, out LinkPattern? both)
    {
        both = one is null ? other : other is null || one.OnlyName is not null ? one : other.OnlyName is not null ? other : Joined(one, other);
        return both?.OnlyName is not { } name || (one?.Matches(name) != false && other?.Matches(name) != false);
    }

    internal bool Matches(string link)
    {
        if (OnlyName is not null)
            return string.Equals(OnlyName, link, StringComparison.Ordinal);
        if (AllBut is not null)
            return !string.Equals(AllBut, link, StringComparison.Ordinal);
        // Thousands of consecutive rules name the same link.
        if (_last is { } last && ReferenceEquals(last.Link, link))
            return last.Matches;
        var matches = MatchesTexts(link) && _also?.Matches(link) != false;
        _last = (link, matches);
        return matches;
    }

    private static LinkPattern Joined(LinkPattern one, LinkPattern other) => new(one._texts, one._negated, one._also is null ? other : Joined(one._also, other));

    private bool MatchesTexts(string link) => _texts.Any(text => Matches(text, link)) != _negated;

    private static bool Matches(string text, string link) => text is [.., '+' or '*']
        ? link.AsSpan().StartsWith(text.AsSpan(0, text.Length - 1), StringComparison.Ordinal)
        : string.Equals(text, link, StringComparison.Ordinal);
}
