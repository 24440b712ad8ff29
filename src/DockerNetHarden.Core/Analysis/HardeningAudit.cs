using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>Every check on every network of one host. Pure: snapshot in, findings out.</summary>
public static class HardeningAudit
{
    /// <summary>The findings, the worst first.</summary>
    public static IReadOnlyList<HardeningFinding> Of(HostSnapshot host) => throw new NotSupportedException();
}
