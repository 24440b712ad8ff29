using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts;

/// <summary>What came of making a network with its rules.</summary>
/// <param name="Network">The network; null if the answer was no: then nothing was changed.</param>
/// <param name="Writes">What was written for it, or would be: its rules before it and, if the engine chose a subnet, those that need it.</param>
public sealed record CreatedNetwork(DockerNetwork? Network, IReadOnlyList<InvocationResult> Writes)
{
    /// <summary>Whether the host, read back after the last write, has exactly the rules that were asked for.</summary>
    public bool Verified => Writes[^1].Verified;
}
