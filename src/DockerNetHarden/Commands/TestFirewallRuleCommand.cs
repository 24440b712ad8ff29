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
    private IReadOnlyList<FirewallRule> _rules = [];

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Rules, objects with a property Rules, rules as text, or rules from JSON or CLIXML.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    protected override void BeginProcessing() => _input = new RuleInput(this);

    protected override void ProcessRecord() => _input!.Add(InputObject);

    protected override void EndProcessing()
    {
        _rules = _input!.Complete();
        WorkOnHosts();
    }

    // One answer for all hosts. A host that could not be read is no proof of anything.
    private protected override async Task WorkAsync(IReadOnlyList<HostConnection> hosts, PipelineQueue queue, CancellationToken stop)
    {
        var holds = true;
        foreach (var host in hosts)
        {
            try
            {
                var problems = RulePresence.Problems(_rules, await host.Host.ReadAsync(stop).ConfigureAwait(false));
                foreach (var problem in problems)
                    queue.Trace(host.Name, problem);
                holds &= problems.Count == 0;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                holds = false;
                queue.Failure(host.Name, error);
            }
        }
        queue.Write(holds);
    }
}
