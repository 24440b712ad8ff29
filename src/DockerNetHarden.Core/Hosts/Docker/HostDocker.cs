using System.Diagnostics.CodeAnalysis;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>
/// A host's Docker. The questions are the same for a local and a remote host; only the way they travel differs. Locally each goes to the socket by itself. Remotely those that are asked
/// together go in one program, two at most: what there is, then each running container; what was read there is kept until something is changed.
/// Each method fails with a <see cref="DockerException"/> that names the way out, and on a remote host with a <see cref="HostException"/> if the conversation breaks.
/// </summary>
public sealed class HostDocker : IAsyncDisposable
{
    private readonly ShellTransport? _shell;
    private readonly IEngineApi _api;
    private readonly LivingContainers _living;
    private readonly string _where;
    private Task<Overview>? _asked;
    private Overview? _read;

    private HostDocker(HttpMessageHandler transport, string endpoint, string where, TimeSpan? timeout)
    {
        (_shell, _where) = (transport as ShellTransport, where);
        _api = NewApi(transport, endpoint, timeout);
        _living = new LivingContainers(_api, _shell);
        Endpoint = endpoint;
    }

    /// <summary>Where it is asked: an endpoint of this machine, or the remote host.</summary>
    public string Endpoint { get; }

    /// <summary>Whether the first questions can travel in another program for the host, because its Docker is asked in the same conversation.</summary>
    internal bool SharesPrograms => _shell is not null;

    private sealed record Overview(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers);

    /// <summary>The Docker of this machine. Opens nothing before the first question.</summary>
    /// <param name="endpoint">Where it is asked.</param>
    /// <param name="timeout">How long one request may take; 30 seconds unless given.</param>
    /// <returns>Docker; its owner disposes of it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The timeout is not between a millisecond and a day.</exception>
    public static HostDocker At(DockerEndpoint endpoint, TimeSpan? timeout = null) => At(endpoint, timeout, DockerConnection.UserFolders);

    /// <summary>The Docker of a remote host, asked in the conversation with it.</summary>
    /// <param name="shell">The conversation; its owner ends it.</param>
    /// <param name="sudo">Whether Docker is asked through <c>sudo -n</c> if its socket is closed to the user.</param>
    /// <returns>Docker; its owner disposes of it.</returns>
    public static HostDocker Over(IShell shell, bool sudo = false)
    {
        ArgumentNullException.ThrowIfNull(shell);
        return new HostDocker(new ShellTransport(shell, sudo), shell.HostName, $"of {shell.HostName}", null);
    }

    /// <summary>Reads the engine, all its networks and all its containers. Leaves out what vanishes meanwhile.</summary>
    /// <param name="stop">Ends the requests.</param>
    /// <returns>What the engine says.</returns>
    public async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(CancellationToken stop)
    {
        if (SharesPrograms)
            return await WithLivingAsync(Rootful(await ReadOverviewAsync(stop).ConfigureAwait(false)), stop).ConfigureAwait(false);
        await NegotiateAsync(stop).ConfigureAwait(false);
        // The engine takes longer to tell its configuration, for which it runs other programs, than everything else: that is asked meanwhile.
        var info = EngineAsync(_api.GetInfoAsync(stop));
        var listed = ListLivingAsync(stop);
        await Task.WhenAll(info, listed).ConfigureAwait(false);
        var (networks, containers) = await listed.ConfigureAwait(false);
        return (Rootful(await info.ConfigureAwait(false)), networks, containers);
    }

    /// <summary>The engine.</summary>
    /// <param name="stop">Ends the requests.</param>
    /// <returns>What it says of itself.</returns>
    public async Task<DockerEngine> GetEngineAsync(CancellationToken stop)
    {
        if (SharesPrograms)
            return (await KnownAsync(stop).ConfigureAwait(false)).Engine;
        await NegotiateAsync(stop).ConfigureAwait(false);
        return await EngineAsync(_api.GetInfoAsync(stop)).ConfigureAwait(false);
    }

