using System.Globalization;
using DockerNetHarden.Audit;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>
/// What somebody at a prompt waits for: the import beside that of a module with one empty cmdlet, trace and audit of a host with four networks beside reading it,
/// the audit of 5,000 rules, and what the first call in a session takes beyond the second.
/// </summary>
internal sealed class PromptPart : IPart
{
    // All that the analysis reads of a host, through the core, in the same process and namespace as the cmdlets.
    private const string Read = """
        $bench = [DockerNetHarden.Hosts.DockerHost]::Local($null); try { $null = $bench.ReadWholeAsync([Threading.CancellationToken]::None).GetAwaiter().GetResult() } finally { $bench.DisposeAsync().AsTask().Wait() }
        """;

    private static readonly (string Name, string Command)[] Calls =
        [("Trace-ContainerAccess", "Trace-ContainerAccess"), ("Get-DockerNetworkHardening", "Get-DockerNetworkHardening"), ("Invoke-FirewallRule", PwshSession.Harden)];

    public string Name => "prompt";

    public string? WhyUnavailable() => LabHost.WhyUnavailable();

    public async Task RunAsync(Run run)
    {
        await ImportAsync(run).ConfigureAwait(false);
        var paper = PaperHost.Hardened(50, run.Quick ? 2500 : 5000);
        await new InTurn(run, "prompt.audit", "ms").MeasureAsync(Measured.Timed("5,000 rules and 50 networks, without a host", () =>
        {
            HardeningAudit.Of(paper);
            return Task.CompletedTask;
        })).ConfigureAwait(false);

        var host = await LabHost.RaiseAsync(new LabOptions { Containers = false }).ConfigureAwait(false);
        await using (host.ConfigureAwait(false))
        {
            await new Networks(host).GrowAsync(4).ConfigureAwait(false);
            var pwsh = await PwshSession.StartAsync(host.Shell, ("DOCKER_HOST", host.DockerHost)).ConfigureAwait(false);
            await using (pwsh.ConfigureAwait(false))
            {
                await pwsh.RunAsync(PwshSession.Harden).ConfigureAwait(false);
                await new InTurn(run, "prompt.analysis", "ms") { Turning = true }.MeasureAsync(
                    Measured.Timed("reading the host", () => pwsh.RunAsync(Read)),
                    Measured.Timed("Trace-ContainerAccess", () => pwsh.RunAsync("Trace-ContainerAccess")),
                    Measured.Timed("Get-DockerNetworkHardening", () => pwsh.RunAsync("Get-DockerNetworkHardening"))).ConfigureAwait(false);
            }
            foreach (var (name, command) in Calls)
                await FirstCallAsync(run, host, name, command).ConfigureAwait(false);
        }
    }

    private static async Task ImportAsync(Run run)
    {
        var folder = Directory.CreateTempSubdirectory("dnh-bench");
        try
        {
            // A binary module that has a manifest like ours and does nothing.
            var empty = Path.Combine(folder.FullName, "Empty.psd1");
            await Pwsh([], $$"""
                Add-Type -OutputType Library -OutputAssembly '{{Path.Combine(folder.FullName, "Empty.dll")}}' -TypeDefinition 'using System.Management.Automation; [Cmdlet(VerbsCommon.Get, "Nothing")] public sealed class GetNothingCommand : PSCmdlet { }'
                New-ModuleManifest '{{empty}}' -RootModule Empty.dll -CmdletsToExport Get-Nothing -FunctionsToExport @() -AliasesToExport @() -VariablesToExport @()
                """).ConfigureAwait(false);
            Measured Import(string name, string module) => new(name, async () =>
                Number(await Pwsh([], $"$clock = [Diagnostics.Stopwatch]::StartNew(); Import-Module '{module}'; $clock.Elapsed.TotalMilliseconds.ToString([cultureinfo]::InvariantCulture)").ConfigureAwait(false)));
            await new InTurn(run, "prompt.import", "ms") { Turning = true }.MeasureAsync(Import("an empty binary module", empty), Import("DockerNetHarden", PwshSession.Module())).ConfigureAwait(false);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Both calls of one session, a new session for each round.
    private static async Task FirstCallAsync(Run run, LabHost host, string name, string command)
    {
        var (first, second) = (new List<double>(), new List<double>());
        for (var round = 0; round <= run.Rounds; round++)
        {
            var said = await Pwsh(host.Shell, $$"""
                $ErrorActionPreference = 'Stop'
                Import-Module '{{PwshSession.Module()}}'
                foreach ($call in 1, 2) { $clock = [Diagnostics.Stopwatch]::StartNew(); $null = {{command}}; $clock.Elapsed.TotalMilliseconds.ToString([cultureinfo]::InvariantCulture) }
                """, host.DockerHost).ConfigureAwait(false);
            if (round == 0)
                continue;
            first.Add(Number(said.Split('\n')[0]));
            second.Add(Number(said.Split('\n')[1]));
        }
        run.Add(new Measurement("prompt.calls." + name, "second call in a session", "ms", null, second));
        run.Add(new Measurement("prompt.calls." + name, "first call in a session", "ms", null, first));
    }

    private static Task<string> Pwsh(IReadOnlyList<string> place, string script, string? docker = null) => Commands.RunAsync([.. place, PwshSession.Pwsh(), "-NoProfile", "-NonInteractive", "-Command", script],
        environment: docker is null ? null : new Dictionary<string, string>(StringComparer.Ordinal) { ["DOCKER_HOST"] = docker });

    private static double Number(string text) => double.Parse(text.Trim(), CultureInfo.InvariantCulture);
}
