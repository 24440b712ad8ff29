using System.Management.Automation;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Applies rules to hosts and reads back whether they stand.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "FirewallRule", SupportsShouldProcess = true)]
[OutputType(typeof(InvocationResult))]
public sealed class InvokeFirewallRuleCommand : HostCmdlet
{
    private RuleInput? _input;
    private IReadOnlyList<FirewallRule> _rules = [];

    // Untyped: a typed array would drop what does not bind and apply the rest.
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Rules, objects with a property Rules, rules as text, or rules from JSON or CLIXML.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    [Parameter(HelpMessage = "Make the input all that is ours: rules with other marks are removed.")]
    public SwitchParameter Prune { get; set; }

    [Parameter(HelpMessage = "Make DOCKER-USER where it is missing, before Docker's first start.")]
    public SwitchParameter CreateChain { get; set; }

    [Parameter(HelpMessage = "Write what could lock somebody out, and ask nothing where -Prune removes a control wholly.")]
    public SwitchParameter Force { get; set; }

    protected override void BeginProcessing() => _input = new RuleInput(this);

    protected override void ProcessRecord() => _input!.Add(InputObject);

    protected override void EndProcessing()
    {
        _rules = _input!.Complete();
        WorkOnHosts();
    }

    private protected override Task WorkAsync(IReadOnlyList<HostConnection> hosts, PipelineQueue queue, CancellationToken stop)
    {
        var options = new PlanOptions { Prune = Prune, Force = Force, CreateChain = CreateChain };
        if (Prune && !Force)
        {
            queue.Danger = plan => plan.VanishingControls.Count == 0 ? null
                : $"-Prune leaves nothing of {string.Join(", ", plan.VanishingControls)} on {plan.Before.HostName}: what these controls block would be open. Remove them?";
        }
        return Fleet.ApplyAsync([.. hosts.Select(host => new FleetHost(host.Host))], before => Plan.From(_rules, before, options), hosts.Count, queue, stop);
    }
}
