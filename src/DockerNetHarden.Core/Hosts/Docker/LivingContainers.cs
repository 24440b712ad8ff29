using System.Collections.Concurrent;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>Inspects the containers that run, for what the engine's list does not say.</summary>
/// <param name="api">The engine.</param>
/// <param name="shell">The conversation that takes all inspections in one program; null if each goes to the socket by itself.</param>
internal sealed class LivingContainers(IEngineApi api, ShellTransport? shell)
{
    /// <summary>How many inspections at a time: the engine locks a container to read it, so any more would only queue.</summary>
    public const int Parallelism = 8;

    /// <summary>The networks with their containers, and the containers, by name; what vanishes meanwhile is left out.</summary>
    /// <param name="networks">The list of networks.</param>
    /// <param name="listed">The list of containers.</param>
    /// <param name="stop">Ends the requests.</param>
    public async Task<(IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(
        IReadOnlyList<DockerNetwork> networks, IReadOnlyList<DockerContainer> listed, CancellationToken stop)
    {
        var hasOverlay = networks.Any(static network => network.Driver is "overlay");
        var containers = await InspectAsync(listed, hasOverlay ? NetworkMembers.OverlayExit : null, stop).ConfigureAwait(false);
        return (NetworkMembers.Of(networks, containers), containers);
    }

    /// <summary>The containers, by name. The list has everything but their own DNS servers, their processes, their privileges and their addresses on the overlay networks' bridge.</summary>
    /// <param name="containers">The list.</param>
    /// <param name="bridge">The overlay networks' bridge; null if it is not asked about.</param>
    /// <param name="stop">Ends the requests.</param>
    public async Task<IReadOnlyList<DockerContainer>> InspectAsync(IReadOnlyList<DockerContainer> containers, string? bridge, CancellationToken stop)
    {
        DockerNetwork? exit = null;
        var living = containers.ToLookup(static container => container.State is "running" or "paused" or "restarting");
        var found = new ConcurrentBag<DockerContainer?>();
        if (shell is null)
        {
            await Parallel.ForEachAsync(
                living[true], new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = stop },
                async (container, cancelled) => found.Add(await FoundAsync(api.GetContainerAsync(container.Id, cancelled)).ConfigureAwait(false))).ConfigureAwait(false);
            exit = bridge is null ? null : await FoundAsync(api.GetNetworkAsync(bridge, stop)).ConfigureAwait(false);
        }
        else if (living[true].Any())
        {
            var asked = living[true].Select(container => FoundAsync(api.GetContainerAsync(container.Id, stop))).ToList();
            var askedExit = bridge is null ? null : FoundAsync(api.GetNetworkAsync(bridge, stop));
            await shell.SendAsync(stop).ConfigureAwait(false);
            found = [.. await Task.WhenAll(asked).ConfigureAwait(false)];
            exit = askedExit is null ? null : await askedExit.ConfigureAwait(false);
        }
        var all = living[false].Concat(found.OfType<DockerContainer>()).OrderBy(static container => container.Name, StringComparer.Ordinal).ThenBy(static container => container.Id, StringComparer.Ordinal);
        return NetworkMembers.Shared(NetworkMembers.WithExits([.. all], exit));
    }

    /// <summary>What was asked for; null if it is gone, as between a list and an inspection: treated as if it had never been in the list.</summary>
    public static async Task<T?> FoundAsync<T>(Task<T> asking)
        where T : class
    {
        try
        {
            return await asking.ConfigureAwait(false);
        }
        catch (DockerException error) when (error.Failure == DockerFailure.NotFound)
        {
            return null;
        }
    }
}
