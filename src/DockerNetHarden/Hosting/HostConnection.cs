using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Hosts.Ssh;

namespace DockerNetHarden.Commands;

/// <summary>A host that a cmdlet works on: its shell, its tables, its Docker. Nothing is started before it is first asked.</summary>
internal sealed class HostConnection : IAsyncDisposable
{
    private readonly IShell _shell;
    private readonly bool _sudo;
    private readonly ShellTimeouts _timeouts;

    private HostConnection(HostTarget target, IShell shell, IHostDocker docker, IDockerSource source, bool sudo, ShellTimeouts timeouts)
    {
        (Target, _shell, Docker, _sudo, _timeouts) = (target, shell, docker, sudo, timeouts);
        Host = new DockerHost(shell, source);
    }

    public HostTarget Target { get; }

    public string Name => _shell.HostName;

    public DockerHost Host { get; }

    public IHostDocker Docker { get; }

    /// <summary>What saves the host's rules for its next start.</summary>
    public RuleSaver Saver => new(_shell);

    public static HostConnection Open(HostTarget target, bool sudo, ShellTimeouts timeouts)
    {
        if (target.IsLocal)
        {
            var endpoint = DockerEndpoint.FromEnvironment();
            var client = timeouts.Command is { } most ? new DockerClient(endpoint) { Timeout = most } : new DockerClient(endpoint);
            return new HostConnection(target, LocalShell.Create(timeouts), new LocalDocker(client), new LocalDockerSource(client), sudo, timeouts);
        }
        IShell shell = target.Session is { } session ? new PSSessionShell(target.Name, session, target.ConnectTimeout, timeouts) : SshShell.Open(target.Ssh!, sudo, timeouts: timeouts);
        var source = new ConversationDockerSource(shell, sudo);
        return new HostConnection(target, shell, new ConversationDocker(source, new ConversationDockerNetworks(shell, sudo)), source, sudo, timeouts);
    }

    /// <summary>
    /// The host as a fleet takes it. Over ssh a change can be confirmed by a connection that is opened after it; here, and in a session that the user opened,
    /// only a person knows that he still gets in.
    /// </summary>
    public FleetHost ForFleet() => new(
        Host, Target.Ssh is { } ssh ? _ => Task.FromResult<IShell>(SshShell.Open(ssh, _sudo, newConnection: true, timeouts: _timeouts)) : null);

    /// <summary>Tells the host that a change may stay.</summary>
    public Task ConfirmAsync(string rollbackId, CancellationToken stop) => RollbackConfirmation.ConfirmAsync(_shell, rollbackId, stop);

    /// <summary>Tries real connections from inside containers of the host.</summary>
    public Task<IReadOnlyList<ProbeResult>> ProbeAsync(IReadOnlyList<ConnectionProbe> probes, CancellationToken stop) => ProbeProgram.RunAsync(_shell, probes, stop);

    public async ValueTask DisposeAsync()
    {
        await Docker.DisposeAsync().ConfigureAwait(false);
        await _shell.DisposeAsync().ConfigureAwait(false);
    }
}
