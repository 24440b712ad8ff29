using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Ssh;

namespace DockerNetHarden.Hosts;

/// <summary>A host that is being worked on: its shell, its tables, its Docker. Nothing is started before it is first asked.</summary>
public sealed class OpenHost : IAsyncDisposable
{
    private readonly Func<CancellationToken, Task<IShell>>? reconnect;

    private OpenHost(IShell shell, HostDocker docker, Func<CancellationToken, Task<IShell>>? reconnect = null)
    {
        (Shell, Docker, this.reconnect) = (shell, docker, reconnect);
        Host = new DockerHost(shell, docker);
    }

    /// <summary>The host as the user named it; <c>localhost</c> for this machine.</summary>
    public string Name => Shell.HostName;

    /// <summary>The conversation with it.</summary>
    public IShell Shell { get; }

    /// <summary>Its tables.</summary>
    public DockerHost Host { get; }

    /// <summary>Its Docker: the engine and networks.</summary>
    public HostDocker Docker { get; }

    /// <summary>This machine. Docker is asked where <c>DOCKER_HOST</c> says, or at its socket.</summary>
    /// <param name="timeouts">How long programs and requests may take.</param>
    /// <returns>The host; its owner disposes of it.</returns>
    /// <exception cref="DockerNetHarden.Docker.DockerException"><c>DOCKER_HOST</c> names no endpoint that can be asked here.</exception>
    public static OpenHost Local(ShellTimeouts? timeouts = null)
    {
        var docker = HostDocker.At(DockerEndpoint.FromEnvironment(), timeouts?.Command);
        return new OpenHost(LocalShell.Create(timeouts), docker);
    }

    /// <summary>A host by ssh. A change on it is confirmed by a connection that is opened after it.</summary>
    /// <param name="target">The host.</param>
    /// <param name="sudo">Whether Docker is asked by <c>sudo -n</c> where its socket is closed to the user.</param>
    /// <param name="timeouts">How long programs may take and be silent.</param>
    /// <returns>The host; its owner disposes of it.</returns>
    public static OpenHost BySsh(SshTarget target, bool sudo = false, ShellTimeouts? timeouts = null) => Over(
        SshShell.Open(target, sudo, timeouts: timeouts), sudo, _ => Task.FromResult<IShell>(SshShell.Open(target, sudo, newConnection: true, timeouts: timeouts)));

    /// <summary>A host over any shell. Docker is asked in the same conversation.</summary>
    /// <param name="shell">The conversation.</param>
    /// <param name="sudo">As in <see cref="BySsh"/>.</param>
    /// <param name="reconnect">Opens a new connection that confirms a change; null where only a person knows that he still gets in.</param>
    /// <returns>The host; its owner disposes of it, and the shell ends with it.</returns>
    public static OpenHost Over(IShell shell, bool sudo = false, Func<CancellationToken, Task<IShell>>? reconnect = null) =>
        new(shell, HostDocker.Over(shell, sudo), reconnect);

    /// <summary>The host as a fleet takes it; open already, and not closed by it.</summary>
    /// <returns>The host.</returns>
    public FleetHost ForFleet() => new(Host, reconnect);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Docker.DisposeAsync().ConfigureAwait(false);
        await Shell.DisposeAsync().ConfigureAwait(false);
    }
}
