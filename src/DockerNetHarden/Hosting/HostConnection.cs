using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Probing;

namespace DockerNetHarden.Commands;

/// <summary>A host that a cmdlet works on, opened as its target says. Nothing is started before it is first asked.</summary>
internal sealed class HostConnection(HostTarget target, OpenHost open) : IAsyncDisposable
{
    public HostTarget Target => target;

    public string Name => open.Name;

    public DockerHost Host => open.Host;

    public HostDocker Docker => open.Docker;

    /// <summary>What saves the host's rules for its next start.</summary>
    public RuleSaver Saver => new(open.Shell);

    public static HostConnection Open(HostTarget target, bool sudo, ShellTimeouts timeouts) => new(
        target,
        target.IsLocal ? OpenHost.Local(timeouts)
        // A session is the user's, who opened it: he alone knows that he still gets in.
        : target.Session is { } session ? OpenHost.Over(new PSSessionShell(target.Name, session, target.ConnectTimeout, timeouts), sudo)
        : OpenHost.BySsh(target.Ssh!, sudo, timeouts));

    /// <summary>The host as a fleet takes it.</summary>
    public FleetHost ForFleet() => open.ForFleet();

    /// <summary>Tells the host that a change may stay.</summary>
    public Task ConfirmAsync(string rollbackId, CancellationToken stop) => RollbackConfirmation.ConfirmAsync(open.Shell, rollbackId, stop);

    /// <summary>Tries real connections from inside containers of the host.</summary>
    public Task<IReadOnlyList<ProbeResult>> ProbeAsync(IReadOnlyList<ConnectionProbe> probes, CancellationToken stop) => ProbeProgram.RunAsync(open.Shell, probes, stop);

    public ValueTask DisposeAsync() => open.DisposeAsync();
}
