using System.Globalization;
using DockerNetHarden.Benchmarks;
using DockerNetHarden.Lab;

// dnh-bench audit [rounds=7] [networks=50] [rules=5000 50000 ...]: what a full audit costs, on paper.
if (args is ["audit", .. var rest])
{
    var given = rest.Select(Number).ToList();
    Audit.Run(given.Count > 0 ? given[0] : 7, given.Count > 1 ? given[1] : 50, given.Count > 2 ? given[2..] : [5_000, 50_000]);
    return 0;
}
// What hardening costs, compared with the least that could be done: dnh-bench [hosts=16] [parallel=16] [rounds=7]. Needs what the lab needs, root included.
var numbers = args.Select(Number).ToArray();
var (hosts, parallel, rounds) = (numbers.ElementAtOrDefault(0) is > 0 and var h ? h : 16, numbers.ElementAtOrDefault(1) is > 0 and var p ? p : 16, numbers.ElementAtOrDefault(2) is > 0 and var r ? r : 7);
if (LabSsh.WhyUnavailable() is { } reason)
{
    await Console.Error.WriteLineAsync("dnh-bench: " + reason).ConfigureAwait(false);
    return 1;
}
var fleet = await LabFleet.RaiseAsync(hosts).ConfigureAwait(false);
await using (fleet.ConfigureAwait(false))
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{hosts} hosts, {parallel} at once, median of {rounds} rounds after one that is not counted; {Environment.ProcessorCount} cores"));
    var client = await PwshSession.StartAsync([], ("PATH", fleet.Client.Programs + ":" + Environment.GetEnvironmentVariable("PATH"))).ConfigureAwait(false);
    await using (client.ConfigureAwait(false))
    {
        var remote = new Remote(fleet, client, parallel);
        await Table.RunAsync("Over SSH", rounds, () => ProcessorTime.Now(fleet, client), hosts,
            new Measured("ssh host true", remote.TrueAsync),
            new Measured("Invoke-FirewallRule, first time", remote.HardenAsync) { Before = remote.CleanAsync },
            new Measured("Invoke-FirewallRule, unchanged", remote.HardenAsync)).ConfigureAwait(false);
    }

    var first = fleet.Hosts[0];
    var there = await PwshSession.StartAsync(first.Shell, ("DOCKER_HOST", first.DockerHost)).ConfigureAwait(false);
    await using (there.ConfigureAwait(false))
    {
        var local = new Local(first, there);
        await Table.RunAsync("On the host itself", rounds, () => ProcessorTime.Now(fleet, there), 1,
            new Measured("iptables-save of both families", local.SaveAsync),
            new Measured("iptables-restore of the same rules", local.RestoreAsync) { Before = local.CleanAsync },
            new Measured("Invoke-FirewallRule, first time", local.HardenAsync) { Before = local.CleanAsync },
            new Measured("Invoke-FirewallRule, unchanged", local.HardenAsync)).ConfigureAwait(false);
    }
}
return 0;

static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
