using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Commands;

/// <summary>What cmdlets ask of a host's Docker beyond its snapshot.</summary>
internal interface IHostDocker : IAsyncDisposable
{
    Task<DockerEngine> GetEngineAsync(CancellationToken stop);

    Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop);

    Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop);

    Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop);
}

/// <summary>Docker of this machine, at its socket.</summary>
internal sealed class LocalDocker(DockerClient client) : IHostDocker
{
    public Task<DockerEngine> GetEngineAsync(CancellationToken stop) => client.GetEngineAsync(stop);

    public Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop) => client.ListNetworksAsync(stop);

    public Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop) => client.FindNetworkAsync(name, stop);

    public Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop) => client.CreateNetworkAsync(spec, stop);

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
