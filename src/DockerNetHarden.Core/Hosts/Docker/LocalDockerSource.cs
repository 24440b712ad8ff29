using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>Docker of this machine, asked at its socket.</summary>
/// <param name="client">The client; its owner disposes it.</param>
public sealed class LocalDockerSource(DockerClient client) : IDockerSource
{
    /// <inheritdoc/>
    public async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(CancellationToken stop)
    {
        var engine = await client.GetEngineAsync(stop).ConfigureAwait(false);
        if (engine.IsRootless)
            throw new DockerException(DockerFailure.Rootless, $"The engine at {client.Endpoint} runs rootless: its containers' packets do not pass this host's tables, so no rule here can decide them. Use a rootful engine for untrusted code, or harden inside the rootless namespace.", client.Endpoint.Text);
        return (engine, await client.ListNetworksAsync(stop).ConfigureAwait(false), await client.ListContainersAsync(stop).ConfigureAwait(false));
    }
}
