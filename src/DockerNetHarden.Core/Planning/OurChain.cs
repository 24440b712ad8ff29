using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

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

    /// <summary>The same place and counters, with what the line means there.</summary>
    public OurLine Meaning(FirewallRule rule) => this with { Rule = rule, Key = rule.ToString() };

    /// <summary>The same line if what it means cannot be known, because it asks a set that was not read, or is empty.</summary>
    public OurLine Unresolved() => this with { Rule = null, IsUnresolved = true };

    /// <summary>Whether the line is only part of a rule, whose destinations are in such a set.</summary>
    public bool IsUnresolved { get; init; }

    /// <summary>The line as a person reads it: with all that it means, in the control's own chain.</summary>
    public RuleLine Shown(string chain) => Rule is null || (Line.Chain == chain && Line.Tokens.Count == Rule.Tokens.Count) ? Line : Line with { Chain = chain, Tokens = Rule.Tokens };

    /// <summary>The lines that are not elsewhere, each as often as it is missing there.</summary>
    public static IEnumerable<OurLine> Missing(IReadOnlyList<OurLine> lines, IReadOnlyList<OurLine> elsewhere)
    {
        var counts = elsewhere.GroupBy(line => line.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (counts.TryGetValue(line.Key, out var count) && count > 0)
                counts[line.Key] = count - 1;
            else
                yield return line;
        }
    }

    public OurLine Counted(IEnumerable<OurLine> lines)
    {
        var (packets, bytes) = lines.Aggregate((0L, 0L), (sum, line) => (sum.Item1 + line.Line.Packets, sum.Item2 + line.Line.Bytes));
        return this with { Line = Line with { Packets = packets, Bytes = bytes } };
    }
}

/// <summary>One of our chains of one family: its control, its hook, and its lines in order, those of its parts included (<see cref="ChainLayout"/>).</summary>
internal sealed record OurChain(Family Family, Hook Hook, string Control, IReadOnlyList<OurLine> Lines)
{
    private IReadOnlyList<LaidChain>? _laid;
    private IReadOnlyList<OurLine>? _folded;

    public string Name => Hook.ChainOf(Control);

    public IReadOnlyList<string> JumpTokens => ["-m", "comment", "--comment", RuleMark.Owner, "-j", Name];

    public RuleLine Jump => new(Family, Hook.Table, Hook.Chain, JumpTokens);

    /// <summary>The lines as this version writes them (<see cref="RuleFold"/>).</summary>
    public IReadOnlyList<OurLine> Folded => _folded ??= RuleFold.Fold(Lines);

    /// <summary>Whether it is a chain of our nftables table. It has no parts: sets ask first there.</summary>
    public bool IsNft { get; init; }

    /// <summary>Whether many destinations become a set of ipset(8), if the lines are laid out.</summary>
    public bool UsesSets { get; init; }

    /// <summary>Lines in parts of the chain that are not ours, or that this version does not write. They stay in their part.</summary>
    public IReadOnlyList<OurLine> Strays { get; init; } = [];

    /// <summary>The chains of the kernel that hold the lines: as they stand or, if the lines were made here, as they will.</summary>
    public IReadOnlyList<LaidChain> Laid
    {
        get => _laid ??= ChainLayout.Of(this);
        init => _laid = value;
    }

    /// <summary>All our chains of a host, those of iptables first.</summary>
    public static IReadOnlyList<OurChain> OfHost(HostSnapshot host) => [.. host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => ReadAll(pair.Value, AddressSets.Of(host))), .. OwnTable.Of(host).Chains];

    /// <summary>All our chains of a rule set. Foreign chains are not ours, even if they have our prefix.</summary>
    public static IEnumerable<OurChain> ReadAll(Ruleset rules) => ReadAll(rules, AddressSets.None);

    /// <summary>The same of a host with these sets.</summary>
    public static IEnumerable<OurChain> ReadAll(Ruleset rules, AddressSets sets) => ChainReader.ReadAll(rules, sets);

    /// <summary>
    /// The chain with other lines. Lines that decide come before those that only report; lines for one network come before lines for the whole host (the narrower decides first); then exceptions,
    /// blocks, limits; then by mark. Lines that somebody else put into our chain stay at whichever end they were nearer to.
    /// </summary>
    public OurChain With(IEnumerable<OurLine> ours)
    {
        var first = Lines.TakeWhile(line => line.Mark is null).ToList();
        var last = Lines.Skip(first.Count).Where(line => line.Mark is null);
        return new OurChain(Family, Hook, Control, [.. first, .. Sorted(ours), .. last]) { Strays = Strays, IsNft = IsNft, UsesSets = UsesSets };
    }

    /// <summary>Whether the kernel has, or will have, the same chains with the same lines.</summary>
    public bool SameLinesAs(OurChain other) => Laid.OrderBy(part => part.Name, StringComparer.Ordinal).Select(part => (part.Name, string.Join('\n', part.Lines.Select(line => line.Key))))
        .SequenceEqual(other.Laid.OrderBy(part => part.Name, StringComparer.Ordinal).Select(part => (part.Name, string.Join('\n', part.Lines.Select(line => line.Key)))));

    /// <summary>Lines of ours in the order in which they decide, each once.</summary>
    public static IEnumerable<OurLine> Sorted(IEnumerable<OurLine> ours) => ours.Where(line => line.Mark is not null)
        .GroupBy(line => line.Key, StringComparer.Ordinal).Select(same => same.Skip(1).Any() ? same.First().Counted(same) : same.First())
        // What only reports comes last: its exceptions leave the chain, and must not lead past a block of another mark.
        .OrderBy(line => VerdictChain.IsOfReport(line.Rule) ? 1 : 0)
        .ThenBy(line => line.Mark!.Network is null ? 1 : 0)
        .ThenBy(line => line.Rule?.Phase ?? Phase.Block)
        .ThenBy(line => line.Mark!.ToString(), StringComparer.Ordinal);
}
