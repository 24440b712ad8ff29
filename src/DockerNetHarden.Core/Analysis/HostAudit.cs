using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>An audit of one host: what was looked at, and everything that was found. Each of its findings leads back to it, so that a report of findings shows the host as it was read.</summary>
public sealed class HostAudit
{
    internal HostAudit(HostSnapshot host) => Host = host;

    /// <summary>The host as it was read.</summary>
    public HostSnapshot Host { get; }

    /// <summary>All findings, the worst first.</summary>
    public IReadOnlyList<HardeningFinding> Findings { get; internal set; } = [];
}
