using System.Globalization;
using System.Text;
using System.Text.Json;
using Docker.DotNet.Models;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Client;

/// <summary>
/// Takes the few facts that are needed from the library's models. What Docker leaves out or writes as null reads as empty, whatever the models say; a value of another shape
/// than documented is a <see cref="DockerFailure.BadReply"/> that says where it is. Source: https://docs.docker.com/reference/api/engine/.
/// </summary>
internal static class ModelReader
{
    private static readonly Cidr?[] Everything = [Cidr.From(Family.IPv4, UInt128.Zero, 0), Cidr.From(Family.IPv6, UInt128.Zero, 0)];

    // The default pools of an engine: 172.17 to 172.31 and 192.168 (libnetwork's ipamutils; engines from 27.0 on add
    // an IPv6 pool made from the host's own id, which is not known here).
    private static IEnumerable<Cidr> BuiltInPools =>
        Enumerable.Range(17, 15).Select(second => Cidr.Parse($"172.{second}.0.0/16")).Append(Cidr.Parse("192.168.0.0/16"));

    public static EngineVersion Version(VersionResponse? model, string place) => model is null ? throw Bad(place, "an object", null) : new EngineVersion(
        Needed(model.Version, place + ", Version"),
        Api(model.APIVersion, place + ", ApiVersion"),
        string.IsNullOrEmpty(model.MinAPIVersion) ? null : Api(model.MinAPIVersion, place + ", MinAPIVersion"));

    public static ApiVersion Ping(string? header) => ApiVersion.TryParse(header, out var version) ? version : throw new DockerException(
        DockerFailure.BadReply, $"The reply to GET /_ping has '{ShownText.Value(header ?? "")}' as its Api-Version, where Docker has a version such as 1.41.",
        remedy: "Check that it is Docker's socket that answers.");

    public static DockerEngine Engine(SystemInfoResponse? model, byte[]? body, string place)
    {
        var pools = Items((model ?? throw Bad(place, "an object", null)).DefaultAddressPools)
            .Select((pool, index) => Prefix(pool?.Base, $"{place}, DefaultAddressPools[{index}], Base") ?? throw Bad($"{place}, DefaultAddressPools[{index}], Base", "a prefix in CIDR notation", null))
            .ToArray();
        return new DockerEngine
        {
            Version = Needed(model.ServerVersion, place + ", ServerVersion"),
            ApiVersion = "",
            AddressPools = pools.Length > 0 ? pools : [.. BuiltInPools],
            // "name=rootless", possibly with more fields after commas. Source: SystemInfo.SecurityOptions.
            IsRootless = Items(model.SecurityOptions).Any(static option => option?.Split(',').Contains("name=rootless", StringComparer.Ordinal) == true),
            FirewallBackend = string.IsNullOrEmpty(model.FirewallBackend?.Driver) ? null : model.FirewallBackend.Driver,
            BridgeNfIptables = BridgeNfIptables(body, place + ", BridgeNfIptables"),
        };
    }

    public static IReadOnlyList<DockerNetwork> Networks(IList<NetworkResponse>? models, string place) => Each(models, place, Network);

