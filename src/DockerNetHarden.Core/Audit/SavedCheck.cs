using DockerNetHarden.Analysis;
using DockerNetHarden.Persistence;

namespace DockerNetHarden.Audit;

/// <summary>Whether the host comes back after its next start as it is now: what is saved is what is applied, and is loaded.</summary>
internal sealed class SavedCheck : ICheck
{
    private static readonly CheckInfo Info = new("RULES-SAVED", "What is applied is there after the next start", Severity.Medium);

    public IEnumerable<HardeningFinding> Run(AuditedHost audit)
    {
        yield return SavedComparison.Of(audit.Host) switch
        {
            // Not looked at, or unreadable: PART-READ says why.
            null => Info.Found(audit, FindingStatus.NotApplicable, "What the host keeps on its disk was not read."),
            { Error: { } error } => Info.Found(audit, FindingStatus.Warning, error) with { Remedy = "Save again: Save-FirewallRule." },
            { Method: null, NotSaved.Count: 0 } => Info.Found(audit, FindingStatus.NotApplicable, "No rule of this module stands on the host, and none is saved."),
            { Method: null } none => Info.Found(audit, FindingStatus.Warning, $"Nothing is saved: {none.NotSaved.Count} rules are gone after the next start.") with { Remedy = "Save them: Save-FirewallRule." },
            { IsSame: true, Method: var method } => Info.Found(audit, FindingStatus.Pass, $"Saved by {method}."),
            { IsEnabled: false, Method: var method } => Info.Found(audit, FindingStatus.Warning, $"Rules are saved by {method}, but nothing loads them when the host starts.") with
            {
                Remedy = method == PersistenceMethod.IptablesServices ? "Enable the service: systemctl enable iptables ip6tables." : "Save again: Save-FirewallRule.",
            },
            var other => Info.Found(
                audit, FindingStatus.Warning,
                [.. other.NotSaved.Select(static line => $"Applied and not saved: {line}"), .. other.NotApplied.Select(static line => $"Saved and not applied: {line}")]) with
            {
                Remedy = "Save what is applied: Save-FirewallRule; or load what is saved: sh /etc/docker-net-harden/loader load.",
            },
        };
    }
}
