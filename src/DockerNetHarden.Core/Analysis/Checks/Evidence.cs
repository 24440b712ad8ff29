using System.Globalization;

namespace DockerNetHarden.Analysis.Checks;

/// <summary>What was seen, in lines for a person: which packets, what becomes of them, and the rule that decides.</summary>
internal static class Evidence
{
    // More lines than a person reads at once say less, not more.
    private const int MostLines = 8;

    /// <summary>The parts of an answer, those that matter most first; parts with one deciding rule in one line.</summary>
    public static string[] Of(Answer answer) => Of(answer.Parts);

    /// <inheritdoc cref="Of(Answer)"/>
    public static string[] Of(IEnumerable<AccessPart> parts)
    {
        var groups = parts.GroupBy(Decision, StringComparer.Ordinal)
            .OrderBy(group => Weight(group.First().Verdict))
            .ToList();
        var lines = groups.Take(MostLines).Select(group => $"{Packets(group)}: {group.Key}");
        return groups.Count <= MostLines ? [.. lines] : [.. lines, string.Create(CultureInfo.InvariantCulture, $"and {groups.Count - MostLines} more.")];
    }

    /// <summary>The verdict and what decides it.</summary>
    public static string Decision(AccessPart part)
    {
        var backend = part.Backend is null or "nft" ? "" : part.Backend + " ";
        var place = part switch
        {
            { Rule: { } rule } => string.Create(CultureInfo.InvariantCulture, $"{backend}{part.Table} {part.Chain} rule {part.Position} ({rule.Text})"),
            { Chain: { } chain, Position: > 0 } => string.Create(CultureInfo.InvariantCulture, $"{backend}{part.Table} {chain} rule {part.Position}"),
            { Chain: { } chain } => $"{backend}{part.Table} {chain}, policy",
            _ => "no rule",
        };
        return $"{part.Verdict} by {place}. {part.Reason}";
    }

    private static string Packets(IEnumerable<AccessPart> parts)
    {
        var all = parts.ToList();
        return all.Count == 1 ? all[0].Packets.ToString() : string.Create(CultureInfo.InvariantCulture, $"{all[0].Packets} (and {all.Count - 1} more)");
    }

    private static int Weight(Verdict verdict) => verdict switch
    {
        Verdict.Accept => 0,
        Verdict.RateLimited => 1,
        Verdict.Unknown => 2,
        _ => 3,
    };
}
