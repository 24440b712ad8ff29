using DockerNetHarden.Analysis;

namespace DockerNetHarden.Audit;

/// <summary>A family of checks. It reports on everything that it looks at: what holds is a finding too, with the status Pass.</summary>
internal interface ICheck
{
    /// <summary>What it finds about one network. All checks look at a network before the next one has its turn, because its answers are then forgotten.</summary>
    IEnumerable<HardeningFinding> Of(AuditedNetwork network) => [];

    /// <summary>What it finds about the host, after all networks.</summary>
    IEnumerable<HardeningFinding> Of(AuditedHost audit) => [];
}

/// <summary>What is fixed about a check: its stable id, its words and how bad a failure is.</summary>
/// <param name="Id">The stable id.</param>
/// <param name="Title">What is true if it passes, in a few words.</param>
/// <param name="Severity">How bad a failure is.</param>
/// <param name="CisItem">The matching item of the CIS Docker Benchmark v1.6.0.</param>
internal sealed record CheckInfo(string Id, string Title, Severity Severity, string? CisItem = null)
{
    public HardeningFinding Found(AuditedHost audit, FindingStatus status, params string[] evidence) => new()
    {
        HostName = audit.Host.HostName,
        Id = Id,
        Title = Title,
        Severity = Severity,
        CisItem = CisItem,
        Status = status,
        Evidence = evidence,
    };

    public HardeningFinding Found(AuditedNetwork network, FindingStatus status, params string[] evidence) =>
        Found(network.Audit, status, evidence) with { Network = network.Name };
}
