using System.Collections.Concurrent;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>What lines in chains of ours mean, so that none is parsed twice. Many threads may use it at once. It forgets everything when it is full.</summary>
/// <param name="most">How many lines are kept.</param>
internal sealed class LineMeanings(int most)
{
    // By line and not by text: two lines are equal if their family, table, chain and tokens are. Chain and table also decide the hook.
    private readonly ConcurrentDictionary<RuleLine, OurLine> _lines = new();

    /// <summary>The one that plans and lists use. A line with its rule is a few kilobytes.</summary>
    public static LineMeanings Known { get; } = new(4096);

    /// <summary>The meaning of a line, whose counters may be those of an equal one.</summary>
    /// <param name="line">The line.</param>
    /// <param name="hook">The hook whose chain it is in.</param>
    /// <param name="parse">Finds out what it means.</param>
    public OurLine Of(RuleLine line, Hook hook, Func<RuleLine, Hook, OurLine> parse)
    {
        if (_lines.TryGetValue(line, out var known))
            return known;
        if (_lines.Count >= most)
            _lines.Clear();
        return _lines[line] = parse(line, hook);
    }
}
