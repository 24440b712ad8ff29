using System.Management.Automation;
using DockerNetHarden.Audit;
using DockerNetHarden.Hosting;
using DockerNetHarden.Input;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Commands;

/// <summary>Says whether rules are there and decide the packets that they name.</summary>
[Cmdlet(VerbsDiagnostic.Test, "FirewallRule")]
[OutputType(typeof(bool))]
public sealed class TestFirewallRuleCommand : AnalysisCmdlet
{
    private RuleInput? _input;
    private int _failing;

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Rules, objects with a property Rules, rules as text, or rules from JSON, CLIXML or CSV.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _input = new RuleInput(this);
    }

    protected override void ProcessRecord() => _input!.Add(InputObject, TargetsOf);

    protected override void EndProcessing()
    {
        _input!.Complete();
        WorkOnHosts();
    }

    private protected override Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        var rules = _input!.Of(host.Target);
        if (rules.Count == 0)
        {
            queue.Warning(host.Name, "These findings have no rule to test.");
            Interlocked.Increment(ref _failing);
            return Task.CompletedTask;
        }
        foreach (var problem in RuleEffect.Problems(rules, new PacketWalk(host.Snapshot)))
        {
            Interlocked.Increment(ref _failing);
            queue.Trace(host.Name, problem);
        }
        return Task.CompletedTask;
    }

    // One answer for all hosts. A host that could not be read proves nothing.
    private protected override void Finish(PipelineQueue queue) => queue.Write(_failing == 0 && !queue.HasFailures);
}
