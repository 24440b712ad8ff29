using System.Globalization;

namespace DockerNetHarden.Benchmarks;

internal static class Statistics
{
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The median of the ratios of values that were measured one after the other: what disturbs the machine for longer than that disturbs both.</summary>
    public static double Ratio(Measurement value, Measurement floor) => Median(value.Values.Zip(floor.Values, static (above, below) => above / below));

    /// <summary>The median of the differences of values that were measured one after the other.</summary>
    public static double Over(Measurement value, Measurement floor) => Median(value.Values.Zip(floor.Values, static (above, below) => above - below));

    /// <summary>
    /// The slope of a line through the points on logarithmic scales: 0 is constant, 1 linear, 2 quadratic. NaN for fewer than two sizes.
    /// </summary>
    public static double Slope(IReadOnlyList<Measurement> points)
    {
        var logs = points.Where(static each => each.X > 0).Select(static each => (X: Math.Log(each.X!.Value), Y: Math.Log(Median(each.Values)))).Where(static each => double.IsFinite(each.Y)).ToList();
        if (logs.Select(static each => each.X).Distinct().Count() < 2)
            return double.NaN;
        var (x, y) = (logs.Average(static each => each.X), logs.Average(static each => each.Y));
        return logs.Sum(each => (each.X - x) * (each.Y - y)) / logs.Sum(each => (each.X - x) * (each.X - x));
    }

    /// <summary>A number as people read it, with thin spaces between thousands: 12 300, 45.6, 0.95. What is counted has no decimals.</summary>
    public static string Text(double value, bool counted = false) => double.IsNaN(value) ? "" : Math.Abs(value) switch
    {
        _ when counted && value == Math.Round(value) && Math.Abs(value) < 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("#,##0", CultureInfo.InvariantCulture).Replace(',', '\u202f'),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