    public static DockerNetwork Network(NetworkResponse? model, string place)
    {
        var name = Needed((model ?? throw Bad(place, "an object", null)).Name, place + ", Name");
        var id = Needed(model.ID, place + ", Id");
        var options = Texts(model.Options, place + ", Options");
        var subnets = new List<Cidr>();
        var gateways = new List<Cidr>();
        foreach (var (range, index) in Items(model.IPAM?.Config).Select(static (range, index) => (range, index)))
        {
            if (Prefix(range?.Subnet, $"{place}, IPAM, Config[{index}], Subnet") is { } subnet)
                subnets.Add(subnet);
            if (Address(range?.Gateway, $"{place}, IPAM, Config[{index}], Gateway") is { } gateway)
                gateways.Add(gateway);
        }
        return new DockerNetwork
        {
            Name = name,
            Id = id,
            Driver = model.Driver ?? "",
            Bridge = model.Driver is "bridge" ? Bridge(name, id, options) : null,
            Internal = model.Internal,
            EnableIPv6 = model.EnableIPv6,
            Subnets = subnets,
            Gateways = gateways,
            Options = options,
            Labels = Texts(model.Labels, place + ", Labels"),
            // Among the containers there are swarm's endpoints: "ep-<id>", "lb-<network>", "ingress-sbox".
            Containers = [.. Items(model.Containers).Where(static pair => IsId(pair.Key)).Select(static pair => pair.Value?.Name).OfType<string>().Where(static text => text.Length > 0).Order(StringComparer.Ordinal)],
            Endpoints = Items(model.Containers).Where(static pair => IsId(pair.Key) && pair.Value is not null).ToDictionary(
                static pair => pair.Key,
                pair => new ContainerAddress(name, Address(pair.Value.IPv4Address, $"{place}, Containers, {pair.Key}, IPv4Address"), Address(pair.Value.IPv6Address, $"{place}, Containers, {pair.Key}, IPv6Address")),
                StringComparer.Ordinal),
        };
    }

    public static string CreatedId(NetworksCreateResponse? model, string place) => Needed(model?.ID, place + ", Id");

    public static IReadOnlyList<DockerContainer> Containers(IList<ContainerListResponse>? models, string place) => Each(models, place, Summary);

    /// <summary>Reads the reply about one container, which has more than the list: DNS servers, process, privileges.</summary>
    public static DockerContainer Container(ContainerInspectResponse? model, string place)
    {
        var id = Needed((model ?? throw Bad(place, "an object", null)).ID, place + ", Id");
        var state = model.State ?? throw Bad(place + ", State", "a value", null);
        return new DockerContainer
        {
            Id = id,
            Name = model.Name?.TrimStart('/') is { Length: > 0 } name ? name : Short(id),
            Image = model.Config?.Image ?? "",
            State = state.Status ?? "",
            NetworkMode = Mode(model.HostConfig?.NetworkMode),
            Addresses = Addresses(model.NetworkSettings?.Networks, place),
            Ports = Joined(Items(model.NetworkSettings?.Ports).SelectMany(pair => Ports(pair.Key, pair.Value, place + ", NetworkSettings, Ports"))),
            // The API allows anything here; every resolver, too, skips what is not an address (resolv.conf(5)).
            Dns = [.. Items(model.HostConfig?.DNS).Select(static text => TryAddress(text, out var server) ? server : (Cidr?)null).OfType<Cidr>().Distinct()],
            Pid = state.Pid is >= 0 and <= int.MaxValue ? (int)state.Pid : throw Bad(place + ", State, Pid", "a process id", state.Pid.ToString(CultureInfo.InvariantCulture)),
            Privileged = model.HostConfig?.Privileged ?? false,
            AddedCapabilities = Capabilities(model.HostConfig?.CapAdd),
            DroppedCapabilities = Capabilities(model.HostConfig?.CapDrop),
        };
    }

