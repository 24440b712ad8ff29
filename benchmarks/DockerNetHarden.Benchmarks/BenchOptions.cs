using System.Globalization;

namespace DockerNetHarden.Benchmarks;

/// <summary>What to measure, and where to write: dnh-bench [part ...] [page] [--rounds N] [--quick] [--out FOLDER].</summary>
/// <param name="Parts">The parts to measure.</param>
/// <param name="Page">Whether to make the page afterwards.</param>
/// <param name="Rounds">How often everything is measured.</param>
/// <param name="Quick">Whether to only show that the program works.</param>
/// <param name="Folder">Where the results and the plots go; the page goes beside it. Null for docs/benchmarks, or out/benchmarks for a quick run.</param>
internal sealed record BenchOptions(IReadOnlyList<string> Parts, bool Page, int Rounds, bool Quick, string? Folder)
{
    private const int UsualRounds = 9;

    /// <exception cref="ArgumentException">The command line has a word that is not known.</exception>
    public static BenchOptions Parse(IReadOnlyList<string> arguments, IReadOnlyList<string> parts)
    {
        var (chosen, page, quick, rounds, folder) = (new List<string>(), false, false, (int?)null, (string?)null);
        for (var place = 0; place < arguments.Count; place++)
        {
            switch (arguments[place])
            {
                case "page":
                    page = true;
                    break;
                case "--quick":
                    quick = true;
                    break;
                case "--rounds" when place + 1 < arguments.Count && int.TryParse(arguments[place + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0:
                    (rounds, place) = (number, place + 1);
                    break;
                case "--out" when place + 1 < arguments.Count:
                    (folder, place) = (Path.GetFullPath(arguments[place + 1]), place + 1);
                    break;
                case var part when parts.Contains(part, StringComparer.Ordinal):
                    chosen.Add(part);
                    break;
                case var word:
                    throw new ArgumentException($"dnh-bench: '{word}' is not known, or lacks its value. Usage: dnh-bench [part ...] [page] [--rounds N] [--quick] [--out FOLDER]. The parts are {string.Join(", ", parts)}; without one, all are measured and the page is made.");
            }
        }
        // The page alone measures nothing.
        var everything = chosen.Count == 0 && !page;
        return new BenchOptions(everything ? parts : chosen, page || everything, rounds ?? (quick ? 2 : UsualRounds), quick, folder);
    }
}
