using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;

namespace DockerNetHarden.Commands;

/// <summary>Says whether hosts pass the checks.</summary>
[Cmdlet(VerbsDiagnostic.Test, "DockerNetworkHardening")]
[OutputType(typeof(bool))]
public sealed class TestDockerNetworkHardeningCommand : AuditCommand
{
    private int _failing;

    [Parameter(HelpMessage = "Only findings of this severity or worse count; Medium if it is left out.")]
    public Severity Severity { get; set; } = Severity.Medium;

    protected override void EndProcessing() => WorkOnHosts();

    private protected override FindingFilter Filter() => new(Network, Severity, null, Exclude);

    private protected override void Take(AnalysedHost host, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue)
    {
        foreach (var finding in findings.Where(finding => finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable)))
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
