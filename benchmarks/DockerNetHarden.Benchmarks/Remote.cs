using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Every host of the fleet over SSH, with the same parallelism for everything that is compared.</summary>
internal sealed class Remote(LabFleet fleet, PwshSession pwsh, int parallel)
{
    private readonly string hosts = string.Create(CultureInfo.InvariantCulture, $" -ThrottleLimit {parallel} -HostName {string.Join(',', fleet.Hosts.Select(host => host.Name))}");

    public Task TrueAsync() => Parallel.ForEachAsync(fleet.Hosts, new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (host, _) =>
        await Commands.RunAsync([fleet.Client.Program, "-T", "-o", "BatchMode=yes", host.Name, "true"]).ConfigureAwait(false));

    public Task HardenAsync() => pwsh.RunAsync(PwshSession.Harden + hosts);

    public Task CleanAsync() => pwsh.RunAsync("Remove-FirewallRule -All" + hosts);
}

/// <summary>Programs for comparison.</summary>
internal static class Commands
{
    /// <summary>Runs a program to its end; any exit code but 0 is an error, because its time would mean nothing.</summary>
    public static async Task RunAsync(IReadOnlyList<string> arguments, string? input = null)
    {
        using var process = Process.Start(new ProcessStartInfo(arguments[0], arguments.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (input is not null)
            await process.StandardInput.WriteAsync(input).ConfigureAwait(false);
        process.StandardInput.Close();
        await process.WaitForExitAsync().ConfigureAwait(false);
        await output.ConfigureAwait(false);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', arguments)}: {await errors.ConfigureAwait(false)}");
    }
}
