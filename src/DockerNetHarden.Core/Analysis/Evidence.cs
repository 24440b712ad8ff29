using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Analysis;

/// <summary>What was seen, in lines for a person: which packets, what happens to them, and the rule that decides.</summary>
internal static class Evidence
{
    // More lines than a person reads at once tell less, not more. If all is well, the first few are enough.
    private const int MostLines = 8;
    private const int MostLinesOfClosed = 3;
    private const int MostPlaces = 4;
    private const int MostKinds = 4;

    /// <summary>The parts of an answer, the most important first; parts with the same deciding rule share a line.</summary>
    public static string[] Of(Answer answer)
    {
        // A rule's text is long to make, and most are never shown.
        var groups = answer.Parts.GroupBy(part => (part.Verdict, part.Backend, part.Table, part.Chain, part.Position, part.Reason))
            .OrderBy(group => Weight(group.Key.Verdict))
            .ToList();
        var most = groups.Count > 0 && !Matters(groups[0].Key.Verdict) ? MostLinesOfClosed : MostLines;
        var lines = groups.Take(most).Select(group => $"{Packets(group, answer.Origins)}: {Decision(group.First())}");
        return groups.Count <= most ? [.. lines] : [.. lines, string.Create(CultureInfo.InvariantCulture, $"and {groups.Count - most} more.")];
    }

    // The verdict and the place that decides.
    private static string Decision(AccessPart part)
    {
        var place = Place(part) is not { } found ? "no rule" : part.Rule is { } rule ? $"{found} ({rule.Text})" : found;
        return $"{part.Verdict} by {place}. {part.Reason}{(part.Otherwise is Verdict.Accept ? " If it does not match, they pass." : "")}";
    }

    /// <summary>The table and the chain that decide, and the rule's position there; null if nothing decides.</summary>
    public static string? Place(AccessPart part)
    {
        if (part.Chain is null)
            return null;
        // A native table has its name in both.
        var table = part.Backend is null or "nft" ? part.Table : part.Backend.EndsWith($" {part.Table}", StringComparison.Ordinal) ? part.Backend : $"{part.Backend} {part.Table}";
        return part.Position > 0 ? string.Create(CultureInfo.InvariantCulture, $"{table} {part.Chain} rule {part.Position}") : $"{table} {part.Chain}, policy";
    }

    /// <summary>Packets that meet the same end. What is let through is described exactly; for what is blocked, the places are enough.</summary>
    public static string Packets(IEnumerable<AccessPart> parts, IReadOnlyList<PacketOrigin> origins)
    {
        var all = parts.ToList();
        if (!Matters(all[0].Verdict))
            return Places([.. all.SelectMany(part => part.Packets.Destinations).Distinct()]);
        var kinds = all.GroupBy(part => (part.Packets.Family, part.NewDestination)).SelectMany(group => PacketText.Of(group.Select(part => part.Packets).Aggregate((one, other) => one.Union(other)), sources => Name(group.Key.Family, sources, origins))
            .Select(kind => group.Key.NewDestination is { } place ? $"{kind}, redirected to {place.ToShortString()}" : kind)).ToList();
        return string.Join("; ", kinds.Take(MostKinds)) + (kinds.Count > MostKinds ? string.Create(CultureInfo.InvariantCulture, $"; and {kinds.Count - MostKinds} more kinds") : "");
    }

    private static string? Name(Family family, IReadOnlyList<Cidr> sources, IReadOnlyList<PacketOrigin> origins) => origins.Select(origin => origin.Name(family, sources)).FirstOrDefault(name => name is not null);

    private static string Places(IReadOnlyList<Cidr> places) => string.Create(CultureInfo.InvariantCulture,
        $"to {string.Join(", ", places.Take(MostPlaces).Select(place => place.ToShortString()))}{(places.Count > MostPlaces ? $" and {places.Count - MostPlaces} more" : "")}");

    private static bool Matters(Verdict verdict) => verdict is Verdict.Accept or Verdict.Unknown;

    /// <summary>What a person wants to see first has the least weight.</summary>
    public static int Weight(Verdict verdict) => verdict switch
    {
        Verdict.Accept => 0,
        Verdict.RateLimited => 1,
        Verdict.Unknown => 2,
        _ => 3,
    };
}
