using System.Buffers;
using System.Text.Json;

namespace DockerNetHarden.Docker;

/// <summary>
/// The requests to Docker's Engine API that this project sends. Every factory takes the negotiated version, which becomes the path's
/// prefix; null leaves the prefix out and the engine then speaks its newest: for batches whose requests all leave before the first reply
/// is read. Source: https://docs.docker.com/reference/api/engine/.
/// </summary>
public static class DockerApi
{
    /// <summary>The newest API version that is understood: Docker Engine 29.0's.</summary>
    public static ApiVersion Newest => new(1, 52);

    /// <summary>The oldest API version that is understood: Docker Engine 1.12's, and the oldest that engines 25 to 28 still speak.</summary>
    public static ApiVersion Oldest => new(1, 24);

    /// <summary>Is an engine there at all?</summary>
    public static DockerRequest Ping() => new("GET", "/_ping", "answer a ping");

    /// <summary>The engine's version and the API versions it speaks. Never has a version in its path: it is what versions are negotiated with.</summary>
    public static DockerRequest Version() => new("GET", "/version", "tell its version");

    /// <summary>The engine's configuration.</summary>
    public static DockerRequest Info(ApiVersion? api) => new("GET", Prefix(api) + "/info", "tell its configuration");

    /// <summary>All networks, without their containers.</summary>
    /// <param name="api">The negotiated version.</param>
    /// <param name="filters">Docker's filters, for example <c>driver</c> with <c>bridge</c>; null for all networks.</param>
    public static DockerRequest ListNetworks(ApiVersion? api, IReadOnlyDictionary<string, IReadOnlyList<string>>? filters = null) =>
        new("GET", Prefix(api) + "/networks" + Filters(filters), "list its networks");

    /// <summary>One network with its containers.</summary>
    /// <param name="api">The negotiated version.</param>
    /// <param name="name">The network's name or id.</param>
    /// <param name="verbose">Whether swarm's services are listed too (API 1.28 and newer).</param>
    /// <exception cref="FormatException">The name cannot be a network's.</exception>
    public static DockerRequest InspectNetwork(ApiVersion? api, string name, bool verbose = false) =>
        new("GET", $"{Prefix(api)}/networks/{Segment(name, "network")}{(verbose ? "?verbose=true" : "")}", $"read the network '{name}'");

    /// <summary>Creates a network.</summary>
    public static DockerRequest CreateNetwork(ApiVersion? api, NetworkSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new("POST", Prefix(api) + "/networks/create", $"create the network '{spec.Name}'", NetworkBody.Write(spec, api));
    }

    /// <summary>Removes a network.</summary>
    /// <exception cref="FormatException">The name cannot be a network's.</exception>
    public static DockerRequest RemoveNetwork(ApiVersion? api, string name) =>
        new("DELETE", $"{Prefix(api)}/networks/{Segment(name, "network")}", $"remove the network '{name}'");

    /// <summary>The containers.</summary>
    /// <param name="api">The negotiated version.</param>
    /// <param name="all">Whether those that do not run are listed too.</param>
    public static DockerRequest ListContainers(ApiVersion? api, bool all) =>
        new("GET", Prefix(api) + "/containers/json" + (all ? "?all=true" : ""), "list its containers");

    /// <summary>One container with its own settings.</summary>
    /// <exception cref="FormatException">The name cannot be a container's.</exception>
    public static DockerRequest InspectContainer(ApiVersion? api, string name) =>
        new("GET", $"{Prefix(api)}/containers/{Segment(name, "container")}/json", $"read the container '{name}'");

    /// <summary>What happens from now on, a JSON object a line, until one of the two ends it.</summary>
    /// <param name="api">The negotiated version.</param>
    /// <param name="types">The types of objects, for example <c>network</c>.</param>
    public static DockerRequest Events(ApiVersion? api, IReadOnlyList<string> types) =>
        new("GET", Prefix(api) + "/events" + Filters(new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal) { ["type"] = types }), "tell what happens");

    /// <summary>The version to speak with an engine: the newest that both understand.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.ApiTooOld"/>: the engine's or our versions are too old.</exception>
    public static ApiVersion Negotiate(EngineVersion engine, string? endpoint = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        if (engine.Api < Oldest)
            throw new DockerException(DockerFailure.ApiTooOld, $"Docker Engine {engine.Version} speaks API {engine.Api} at most, and at least {Oldest} is needed: upgrade the engine to 20.10 or newer.", endpoint);
        if (engine.MinApi is { } least && least > Newest)
            throw new DockerException(DockerFailure.ApiTooOld, $"Docker Engine {engine.Version} speaks API {least} at least, and this version of DockerNetHarden speaks {Newest} at most: upgrade DockerNetHarden.", endpoint);
        return engine.Api < Newest ? engine.Api : Newest;
    }

    private static string Prefix(ApiVersion? api) => api is { } version ? $"/v{version}" : "";

    private static string Segment(string name, string kind)
    {
        DockerNames.Check(name, kind);
        return Uri.EscapeDataString(name);
    }

    private static string Filters(IReadOnlyDictionary<string, IReadOnlyList<string>>? filters)
    {
        if (filters is null || filters.Count == 0)
            return "";
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            foreach (var (key, values) in filters)
            {
                writer.WriteStartArray(key);
                foreach (var value in values)
                    writer.WriteStringValue(value);
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        }
        return "?filters=" + Uri.EscapeDataString(System.Text.Encoding.UTF8.GetString(json.WrittenSpan));
    }
}
