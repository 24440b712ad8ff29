using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>Reads the replies about networks. Source: https://docs.docker.com/reference/api/engine/, Network.</summary>
public static class NetworkReader
{
    /// <summary>The driver option that names the bridge's interface.</summary>
    public const string BridgeNameOption = "com.docker.network.bridge.name";

    /// <summary>The driver option that lets containers of one bridge talk to each other.</summary>
    public const string IccOption = "com.docker.network.bridge.enable_icc";

    /// <summary>Reads the body of <c>GET /networks</c>.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static IReadOnlyList<DockerNetwork> ReadList(ReadOnlyMemory<byte> body) =>
        JsonShape.Read(body, "GET /networks", root => root.Items().Select(Read).ToArray());

    /// <summary>Reads the body of <c>GET /networks/{id}</c>.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static DockerNetwork Read(ReadOnlyMemory<byte> body) => JsonShape.Read(body, "GET /networks/{id}", Read);

    /// <summary>Reads the body of <c>POST /networks/create</c>: the new network's id.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static string ReadCreatedId(ReadOnlyMemory<byte> body) => JsonShape.Read(body, "POST /networks/create", root => root.NeededText("Id"));

    private static DockerNetwork Read(JsonShape root)
    {
        var name = root.NeededText("Name");
        var id = root.NeededText("Id");
        var driver = root.Text("Driver");
        var options = root.Texts("Options");
        var subnets = new List<Cidr>();
        var gateways = new List<Cidr>();
        foreach (var range in root.Member("IPAM")?.Items("Config") ?? [])
        {
            if (range.Prefix("Subnet") is { } subnet)
                subnets.Add(subnet);
            if (range.Address("Gateway") is { } gateway)
                gateways.Add(gateway);
        }
        return new DockerNetwork
        {
            Name = name,
            Id = id,
            Driver = driver,
            Bridge = string.Equals(driver, "bridge", StringComparison.Ordinal) ? Bridge(name, id, options) : null,
            Internal = root.Flag("Internal"),
            EnableIPv6 = root.Flag("EnableIPv6"),
            Subnets = subnets,
            Gateways = gateways,
            Options = options,
            Labels = root.Texts("Labels"),
            // Beside containers there are swarm's endpoints: "ep-<id>", "lb-<network>", "ingress-sbox".
            Containers = [.. root.Pairs("Containers").Where(pair => IsId(pair.Key)).Select(pair => pair.Value.Text("Name")).Where(text => text.Length > 0).Order(StringComparer.Ordinal)],
        };
    }

    // The name in the option holds; without one the engine makes "br-" and the first 12 of the id, except for its own bridge.
    private static string Bridge(string name, string id, IReadOnlyDictionary<string, string> options) =>
        options.TryGetValue(BridgeNameOption, out var given) && given.Length > 0 ? given
        : string.Equals(name, "bridge", StringComparison.Ordinal) ? "docker0"
        : string.Concat("br-", id.AsSpan(0, Math.Min(12, id.Length)));

    private static bool IsId(string key) => key.Length == 64 && key.All(char.IsAsciiHexDigit);
}
