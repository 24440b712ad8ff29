using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>
/// Docker of a host far away, asked in the same conversation that reads and writes its tables: HTTP/1.1 requests in a here-document, through
/// <c>docker system dial-stdio</c>, or <c>curl --unix-socket</c> where the host has no docker command. Two batches at most: what there is, then
/// each network and each living container.
/// </summary>
/// <param name="shell">The conversation; its owner ends it.</param>
/// <param name="sudo">Whether Docker is asked by <c>sudo -n</c> where its socket is closed to the user.</param>
public sealed class ConversationDockerSource(IShell shell, bool sudo = false) : IDockerSource
{
    /// <summary>How long one batch may take; one minute unless set.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);

    private static IReadOnlyList<DockerRequest> Overview { get; } = [DockerApi.Version(), DockerApi.Info(null), DockerApi.ListNetworks(null), DockerApi.ListContainers(null, all: true)];

    /// <inheritdoc/>
    /// <exception cref="HostException">The conversation broke.</exception>
    public async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(CancellationToken stop)
    {
        var program = new ShellProgram();
        AddOverview(program);
        return await ReadAsync(await shell.RunAsync(program.Build(Timeout), stop).ConfigureAwait(false), stop).ConfigureAwait(false);
    }

    /// <summary>Adds the first batch to another program, so that both are one trip.</summary>
    internal void AddOverview(ShellProgram program) => DockerProgram.AddTo(program, Overview, sudo);

    /// <summary>Reads the first batch out of a reply, and asks the second one.</summary>
    /// <exception cref="DockerException">The engine cannot be asked, or refused.</exception>
    /// <exception cref="HostException">The conversation broke.</exception>
    internal async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(ShellReply overview, CancellationToken stop)
    {
        var first = DockerProgram.Read(overview, shell.HostName, Overview);
        foreach (var (request, response) in Overview.Zip(first))
            DockerErrors.ThrowIfFailed(request, response, shell.HostName);
        var version = EngineReader.ReadVersion(first[0].Body);
        var api = DockerApi.Negotiate(version, shell.HostName);
        var engine = EngineReader.ReadEngine(version, api, first[1].Body);
        if (engine.IsRootless)
            throw new DockerException(DockerFailure.Rootless, $"The engine of {shell.HostName} runs rootless: its containers' packets do not pass the host's tables, so no rule there can decide them. Use a rootful engine for untrusted code, or harden inside the rootless namespace.", shell.HostName);

        var networks = NetworkReader.ReadList(first[2].Body);
        var containers = ContainerReader.ReadList(first[3].Body).ToLookup(static container => container.State is "running" or "paused" or "restarting");
        DockerRequest[] requests = [.. networks.Select(network => DockerApi.InspectNetwork(api, network.Id)), .. containers[true].Select(container => DockerApi.InspectContainer(api, container.Id))];
        var second = await AskAsync(requests, stop).ConfigureAwait(false);
        var inspected = Found(requests, second, 0, networks.Count, NetworkReader.Read);
        var living = Found(requests, second, networks.Count, requests.Length, ContainerReader.Read);
        return (
            engine,
            [.. inspected.OrderBy(static network => network.Name, StringComparer.Ordinal).ThenBy(static network => network.Id, StringComparer.Ordinal)],
            [.. containers[false].Concat(living).OrderBy(static container => container.Name, StringComparer.Ordinal).ThenBy(static container => container.Id, StringComparer.Ordinal)]);
    }

    private async Task<IReadOnlyList<DockerResponse>> AskAsync(IReadOnlyList<DockerRequest> requests, CancellationToken stop)
    {
        if (requests.Count == 0)
            return [];
        var program = new ShellProgram();
        DockerProgram.AddTo(program, requests, sudo);
        return DockerProgram.Read(await shell.RunAsync(program.Build(Timeout), stop).ConfigureAwait(false), shell.HostName, requests);
    }

    // Gone between the list and the inspection: as if it had never been in the list.
    private List<T> Found<T>(DockerRequest[] requests, IReadOnlyList<DockerResponse> responses, int from, int to, Func<ReadOnlyMemory<byte>, T> read)
    {
        var found = new List<T>();
        for (var i = from; i < to; i++)
        {
            if (responses[i].Status != 404)
                found.Add(read(DockerErrors.ThrowIfFailed(requests[i], responses[i], shell.HostName).Body));
        }
        return found;
    }
}
