using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>How the requested network came about.</summary>
public enum NetworkStatus
{
    /// <summary>It was made.</summary>
    Created,

    /// <summary>It already existed as requested.</summary>
    Exists,

    /// <summary>It already existed, made by somebody else: everything that was asked for is as requested, and the comments of its rules keep its profile.</summary>
    Adopted,

    /// <summary>It would be made: -WhatIf, or the answer was no.</summary>
    Planned,
}

/// <summary>A network with a profile, and the profile's rules, which are on the host unless the network is only planned. Other commands take it from the pipeline.</summary>
public sealed record HardenedDockerNetwork
{
    public required string HostName { get; init; }

    public required string Name { get; init; }

    /// <summary>The name, as the commands that make rules for a network take it from the pipeline.</summary>
    public string Network => Name;

    /// <summary>Docker's id; null while the network is only planned.</summary>
    public string? Id { get; init; }

    public required string Bridge { get; init; }

    /// <summary>The subnets, separated by commas; null if Docker has yet to choose.</summary>
    public string? Subnet { get; init; }

    /// <summary>The gateways, separated by commas; null if the engine does not say.</summary>
    public string? Gateway { get; init; }

    public required NetworkProfile Profile { get; init; }

    public required NetworkStatus Status { get; init; }

    public required IReadOnlyList<FirewallRule> Rules { get; init; }

    /// <summary>Whether the host, read back, has exactly the rules that were asked for, and packets reach them.</summary>
    public required bool Verified { get; init; }

    public override string ToString() => Name;

    /// <summary>The network as it is, or as it would be. A subnet that Docker has yet to choose is left out, so that the rules can be there before the network.</summary>
    internal static HardenedDockerNetwork From(string host, HardenedNetwork asked, DockerNetwork? found, NetworkStatus status, bool verified) => new()
    {
        HostName = host,
        Name = asked.Name,
        Id = found?.Id,
        Bridge = found?.Bridge ?? asked.Bridge,
        Subnet = Text(found?.Subnets ?? asked.Subnets),
        Gateway = Text(found?.Gateways ?? asked.Gateways),
        Profile = asked.Profile,
        Status = status,
        Rules = asked.RulesOn(found),
        Verified = verified,
    };

    private static string? Text(IReadOnlyList<Cidr> prefixes) => prefixes.Count == 0 ? null : string.Join(',', prefixes.Select(prefix => prefix.ToShortString()));
}
