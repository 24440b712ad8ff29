using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>A host's Docker, here or far away: what is asked of it beyond a snapshot. Each method fails with a <see cref="DockerException"/> that names the way out.</summary>
public interface IHostDocker : IAsyncDisposable
{
    /// <summary>The engine.</summary>
    Task<DockerEngine> GetEngineAsync(CancellationToken stop);

    /// <summary>All networks.</summary>
    Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop);

    /// <summary>The network of that name; null where there is none.</summary>
    Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop);

    /// <summary>Makes a network.</summary>
    Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop);
}

/// <summary>Docker of this machine, at its socket.</summary>
/// <param name="client">The way to the socket; it is ended with this.</param>
public sealed class LocalDocker(DockerClient client) : IHostDocker
{
    /// <inheritdoc/>
    public Task<DockerEngine> GetEngineAsync(CancellationToken stop) => client.GetEngineAsync(stop);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop) => client.ListNetworksAsync(stop);

    /// <inheritdoc/>
    public Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop) => client.FindNetworkAsync(name, stop);

    /// <inheritdoc/>
    public Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop) => client.CreateNetworkAsync(spec, stop);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => client.DisposeAsync();
}
