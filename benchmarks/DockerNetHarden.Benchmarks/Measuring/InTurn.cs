using System.Diagnostics;

namespace DockerNetHarden.Benchmarks;

/// <summary>One thing to measure; the preparation before it is not measured.</summary>
internal sealed record Measured(string Name, Func<Task<double>> RunAsync)
{
    public Func<Task>? Before { get; init; }

    /// <summary>Whose value is the time that it takes, in milliseconds.</summary>
    public static Measured Timed(string name, Func<Task> run) => new(name, async () =>
    {
        var clock = Stopwatch.StartNew();
        await run().ConfigureAwait(false);
        return clock.Elapsed.TotalMilliseconds;
    });
}

/// <summary>Measures in turn, round by round, so that a disturbance of the machine affects all alike. The first round compiles and fills caches, and is not counted.</summary>
internal sealed record InTurn(Run Run, string Series, string Unit)
{
    /// <summary>The size, if the series has sizes.</summary>
    public double? X { get; init; }

    /// <summary>How many rounds are counted; the run's number if it is not set.</summary>
    public int? Rounds { get; init; }

    /// <summary>Whether every second round goes backwards, so that nothing is always the first. Not possible if one thing is the preparation of the next.</summary>
    public bool Turning { get; init; }

    /// <summary>Processor time of all that takes part, and the number of hosts that it is divided by.</summary>
    public (Func<ProcessorTime> Clock, int Hosts)? Processor { get; init; }

    public async Task MeasureAsync(params IReadOnlyList<Measured> all)
    {
        var values = all.ToDictionary(static each => each, static _ => new List<double>());
        var spent = all.ToDictionary(static each => each, static _ => new List<ProcessorTime>());
        for (var round = 0; round <= (Rounds ?? Run.Rounds); round++)
        {
            foreach (var measured in Turning && round % 2 == 1 ? all.Reverse() : all)
            {
                if (measured.Before is { } before)
                    await before().ConfigureAwait(false);
                var start = Processor?.Clock();
                var value = await measured.RunAsync().ConfigureAwait(false);
                if (round > 0)
                    values[measured].Add(value);
                if (round > 0 && start is not null)
                    spent[measured].Add(await SettledAsync(Processor!.Value.Clock).ConfigureAwait(false) - start);
            }
        }
        foreach (var measured in all)
        {
            Run.Add(new Measurement(Series, measured.Name, Unit, X, values[measured]));
            if (Processor is { } processor)
            {
                Spent("client", static time => time.Client);
                Spent("its children", static time => time.Children);
                Spent("host", static time => time.Hosts);
                void Spent(string who, Func<ProcessorTime, double> part) =>
                    Run.Add(new Measurement(Series + ".cpu", $"{measured.Name}: {who}", "ms", X, [.. spent[measured].Select(time => part(time) / processor.Hosts)]));
            }
        }
    }

    // Programs on a host are counted when they have ended, which can be after the conversation.
    private static async Task<ProcessorTime> SettledAsync(Func<ProcessorTime> clock)
    {
        await Task.Delay(200).ConfigureAwait(false);
        return clock();
    }
}
