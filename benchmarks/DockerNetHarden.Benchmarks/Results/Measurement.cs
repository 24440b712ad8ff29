namespace DockerNetHarden.Benchmarks;

/// <summary>Every value of one thing that was measured, in the order of the rounds.</summary>
/// <param name="Series">What was measured; values of one series are compared with each other.</param>
/// <param name="Name">Which of the things that are compared.</param>
/// <param name="Unit">The unit of the values: ms, packets/s, bytes/s, MB or rules.</param>
/// <param name="X">The size, if the series has sizes: networks, rules or hosts.</param>
/// <param name="Values">The values, one for each round.</param>
/// <param name="Note">What else has to be known about them.</param>
internal sealed record Measurement(string Series, string Name, string Unit, double? X, IReadOnlyList<double> Values, string? Note = null);

/// <summary>One run of one part.</summary>
internal sealed record PartRun(string Part, DateTimeOffset Date, string Commit, bool Quick, int Rounds, double Seconds, MachineFacts Machine, IReadOnlyList<Measurement> Measurements);

/// <summary>A run that is under way: how thorough it is, and what it has measured.</summary>
internal sealed class Run(int rounds, bool quick)
{
    private readonly List<Measurement> measurements = [];

    public int Rounds { get; } = rounds;

    /// <summary>Whether the run only shows that the program works: small sizes and short loads.</summary>
    public bool Quick { get; } = quick;

    public IReadOnlyList<Measurement> Measurements => measurements;

    public void Add(Measurement measurement)
    {
        if (measurement.Values.Count == 0)
            return;
        measurements.Add(measurement with { Values = [.. measurement.Values.Select(static value => Math.Round(value, 3))] });
        Say($"{measurement.Series}{(measurement.X is { } x ? $" ({x:0})" : "")}, {measurement.Name}: {Statistics.Text(Statistics.Median(measurement.Values))} {measurement.Unit}");
    }

    public static void Say(string text) => Console.Error.WriteLine(text);
}
