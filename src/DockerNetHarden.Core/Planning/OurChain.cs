using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>A line in a chain of ours: the line as it is (or will be), and what it means.</summary>
/// <param name="Line">The line, with its counters.</param>
/// <param name="Mark">Whose it is; null if somebody else put it there.</param>
/// <param name="Rule">The rule that it is; null if this module does not write such a rule.</param>
/// <param name="Key">What is compared: the canonical text, or the tokens if there is none.</param>
internal sealed record OurLine(RuleLine Line, RuleMark? Mark, FirewallRule? Rule, string Key)
{
    /// <summary>What a line means. It follows from the line alone, and hosts have the same lines, now and at the next reading: it is found out once.</summary>
    public static OurLine Read(RuleLine line, Hook hook) => LineMeanings.Known.Of(line, hook, Parse) with { Line = line };

    private static OurLine Parse(RuleLine line, Hook hook)
    {
        var rule = RuleParser.TryReadLine(line.Family, line.Table, hook.Chain, line.Tokens);
        // A second comment makes another line of ours, not somebody else's.
        var mark = RuleOptions.ValuesOf(line.Tokens, "--comment").Select(comment => RuleMark.TryParse(comment, out var mark, out _) ? mark : null).FirstOrDefault(mark => mark is not null);
        return new OurLine(line, mark, mark is null ? null : rule, mark is not null && rule is not null ? rule.ToString() : SaveTokenizer.Join(line.Tokens));
    }

    public static OurLine Make(FirewallRule rule, string chain)
    {
        var line = new RuleLine(rule.Family, rule.Table, chain, rule.Tokens);
        return new OurLine(line, rule.Mark, rule, rule.ToString());
    }
}

/// <summary>One of our chains of one family: its control, its hook, and its lines in order.</summary>
internal sealed record OurChain(Family Family, Hook Hook, string Control, IReadOnlyList<OurLine> Lines)
{
    public string Name => Hook.ChainOf(Control);

    public IReadOnlyList<string> JumpTokens => ["-m", "comment", "--comment", RuleMark.Owner, "-j", Name];

    public RuleLine Jump => new(Family, Hook.Table, Hook.Chain, JumpTokens);

    /// <summary>All our chains of a rule set. Foreign chains are not ours, even if they have our prefix.</summary>
    public static IEnumerable<OurChain> ReadAll(Ruleset rules)
    {
        foreach (var table in Hook.Tables)
        {
            foreach (var chain in rules.ChainsOf(table))
            {
                if (Hook.OwnerOf(table, chain.Name) is var (control, hook))
                    yield return new OurChain(rules.Family, hook, control, [.. rules[table, chain.Name].Select(line => OurLine.Read(line, hook))]);
            }
        }
    }

    /// <summary>
    /// The chain with other lines. Lines for one network come before lines for the whole host (the narrower decides first); then exceptions,
    /// blocks, limits; then by mark. Lines that somebody else put into our chain stay at whichever end they were nearer to.
    /// </summary>
    public OurChain With(IEnumerable<OurLine> ours)
    {
        var first = Lines.TakeWhile(line => line.Mark is null).ToList();
        var last = Lines.Skip(first.Count).Where(line => line.Mark is null);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var sorted = ours.Where(line => line.Mark is not null && seen.Add(line.Key))
            .OrderBy(line => line.Mark!.Network is null ? 1 : 0)
            .ThenBy(line => line.Rule?.Phase ?? Phase.Block)
            .ThenBy(line => line.Mark!.ToString(), StringComparer.Ordinal);
        return this with { Lines = [.. first, .. sorted, .. last] };
    }

    public bool SameLinesAs(OurChain other) =>
        Lines.Select(line => line.Key).SequenceEqual(other.Lines.Select(line => line.Key), StringComparer.Ordinal);
}
