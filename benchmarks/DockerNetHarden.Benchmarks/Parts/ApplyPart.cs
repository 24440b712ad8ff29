using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Benchmarks;

/// <summary>
/// Applying the four controls on the host itself, beside what cannot be avoided: reading the rules of both families and, the first time, writing the same texts. Both run in
/// one pwsh, which starts a sh for each. And applying rules of a user's own, over their number.
/// </summary>
internal sealed class ApplyPart : IPart
{
    private const string Saves = "iptables-save -c\nip6tables-save -c\n";

    public string Name => "apply";

    public string? WhyUnavailable() => LabHost.WhyUnavailable();

    public async Task RunAsync(Run run)
    {
        var host = await LabHost.RaiseAsync(new LabOptions()).ConfigureAwait(false);
        await using (host.ConfigureAwait(false))
        {
            var pwsh = await PwshSession.StartAsync(host.Shell, ("DOCKER_HOST", host.DockerHost)).ConfigureAwait(false);
            await using (pwsh.ConfigureAwait(false))
            {
                Task Clean() => pwsh.RunAsync("Remove-FirewallRule -All");
                await Clean().ConfigureAwait(false);
                await pwsh.RunAsync($"$saves = {Quoted(Saves)}").ConfigureAwait(false);
                await pwsh.RunAsync($"$write = {Quoted(Saves + await RestoresAsync(host).ConfigureAwait(false))}").ConfigureAwait(false);
                ProcessorTime Clock() => ProcessorTime.Now([host], [], pwsh);
                await new InTurn(run, "apply.first", "ms") { Processor = (Clock, 1) }.MeasureAsync(
                    Measured.Timed("both saves, then the same restores, by hand", () => pwsh.RunAsync("Invoke-Sh $write")) with { Before = Clean },
                    Measured.Timed("Invoke-FirewallRule", () => pwsh.RunAsync(PwshSession.Harden)) with { Before = Clean }).ConfigureAwait(false);
                await new InTurn(run, "apply.unchanged", "ms") { Turning = true, Processor = (Clock, 1) }.MeasureAsync(
                    Measured.Timed("both saves, by hand", () => pwsh.RunAsync("Invoke-Sh $saves")),
                    Measured.Timed("Invoke-FirewallRule", () => pwsh.RunAsync(PwshSession.Harden))).ConfigureAwait(false);
                await Clean().ConfigureAwait(false);
                foreach (var count in run.Quick ? (int[])[100, 300] : [100, 200, 500, 1000, 2000, 5000, 10_000])
                    await OwnRulesAsync(run, pwsh, count).ConfigureAwait(false);
            }
        }
    }

    private static async Task OwnRulesAsync(Run run, PwshSession pwsh, int count)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, Enumerable.Range(0, count).Select(Hardening.OwnText)).ConfigureAwait(false);
            await pwsh.RunAsync($"$own = New-FirewallRule -Name own -Rule (Get-Content {Quoted(file)})").ConfigureAwait(false);
        }
        finally
        {
            File.Delete(file);
        }
        pwsh.ForgetPeak();
        await new InTurn(run, "sweep.apply.rules", "ms") { X = count, Rounds = run.Quick ? 1 : 3 }.MeasureAsync(
            Measured.Timed("first time", () => pwsh.RunAsync("$own | Invoke-FirewallRule")) with { Before = () => pwsh.RunAsync("Remove-FirewallRule -All") },
            Measured.Timed("unchanged", () => pwsh.RunAsync("$own | Invoke-FirewallRule"))).ConfigureAwait(false);
        run.Add(new Measurement("sweep.apply.rules.memory", "pwsh, peak", "MB", count, [pwsh.Peak()]));
    }

    // The commands that write what hardening a clean host writes.
    private static async Task<string> RestoresAsync(LabHost host)
    {
        var opened = DockerHost.Beside(new ProcessShell(host.Name, host.Shell[0], [.. host.Shell.Skip(1), "/bin/sh"]), DockerEndpoint.Parse(host.DockerHost));
        await using (opened.ConfigureAwait(false))
        {
            var plan = Plan.From(Hardening.Rules, await opened.ReadAsync(CancellationToken.None).ConfigureAwait(false));
            return string.Concat(plan.Steps.Select(static step =>
                $"{(step.Family == Family.IPv4 ? "iptables-restore" : "ip6tables-restore")} --noflush --counters --wait 10 <<'EndOfRules' || exit 1\n{step.Restore.TrimEnd('\n')}\nEndOfRules\n"));
        }
    }

    // A text for PowerShell, on one line.
    private static string Quoted(string text) => "('" + text.Replace("'", "''", StringComparison.Ordinal).Replace("\n", "' + \"`n\" + '", StringComparison.Ordinal) + "')";
}
