using System.Collections;
using DockerNetHarden.Controls;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Commands;

/// <summary>A network from a policy, with the parameters of New-HardenedDockerNetwork as properties; pipe it there.</summary>
public sealed record PolicyNetwork
{
    public required string Name { get; init; }

    public required NetworkProfile Profile { get; init; }

    /// <summary>The bridge's name; null if it is made from the network's name.</summary>
    public string? BridgeName { get; init; }

    public required IReadOnlyList<string> Subnet { get; init; }

    public required IReadOnlyList<string> Gateway { get; init; }

    public required Hashtable Label { get; init; }

    public required Hashtable Option { get; init; }

    public required bool EnableIPv6 { get; init; }

    public required bool DisableIcc { get; init; }

    public override string ToString() => Name;

    internal static PolicyNetwork From(HardenedNetwork network) => new()
    {
        Name = network.Name,
        Profile = network.Profile,
        BridgeName = network.BridgeName,
        Subnet = [.. network.Subnets.Select(subnet => subnet.ToString())],
        Gateway = [.. network.Gateways.Select(gateway => gateway.Address)],
        Label = Table(network.Labels),
        Option = Table(network.Options),
        EnableIPv6 = network.EnableIPv6,
        DisableIcc = network.DisableIcc,
    };

    private static Hashtable Table(IReadOnlyDictionary<string, string> texts)
    {
        var table = new Hashtable(StringComparer.Ordinal);
        foreach (var (key, text) in texts)
            table[key] = text;
        return table;
    }
}
