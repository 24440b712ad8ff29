using System.Text.Json;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Controls;

/// <summary>Where a packet to a metadata endpoint can be decided.</summary>
public enum EndpointPath
{
    /// <summary>It is forwarded: DOCKER-USER, and mangle POSTROUTING behind it.</summary>
    Forward,

    /// <summary>It is redirected to the host before routing (nat PREROUTING): only its original destination still tells that it is one.</summary>
    Redirected,

    /// <summary>The address belongs to the host itself: INPUT.</summary>
    Local,
}

/// <summary>One address at which a cloud serves metadata or credentials.</summary>
/// <param name="Address">The address or prefix.</param>
/// <param name="Ports">The ports to block; empty for the whole address.</param>
/// <param name="Keep">Ports of other services on the same address that stay open (DNS, NTP).</param>
/// <param name="Path">Where its packets can be decided.</param>
public sealed record MetadataEndpoint(Cidr Address, IReadOnlyList<PortSpec> Ports, IReadOnlyList<PortSpec> Keep, EndpointPath Path)
{
    /// <summary>Ports that an agent on the host may redirect to itself, so that only the original destination tells what they are (GKE, kube2iam).</summary>
    public IReadOnlyList<PortSpec> Redirected { get; init; } = [];
}

/// <summary>What the firmware of a cloud's machines says about itself in one place.</summary>
/// <param name="Place">The place: <c>vendor</c>, <c>product</c>, <c>chassisVendor</c>, <c>chassisAssetTag</c> or <c>biosVersion</c>.</param>
/// <param name="Text">The text; a <c>*</c> at its beginning or its end stands for anything.</param>
public sealed record FirmwareSign(string Place, string Text)
{
    /// <summary>Whether a machine says this there.</summary>
    public bool Matches(string said)
    {
        ArgumentNullException.ThrowIfNull(said);
        return Text.StartsWith('*') ? said.EndsWith(Text[1..], StringComparison.Ordinal)
            : Text.EndsWith('*') ? said.StartsWith(Text[..^1], StringComparison.Ordinal)
            : string.Equals(said, Text, StringComparison.Ordinal);
    }
}

/// <summary>A cloud and its endpoints.</summary>
/// <param name="Id">The short name, lower case: <c>aws</c>.</param>
/// <param name="Name">The full name.</param>
/// <param name="Endpoints">Its endpoints.</param>
public sealed record MetadataProvider(string Id, string Name, IReadOnlyList<MetadataEndpoint> Endpoints)
{
    /// <summary>What tells that a host is in this cloud; one of them is enough. Empty: nothing does.</summary>
    public IReadOnlyList<FirmwareSign> Firmware { get; init; } = [];

    /// <summary>The ports of services with metadata at every address of the host itself.</summary>
    public IReadOnlyList<PortSpec> HostPorts { get; init; } = [];

    /// <summary>The ports of the metadata service at the DHCP server of the host's network, whose address only the host knows; empty if the cloud has none there.</summary>
    public IReadOnlyList<PortSpec> DhcpServerPorts { get; init; } = [];
}

/// <summary>The known endpoints, from metadata-endpoints.json in this assembly, where each says what is served there and names its source.</summary>
public static class MetadataEndpoints
{
    /// <summary>In place of a provider: the cloud that a host is in, which is known when the host is read.</summary>
    public const string Auto = "auto";

    // In the data, in place of an address.
    private const string DhcpServer = "dhcp-server";
    private const string Host = "host";

    private static readonly string[] Places = ["vendor", "product", "chassisVendor", "chassisAssetTag", "biosVersion"];
    private static readonly Lazy<(IReadOnlyList<MetadataProvider> Known, IReadOnlyDictionary<string, string> Unblockable)> Data = new(Load);

    /// <summary>All providers. One that runs on another's software (Huawei Cloud on OpenStack) comes before it.</summary>
    public static IReadOnlyList<MetadataProvider> Providers => Data.Value.Known;

    /// <summary>The endpoints of all providers, each address and port once.</summary>
    public static IReadOnlyList<MetadataEndpoint> All => field ??= Merge(Providers);

    /// <summary>The ports at which hosts of some providers serve metadata themselves, at each of their addresses.</summary>
    internal static IReadOnlyList<PortSpec> HostPorts(IEnumerable<MetadataProvider> providers) => [.. providers.SelectMany(provider => provider.HostPorts).Distinct()];

