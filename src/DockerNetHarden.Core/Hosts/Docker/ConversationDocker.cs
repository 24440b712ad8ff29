using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>Docker of a host far away, asked in the same conversation that reads and writes its tables. What was read is kept until something is changed.</summary>
/// <param name="source">What asks it.</param>
/// <param name="maker">What makes networks there.</param>
public sealed class ConversationDocker(ConversationDockerSource source, ConversationDockerNetworks maker) : IHostDocker
{
    private (DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)? _read;

    /// <inheritdoc/>
    public async Task<DockerEngine> GetEngineAsync(CancellationToken stop) => (await ReadAsync(stop).ConfigureAwait(false)).Engine;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop) => (await ReadAsync(stop).ConfigureAwait(false)).Networks;

    /// <inheritdoc/>
    public async Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop) =>
        (await ListNetworksAsync(stop).ConfigureAwait(false)).FirstOrDefault(network => string.Equals(network.Name, name, StringComparison.Ordinal));

    /// <inheritdoc/>
    public async Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop)
    {
        var id = await maker.CreateAsync(await GetEngineAsync(stop).ConfigureAwait(false), spec, stop).ConfigureAwait(false);
        _read = null;
        // What was made is told, whoever pressed Ctrl-C meanwhile.
        var networks = await ListNetworksAsync(CancellationToken.None).ConfigureAwait(false);
        return networks.FirstOrDefault(network => string.Equals(network.Id, id, StringComparison.Ordinal))
            ?? throw new DockerException(DockerFailure.NotFound, $"The network '{spec.Name}' was made (id {id}) and is gone again: somebody removed it. Run the command again.");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(CancellationToken stop) =>
        _read ??= await source.ReadAsync(stop).ConfigureAwait(false);
}
