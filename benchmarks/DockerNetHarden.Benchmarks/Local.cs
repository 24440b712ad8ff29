using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Benchmarks;

/// <summary>One host without SSH: how long the kernel's own tools take, and how long hardening takes.</summary>
internal sealed class Local(LabHost host, PwshSession pwsh)
{
    private IReadOnlyList<PlanStep> steps = [];

    public async Task CleanAsync()
    {
        await pwsh.RunAsync("Remove-FirewallRule -All").ConfigureAwait(false);
        if (steps.Count == 0)
            steps = await StepsAsync().ConfigureAwait(false);
    }

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

    public Task HardenAsync() => pwsh.RunAsync(PwshSession.Harden);

    // The texts that are written to harden a clean host.
    private async Task<IReadOnlyList<PlanStep>> StepsAsync()
    {
        var opened = DockerHost.Beside(new ProcessShell(host.Name, host.Shell[0], [.. host.Shell.Skip(1), "/bin/sh"]), DockerEndpoint.Parse(host.DockerHost));
        await using (opened.ConfigureAwait(false))
            return Plan.From(Hardening.Rules, await opened.ReadAsync(CancellationToken.None).ConfigureAwait(false)).Steps;
    }
}

/// <summary>The rules of the four controls with their defaults.</summary>
internal static class Hardening
{
    public static readonly IReadOnlyList<FirewallRule> Rules =
        [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()];
}
