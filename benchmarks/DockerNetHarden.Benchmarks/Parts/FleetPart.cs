using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Sixteen hosts by SSH, side by side, through the cmdlet, beside `ssh host true` side by side; and one to sixty-four of them.</summary>
internal sealed class FleetPart : IPart
{
    private const int AtOnce = 16;
    private const int Hosts = 16;

    public string Name => "fleet";

    public string? WhyUnavailable() => LabSsh.WhyUnavailable();

    public async Task RunAsync(Run run)
    {
        var count = run.Quick ? 4 : Hosts;
        var fleet = await LabFleet.RaiseAsync(count).ConfigureAwait(false);
        await using (fleet.ConfigureAwait(false))
        {
            var pwsh = await PwshSession.StartAsync([], ("PATH", fleet.Client.Programs + ":" + Environment.GetEnvironmentVariable("PATH"))).ConfigureAwait(false);
            await using (pwsh.ConfigureAwait(false))
            {
                var names = fleet.Hosts.Select(static host => host.Name).ToList();
                Func<Task> harden = () => pwsh.RunAsync(PwshSession.Harden + On(names));
                Func<Task> clean = () => pwsh.RunAsync("Remove-FirewallRule -All" + On(names));
                ProcessorTime Clock() => ProcessorTime.Now(fleet.Hosts, fleet.Servers, pwsh);
                await new InTurn(run, "fleet", "ms") { X = count, Processor = (Clock, count) }.MeasureAsync(
                    Measured.Timed("ssh host true", () => TrueAsync(fleet, names)),
                    Measured.Timed("Invoke-FirewallRule, first time", harden) with { Before = clean },
                    Measured.Timed("Invoke-FirewallRule, unchanged", harden)).ConfigureAwait(false);
                // Four names for each host: a client cannot tell them from four hosts, and sixty-four engines would measure memory.
                var all = ((Func<int, string>[])[number => names[number], number => "root@" + names[number], number => fleet.Servers[number].Address, number => "root@" + fleet.Servers[number].Address])
                    .SelectMany(name => Enumerable.Range(0, count).Select(name)).ToList();
                foreach (var some in run.Quick ? (int[])[1, 4] : [1, 2, 4, 8, 16, 32, 64])
                {
                    List<string> chosen = all[..some];
                    pwsh.ForgetPeak();
                    await new InTurn(run, "sweep.apply.hosts", "ms") { X = some, Rounds = run.Quick ? 1 : 3 }.MeasureAsync(
                        Measured.Timed("ssh host true", () => TrueAsync(fleet, chosen)),
                        Measured.Timed("unchanged", () => pwsh.RunAsync(PwshSession.Harden + On(chosen)))).ConfigureAwait(false);
                    run.Add(new Measurement("sweep.apply.hosts.memory", "pwsh, peak", "MB", some, [pwsh.Peak()]));
                }
            }
        }
    }

    private static string On(IReadOnlyList<string> hosts) => string.Create(CultureInfo.InvariantCulture, $" -ThrottleLimit {AtOnce} -HostName {string.Join(',', hosts.Select(static host => $"'{host}'"))}");

    private static Task TrueAsync(LabFleet fleet, IReadOnlyList<string> hosts) => Parallel.ForEachAsync(hosts, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (host, _) =>
        await Commands.RunAsync([fleet.Client.Program, "-T", "-o", "BatchMode=yes", host, "true"]).ConfigureAwait(false));
}
