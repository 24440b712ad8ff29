using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Reports;

namespace DockerNetHarden.Commands;

/// <summary>Says whether hosts pass the checks.</summary>
[Cmdlet(VerbsDiagnostic.Test, "DockerNetworkHardening")]
[OutputType(typeof(bool))]
public sealed class TestDockerNetworkHardeningCommand : AuditCommand
{
    private int _failing;
    private ReportBaseline? _baseline;

    [Parameter(HelpMessage = "Only findings of this severity or worse count; Medium if it is left out.")]
    public Severity Severity { get; set; } = Severity.Medium;

    [Parameter(HelpMessage = "An earlier report in the form Json: only findings that are new or worse since then count.")]
    [ValidateNotNullOrEmpty]
    public string? Baseline { get; set; }

    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        if (Baseline is not null)
            _baseline = BaselineFile.Read(this, Baseline, Refuse);
    }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override FindingFilter Filter() => new(Network, Severity, null, Exclude);

    private protected override void Take(AnalysedHost host, HostAudit audit, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue)
    {
        foreach (var finding in findings.Where(finding => finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable) && _baseline?.IsWorse(finding) != false))
        {
            Interlocked.Increment(ref _failing);
            if (finding.Status == FindingStatus.Error)
                queue.Failure(host.Name, CommandFailure.NotChecked(finding));
            else
                queue.Trace(host.Name, $"{finding.Status} {finding.Id}{(finding.Network is { } network ? " " + network : "")}: {string.Join("; ", finding.Evidence)}");
        }
    }

    // One answer for all hosts. A host that could not be read proves nothing.
    private protected override void Finish(PipelineQueue queue) => queue.Write(_failing == 0 && !queue.HasFailures);
}
