namespace DockerNetHarden.Docker;

/// <summary>What <c>GET /version</c> says.</summary>
/// <param name="Version">The engine's version, for example <c>20.10.24</c>; empty if it is only known from a ping which API it speaks.</param>
/// <param name="Api">The newest API version that it speaks.</param>
/// <param name="MinApi">The oldest API version that it speaks; null if the engine (1.12 and older) does not say.</param>
public sealed record EngineVersion(string Version, ApiVersion Api, ApiVersion? MinApi)
{
    /// <summary>The newest supported API version: Docker Engine 29.0's.</summary>
    public static ApiVersion NewestApi => new(1, 52);

    /// <summary>The oldest supported API version: Docker Engine 1.12's, and the oldest that engines 25 to 28 still speak.</summary>
    public static ApiVersion OldestApi => new(1, 24);

    /// <summary>The version to use with the engine: the newest that both support.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.ApiTooOld"/>: the engine's or our versions are too old.</exception>
    public ApiVersion Negotiate(string? endpoint = null)
    {
        if (Api < OldestApi)
            throw new DockerException(DockerFailure.ApiTooOld, $"Docker Engine {Version} speaks API {Api} at most, but {OldestApi} is needed.", endpoint, remedy: "Upgrade the engine to 20.10 or newer.");
        if (MinApi is { } least && least > NewestApi)
            throw new DockerException(DockerFailure.ApiTooOld, $"Docker Engine {Version} needs API {least} or newer, but this version of DockerNetHarden speaks {NewestApi} at most.", endpoint, remedy: "Upgrade DockerNetHarden.");
        return Api < NewestApi ? Api : NewestApi;
    }
}

/// <summary>
/// The requests to Docker's Engine API that this project sends. They are sent with Docker.DotNet by an assembly of its own, DockerNetHarden.Client
/// (docs/decisions/0010). Every method fails with a <see cref="DockerException"/>, and starts its request before it returns for the first time.
/// </summary>
internal interface IEngineApi : IDisposable
{
    /// <summary>
    /// The version in the requests' paths. Null leaves it out, and the engine then speaks its newest: for requests that all leave before the first reply is read.
    /// </summary>
    ApiVersion? Version { get; set; }

    /// <summary>The engine's version and the API versions that it speaks.</summary>
    Task<EngineVersion> GetVersionAsync(CancellationToken stop);

    /// <summary>The newest API version that the engine speaks. <c>GET /version</c> also says it, but engines up to 24 call runc for that each time.</summary>
    Task<ApiVersion> PingAsync(CancellationToken stop);

    /// <summary>The engine's configuration; its <see cref="DockerEngine.ApiVersion"/> stays empty.</summary>
    Task<DockerEngine> GetInfoAsync(CancellationToken stop);

    /// <summary>All networks, without their containers.</summary>
    Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop);

    /// <summary>One network with its containers.</summary>
    /// <exception cref="FormatException">The name cannot be a network's.</exception>
    Task<DockerNetwork> GetNetworkAsync(string name, CancellationToken stop);

    /// <summary>Creates a network and returns its id.</summary>
    Task<string> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop);

    /// <summary>Removes a network.</summary>
    /// <exception cref="FormatException">The id cannot be a network's.</exception>
    Task RemoveNetworkAsync(string id, CancellationToken stop);

    /// <summary>All containers, without what only <see cref="GetContainerAsync"/> says: DNS servers, process, privileges.</summary>
    Task<IReadOnlyList<DockerContainer>> ListContainersAsync(CancellationToken stop);

    /// <summary>One container with its own settings.</summary>
    /// <exception cref="FormatException">The id cannot be a container's.</exception>
    Task<DockerContainer> GetContainerAsync(string id, CancellationToken stop);

    /// <summary>The events of objects of these types from now on, one JSON object per line, until one of the two ends the stream.</summary>
    Task<Stream> OpenEventsAsync(IReadOnlyList<string> types, CancellationToken stop);
}
