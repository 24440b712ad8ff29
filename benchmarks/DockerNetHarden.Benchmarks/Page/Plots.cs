namespace DockerNetHarden.Benchmarks;

/// <summary>The plots of the page.</summary>
internal static class Plots
{
    /// <summary>The name of the plot of throughput, which is the only one without sizes.</summary>
    public const string Throughput = "throughput";

    private const double Aim = 0.95;

    /// <summary>Each plot as SVG, by its name. What was not measured has none.</summary>
    public static IReadOnlyDictionary<string, string> Of(ResultsFile results)
    {
        var plots = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (Ratios(results) is { } ratios)
            plots[Throughput] = ratios.Svg();
        foreach (var table in Sections.All.SelectMany(static section => section.Tables).Where(static table => table.Plot is not null))
        {
            var lines = results.Series(table.Series).Where(static each => each.X > 0).GroupBy(static each => each.Name, StringComparer.Ordinal)
                .Select(static line => new PlotLine(line.Key, [.. line.OrderBy(static each => each.X).Select(static each => Point(each.X!.Value, each.Values))])).ToList();
            if (lines.Count > 0)
                plots[table.Plot!] = new Plot(table.Title, Describe(table, lines), table.Sizes, table.Axis, lines).Svg();
        }
        return plots;
    }

    /// <summary>The points of a line, in words, for who cannot see it.</summary>
    private static string Describe(PageTable table, IReadOnlyList<PlotLine> lines) => "Both axes are logarithmic; points are medians, bars go from the lowest to the highest value. "
        + string.Join(" ", lines.Select(line => $"{line.Name}: from {Statistics.Text(line.Points[0].Median)} {table.Axis} at {line.Points[0].X:0} {table.Sizes} to {Statistics.Text(line.Points[^1].Median)} {table.Axis} at {line.Points[^1].X:0}."));

    // What passes with rules, as a share of what passes without, pair by pair.
    private static Plot? Ratios(ResultsFile results)
    {
        var tables = Sections.All.First(static section => section.Part == Throughput).Tables.Where(table => results.Series(table.Series).Count > 1).ToList();
        if (tables.Count == 0)
            return null;
        var lines = tables.SelectMany((table, place) => results.Series(table.Series).Skip(1).Select(each => (each.Name, Point: Point(place, [.. each.Values.Zip(results.Series(table.Series)[0].Values, static (with, without) => with / without)]))))
            .GroupBy(static each => each.Name, StringComparer.Ordinal).Select(static line => new PlotLine(line.Key, [.. line.Select(static each => each.Point)])).ToList();
        return new Plot("Throughput with rules, as a share of that without", $"A dashed line marks the aim of {Aim}. Points are medians of pairs, bars go from the lowest to the highest pair. "
            + string.Join(" ", lines.SelectMany(line => line.Points.Select(point => $"{tables[(int)point.X].Caption}, {line.Name}: {Statistics.Text(point.Median)}."))), "", "share", lines)
        {
            Categories = [.. tables.Select(static table => table.Series.Split('.')).Select(static words => $"{words[1].ToUpperInvariant()}\n{words[2]}\n{words[3]}")],
            Limit = Aim,
        };
    }

    private static PlotPoint Point(double x, IReadOnlyList<double> values) => new(x, Statistics.Median(values), values.Min(), values.Max());
}
