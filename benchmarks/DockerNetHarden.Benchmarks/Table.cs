using System.Diagnostics;
using System.Globalization;

namespace DockerNetHarden.Benchmarks;

/// <summary>One thing to measure; what comes before it is not measured.</summary>
internal sealed record Measured(string Name, Func<Task> RunAsync)
{
    public Func<Task>? Before { get; init; }
}

/// <summary>Measures in turn, so that what disturbs the machine disturbs all alike, and prints medians as ratios to the first.</summary>
internal static class Table
{
    public static async Task RunAsync(string title, int rounds, params Measured[] all)
    {
        var times = all.ToDictionary(measured => measured, _ => new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var measured in all)
            {
                if (measured.Before is { } before)
                    await before().ConfigureAwait(false);
                var clock = Stopwatch.StartNew();
                await measured.RunAsync().ConfigureAwait(false);
                // The first round compiles and fills caches.
                if (round > 0)
                    times[measured].Add(clock.Elapsed.TotalMilliseconds);
            }
        }
        var floor = Median(times[all[0]]);
        Console.WriteLine($"\n| {title} | median | lowest | highest | ratio |\n|---|---:|---:|---:|---:|");
        foreach (var measured in all)
        {
            var (median, list) = (Median(times[measured]), times[measured]);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {measured.Name} | {median:0} ms | {list.Min():0} ms | {list.Max():0} ms | {median / floor:0.00} |"));
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
