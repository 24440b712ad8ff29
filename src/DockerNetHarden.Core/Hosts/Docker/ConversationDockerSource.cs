using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>
/// Docker of a host far away, asked in the same conversation that reads and writes its tables: HTTP/1.1 requests in a here-document, brought to the
/// engine's socket by what the host has for it. Two batches at most: what there is, then each living container.
/// </summary>
/// <param name="shell">The conversation; its owner ends it.</param>
/// <param name="sudo">Whether Docker is asked by <c>sudo -n</c> where its socket is closed to the user.</param>
public sealed class ConversationDockerSource(IShell shell, bool sudo = false) : IDockerSource
{
    /// <summary>How long one batch may take; one minute unless set.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);

    private static IReadOnlyList<DockerRequest> Overview { get; } = [DockerApi.Ping(), DockerApi.Info(null), DockerApi.ListNetworks(null), DockerApi.ListContainers(null, all: true)];

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
        var version = EngineReader.ReadPing(first[0]);
        var api = DockerApi.Negotiate(new EngineVersion("", version, null), shell.HostName);
        var engine = EngineReader.ReadEngine(api, first[1].Body);
        if (engine.IsRootless)
            throw new DockerException(DockerFailure.Rootless, $"The engine of {shell.HostName} runs rootless: its containers' packets do not pass the host's tables, so no rule there can decide them. Use a rootful engine for untrusted code, or harden inside the rootless namespace.", shell.HostName);

        var containers = ContainerReader.ReadList(first[3].Body).ToLookup(static container => container.State is "running" or "paused" or "restarting");
        // The list says all but the container's own DNS servers and its process.
        DockerRequest[] requests = [.. containers[true].Select(container => DockerApi.InspectContainer(api, container.Id))];
        var living = Found(requests, await AskAsync(requests, stop).ConfigureAwait(false), ContainerReader.Read);
        return (
            engine,
            [.. NetworkReader.ReadList(first[2].Body).Select(network => network with { Containers = Members(network, living) })
                .OrderBy(static network => network.Name, StringComparer.Ordinal).ThenBy(static network => network.Id, StringComparer.Ordinal)],
            [.. containers[false].Concat(living).OrderBy(static container => container.Name, StringComparer.Ordinal).ThenBy(static container => container.Id, StringComparer.Ordinal)]);
    }

    // The engine's list of networks leaves the containers out; the containers say where they are.
    private static IReadOnlyList<string> Members(DockerNetwork network, IReadOnlyList<DockerContainer> living) =>
        [.. living.Where(container => container.State is "running" or "paused" && container.Addresses.Any(address => string.Equals(address.Network, network.Name, StringComparison.Ordinal)))
            .Select(static container => container.Name).Order(StringComparer.Ordinal)];

    private async Task<IReadOnlyList<DockerResponse>> AskAsync(IReadOnlyList<DockerRequest> requests, CancellationToken stop)
    {
        if (requests.Count == 0)
            return [];
        var program = new ShellProgram();
        DockerProgram.AddTo(program, requests, sudo);
        return DockerProgram.Read(await shell.RunAsync(program.Build(Timeout), stop).ConfigureAwait(false), shell.HostName, requests);
    }

    // Gone between the list and the inspection: as if it had never been in the list.
    private List<T> Found<T>(DockerRequest[] requests, IReadOnlyList<DockerResponse> responses, Func<ReadOnlyMemory<byte>, T> read) =>
        [.. requests.Zip(responses).Where(static pair => pair.Second.Status != 404).Select(pair => read(DockerErrors.ThrowIfFailed(pair.First, pair.Second, shell.HostName).Body))];
}
