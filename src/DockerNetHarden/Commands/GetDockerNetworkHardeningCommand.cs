using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Completion;
using DockerNetHarden.Hosting;

namespace DockerNetHarden.Commands;

/// <summary>Checks every control on every network of hosts, and says how to mend what fails.</summary>
[Cmdlet(VerbsCommon.Get, "DockerNetworkHardening")]
[OutputType(typeof(HardeningFinding))]
public sealed class GetDockerNetworkHardeningCommand : AuditCommand
{
    [Parameter(Position = 0, HelpMessage = "Only these checks, by id; wildcards are allowed.")]
    [ArgumentCompleter(typeof(Completer<CheckIds>))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Id { get; set; }

    [Parameter(HelpMessage = "Only findings of this severity or worse.")]
    public Severity Severity { get; set; } = Severity.Info;

    protected override void EndProcessing() => WorkOnHosts();

    private protected override FindingFilter Filter() => new(Network, Severity, Id, Exclude);

    private protected override void Take(AnalysedHost host, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue)
    {
        foreach (var finding in findings)
            queue.Write(finding);
    }
}
