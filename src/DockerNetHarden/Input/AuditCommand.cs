using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Completion;

namespace DockerNetHarden.Commands;

/// <summary>A cmdlet that checks hosts: which findings count, and what was found on each host.</summary>
public abstract class AuditCommand : AnalysisCmdlet
{
    [Parameter(HelpMessage = "Only findings about these Docker networks, and about the whole host.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(HelpMessage = "Leave these checks out, by id; wildcards are allowed.")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Exclude { get; set; }

    /// <summary>The findings of one host. Runs off the pipeline thread.</summary>
    private protected abstract void Take(AnalysedHost host, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue);

    private protected abstract FindingFilter Filter();

    private protected sealed override Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        foreach (var network in (Network ?? []).Except(host.Snapshot.Networks.Select(network => network.Name), StringComparer.Ordinal))
            queue.Failure(host.Name, CommandFailure.NetworkNotFound(host.Name, network));
        var filter = Filter();
        Take(host, [.. HardeningAudit.Of(host.Snapshot).Where(filter.Holds)], queue);
        return Task.CompletedTask;
    }
}
