using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Input;
using DockerNetHarden.Walking;

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
    /// <param name="host">The host.</param>
    /// <param name="audit">Everything that was found on it.</param>
    /// <param name="findings">The findings that count.</param>
    /// <param name="queue">Where results and errors go.</param>
    private protected abstract void Take(AnalysedHost host, HostAudit audit, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue);

    private protected abstract FindingFilter Filter();

    private protected override void Prepare() => Filter().Check();

    private protected sealed override Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        foreach (var missing in MarkFilter.Missing(host.Name, Network, [.. host.Snapshot.Networks.Select(network => network.Name)], host.Snapshot.DockerError))
            queue.Failure(host.Name, missing);
        var filter = Filter();
        var audit = HardeningAudit.Run(new PacketWalk(host.Snapshot));
        Take(host, audit, [.. audit.Findings.Where(filter.Holds)], queue);
        return Task.CompletedTask;
    }
}

/// <summary>Chooses findings by network, severity and check. Findings of the whole host belong to every network, because they also decide its packets.</summary>
internal sealed class FindingFilter(string[]? networks, Severity least, string[]? only, string[]? except)
{
    private readonly WildcardPattern[]? _only = Patterns(only);
    private readonly WildcardPattern[] _except = Patterns(except) ?? [];

    public bool Holds(HardeningFinding finding) => Holds(finding.Id, finding.Severity, finding.Network);

    public bool Holds(string id, Severity severity, string? network) =>
        severity >= least
        && (networks is null || network is null || networks.Contains(network, StringComparer.Ordinal))
        && (_only is null || Matches(_only, id))
        && !Matches(_except, id);

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

    private static bool Matches(WildcardPattern[] patterns, string id) => Array.Exists(patterns, pattern => pattern.IsMatch(id));

    private static WildcardPattern[]? Patterns(string[]? texts) => texts?.Select(text => new WildcardPattern(text, WildcardOptions.IgnoreCase)).ToArray();
}
