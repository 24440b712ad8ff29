using System.Text.RegularExpressions;

namespace DockerNetHarden.Planning;

/// <summary>A line of what a plan changes, as a person reads it.</summary>
/// <param name="Sign"><c>+</c> goes in, <c>-</c> goes out, <c>~</c> says something about the whole; a space is a heading: the command and the chain.</param>
/// <param name="Text">The line without its sign.</param>
public sealed record DiffLine(char Sign, string Text)
{
    /// <summary>The line as it is printed.</summary>
    public override string ToString() => Sign is ' ' ? Text : $"  {Sign} {Text}";
}

/// <summary>
/// What a plan changes, short: grouped by chain, one line for each rule, the target first, without comments and the names of match modules. <see cref="Plan.Diff"/> has the exact commands.
/// </summary>
public static partial class PlanDiff
{
    // Of a terminal that nobody made wider.
    private const int Width = 80;
    private const int MostInOneList = 3;
    private const int Patience = 1_000;

    /// <summary>The lines.</summary>
    public static IReadOnlyList<DiffLine> Of(Plan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var lines = plan.NewChains.Select(chain => Line('+', $"{(chain.Family == Addresses.Family.IPv4 ? "iptables" : "ip6tables")} -N {chain.Chain}"))
            .Concat(plan.RemovedCommands.Select(command => Line('-', command)))
            .Concat(plan.AddedCommands.Select(command => Line('+', command)));
        var shown = lines.GroupBy(line => line.Chain, StringComparer.Ordinal).SelectMany(group => group.Select(line => line.Line).Prepend(new DiffLine(' ', group.Key))).ToList();
        if (shown.Count == 0 && !plan.IsEmpty)
            shown.Add(new DiffLine('~', "the same rules, in other chains or another order"));
        return shown;
    }

    private static (string Chain, DiffLine Line) Line(char sign, string command)
    {
        if (IptablesCommand().Match(command) is { Success: true } iptables)
        {
            // A rule that goes before others says so: the order decides.
            var text = (iptables.Groups["how"].Value is "I" ? "first: " : "") + TargetFirst(IptablesTarget(), IptablesNoise().Replace(iptables.Groups["rule"].Value, ""));
            return ($"{iptables.Groups["command"].Value} {iptables.Groups["chain"].Value}", new DiffLine(sign, Fitted(text)));
        }
        return NftCommand().Match(command) is { Success: true } nft
            ? ($"nft {nft.Groups["table"].Value} {nft.Groups["chain"].Value}", new DiffLine(sign, Fitted(TargetFirst(NftTarget(), NftNoise().Replace(nft.Groups["rule"].Value, "")))))
            : ("", new DiffLine(sign, Fitted(command)));
    }

    // What is cut off must not be what matters most.
    private static string TargetFirst(Regex target, string rule) =>
        target.Match(rule) is { Success: true } found ? $"{found.Groups["target"].Value} {rule[..found.Index].Trim()}".Trim() : rule.Trim();

    private static string Fitted(string text)
    {
        const int Room = Width - 4;
        if (text.Length > Room)
            text = LongList().Replace(text, static list => list.Value.Split(',') is { Length: > MostInOneList } items ? FormattableString.Invariant($"{string.Join(',', items.Take(MostInOneList - 1)).TrimEnd()} and {items.Length - MostInOneList + 1} more{(list.Value.EndsWith(' ') ? " " : "")}") : list.Value);
        return text.Length <= Room ? text : string.Concat(text.AsSpan(0, Room - 3), "...");
    }

    [GeneratedRegex(@"^(?<command>ip6?tables(?: -t \w+)?) -(?<how>[AI]) (?<chain>\S+) (?<rule>.*)$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex IptablesCommand();

    [GeneratedRegex(@"^nft (?:add|insert|delete) rule (?<table>\S+ \S+) (?<chain>\S+) (?<rule>.*)$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex NftCommand();

    // The name of a match's module is not needed to read the match.
    [GeneratedRegex("""-m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+) ?|-m \w+ """, RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex IptablesNoise();

    // With what: a target's own options (--reject-with, --log-prefix) follow its name.
    [GeneratedRegex(@" ?-j (?<target>\S+).*$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex IptablesTarget();

    [GeneratedRegex(@"\b(?<target>drop|accept|return|(?:jump|goto) \S+|reject)\b[^}]*$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex NftTarget();

    [GeneratedRegex("""\bcounter (?:packets \d+ bytes \d+ )?| ?comment "(?:[^"\\]|\\.)*" ?""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex NftNoise();

    // Addresses and ports, as iptables or nft write them.
    [GeneratedRegex(@"[0-9a-f.:/-]+(?:, ?[0-9a-f.:/-]+){3,} ?", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex LongList();
}
