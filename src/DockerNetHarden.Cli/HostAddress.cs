using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Ssh;

namespace DockerNetHarden.Cli;

/// <summary>Where a host is: by ssh, or null for this machine.</summary>
internal sealed record HostAddress(SshTarget? Ssh, bool Sudo)
{
    public string Name => Ssh?.HostName ?? "localhost";

    public OpenHost Open()
    {
        if (Ssh is null)
        {
            var client = new DockerClient(DockerEndpoint.FromEnvironment());
            return new OpenHost(this, LocalShell.Create(), new LocalDocker(client), new LocalDockerSource(client));
        }
        var shell = SshShell.Open(Ssh, Sudo);
        var source = new ConversationDockerSource(shell, Sudo);
        return new OpenHost(this, shell, new ConversationDocker(source, new ConversationDockerNetworks(shell, Sudo)), source);
    }
}

/// <summary>A host that is being worked on. Nothing is started before it is first asked.</summary>
internal sealed class OpenHost(HostAddress address, IShell shell, IHostDocker docker, IDockerSource source) : IAsyncDisposable
{
    public string Name => address.Name;

    public DockerHost Host { get; } = new(shell, source);

    public IHostDocker Docker => docker;

    /// <summary>The host as a fleet takes it. Here nobody is there to confirm a change; over ssh a new connection does.</summary>
    public FleetHost ForFleet() => new(Host, address.Ssh is { } ssh ? _ => Task.FromResult<IShell>(SshShell.Open(ssh, address.Sudo, newConnection: true)) : null);

    public async ValueTask DisposeAsync()
    {
        await docker.DisposeAsync().ConfigureAwait(false);
        await shell.DisposeAsync().ConfigureAwait(false);
    }
}
