using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>What a network is for. Kept in the label <c>io.dockernetharden.profile</c>; for a network that was made without it, in the comments of its rules.</summary>
public enum NetworkProfile
{
    /// <summary>Metadata and the host are blocked.</summary>
    Default,

    /// <summary>Metadata may be reached, the host is blocked.</summary>
    MetadataAccess,

    /// <summary>Metadata, the host and internal ranges are blocked; only the outside is reached.</summary>
    ExternalOnly,

    /// <summary>Like ExternalOnly, and the network is made with <c>--internal</c>: it reaches only itself.</summary>
    Isolated,
}

/// <summary>The controls that a profile stands for.</summary>
public static class NetworkProfiles
{
    /// <summary>The controls of a profile, bound to a network.</summary>
    public static IReadOnlyList<Control> Controls(NetworkProfile profile, NetworkReference network) => profile switch
    {
        NetworkProfile.Default => [new MetadataAccess { Network = network }, new HostAccess { Network = network }],
        NetworkProfile.MetadataAccess =>
            [new MetadataAccess { Network = network, Permit = true }, new HostAccess { Network = network, AllowsMetadata = true }, MetadataBehindInternal(network)],
        NetworkProfile.ExternalOnly or NetworkProfile.Isolated =>
            [new MetadataAccess { Network = network }, new HostAccess { Network = network }, new InternalAccess { Network = network }],
        _ => throw new RefusedValueException("Profile", profile.ToString(), $"the profiles are {string.Join(", ", Enum.GetNames<NetworkProfile>())}."),
    };

    // Controls combine by AND: if internal ranges are closed for the whole host, so are link-local and shared addresses, and with them metadata.
    private static InternalAccess MetadataBehindInternal(NetworkReference network) => new()
    {
        Network = network,
        Subject = "metadata",
        Ranges = [],
        Dns = false,
        AllowAddresses = [.. MetadataEndpoints.All
            .Where(endpoint => endpoint.Path == EndpointPath.Forward && InternalAccess.DefaultRanges.Any(range => range.Contains(endpoint.Address)))
            .Select(endpoint => endpoint.Address)
            .Distinct()],
    };

    /// <summary>The rules of a profile, with the profile in their comments. Where they are applied, it is left out if the network has the label.</summary>
    internal static IReadOnlyList<FirewallRule> NotedRules(NetworkProfile profile, NetworkReference network) =>
        [.. Rules(profile, network).Select(rule => rule.With(spec => spec[RuleFields.Comment] = RuleMark.ProfileNote(profile.ToString())))];

    /// <summary>The rules of a profile, bound to a network.</summary>
    public static IReadOnlyList<FirewallRule> Rules(NetworkProfile profile, NetworkReference network) =>
        [.. Controls(profile, network).SelectMany(control => control.Rules())];
}