    /// <summary>All networks with their containers, by name.</summary>
    /// <param name="stop">Ends the requests.</param>
    /// <returns>The networks.</returns>
    public async Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop)
    {
        if (SharesPrograms)
            return (_read ??= await ReadOverviewAsync(stop).ConfigureAwait(false)).Networks;
        await NegotiateAsync(stop).ConfigureAwait(false);
        var (networks, containers) = (_api.ListNetworksAsync(stop), _api.ListContainersAsync(stop));
        await Task.WhenAll(networks, containers).ConfigureAwait(false);
        return NetworkMembers.Of(await networks.ConfigureAwait(false), NetworkMembers.Shared(await containers.ConfigureAwait(false)));
    }

    /// <summary>The network of that name or id; null if there is none.</summary>
    /// <param name="name">The name.</param>
    /// <param name="stop">Ends the requests.</param>
    /// <returns>The network with its containers.</returns>
    /// <exception cref="FormatException">The name cannot be a network's.</exception>
    public async Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop)
    {
        DockerNames.Check(name, "network");
        if (SharesPrograms)
        {
            var found = (await KnownAsync(stop).ConfigureAwait(false)).Networks.Where(IsIt).ToList();
            // The engine itself refuses such a name.
            return found.Count < 2 ? found.FirstOrDefault() : throw new DockerException(
                DockerFailure.Conflict, $"{found.Count} networks {_where} are called '{name}' (ids {ShownText.List(found.Select(static network => network.Id))}), and it is not clear which one is meant.", Endpoint,
                remedy: "Remove the others by their ids: docker network rm ID.");
        }
        await NegotiateAsync(stop).ConfigureAwait(false);
        // The engine also accepts the beginning of an id as a name.
        return await LivingContainers.FoundAsync(_api.GetNetworkAsync(name, stop)).ConfigureAwait(false) is { } network && IsIt(network) ? network : null;

        bool IsIt(DockerNetwork network) => string.Equals(network.Name, name, StringComparison.Ordinal) || string.Equals(network.Id, name, StringComparison.Ordinal);
    }

    /// <summary>Makes a network and reads it back. If it is asked for IPv6 without a subnet and the engine has no IPv6 pool, it gets a unique local subnet.</summary>
    /// <param name="spec">The network.</param>
    /// <param name="stop">Checked before the request is sent. A network made on a remote host is always read back and reported.</param>
    /// <returns>The network as the engine made it.</returns>
    /// <exception cref="DockerException"><see cref="DockerFailure.Conflict"/> if the name, the bridge or the subnet is taken; or the engine could not be asked.</exception>
    public async Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(spec);
        await (SharesPrograms ? KnownAsync(stop) : NegotiateAsync(stop)).ConfigureAwait(false);
        // The engine is asked for its pools only if something depends on them.
        if (spec.LacksIPv6Subnet(_api.Version!.Value) && spec.LacksIPv6Subnet(_api.Version!.Value, (await GetEngineAsync(stop).ConfigureAwait(false)).AddressPools))
            spec = spec.WithUniqueLocalSubnet();

        var creating = _api.CreateNetworkAsync(spec, stop);
        await SendAsync(stop).ConfigureAwait(false);
        var id = await creating.ConfigureAwait(false);
        if (!SharesPrograms)
            return await _api.GetNetworkAsync(id, stop).ConfigureAwait(false);
        _read = null;
        return (await KnownAsync(CancellationToken.None).ConfigureAwait(false)).Networks.FirstOrDefault(network => string.Equals(network.Id, id, StringComparison.Ordinal))
            ?? throw new DockerException(DockerFailure.NotFound, $"The network '{spec.Name}' was made (id {id}) but is gone again: somebody removed it.", remedy: "Run the command again.");
    }

    /// <summary>Removes a network.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="stop">Checked before the request is sent.</param>
    /// <returns>A task that ends when the engine has removed it.</returns>
    /// <exception cref="DockerException"><see cref="DockerFailure.Conflict"/> if containers are on it, <see cref="DockerFailure.NotFound"/> if it is gone; or the engine could not be asked.</exception>
    public async Task RemoveNetworkAsync(string id, CancellationToken stop)
    {
        await (SharesPrograms ? KnownAsync(stop) : NegotiateAsync(stop)).ConfigureAwait(false);
        var removing = _api.RemoveNetworkAsync(id, stop);
        await SendAsync(stop).ConfigureAwait(false);
        _read = null;
        await removing.ConfigureAwait(false);
    }

    /// <summary>All containers, by name; running ones are inspected for what the list does not say.</summary>
    /// <param name="stop">Ends the requests.</param>
    /// <returns>The containers.</returns>
    public async Task<IReadOnlyList<DockerContainer>> ListContainersAsync(CancellationToken stop)
    {
        await NegotiateAsync(stop).ConfigureAwait(false);
        return await _living.InspectAsync(await _api.ListContainersAsync(stop).ConfigureAwait(false), null, stop).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _api.Dispose();
        return ValueTask.CompletedTask;
    }

    internal static HostDocker At(DockerEndpoint endpoint, TimeSpan? timeout, string userFolders)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (timeout is { } given && (given < TimeSpan.FromMilliseconds(1) || given > TimeSpan.FromDays(1)))
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, $"A timeout must be from one millisecond to one day, not {timeout}.");
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, stop) => await DockerConnection.OpenAsync(endpoint, userFolders, stop).ConfigureAwait(false),
            // Proxies, redirections and cookies make no sense for a local socket.
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = LivingContainers.Parallelism,
        };
        return Through(handler, endpoint.Text, timeout);
    }

    internal static HostDocker Through(HttpMessageHandler transport, string endpoint, TimeSpan? timeout = null) =>
        new(transport, endpoint, $"at {endpoint}", timeout ?? TimeSpan.FromSeconds(30));

    /// <summary>Adds the first questions to another program, so that both are one trip.</summary>
    /// <param name="program">The program.</param>
    /// <param name="meanwhile">Adds the sections that the host works on while the engine answers; they come before the engine's own.</param>
    internal void AddOverview(ShellProgram program, Action<ShellProgram>? meanwhile = null)
    {
        _asked = AskOverviewAsync(CancellationToken.None);
        _shell!.AddTo(program, meanwhile);
    }

    /// <summary>Reads the answers to the first questions out of a reply, and asks the others.</summary>
    internal async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(ShellReply overview, CancellationToken stop)
    {
        _shell!.Answer(overview);
        return await WithLivingAsync(Rootful(await _asked!.ConfigureAwait(false)), stop).ConfigureAwait(false);
    }

    /// <summary>The stream of events for objects of these types from now on. The engine keeps it open, so only its beginning is timed.</summary>
    internal async Task<Stream> OpenEventsAsync(IReadOnlyList<string> types, CancellationToken stop)
    {
        await NegotiateAsync(stop).ConfigureAwait(false);
        return await _api.OpenEventsAsync(types, stop).ConfigureAwait(false);
    }

    // By name: the class is in an assembly of its own, which the module loads apart from other modules' assemblies (docs/decisions/0010).
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicConstructors, "DockerNetHarden.Client.EngineClient", "DockerNetHarden.Client")]
    private static IEngineApi NewApi(HttpMessageHandler transport, string endpoint, TimeSpan? timeout) =>
        (IEngineApi)Activator.CreateInstance(Type.GetType("DockerNetHarden.Client.EngineClient, DockerNetHarden.Client", throwOnError: true)!, transport, endpoint, timeout)!;

    private async Task<Overview> KnownAsync(CancellationToken stop) => Rootful(_read ??= await ReadOverviewAsync(stop).ConfigureAwait(false));

    private Overview Rootful(Overview read) => read with { Engine = Rootful(read.Engine) };

    // Its networks can be listed, but nothing can be hardened.
    private DockerEngine Rootful(DockerEngine engine) => !engine.IsRootless ? engine : throw new DockerException(
        DockerFailure.Rootless, $"The engine {_where} runs rootless: its containers' packets do not pass the host's tables, so no rule there can decide them.", Endpoint, remedy: "Use an engine that runs as root for untrusted code, or harden inside the rootless namespace.");

    private async Task<Overview> ReadOverviewAsync(CancellationToken stop)
    {
        var asked = AskOverviewAsync(stop);
        await SendAsync(stop).ConfigureAwait(false);
        return await asked.ConfigureAwait(false);
    }

    // Only over a shell: everything is asked before this method first returns, and nothing is answered before the program has run.
    private async Task<Overview> AskOverviewAsync(CancellationToken stop)
    {
        var negotiated = NegotiateAsync(stop);
        var (info, networks, containers) = (_api.GetInfoAsync(stop), _api.ListNetworksAsync(stop), _api.ListContainersAsync(stop));
        await Task.WhenAll(negotiated, info, networks, containers).ConfigureAwait(false);
        var engine = await EngineAsync(info).ConfigureAwait(false);
        var listed = NetworkMembers.Shared(await containers.ConfigureAwait(false));
        return new Overview(engine, NetworkMembers.Of(await networks.ConfigureAwait(false), listed), listed);
    }

    // Locally once, before anything else is asked. Remotely it travels with the first questions, which therefore leave the version out; later ones know it.
    private async Task NegotiateAsync(CancellationToken stop)
    {
        if (SharesPrograms)
        {
            _api.Version = null;
            _api.Version = new EngineVersion("", await _api.PingAsync(stop).ConfigureAwait(false), null).Negotiate(Endpoint);
        }
        else
        {
            // If two threads ask the first question at once, both ask: the answers are the same.
            _api.Version ??= await SpokenAsync(stop).ConfigureAwait(false);
        }
    }

    // Engines up to 24 call runc for GET /version each time, and a ping says the newest API as well. The oldest one, which only GET /version says, matters if all of
    // ours could be too old; and what answers a ping in another way than engines do may still say its version.
    private async Task<ApiVersion> SpokenAsync(CancellationToken stop)
    {
        try
        {
            if (await _api.PingAsync(stop).ConfigureAwait(false) is var newest && newest >= EngineVersion.OldestApi && newest <= EngineVersion.NewestApi)
                return newest;
        }
        catch (DockerException error) when (error.Failure == DockerFailure.BadReply || error.Status is not null)
        {
            // GET /version has the reason.
        }
        return (await _api.GetVersionAsync(stop).ConfigureAwait(false)).Negotiate(Endpoint);
    }

    private async Task<DockerEngine> EngineAsync(Task<DockerEngine> info) => await info.ConfigureAwait(false) with { ApiVersion = _api.Version!.Value.ToString() };

    private Task SendAsync(CancellationToken stop) => _shell?.SendAsync(stop) ?? Task.CompletedTask;

    private async Task<(IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ListLivingAsync(CancellationToken stop)
    {
        var (networks, containers) = (_api.ListNetworksAsync(stop), _api.ListContainersAsync(stop));
        await Task.WhenAll(networks, containers).ConfigureAwait(false);
        return await _living.ReadAsync(await networks.ConfigureAwait(false), NetworkMembers.Shared(await containers.ConfigureAwait(false)), stop).ConfigureAwait(false);
    }

    private async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> WithLivingAsync(Overview overview, CancellationToken stop)
    {
        var (networks, containers) = await _living.ReadAsync(overview.Networks, overview.Containers, stop).ConfigureAwait(false);
        return (overview.Engine, networks, containers);
    }
}
