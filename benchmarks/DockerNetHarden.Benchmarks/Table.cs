using System.Diagnostics;
using System.Globalization;

namespace DockerNetHarden.Benchmarks;

/// <summary>One thing to measure; the preparation before it is not measured.</summary>
internal sealed record Measured(string Name, Func<Task> RunAsync)
{
    public Func<Task>? Before { get; init; }
}

/// <summary>Measures in turn, so that a disturbance of the machine affects all alike, and prints medians as ratios to the first.</summary>
internal static class Table
{
    private sealed record Round(double Elapsed, ProcessorTime Spent);

    public static async Task RunAsync(string title, int rounds, Func<ProcessorTime> clock, int hosts, params Measured[] all)
    {
        var times = all.ToDictionary(measured => measured, _ => new List<Round>());
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var measured in all)
            {
                if (measured.Before is { } before)
                    await before().ConfigureAwait(false);
                var spent = clock();
                var watch = Stopwatch.StartNew();
                await measured.RunAsync().ConfigureAwait(false);
                var elapsed = watch.Elapsed.TotalMilliseconds;
                // The first round compiles and fills caches.
                if (round > 0)
                    times[measured].Add(new Round(elapsed, await SettledAsync(clock).ConfigureAwait(false) - spent));
            }
        }
        var first = times[all[0]];
        var (floor, least) = (Median(first, round => round.Elapsed), Median(first, round => round.Spent.Total));
        Console.WriteLine($"\n| {title} | median | lowest | highest | ratio | CPU a host: client | its ssh | host | ratio |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var (name, list) in all.Select(measured => (measured.Name, times[measured])))
        {
            var median = Median(list, round => round.Elapsed);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {median:0} ms | {list.Min(round => round.Elapsed):0} ms | {list.Max(round => round.Elapsed):0} ms | {median / floor:0.00} ")
                + string.Create(CultureInfo.InvariantCulture, $"| {Median(list, round => round.Spent.Client) / hosts:0.0} ms | {Median(list, round => round.Spent.Children) / hosts:0.0} ms | {Median(list, round => round.Spent.Hosts) / hosts:0.0} ms ")
                + string.Create(CultureInfo.InvariantCulture, $"| {Median(list, round => round.Spent.Total) / least:0.00} |"));
        }
    }

    // Programs on a host are counted when they have ended, which can be after the conversation.
    private static async Task<ProcessorTime> SettledAsync(Func<ProcessorTime> clock)
    {
        await Task.Delay(200).ConfigureAwait(false);
        return clock();
    }

    private static double Median(List<Round> rounds, Func<Round, double> value) => rounds.Select(value).Order().ElementAt(rounds.Count / 2);
}
