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
public sealed record MetadataEndpoint(Cidr Address, IReadOnlyList<PortSpec> Ports, IReadOnlyList<PortSpec> Keep, EndpointPath Path);

/// <summary>A cloud and its endpoints.</summary>
/// <param name="Id">The short name, lower case: <c>aws</c>.</param>
/// <param name="Name">The full name.</param>
/// <param name="Endpoints">Its endpoints.</param>
public sealed record MetadataProvider(string Id, string Name, IReadOnlyList<MetadataEndpoint> Endpoints);

/// <summary>The known endpoints, from metadata-endpoints.json in this assembly, where each says what is served there and names its source.</summary>
public static class MetadataEndpoints
{
    private static readonly Lazy<IReadOnlyList<MetadataProvider>> Data = new(Load);

    /// <summary>All providers.</summary>
    public static IReadOnlyList<MetadataProvider> Providers => Data.Value;

    /// <summary>The provider with this short name, in any case.</summary>
    /// <exception cref="RefusedValueException">There is no such provider.</exception>
    public static MetadataProvider Find(string id) =>
        Providers.FirstOrDefault(provider => string.Equals(provider.Id, id, StringComparison.OrdinalIgnoreCase))
        ?? throw new RefusedValueException("Provider", id, $"the providers are {string.Join(", ", Providers.Select(provider => provider.Id))}; leave the provider out to block the endpoints of all of them.");

    /// <summary>The endpoints of some providers, each address and port once. What one of them keeps open stays open.</summary>
    public static IReadOnlyList<MetadataEndpoint> Merge(IEnumerable<MetadataProvider> providers)
    {
        ArgumentNullException.ThrowIfNull(providers);
        return [.. providers.SelectMany(provider => provider.Endpoints)
            .GroupBy(endpoint => (endpoint.Address, Ports: string.Join(',', endpoint.Ports), endpoint.Path))
            .Select(group => group.First() with { Keep = [.. group.SelectMany(endpoint => endpoint.Keep).Distinct()] })];
    }

    private static IReadOnlyList<MetadataProvider> Load()
    {
        using var stream = typeof(MetadataEndpoints).Assembly.GetManifestResourceStream("metadata-endpoints.json")
            ?? throw new InvalidOperationException("metadata-endpoints.json is missing in the assembly.");
        using var document = JsonDocument.Parse(stream);
        return [.. document.RootElement.GetProperty("providers").EnumerateArray().Select(provider => new MetadataProvider(
            provider.GetProperty("id").GetString()!,
            provider.GetProperty("name").GetString()!,
            [.. provider.GetProperty("endpoints").EnumerateArray().Select(Endpoint)]))];
    }

    private static MetadataEndpoint Endpoint(JsonElement json) => new(
        Cidr.Parse(json.GetProperty("address").GetString()!),
        Ports(json, "ports"),
        Ports(json, "keep"),
        Enum.Parse<EndpointPath>(json.GetProperty("seen").GetString()!, ignoreCase: true));

    private static IReadOnlyList<PortSpec> Ports(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? PortSpec.ParseAll([value.GetString()!], name) : [];
}
