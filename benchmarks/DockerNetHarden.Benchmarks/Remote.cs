using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Every host of the fleet over SSH, with the same parallelism for all that is compared.</summary>
internal sealed class Remote(LabFleet fleet, PwshSession pwsh, int parallel)
{
    private readonly string hosts = string.Create(CultureInfo.InvariantCulture, $" -ThrottleLimit {parallel} -HostName {string.Join(',', fleet.Hosts.Select(host => host.Name))}");

    public Task TrueAsync() => Parallel.ForEachAsync(fleet.Hosts, new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (host, _) =>
        await Commands.RunAsync([fleet.Client.Program, "-T", "-o", "BatchMode=yes", host.Name, "true"]).ConfigureAwait(false));

    public Task HardenAsync() => pwsh.RunAsync(PwshSession.Harden + hosts);

    public Task CleanAsync() => pwsh.RunAsync("Remove-FirewallRule -All" + hosts);
}
