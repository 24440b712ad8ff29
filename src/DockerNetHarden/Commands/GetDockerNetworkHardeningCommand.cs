using System.Collections.Concurrent;
using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;

namespace DockerNetHarden.Commands;

/// <summary>Checks every control on every network of hosts, and says how to mend what fails.</summary>
[Cmdlet(VerbsCommon.Get, "DockerNetworkHardening")]
[OutputType(typeof(HardeningFinding))]
public sealed class GetDockerNetworkHardeningCommand : AuditCommand
{
    private readonly ConcurrentDictionary<string, bool> _met = new(StringComparer.OrdinalIgnoreCase);
    private int _hosts;
    private int _failed;
    private int _uncertain;
    private int _passed;
    private int _notApplicable;

    [Parameter(Position = 0, HelpMessage = "Only these checks, by id; wildcards are allowed.")]
    [ArgumentCompleter(typeof(Completer<CheckIds>))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Id { get; set; }

    [Parameter(HelpMessage = "Only findings of this severity or worse.")]
    public Severity Severity { get; set; } = Severity.Info;

    [Parameter(HelpMessage = "The checks that pass or do not apply, too; a check that -Id names is always shown.")]
    public SwitchParameter All { get; set; }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override FindingFilter Filter() => new(Network, Severity, Id, Exclude);

    private protected override void Take(AnalysedHost host, HostAudit audit, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue)
    {
        Interlocked.Increment(ref _hosts);
        foreach (var finding in findings)
        {
            _met[finding.Id] = true;
            Interlocked.Increment(ref CounterOf(finding.Status));
            if (All || Id is not null || finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable))
                queue.Write(finding);
        }
    }

    private protected override void Finish(PipelineQueue queue)
    {
        // A host that failed may have had what was asked for.
        foreach (var id in queue.HasFailures ? [] : Id ?? [])
        {
            var pattern = new WildcardPattern(id, WildcardOptions.IgnoreCase);
            if (!_met.Keys.Any(pattern.IsMatch))
                queue.Failure(CommandFailure.NoFinding(id));
        }
        // Whoever pipes the findings on has no table that the line could close.
        if (!All && Id is null && _hosts > 0 && queue.IsLast)
        {
            var where = _hosts == 1 ? "" : FormattableString.Invariant($"{_hosts} hosts: ");
            queue.Say(FormattableString.Invariant($"{where}{_failed} failed, {_uncertain} not certain; {_passed} passed and {_notApplicable} not applicable are not shown (-All shows them)."));
        }
    }

    private ref int CounterOf(FindingStatus status)
    {
        switch (status)
        {
            case FindingStatus.Pass: return ref _passed;
            case FindingStatus.NotApplicable: return ref _notApplicable;
            case FindingStatus.Fail: return ref _failed;
            default: return ref _uncertain;
        }
    }
}
