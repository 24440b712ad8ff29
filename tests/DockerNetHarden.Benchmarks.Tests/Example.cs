namespace DockerNetHarden.Benchmarks.Tests;

/// <summary>Results as a run would write them.</summary>
internal static class Example
{
    public static readonly MachineFacts Machine = new(2, "A <processor>", 24, "6.1.0", new Dictionary<string, string>(StringComparer.Ordinal) { ["Docker"] = "Docker version 20.10.24", [".NET"] = "8.0.1" });

    public static ResultsFile Results(params Measurement[] measurements) =>
        new([.. Sections.All.Select(section => new PartRun(section.Part, DateTimeOffset.UnixEpoch, "abc1234", Quick: false, 9, 60, Machine, [.. measurements.Where(each => PartOf(each.Series) == section.Part)]))]);

    public static Measurement Of(string series, string name, params double[] values) => new(series, name, "ms", null, values);

    public static Measurement At(string series, string name, double x, params double[] values) => new(series, name, "ms", x, values);

    private static string PartOf(string series) => Sections.All.First(section => section.Tables.Any(table => table.Series == series)).Part;
}
