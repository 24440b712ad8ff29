using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>What <c>GET /version</c> says.</summary>
/// <param name="Version">The engine's version, for example <c>20.10.24</c>.</param>
/// <param name="Api">The newest API version that it speaks.</param>
/// <param name="MinApi">The oldest API version that it speaks; null where the engine (1.12 and older) does not say.</param>
public sealed record EngineVersion(string Version, ApiVersion Api, ApiVersion? MinApi);

/// <summary>Reads the replies about the engine itself. Source: https://docs.docker.com/reference/api/engine/, SystemVersion and SystemInfo.</summary>
public static class EngineReader
{
    // The pools of an engine whose configuration names none: 172.17 to 172.31 and 192.168 (libnetwork's ipamutils; engines from 27.0 on add
    // an IPv6 pool that is made from the host's own id, so it cannot be known here).
    private static IEnumerable<Cidr> BuiltInPools =>
        Enumerable.Range(17, 15).Select(second => Cidr.Parse($"172.{second}.0.0/16")).Append(Cidr.Parse("192.168.0.0/16"));

    /// <summary>Reads the body of <c>GET /version</c>.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static EngineVersion ReadVersion(ReadOnlyMemory<byte> body) => JsonShape.Read(body, "GET /version", root => new EngineVersion(
        root.NeededText("Version"),
        Api(root.Needed("ApiVersion")),
        root.Text("MinAPIVersion").Length == 0 ? null : Api(root.Needed("MinAPIVersion"))));

    /// <summary>
    /// Reads the newest API version that an engine speaks out of its reply to <c>GET /_ping</c>. <c>GET /version</c> says it too, but engines to 24 call runc for it
    /// each time. Source: https://docs.docker.com/reference/api/engine/, SystemPing.
    /// </summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>: the reply has no header <c>Api-Version</c>.</exception>
    public static ApiVersion ReadPing(DockerResponse ping)
    {
        ArgumentNullException.ThrowIfNull(ping);
        var text = ping.Headers.GetValueOrDefault("Api-Version");
        return ApiVersion.TryParse(text, out var version) ? version : throw new DockerException(
            DockerFailure.BadReply, $"The reply to GET /_ping has '{DockerNames.Printable(text ?? "")}' as its Api-Version, where Docker has a version such as 1.41. See whether it is Docker's socket that answers.");
    }

    /// <summary>Reads the body of <c>GET /info</c>, which names the engine's version too.</summary>
    /// <param name="api">The version that was negotiated.</param>
    /// <param name="info">The body.</param>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static DockerEngine ReadEngine(ApiVersion api, ReadOnlyMemory<byte> info) =>
        ReadEngine(new EngineVersion(JsonShape.Read(info, "GET /info", root => root.NeededText("ServerVersion")), api, null), api, info);

    /// <summary>Reads the body of <c>GET /info</c>.</summary>
    /// <param name="version">The engine's version.</param>
    /// <param name="api">The version that was negotiated.</param>
    /// <param name="info">The body.</param>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static DockerEngine ReadEngine(EngineVersion version, ApiVersion api, ReadOnlyMemory<byte> info)
    {
        ArgumentNullException.ThrowIfNull(version);
        return JsonShape.Read(info, "GET /info", root =>
        {
            var pools = root.Items("DefaultAddressPools")
                .Select(pool => pool.Prefix("Base") ?? throw pool.Needed("Base").Bad("a prefix in CIDR notation"))
                .ToArray();
            return new DockerEngine
            {
                Version = version.Version,
                ApiVersion = api.ToString(),
                AddressPools = pools.Length > 0 ? pools : [.. BuiltInPools],
                // "name=rootless", with further fields after commas. Source: SystemInfo.SecurityOptions.
                IsRootless = root.Items("SecurityOptions").Any(option => option.Text().Split(',').Contains("name=rootless", StringComparer.Ordinal)),
                FirewallBackend = root.Member("FirewallBackend")?.Text("Driver") is { Length: > 0 } driver ? driver : null,
                BridgeNfIptables = root.Flag("BridgeNfIptables"),
            };
        });
    }

    private static ApiVersion Api(JsonShape shape) => ApiVersion.TryParse(shape.Text(), out var version) ? version : throw shape.Bad("an API version such as 1.41");
}
