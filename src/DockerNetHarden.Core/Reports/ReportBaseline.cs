using DockerNetHarden.Analysis;

namespace DockerNetHarden.Reports;

/// <summary>An earlier report that findings are compared with: what was open then. Findings are the same if their host and their <see cref="ReportedFinding.Identity"/> are.</summary>
public sealed class ReportBaseline
{
    private readonly Dictionary<(string Host, string Identity), ReportedFinding> _findings;

    internal ReportBaseline(DateTimeOffset madeAt, IEnumerable<(string Host, ReportedFinding Finding)> findings)
    {
        MadeAt = madeAt;
        // A file may hold a finding twice only if somebody wrote it so; the worse one counts then.
        _findings = findings.GroupBy(pair => (pair.Host, pair.Finding.Identity)).ToDictionary(group => group.Key, group => group.Select(pair => pair.Finding).OrderByDescending(finding => Rank(finding.Status)).First());
    }

    /// <summary>When the earlier report was made.</summary>
    public DateTimeOffset MadeAt { get; }

    /// <summary>Whether a finding is new or worse: it needs attention now and did not need it then, or it needs more. What could not be checked counts as much as what is not certain.</summary>
    /// <param name="finding">The finding.</param>
    public bool IsWorse(HardeningFinding finding)
    {
        ArgumentNullException.ThrowIfNull(finding);
        return Change(finding.HostName, ReportedFinding.IdentityOf(finding.Id, finding.Network, finding.Container), finding.Status) == FindingChange.New;
    }

    /// <summary>
    /// The same report with what became of each finding. What the earlier report holds and this one does not is fixed, and is added: its network or container is gone, or the check has nothing to
    /// say any more. It is not, and is left out, on a host of which not everything could be read this time.
    /// </summary>
    /// <param name="report">The report.</param>
    /// <param name="isShown">Whether the report would show a finding of the baseline; null if it shows all.</param>
    public HardeningReport Compare(HardeningReport report, Func<ReportedFinding, bool>? isShown = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report with { Baseline = MadeAt, Hosts = [.. report.Hosts.Select(host => host with { Findings = [.. Compared(host), .. Gone(host, isShown)] })] };
    }

    private IEnumerable<ReportedFinding> Compared(ReportedHost host) => host.Findings.Select(finding => finding with { Change = Change(host.Name, finding.Identity, finding.Status) });

    private IEnumerable<ReportedFinding> Gone(ReportedHost host, Func<ReportedFinding, bool>? isShown)
    {
        if (host.Problem is not null || host.Findings.Any(finding => finding.Status == FindingStatus.Error))
            return [];
        var here = host.Findings.Select(finding => finding.Identity).ToHashSet(StringComparer.Ordinal);
        return _findings.Where(pair => string.Equals(pair.Key.Host, host.Name, StringComparison.Ordinal) && pair.Value.IsOpen && !here.Contains(pair.Key.Identity) && isShown?.Invoke(pair.Value) != false)
            .OrderByDescending(pair => pair.Value.Severity).ThenBy(pair => pair.Key.Identity, StringComparer.Ordinal)
            .Select(pair => pair.Value with { Status = FindingStatus.NotApplicable, Change = FindingChange.Fixed, Evidence = ["It is not found any more."], Remedy = null });
    }

    private FindingChange? Change(string host, string identity, FindingStatus status)
    {
        var before = _findings.TryGetValue((host, identity), out var then) ? Rank(then.Status) : 0;
        return (before, Rank(status)) switch
        {
            (0, 0) => null,
            (_, 0) => FindingChange.Fixed,
            var (was, now) => now > was ? FindingChange.New : FindingChange.Unchanged,
        };
    }

    private static int Rank(FindingStatus status) => status switch
    {
        FindingStatus.Fail => 2,
        FindingStatus.Warning or FindingStatus.Error => 1,
        _ => 0,
    };
}
