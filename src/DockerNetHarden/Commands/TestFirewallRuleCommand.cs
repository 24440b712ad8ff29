using System.Management.Automation;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Says whether rules stand where they can act.</summary>
[Cmdlet(VerbsDiagnostic.Test, "FirewallRule")]
[OutputType(typeof(bool))]
public sealed class TestFirewallRuleCommand : HostCmdlet
{
    private RuleInput? _input;
    private IReadOnlyDictionary<HostTarget, IReadOnlyList<FirewallRule>> _rules = new Dictionary<HostTarget, IReadOnlyList<FirewallRule>>();
    private int _holding;

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Rules, objects with a property Rules, rules as text, or rules from JSON or CLIXML.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _input = new RuleInput(this);
    }

    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        _input!.Add(InputObject, CurrentTargets);
    }

    protected override void EndProcessing()
    {
        _rules = _input!.Complete();
        WorkOnHosts();
    }

    private protected override async Task WorkAsync(HostConnection host, PipelineQueue queue, CancellationToken stop)
    {
        var problems = RulePresence.Problems(_rules[host.Target], await host.Host.ReadAsync(stop).ConfigureAwait(false));
        foreach (var problem in problems)
            queue.Trace(host.Name, problem);
        if (problems.Count == 0)
            Interlocked.Increment(ref _holding);
    }

    // One answer for all hosts. A host that could not be read is no proof of anything.
    private protected override void Finish(PipelineQueue queue) => queue.Write(_holding == _rules.Count);
}
