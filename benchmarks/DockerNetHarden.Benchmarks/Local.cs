using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Benchmarks;

/// <summary>One host without SSH: what the kernel's own tools need, and what hardening needs.</summary>
internal sealed class Local(LabHost host)
{
    private IReadOnlyList<PlanStep> steps = [];

    public async Task CleanAsync() => steps = await Hardening.CleanAsync(host).ConfigureAwait(false);

    public async Task SaveAsync()
    {
        await Commands.RunAsync([.. host.Shell, "iptables-save", "-c"]).ConfigureAwait(false);
        await Commands.RunAsync([.. host.Shell, "ip6tables-save", "-c"]).ConfigureAwait(false);
    }

    public async Task RestoreAsync()
    {
        foreach (var step in steps)
            await Commands.RunAsync([.. host.Shell, step.Family == Family.IPv4 ? "iptables-restore" : "ip6tables-restore", "--noflush", "--counters", "--wait", "10"], step.Restore).ConfigureAwait(false);
    }

    public Task HardenAsync() => Hardening.LocallyAsync(host, opened => Hardening.ApplyAsync([new FleetHost(opened)], 1));
}
