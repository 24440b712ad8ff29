using System.Globalization;
using DockerNetHarden.Lab.Oracle;
using DockerNetHarden.Oracle;

// Is the walk right? dnh-oracle [pairs=1000000] [seed=1] [foreign]. Exit code 2 if walk and kernel disagree.
if (KernelOracle.WhyUnavailable() is { } reason)
{
    await Console.Error.WriteLineAsync("dnh-oracle: " + reason).ConfigureAwait(false);
    return 1;
}
var numbers = args.TakeWhile(static text => char.IsAsciiDigit(text[0])).Select(static text => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)).ToArray();
var options = new OracleOptions(
    Seed: (int)(numbers.Length > 1 ? numbers[1] : 1), Pairs: numbers.Length > 0 ? numbers[0] : 1_000_000, Foreign: args.Contains("foreign", StringComparer.Ordinal)) { MostDisagreements = 10, PacketsPerRuleset = 1000 };

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
var oracle = await KernelOracle.RaiseAsync(stop.Token).ConfigureAwait(false);
await using (oracle.ConfigureAwait(false))
{
    var shown = 0L;
    var report = await oracle.RunAsync(options, new Steps(pairs =>
    {
        if (pairs / 100_000 == shown)
            return;
        shown = pairs / 100_000;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pairs} pairs"));
    }), stop.Token).ConfigureAwait(false);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {options.Seed}: {report}"));
    return report.Disagreements.Count == 0 ? 0 : 2;
}
