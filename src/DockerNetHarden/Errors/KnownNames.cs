namespace DockerNetHarden.Errors;

/// <summary>Says of a name that is not known which it may have been meant to be, and which there are.</summary>
internal static class KnownNames
{
    // A host can have thousands.
    private const int Shown = 20;

    /// <summary>One or two sentences about a name that is not among the known ones.</summary>
    public static string Instead(string name, IReadOnlyCollection<string> known, string what)
    {
        if (known.Count == 0)
            return $"There is no {what}.";
        var near = known.Select(each => (Name: each, Distance: Distance(name.ToUpperInvariant(), each.ToUpperInvariant()))).MinBy(static each => each.Distance);
        var meant = near.Distance <= Math.Max(2, name.Length / 4) ? $"Did you mean '{near.Name}'? " : "";
        var more = known.Count > Shown ? $" and {known.Count - Shown} more" : "";
        return $"{meant}There {(known.Count == 1 ? "is" : "are")} {string.Join(", ", known.Order(StringComparer.Ordinal).Take(Shown))}{more}.";
    }

    // How many letters differ (Levenshtein), row by row.
    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (one[i - 1] == other[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
