using DockerNetHarden.Addresses;

namespace DockerNetHarden.Errors;

/// <summary>Says of a name that is not known which it may have been meant to be, and which there are.</summary>
internal static class KnownNames
{
    /// <summary>One or two sentences about a name that is not among the known ones.</summary>
    /// <param name="name">The name.</param>
    /// <param name="known">The names that there are.</param>
    /// <param name="all">What the known ones are together, for example "The checks".</param>
    public static string Instead(string name, IReadOnlyCollection<string> known, string all)
    {
        if (known.Count == 0)
            return "There is none.";
        var near = known.Select(each => (Name: each, Distance: Distance(name.ToUpperInvariant(), each.ToUpperInvariant()))).MinBy(static each => each.Distance);
        var meant = near.Distance <= Math.Max(2, name.Length / 4) ? $"Did you mean '{ShownText.Value(near.Name)}'? " : "";
        return $"{meant}{all}: {ShownText.List(known.Order(StringComparer.Ordinal).Select(static each => $"'{each}'"))}.";
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
