using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Input;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>Removes rules of ours, or what was saved of them; refuses rules without a mark.</summary>
[Cmdlet(VerbsCommon.Remove, "FirewallRule", SupportsShouldProcess = true, DefaultParameterSetName = RuleSet)]
[OutputType(typeof(InvocationResult), ParameterSetName = [RuleSet, MarkSet, NetworkSet, AllSet])]
[OutputType(typeof(PersistenceResult), ParameterSetName = [SavedSet])]
public sealed class RemoveFirewallRuleCommand : HostCmdlet
{
    private const string RuleSet = "Rule";
    private const string MarkSet = "Control";
    private const string NetworkSet = "Network";
    private const string AllSet = "All";
    private const string SavedSet = "Saved";

    private RuleInput? _input;
    private string[]? _controls;

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = RuleSet, HelpMessage = "Rules from Get-FirewallRule or the emitters, or as text.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = MarkSet, HelpMessage = "All rules of these controls.")]
    [ArgumentCompleter(typeof(Completer<ControlNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Control { get; set; }

    [Parameter(ParameterSetName = MarkSet, HelpMessage = "Only those bound to these Docker networks.")]
    [Parameter(Mandatory = true, ParameterSetName = NetworkSet, HelpMessage = "All rules bound to these Docker networks.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = AllSet, HelpMessage = "All rules of this module.")]
    public SwitchParameter All { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = SavedSet, HelpMessage = "What Save-FirewallRule saved; the applied rules stay until the next start.")]
    public SwitchParameter Saved { get; set; }

    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _input = new RuleInput(this);
    }

    protected override void ProcessRecord()
    {
        if (ParameterSetName is RuleSet)
            _input!.Add(InputObject, TargetsOf);
        else
            base.ProcessRecord();
    }

    protected override void EndProcessing()
    {
        _input!.RefuseUnboundRow();
        if (ParameterSetName is RuleSet)
        {
            // `Get-FirewallRule -Control X | Remove-FirewallRule` without any rule: nothing to do.
            if (_input.IsEmpty)
                return;
            // If a rule is missing here, less is removed: that opens nothing.
            _input.Complete(failOnUpstreamError: false);
        }
        WorkOnHosts();
    }

    private protected override void Prepare() => _controls = MarkFilter.CheckControls(Control);

    private protected override Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop) =>
        ParameterSetName is SavedSet ? RemoveSavedAsync(host, queue, stop) : RemoveAppliedAsync(target, host, queue, stop);

    private async Task RemoveAppliedAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var saved = (await host.Saver.SavedLinesAsync(stop).ConfigureAwait(false)).ToHashSet(StringComparer.Ordinal);
        var comesBack = false;
        IReadOnlyList<Exception>? missing = null;
        queue.Write(await host.ApplyAsync(Planned, queue, stop).ConfigureAwait(false));
        foreach (var one in missing!)
            queue.Failure(host.Name, one);
        if (comesBack)
            queue.Warning(host.Name, "These rules are also saved there and were only removed from the tables: the guard, if it runs, and the next start put them back. Remove-FirewallRule -Saved removes what is saved, Save-FirewallRule replaces it with what is applied.");

        Plan Planned(HostSnapshot before)
        {
            // The plan is made again after the write. Networks whose rules were just removed are no longer known then, so only the first plan looks for them.
            var isFirst = missing is null;
            if (isFirst)
            {
                string[] known = Network is null ? [] : MarkFilter.Known(before.Networks.Select(network => network.Name), InstalledRule.ReadAll(before).Select(rule => rule.Network));
                missing = MarkFilter.Missing(host.Name, Network, known, before.DockerError);
                // With no network left to choose by, "Unchanged" would be no answer.
                if (missing.Count > 0 && !Network!.Intersect(known, StringComparer.Ordinal).Any())
                {
                    foreach (var more in missing.Skip(1))
                        queue.Failure(host.Name, more);
                    throw missing[0];
                }
            }
            var plan = ParameterSetName is RuleSet ? Plan.WithoutRules(_input!.Of(target), before) : Plan.Without(IsChosen, before);
            if (isFirst && plan.IsEmpty && ParameterSetName is RuleSet)
                RefuseForeign(_input!.Of(target), before);
            comesBack |= plan.RemovedCommands.Any(saved.Contains);
            return plan;
        }
    }

    // -Saved:$false chooses nothing.
    private async Task RemoveSavedAsync(DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        if (Saved)
            queue.Write(await host.Saver.RemoveAsync(queue.AskToSave(host.Name), stop).ConfigureAwait(false));
    }

    // -All:$false chooses nothing.
    private bool IsChosen(RuleMark mark) => ParameterSetName is AllSet ? All : MarkFilter.Holds(_controls, mark.Control) && MarkFilter.Holds(Network, mark.Network);

    // A text without a mark means our Custom rule with these words. If only somebody else's line has them, say so instead of doing nothing.
    private static void RefuseForeign(IReadOnlyList<FirewallRule> rules, HostSnapshot host)
    {
        var wanted = rules.Select(rule => rule.ToString().Replace(" -m comment --comment \"DockerNetHarden:Custom\"", "", StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
        var foreign = host.Rules.Values.SelectMany(tables => tables.AllRules)
            .FirstOrDefault(line => wanted.Contains($"{(line.Family == Family.IPv6 ? "-6 " : "")}{(line.Table is "filter" ? "" : $"-t {line.Table} ")}{line.Text}"));
        if (foreign is not null)
            throw CommandFailure.NotOurs(Plan.CommandLine(foreign));
    }
}
