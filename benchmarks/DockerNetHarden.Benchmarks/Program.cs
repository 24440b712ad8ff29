using System.Diagnostics;
using DockerNetHarden.Benchmarks;
using DockerNetHarden.Lab;

if (args is ["traffic", .. var traffic])
    return TrafficProgram.Run(traffic);

IPart[] parts = [new ThroughputPart(), new RulesPart(), new ApplyPart(), new FleetPart(), new PromptPart(), new SweepPart(), new PeersPart()];
BenchOptions options;
try
{
    options = BenchOptions.Parse(args, [.. parts.Select(static part => part.Name)]);
}
catch (ArgumentException error)
{
    await Console.Error.WriteLineAsync(error.Message).ConfigureAwait(false);
    return 1;
}
// A quick run must not take the place of the results that are published.
var folder = options.Folder ?? Path.Combine(PwshSession.Root(), options.Quick ? "out" : "docs", "benchmarks");
var failed = false;
foreach (var part in parts.Where(part => options.Parts.Contains(part.Name, StringComparer.Ordinal)))
{
    if (part.WhyUnavailable() is { } reason)
    {
        Run.Say($"*** The part '{part.Name}' is NOT MEASURED: it {reason}. ***");
        failed = true;
        continue;
    }
    Run.Say($"== {part.Name}");
    var (run, date, clock) = (new Run(options.Rounds, options.Quick), DateTimeOffset.UtcNow, Stopwatch.StartNew());
    try
    {
        await part.RunAsync(run).ConfigureAwait(false);
    }
    catch (Exception error) when (error is LabException or IOException or System.Net.Sockets.SocketException or System.ComponentModel.Win32Exception or NotSupportedException or FormatException)
    {
        // The earlier results of the part stay; the other parts go on.
        Run.Say($"*** The part '{part.Name}' FAILED after {clock.Elapsed.TotalSeconds:0} s: {error.Message} ***");
        failed = true;
        continue;
    }
    // Written after each part: a later one that fails does not take the others with it.
    ResultsFile.Read(folder).With(new PartRun(part.Name, date, await MachineFacts.CommitAsync().ConfigureAwait(false), options.Quick, options.Rounds, Math.Round(clock.Elapsed.TotalSeconds), await MachineFacts.ReadAsync().ConfigureAwait(false), run.Measurements)).Write(folder);
    Run.Say($"== {part.Name} took {clock.Elapsed.TotalSeconds:0} s");
}
if (options.Page)
    Run.Say($"Wrote {string.Join(", ", PageFiles.Write(folder))}");
return failed ? 1 : 0;
