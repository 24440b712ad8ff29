using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Commands;

/// <summary>A host that a cmdlet works on: its shell, its tables, its Docker. Nothing is started before it is first asked.</summary>
internal sealed class HostConnection : IAsyncDisposable
{
    private readonly IShell _shell;

    private HostConnection(IShell shell, DockerClient docker)
    {
        _shell = shell;
        Docker = docker;
        Host = new DockerHost(shell, new LocalDockerSource(docker));
    }

    public string Name => _shell.HostName;

    public DockerHost Host { get; }

    public DockerClient Docker { get; }

    public static HostConnection Local() => new(LocalShell.Create(), new DockerClient(DockerEndpoint.FromEnvironment()));

    public async ValueTask DisposeAsync()
    {
        await Docker.DisposeAsync().ConfigureAwait(false);
        await _shell.DisposeAsync().ConfigureAwait(false);
    }
}
