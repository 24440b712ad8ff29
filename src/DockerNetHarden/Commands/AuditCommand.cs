using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Input;

namespace DockerNetHarden.Commands;

/// <summary>A cmdlet that checks hosts: which findings count, and what was found on each host.</summary>
public abstract class AuditCommand : AnalysisCmdlet
{
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames(nameof(Snapshot), "FullName")]
    public override string?[]? HostName { get; set; }

    [Parameter(HelpMessage = "Only findings about these Docker networks, and about the whole host.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(HelpMessage = "Checks to leave out, by id; wildcards are allowed.")]
    [ArgumentCompleter(typeof(Completer<CheckIds>))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Exclude { get; set; }

    /// <summary>The findings of one host. Runs off the pipeline thread.</summary>
    private protected abstract void Take(AnalysedHost host, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue);

    private protected abstract FindingFilter Filter();

    private protected override void Prepare() => Filter().Check();

    private protected sealed override Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        foreach (var missing in MarkFilter.Missing(host.Name, Network, [.. host.Snapshot.Networks.Select(network => network.Name)], host.Snapshot.DockerError))
            queue.Failure(host.Name, missing);
        var filter = Filter();
        Take(host, [.. HardeningAudit.Of(host.Snapshot).Where(filter.Holds)], queue);
        return Task.CompletedTask;
    }
}

/// <summary>Chooses findings by network, severity and check. Findings of the whole host belong to every network, because they also decide its packets.</summary>
internal sealed class FindingFilter(string[]? networks, Severity least, string[]? only, string[]? except)
{
    private readonly WildcardPattern[]? _only = Patterns(only);
    private readonly WildcardPattern[] _except = Patterns(except) ?? [];

    public bool Holds(HardeningFinding finding) =>
        finding.Severity >= least
        && (networks is null || finding.Network is null || networks.Contains(finding.Network, StringComparer.Ordinal))
        && (_only is null || Matches(_only, finding))
        && !Matches(_except, finding);

    /// <exception cref="CommandFailure">An id is not one of a check, or a pattern fits none: it would silently choose nothing.</exception>
    public void Check()
    {
        foreach (var id in (only ?? []).Concat(except ?? []))
        {
            var pattern = new WildcardPattern(id, WildcardOptions.IgnoreCase);
            if (!HardeningAudit.Ids.Any(pattern.IsMatch))
                throw CommandFailure.UnknownCheck(id, HardeningAudit.Ids);
        }
    }

    private static bool Matches(WildcardPattern[] patterns, HardeningFinding finding) => Array.Exists(patterns, pattern => pattern.IsMatch(finding.Id));

    private static WildcardPattern[]? Patterns(string[]? texts) => texts?.Select(text => new WildcardPattern(text, WildcardOptions.IgnoreCase)).ToArray();
}
