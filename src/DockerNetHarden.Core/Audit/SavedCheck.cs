using DockerNetHarden.Analysis;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Audit;

/// <summary>Whether the host's rules survive its next start: the saved rules are the applied ones, and are loaded.</summary>
internal sealed class SavedCheck : ICheck
{
    private static readonly CheckInfo Info = new("RULES-SAVED", "The applied rules survive the next start", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        yield return SavedComparison.Of(audit.Host) switch
        {
            // Not read, or unreadable: PART-READ says why.
            null => Info.Found(audit, FindingStatus.NotApplicable, "What the host keeps on its disk was not read."),
            { Error: { } error } => Info.Found(audit, FindingStatus.Warning, error) with { Remedy = "Save again: Save-FirewallRule." },
            { Method: null, NotSaved.Count: 0 } => Info.Found(audit, FindingStatus.NotApplicable, "This module has no rules on the host, applied or saved."),
            { Method: null } => Info.Found(audit, FindingStatus.Warning, $"Nothing is saved: {InstalledRule.ReadAll(audit.Host).Count(static rule => rule.IsOurs)} rules will be gone after the next start.") with { Remedy = "Save them: Save-FirewallRule." },
            { IsSame: true, Method: var method } => Info.Found(audit, FindingStatus.Pass, $"Saved by {method}."),
            { IsEnabled: false, Method: var method } => Info.Found(audit, FindingStatus.Warning, $"Rules are saved by {method}, but nothing loads them when the host starts.") with
            {
                Remedy = method == PersistenceMethod.IptablesServices ? "Enable the service: systemctl enable iptables ip6tables." : "Save again: Save-FirewallRule.",
            },
            var other => Info.Found(
                audit, FindingStatus.Warning,
                [.. other.NotSaved.Select(static line => $"Applied but not saved: {line}"), .. other.NotApplied.Select(static line => $"Saved but not applied: {line}")]) with
            {
                Remedy = "Save what is applied: Save-FirewallRule; or load what is saved: sh /etc/docker-net-harden/loader load.",
            },
        };
    }
}
