using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Commands;

/// <summary>A Docker network as texts, so that the output of ConvertTo-Json and Export-Csv is readable.</summary>
public sealed record DockerNetworkInfo
{
    public required string HostName { get; init; }

    public required string Name { get; init; }

    /// <summary>The name, as the commands that make rules for a network take it from the pipeline.</summary>
    public string Network => Name;

    public required string Id { get; init; }

    public required string Driver { get; init; }

    /// <summary>The bridge's interface; null if the driver is not bridge.</summary>
    public string? Bridge { get; init; }

    public required IReadOnlyList<string> Subnet { get; init; }

    public required IReadOnlyList<string> Gateway { get; init; }

    public required IReadOnlyList<string> Container { get; init; }

    /// <summary>The profile that New-HardenedDockerNetwork gave to it, in its label or in the comments of its rules; null if it has none.</summary>
    public string? Profile { get; init; }

    public required bool Internal { get; init; }

    public required bool EnableIPv6 { get; init; }

    public override string ToString() => Name;

    internal static DockerNetworkInfo From(string host, DockerNetwork network, string? profile) => new()
    {
        HostName = host,
        Name = network.Name,
        Id = network.Id,
        Driver = network.Driver,
        Bridge = network.Bridge,
        Subnet = Texts(network.Subnets),
        Gateway = Texts(network.Gateways),
        Container = network.Containers,
        Profile = profile,
        Internal = network.Internal,
        EnableIPv6 = network.EnableIPv6,
    };

    // An array and not a lazy list, because the value is compared and serialized.
    private static string[] Texts(IReadOnlyList<Cidr> prefixes) => [.. prefixes.Select(prefix => prefix.ToShortString())];
}
