using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Input;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>Reads the rules on hosts, with their counters.</summary>
[Cmdlet(VerbsCommon.Get, "FirewallRule")]
[OutputType(typeof(InstalledRule))]
public sealed class GetFirewallRuleCommand : HostCmdlet
{
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames]
    public override string?[]? HostName { get; set; }

    [Parameter(Position = 0, HelpMessage = "Only rules of these controls.")]
    [ArgumentCompleter(typeof(Completer<ControlNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Control { get; set; }

    [Parameter(HelpMessage = "Only rules bound to these Docker networks.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(HelpMessage = "All rules of all tables, not only this module's.")]
    public SwitchParameter All { get; set; }

    private string[]? _controls;

    protected override void EndProcessing() => WorkOnHosts();

    private protected override void Prepare() => _controls = MarkFilter.CheckControls(Control);

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var snapshot = await host.ReadAsync(stop).ConfigureAwait(false);
        foreach (var warning in snapshot.Warnings)
            queue.Warning(host.Name, warning);
        var rules = InstalledRule.ReadAll(snapshot);
        var known = MarkFilter.Known(snapshot.Networks.Select(network => network.Name), rules.Select(rule => rule.Network));
        foreach (var missing in MarkFilter.Missing(host.Name, Network, known, snapshot.DockerError))
            queue.Failure(host.Name, missing);
        foreach (var rule in rules)
        {
            if ((All || rule.IsOurs) && MarkFilter.Holds(_controls, rule.Control) && MarkFilter.Holds(Network, rule.Network))
                queue.Write(rule);
        }
    }
}
