namespace DockerNetHarden.Docker;

/// <summary>Which containers are on which networks. The engine's lists say it only in part.</summary>
internal static class NetworkMembers
{
    /// <summary>The bridge by which containers that are only on overlay networks reach everything outside of them. Source: https://docs.docker.com/engine/swarm/networking/.</summary>
    public const string OverlayExit = "docker_gwbridge";

    private const string SharedWith = "container:";

    /// <summary>Gives containers that share another's network namespace (<c>--network container:X</c>) the networks of that one: the engine lists none for them.</summary>
    public static IReadOnlyList<DockerContainer> Shared(IReadOnlyList<DockerContainer> containers) =>
        [.. containers.Select(container => Owner(container, containers) is { } owner && !ReferenceEquals(owner, container)
            ? container with { Addresses = owner.Addresses, NetworkMode = owner.NetworkMode is "host" or "none" ? owner.NetworkMode : container.NetworkMode }
            : container)];

    /// <summary>Gives containers that reach the outside by the overlay networks' bridge their address there: only the bridge's own entry has it.</summary>
    public static IReadOnlyList<DockerContainer> WithExits(IReadOnlyList<DockerContainer> containers, DockerNetwork? exit) => exit is null ? containers
        : [.. containers.Select(container => exit.Endpoints.GetValueOrDefault(container.Id) is { } address && !container.Addresses.Contains(address)
            ? container with { Addresses = [.. container.Addresses, address] } : container)];

    /// <summary>The networks, by name, with the containers that are on them: the engine's list of networks leaves them out, but each container says which networks it is on.</summary>
    public static IReadOnlyList<DockerNetwork> Of(IReadOnlyList<DockerNetwork> networks, IReadOnlyList<DockerContainer> containers) =>
        [.. networks.Select(network => network with
        {
            Containers = [.. containers.Where(container => container.IsUp && container.Addresses.Any(network.Holds))
                .Select(static container => container.Name).Order(StringComparer.Ordinal)],
        }).OrderBy(static network => network.Name, StringComparer.Ordinal).ThenBy(static network => network.Id, StringComparer.Ordinal)];

    // The owner may itself share another's. The engine writes ids there; two that name each other cannot both run.
    private static DockerContainer? Owner(DockerContainer container, IReadOnlyList<DockerContainer> containers)
    {
        for (var (owner, steps) = ((DockerContainer?)container, 0); owner is not null && steps <= containers.Count; steps++)
        {
            if (!owner.NetworkMode.StartsWith(SharedWith, StringComparison.Ordinal))
                return owner;
            var name = owner.NetworkMode[SharedWith.Length..];
            owner = containers.FirstOrDefault(other => string.Equals(other.Id, name, StringComparison.Ordinal) || string.Equals(other.Name, name, StringComparison.Ordinal));
        }
        return null;
    }
}
