using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts;

/// <summary>Where a host's Docker is read from: its socket here, or the shell's own conversation for a host far away.</summary>
public interface IDockerSource
{
    /// <summary>Reads the engine, all its networks and all its containers.</summary>
    /// <param name="stop">Ends the requests.</param>
    /// <returns>What the engine says.</returns>
    /// <exception cref="DockerException">The engine cannot be asked, or refused.</exception>
    Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(CancellationToken stop);
}