    /// <summary>The provider with this short name, in any case.</summary>
    /// <exception cref="RefusedValueException">There is no such provider, or none of its addresses can be blocked.</exception>
    public static MetadataProvider Find(string id) => Known(id) ?? throw Refused(id);

    /// <summary>The short name as it is written in a mark, of a provider or of <see cref="Auto"/>, from any case.</summary>
    /// <exception cref="RefusedValueException">There is no such provider, or none of its addresses can be blocked.</exception>
    public static string NameOf(string id) => IsAuto(id) ? Auto : Find(id).Id;

    /// <summary>Whether a provider's name means the cloud that a host is in.</summary>
    public static bool IsAuto(string? id) => string.Equals(id, Auto, StringComparison.OrdinalIgnoreCase);

    /// <summary>The endpoints of some providers, each address and port once. What one of them keeps open stays open.</summary>
    public static IReadOnlyList<MetadataEndpoint> Merge(IEnumerable<MetadataProvider> providers)
    {
        ArgumentNullException.ThrowIfNull(providers);
        return [.. providers.SelectMany(provider => provider.Endpoints)
            .GroupBy(endpoint => (endpoint.Address, Ports: string.Join(',', endpoint.Ports), endpoint.Path))
            .Select(group => group.First() with { Keep = [.. group.SelectMany(endpoint => endpoint.Keep).Distinct()], Redirected = Widest(group.SelectMany(endpoint => endpoint.Redirected)) })];
    }

    // A port in another's range needs no rule of its own.
    private static IReadOnlyList<PortSpec> Widest(IEnumerable<PortSpec> ports)
    {
        var all = ports.Distinct().ToList();
        return [.. all.Where(port => !all.Exists(other => other != port && other.Contains(port)))];
    }

    private static MetadataProvider? Known(string id) => Providers.FirstOrDefault(provider => string.Equals(provider.Id, id, StringComparison.OrdinalIgnoreCase));

    private static RefusedValueException Refused(string id) => new("Provider", id, Data.Value.Unblockable.TryGetValue(id, out var why) ? why
        : $"the providers are {Auto} (the cloud that the host is in), {string.Join(", ", Providers.Select(provider => provider.Id))}; leave the provider out to block the endpoints of all of them. "
            + $"Not among them, because it has no address that could be blocked: {string.Join(", ", Data.Value.Unblockable.Keys)}.");

    private static (IReadOnlyList<MetadataProvider>, IReadOnlyDictionary<string, string>) Load()
    {
        using var stream = typeof(MetadataEndpoints).Assembly.GetManifestResourceStream("metadata-endpoints.json")
            ?? throw new InvalidOperationException("metadata-endpoints.json is missing in the assembly.");
        using var document = JsonDocument.Parse(stream);
        return ([.. document.RootElement.GetProperty("providers").EnumerateArray().Select(Provider)],
            document.RootElement.GetProperty("unblockable").EnumerateArray().ToDictionary(
                provider => Text(provider, "id"),
                provider => $"no address of {Text(provider, "name")} can be blocked: {Text(provider, "why")}. Instead, {Text(provider, "instead")}.",
                StringComparer.OrdinalIgnoreCase));
    }

    private static MetadataProvider Provider(JsonElement json)
    {
        var endpoints = json.GetProperty("endpoints").EnumerateArray().ToLookup(endpoint => Text(endpoint, "address") is DhcpServer or Host ? Text(endpoint, "address") : "", StringComparer.Ordinal);
        return new(Text(json, "id"), Text(json, "name"), [.. endpoints[""].Select(Endpoint)])
        {
            Firmware = json.TryGetProperty("firmware", out var signs)
                ? [.. signs.EnumerateArray().SelectMany(sign => sign.EnumerateObject()).Where(member => Places.Contains(member.Name, StringComparer.Ordinal)).Select(member => new FirmwareSign(member.Name, member.Value.GetString()!))]
                : [],
            HostPorts = [.. endpoints[Host].SelectMany(endpoint => Ports(endpoint, "ports"))],
            DhcpServerPorts = [.. endpoints[DhcpServer].SelectMany(endpoint => Ports(endpoint, "ports"))],
        };
    }

    private static MetadataEndpoint Endpoint(JsonElement json) => new(
        Cidr.Parse(Text(json, "address")),
        Ports(json, "ports"),
        Ports(json, "keep"),
        Enum.Parse<EndpointPath>(Text(json, "seen"), ignoreCase: true))
    {
        Redirected = Ports(json, "redirected"),
    };

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static IReadOnlyList<PortSpec> Ports(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? PortSpec.ParseAll([value.GetString()!], name) : [];
}
