using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Ssh;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Every host of the fleet over SSH, with the same parallelism for all that is compared.</summary>
internal sealed class Remote(LabFleet fleet, int parallel)
{
    public Task TrueAsync() => EachAsync(host => Commands.RunAsync([fleet.Client.Program, "-T", "-o", "BatchMode=yes", host.Name, "true"]));

    public Task HardenAsync() => Hardening.ApplyAsync([.. fleet.Hosts.Select(host => new FleetHost(host.Name, _ => Task.FromResult(Open(host))))], parallel);

    public Task CleanAsync() => EachAsync(Hardening.CleanAsync);

    private FleetTurn Open(LabHost host)
    {
        var shell = SshShell.Open(SshTarget.Parse(host.Name), executable: fleet.Client.Program);
        return new FleetTurn(new DockerHost(shell, HostDocker.Over(shell)), shell);
    }

    private Task EachAsync(Func<LabHost, Task> work) =>
        Parallel.ForEachAsync(fleet.Hosts, new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (host, _) => await work(host).ConfigureAwait(false));
}
