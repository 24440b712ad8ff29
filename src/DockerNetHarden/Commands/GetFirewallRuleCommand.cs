using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>Reads the rules that stand on hosts, with their counters.</summary>
[Cmdlet(VerbsCommon.Get, "FirewallRule")]
[OutputType(typeof(InstalledRule))]
public sealed class GetFirewallRuleCommand : HostCmdlet
{
    [Parameter(Position = 0, HelpMessage = "Only rules of these controls.")]
    [ArgumentCompleter(typeof(ControlCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Control { get; set; }

    [Parameter(HelpMessage = "Only rules that are bound to these Docker networks.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(HelpMessage = "Every rule of every table, not only ours.")]
    public SwitchParameter All { get; set; }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override async Task WorkAsync(IReadOnlyList<HostConnection> hosts, PipelineQueue queue, CancellationToken stop)
    {
        var controls = MarkFilter.CheckControls(Control);
        foreach (var host in hosts)
        {
            try
            {
                var snapshot = await host.Host.ReadAsync(stop).ConfigureAwait(false);
                foreach (var warning in snapshot.Warnings)
                    queue.Warning(host.Name, warning);
                foreach (var rule in InstalledRule.ReadAll(snapshot))
                {
                    if ((All || rule.IsOurs) && MarkFilter.Holds(controls, rule.Control) && MarkFilter.Holds(Network, rule.Network))
                        queue.Write(rule);
                }
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                queue.Failure(host.Name, error);
            }
        }
    }
}
