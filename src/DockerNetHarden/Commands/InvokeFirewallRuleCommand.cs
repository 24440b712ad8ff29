using System.Management.Automation;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Input;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>Applies rules to hosts and reads back whether they are there.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "FirewallRule", SupportsShouldProcess = true)]
[OutputType(typeof(InvocationResult))]
public sealed class InvokeFirewallRuleCommand : HostCmdlet
{
    private RuleInput? _input;

    // Untyped, because a typed array would drop what does not bind and apply the rest.
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Rules, objects with a property Rules, rules as text, or rules from JSON, CLIXML or CSV.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    [Parameter(HelpMessage = "Leave only the given rules: this module's rules with other marks are removed.")]
    public SwitchParameter Prune { get; set; }

    [Parameter(HelpMessage = "Make DOCKER-USER and the jump to it if Docker has not made them.")]
    public SwitchParameter CreateChain { get; set; }

    [Parameter(HelpMessage = "Write rules that could lock somebody out, and do not ask if -Prune removes a whole control.")]
    public SwitchParameter Force { get; set; }

    [Parameter(HelpMessage = "Where the rules go: Auto (where Docker writes its own), Iptables, or Nftables.")]
    public FirewallBackend Backend { get; set; }

    [Parameter(HelpMessage = "Seconds after which a host takes the change back, unless it is confirmed.")]
    [ValidateRange(2, 86400)]
    public int RollbackAfter { get; set; }

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

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var rules = _input!.Of(target);
        if (rules.Count == 0)
        {
            queue.Warning(host.Name, "No rule mends these findings; read their Remedy.");
            return;
        }
        var options = new PlanOptions { Prune = Prune, Force = Force, CreateChain = CreateChain, Backend = Backend };
        var rollback = RollbackAfter > 0 ? new RollbackOptions(TimeSpan.FromSeconds(RollbackAfter)) : null;
        queue.Write(await host.ApplyAsync(before => Plan.From(rules, before, options), queue, stop, rollback).ConfigureAwait(false));
    }

    // Rules in the input stay; a control of which nothing stays needs an answer.
    private protected override string? Danger(Plan plan) => !Prune || Force || plan.VanishingControls.Count == 0 ? null
        : $"-Prune leaves nothing of {string.Join(", ", plan.VanishingControls)} on {plan.Before.HostName}: everything these controls block would be open. Remove them?";
}