    /// <summary>The error for a reply that the library could not read: the place as it names it, and what is there.</summary>
    public static DockerException NotRead(string what, byte[] body, Exception error)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var path = (error as JsonException)?.Path ?? "$";
            var place = path.Replace("['", ".", StringComparison.Ordinal).Replace("']", "", StringComparison.Ordinal).Replace(".", ", ", StringComparison.Ordinal)[1..];
            return Bad(what + place, "another kind of value", Found(document.RootElement, path), error);
        }
        catch (Exception notJson) when (notJson is JsonException or InvalidOperationException)
        {
            // GetRawText throws InvalidOperationException for text that is not UTF-8.
            var begin = ShownText.Value(Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(80, body.Length))));
            return new DockerException(DockerFailure.BadReply, $"Docker's reply to {what} is not JSON; it begins with '{begin}'.", inner: error,
                remedy: "Check that it is Docker's socket, and that nothing in front of it answers instead.");
        }
    }

    private static DockerContainer Summary(ContainerListResponse? model, string place)
    {
        var id = Needed((model ?? throw Bad(place, "an object", null)).ID, place + ", Id");
        return new DockerContainer
        {
            Id = id,
            // Beside the name there may be a link's alias such as "/other/alias"; a container that is being removed has no name.
            Name = Items(model.Names).Select(static text => text?.TrimStart('/')).FirstOrDefault(static text => text?.Length > 0 && !text.Contains('/', StringComparison.Ordinal)) ?? Short(id),
            Image = model.Image ?? "",
            State = model.State ?? "",
            NetworkMode = Mode(model.HostConfig?.NetworkMode),
            Addresses = Addresses(model.NetworkSettings?.Networks, place),
            Ports = Joined(Items(model.Ports).Select((port, index) => Port(port, $"{place}, Ports[{index}], IP")).OfType<PublishedPort>()),
        };
    }

    // The library knows only the newest API, which no longer has it since 1.50.
    private static bool BridgeNfIptables(byte[]? body, string place)
    {
        using var document = JsonDocument.Parse(body);
        return document.RootElement.TryGetProperty(nameof(BridgeNfIptables), out var value) && value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => throw Bad(place, "true or false", value.GetRawText()),
        };
    }

    // The name in the option counts; without one the engine uses "br-" and the first 12 digits of the id, except for its own bridge.
    private static string Bridge(string name, string id, Dictionary<string, string> options) =>
        options.TryGetValue(DockerNetwork.BridgeNameOption, out var given) && given.Length > 0 ? given
        : name is "bridge" ? "docker0"
        : string.Concat("br-", id.AsSpan(0, Math.Min(12, id.Length)));

    // "NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "ALL": engines up to 19.03 keep them as they were typed.
    private static string[] Capabilities(IList<string>? names) =>
        [.. Items(names).Select(static name => name?.ToUpperInvariant() ?? "").Select(static name => name.StartsWith("CAP_", StringComparison.Ordinal) ? name[4..] : name).Distinct(StringComparer.Ordinal)];

    // Engines up to about 27 write "default" if nothing was asked for; newer ones write what it means.
    private static string Mode(string? mode) => mode switch
    {
        null => "",
        "default" => "bridge",
        _ => mode,
    };

    private static ContainerAddress[] Addresses(IDictionary<string, EndpointSettings>? networks, string place) =>
        [.. Items(networks).Where(static pair => pair.Value is not null).Select(pair => new ContainerAddress(
            pair.Key,
            Address(pair.Value.IPAddress, $"{place}, NetworkSettings, Networks, {pair.Key}, IPAddress"),
            Address(pair.Value.GlobalIPv6Address, $"{place}, NetworkSettings, Networks, {pair.Key}, GlobalIPv6Address")))];

    // A port that is only exposed has neither PublicPort nor IP; one that is published without a port of the host (gateway mode routed) has an IP.
    private static PublishedPort? Port(PortSummary? port, string place) =>
        port is not null && (port.PublicPort is > 0 || !string.IsNullOrEmpty(port.IP))
            ? new PublishedPort(Everywhere(Address(port.IP, place)), port.PublicPort ?? 0, port.PrivatePort, port.Type ?? "") : null;

    // "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]; null if the port is only exposed.
    private static IEnumerable<PublishedPort> Ports(string key, IList<PortBinding>? bindings, string place)
    {
        if (bindings is null)
            yield break;
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !TryPort(key.AsSpan(0, slash), out var inside))
            throw Bad($"{place}, {key}", "a port such as 80/tcp", $"\"{key}\"");
        foreach (var binding in bindings.Where(static binding => binding is not null))
        {
            // An empty or zero host port is not bound (yet), or, with an address, there is none at all (gateway mode routed).
            var outside = 0;
            if (binding.HostPort is null or "" or "0")
            {
                if (string.IsNullOrEmpty(binding.HostIP))
                    continue;
            }
            else if (!TryPort(binding.HostPort, out outside))
            {
                throw Bad($"{place}, {key}, HostPort", "a port from 1 to 65535", $"\"{binding.HostPort}\"");
            }
            yield return new PublishedPort(Everywhere(Address(binding.HostIP, $"{place}, {key}, HostIp")), outside, inside, key[(slash + 1)..]);
        }
    }

    private static bool TryPort(ReadOnlySpan<char> text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535;

    // 0.0.0.0 and :: are all of the host's addresses of their family: docker-proxy listens for each on its own.
    private static Cidr? Everywhere(Cidr? address) => address is { } given && given.Bits == UInt128.Zero ? Cidr.From(given.Family, UInt128.Zero, 0) : address;

    // A port published on all addresses of both families counts as one.
    private static PublishedPort[] Joined(IEnumerable<PublishedPort> ports)
    {
        var all = ports.ToHashSet();
        return [.. all.Select(port => Array.TrueForAll(Everything, address => all.Contains(port with { HostAddress = address })) && port.IsEverywhere ? port with { HostAddress = null } : port).Distinct()];
    }

    private static string Short(string id) => id[..Math.Min(12, id.Length)];

    private static bool IsId(string key) => key.Length == 64 && key.All(char.IsAsciiHexDigit);

    private static IEnumerable<T> Items<T>(IEnumerable<T>? items) => items ?? [];

    private static T[] Each<TModel, T>(IList<TModel>? models, string place, Func<TModel, string, T> read) =>
        models is null ? throw Bad(place, "a list", null) : [.. models.Select((model, index) => read(model, $"{place}[{index}]"))];

    private static Dictionary<string, string> Texts(IDictionary<string, string>? texts, string place) =>
        Items(texts).Where(static pair => pair.Value is not null).ToDictionary(StringComparer.Ordinal);

    private static string Needed(string? text, string place) => string.IsNullOrEmpty(text) ? throw Bad(place, "a text that is not empty", null) : text;

    private static ApiVersion Api(string? text, string place) => ApiVersion.TryParse(text, out var version) ? version : throw Bad(place, "an API version such as 1.41", text is null ? null : $"\"{text}\"");

    // A single address; null if it is missing or empty, as Docker writes "none". A prefix length after it is removed: engines up to 26 give the gateway of an IPv6 subnet
    // from a pool as fd00:9::1/64.
    private static Cidr? Address(string? text, string place)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return TryAddress(slash < 0 ? text : text[..slash], out var address) && (slash < 0 || TryLength(text.AsSpan(slash + 1), address, out _)) ? address : throw Bad(place, "an address", $"\"{text}\"");
    }

    // An address without its zone: fe80::1%eth0 is fe80::1 in a rule, where the interface is a match of its own.
    private static bool TryAddress(string? text, out Cidr address)
    {
        var zone = text?.IndexOf('%', StringComparison.Ordinal) ?? -1;
        return Cidr.TryParse(zone < 0 ? text ?? "" : text![..zone], out address) && address.IsSingleAddress;
    }

    // Host bits are cleared: Docker accepts and returns "--subnet 10.77.1.5/24" as typed, but means 10.77.1.0/24.
    private static Cidr? Prefix(string? text, string place)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && Cidr.TryParse(text[..slash], out var address) && TryLength(text.AsSpan(slash + 1), address, out var length)
            ? address.Truncate(length) : throw Bad(place, "a prefix in CIDR notation", $"\"{text}\"");
    }

    private static bool TryLength(ReadOnlySpan<char> text, Cidr address, out int length) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out length) && length <= address.Length;

    // "$.IPAM.Config[0]['a.b']": the library's serializer names places in this form.
    private static string? Found(JsonElement value, string path)
    {
        foreach (var part in path[1..].Split(['.', '['], StringSplitOptions.RemoveEmptyEntries).Select(static part => part.TrimEnd(']').Trim('\'')))
        {
            if (value.ValueKind == JsonValueKind.Array && int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < value.GetArrayLength())
                value = value[index];
            else if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty(part, out var member))
                value = member;
            else
                return "of another form";
        }
        return value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            _ => value.GetRawText(),
        };
    }

    private static DockerException Bad(string place, string expected, string? found, Exception? error = null) => new(
        DockerFailure.BadReply,
        $"Docker's reply to {ShownText.Value(place)}: {expected} was expected there, but it is {(found is null ? "missing" : ShownText.Value(found))}. The engine may be newer than this version of DockerNetHarden: please report it with `docker version`.",
        inner: error);
}
