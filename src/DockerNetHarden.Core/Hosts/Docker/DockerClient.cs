using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>
/// Asks the Docker Engine of this machine. Requests and replies are <see cref="DockerApi"/>'s and the readers'; here is only the way to the
/// socket. May be used from many threads at once.
/// </summary>
public sealed class DockerClient : IAsyncDisposable
{
    // So many inspections at a time: the engine locks a container to read it, more than that only queue.
    private const int Parallelism = 8;

    private static readonly DockerResponseLimits Limits = new();

    private readonly HttpClient _http;
    private readonly TimeSpan _timeout = TimeSpan.FromSeconds(30);
    private Negotiated? _negotiated;

    /// <summary>Asks the engine at an endpoint. Nothing is opened before the first question.</summary>
    public DockerClient(DockerEndpoint endpoint)
        : this(endpoint, DockerConnection.UserFolders)
    {
    }

    internal DockerClient(DockerEndpoint endpoint, string userFolders)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        Endpoint = endpoint;
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, stop) => await DockerConnection.OpenAsync(endpoint, userFolders, stop).ConfigureAwait(false),
            // A proxy, a redirection or a cookie has no business between this process and a local socket.
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = Parallelism,
            MaxResponseHeadersLength = Limits.HeaderBytes / 1024,
        };
        _http = new HttpClient(handler, disposeHandler: true)
        {
            BaseAddress = new Uri("http://docker"),
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = Limits.BodyBytes,
        };
    }

    private sealed record Negotiated(EngineVersion Engine, ApiVersion Api);

    /// <summary>Where the engine is asked.</summary>
    public DockerEndpoint Endpoint { get; }

    /// <summary>How long one request may take; 30 seconds unless set.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not between a millisecond and a day.</exception>
    public TimeSpan Timeout
    {
        get => _timeout;
        init => _timeout = value >= TimeSpan.FromMilliseconds(1) && value <= TimeSpan.FromDays(1)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"A timeout of {value} cannot be kept: it is from one millisecond to one day.");
    }

    /// <summary>The engine.</summary>
    /// <exception cref="DockerException">It could not be asked, or its reply was not understood.</exception>
    public async Task<DockerEngine> GetEngineAsync(CancellationToken stop)
    {
        var (engine, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        var info = await SendAsync(DockerApi.Info(api), stop).ConfigureAwait(false);
        return EngineReader.ReadEngine(engine, api, info.Body);
    }

    /// <summary>All networks with their containers, by name. One that vanishes while they are read is left out.</summary>
    /// <exception cref="DockerException">The engine could not be asked, or its reply was not understood.</exception>
    public async Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop)
    {
        var (_, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        var list = NetworkReader.ReadList((await SendAsync(DockerApi.ListNetworks(api), stop).ConfigureAwait(false)).Body);
        // By id: engines to 20.10 take names with spaces, and two networks may have one name.
        var networks = await InspectAsync(list, network => DockerApi.InspectNetwork(api, network.Id), NetworkReader.Read, stop).ConfigureAwait(false);
        return [.. networks.OrderBy(network => network.Name, StringComparer.Ordinal).ThenBy(network => network.Id, StringComparer.Ordinal)];
    }

    /// <summary>One network with its containers; null where there is none of that name or id.</summary>
    /// <exception cref="FormatException">The name cannot be a network's.</exception>
    /// <exception cref="DockerException">The engine could not be asked, or its reply was not understood.</exception>
    public async Task<DockerNetwork?> FindNetworkAsync(string name, CancellationToken stop)
    {
        DockerNames.Check(name, "network");
        var (_, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        try
        {
            var network = NetworkReader.Read((await SendAsync(DockerApi.InspectNetwork(api, name), stop).ConfigureAwait(false)).Body);
            // The engine also takes the beginning of an id for a name.
            return string.Equals(network.Name, name, StringComparison.Ordinal) || string.Equals(network.Id, name, StringComparison.Ordinal) ? network : null;
        }
        catch (DockerException error) when (error.Failure == DockerFailure.NotFound)
        {
            return null;
        }
    }

    /// <summary>Creates a network and reads it back. Where it is asked for IPv6 without a subnet and the engine has no IPv6 pool, it gets a unique local subnet.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.Conflict"/> where the name, the bridge or the subnet is taken; or the engine could not be asked.</exception>
    public async Task<DockerNetwork> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var (_, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        if (spec.LacksIPv6Subnet(api) && spec.LacksIPv6Subnet(api, (await GetEngineAsync(stop).ConfigureAwait(false)).AddressPools))
            spec = spec.WithUniqueLocalSubnet();
        var id = NetworkReader.ReadCreatedId((await SendAsync(DockerApi.CreateNetwork(api, spec), stop).ConfigureAwait(false)).Body);
        return NetworkReader.Read((await SendAsync(DockerApi.InspectNetwork(api, id), stop).ConfigureAwait(false)).Body);
    }

    /// <summary>Removes a network.</summary>
    /// <exception cref="FormatException">The name cannot be a network's.</exception>
    /// <exception cref="DockerException"><see cref="DockerFailure.Conflict"/> where containers are on it, <see cref="DockerFailure.NotFound"/>; or the engine could not be asked.</exception>
    public async Task RemoveNetworkAsync(string name, CancellationToken stop)
    {
        DockerNames.Check(name, "network");
        var (_, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        await SendAsync(DockerApi.RemoveNetwork(api, name), stop).ConfigureAwait(false);
    }

    /// <summary>
    /// All containers, by name; those that run are inspected for their DNS servers and process id. One that vanishes while they are read is left out.
    /// </summary>
    /// <exception cref="DockerException">The engine could not be asked, or its reply was not understood.</exception>
    public async Task<IReadOnlyList<DockerContainer>> ListContainersAsync(CancellationToken stop)
    {
        var (_, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        var list = ContainerReader.ReadList((await SendAsync(DockerApi.ListContainers(api, all: true), stop).ConfigureAwait(false)).Body);
        var live = list.ToLookup(container => container.State is "running" or "paused" or "restarting");
        var inspected = await InspectAsync([.. live[true]], container => DockerApi.InspectContainer(api, container.Id), ContainerReader.Read, stop).ConfigureAwait(false);
        return [.. live[false].Concat(inspected).OrderBy(container => container.Name, StringComparer.Ordinal).ThenBy(container => container.Id, StringComparer.Ordinal)];
    }

    // The stream of what happens from now on. The engine keeps it open, so only its beginning is timed.
    internal async Task<Stream> OpenEventsAsync(IReadOnlyList<string> types, CancellationToken stop)
    {
        var (_, api) = await NegotiateAsync(stop).ConfigureAwait(false);
        var request = DockerApi.Events(api, types);
        using var message = ToMessage(request);
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timer.CancelAfter(_timeout);
        try
        {
            var reply = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, timer.Token).ConfigureAwait(false);
            if (!reply.IsSuccessStatusCode)
                DockerErrors.ThrowIfFailed(request, new DockerResponse((int)reply.StatusCode, new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase), await reply.Content.ReadAsByteArrayAsync(timer.Token).ConfigureAwait(false)), Endpoint.Text);
            return await reply.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (!stop.IsCancellationRequested)
        {
            throw TimedOut(request, error);
        }
        catch (HttpRequestException error)
        {
            throw Broken(request, error);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    // Two threads at the first question both ask: the answers are the same.
    private async Task<Negotiated> NegotiateAsync(CancellationToken stop)
    {
        if (_negotiated is { } known)
            return known;
        var version = EngineReader.ReadVersion((await SendAsync(DockerApi.Version(), stop).ConfigureAwait(false)).Body);
        return _negotiated = new Negotiated(version, DockerApi.Negotiate(version, Endpoint.Text));
    }

    private async Task<IReadOnlyCollection<T>> InspectAsync<T>(IReadOnlyList<T> list, Func<T, DockerRequest> request, Func<ReadOnlyMemory<byte>, T> read, CancellationToken stop)
    {
        var found = new ConcurrentBag<T>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = stop };
        await Parallel.ForEachAsync(list, options, async (item, cancelled) =>
        {
            try
            {
                found.Add(read((await SendAsync(request(item), cancelled).ConfigureAwait(false)).Body));
            }
            catch (DockerException error) when (error.Failure == DockerFailure.NotFound)
            {
                // Gone between the list and here: as if it had never been in the list.
            }
        }).ConfigureAwait(false);
        return found;
    }

    private async Task<DockerResponse> SendAsync(DockerRequest request, CancellationToken stop)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timer.CancelAfter(_timeout);
        try
        {
            using var message = ToMessage(request);
            using var reply = await _http.SendAsync(message, HttpCompletionOption.ResponseContentRead, timer.Token).ConfigureAwait(false);
            var body = await reply.Content.ReadAsByteArrayAsync(timer.Token).ConfigureAwait(false);
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var (name, values) in reply.Headers.Concat(reply.Content.Headers))
                headers[name] = string.Join(", ", values);
            return DockerErrors.ThrowIfFailed(request, new DockerResponse((int)reply.StatusCode, headers, body), Endpoint.Text);
        }
        catch (OperationCanceledException error) when (!stop.IsCancellationRequested)
        {
            throw TimedOut(request, error);
        }
        catch (HttpRequestException error)
        {
            throw Broken(request, error);
        }
    }

    private DockerException TimedOut(DockerRequest request, Exception error)
    {
        var seconds = _timeout.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
        return new DockerException(DockerFailure.Timeout, $"Docker could not {request.Purpose} within {seconds} s; whether it still does is not known. Raise the timeout, or see with `systemctl status docker` and `journalctl -u docker` whether the engine hangs.", Endpoint.Text, inner: error);
    }

    // What the connect callback said is the cause; all else broke within a reply.
    private DockerException Broken(DockerRequest request, HttpRequestException error) =>
        error.InnerException as DockerException
            ?? new DockerException(DockerFailure.BadReply, $"Docker could not {request.Purpose}: the connection to {Endpoint} broke or what answered is no HTTP ({error.Message.TrimEnd('.')}). Try again; `systemctl status docker` says how the engine is.", Endpoint.Text, inner: error);

    private static HttpRequestMessage ToMessage(DockerRequest request)
    {
        var message = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(request.Path, UriKind.Relative));
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (request.Body is { } body)
            message.Content = new ReadOnlyMemoryContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        return message;
    }
}
