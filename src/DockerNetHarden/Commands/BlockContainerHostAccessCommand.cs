using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that keep containers from services on the Docker host. Changes nothing.</summary>
[Cmdlet(VerbsSecurity.Block, "ContainerHostAccess", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class BlockContainerHostAccessCommand : PSCmdlet
{
    private const string AllNetworksSet = "AllNetworks";
    private const string NetworkSet = "Network";

    [Parameter(Mandatory = true, ParameterSetName = NetworkSet, HelpMessage = "Only containers of these Docker networks.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(ParameterSetName = AllNetworksSet, HelpMessage = "Docker networks whose containers may reach the host.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? ExceptNetwork { get; set; }

    [Parameter(HelpMessage = "Close only these addresses of the host; without it all of them, which is what protects.")]
    [ValidateNotNullOrEmpty]
    public string[]? HostAddress { get; set; }

    [Parameter(HelpMessage = "Ports of the host that stay open, for example 8080/tcp; with -AllowAddress only there.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowPort { get; set; }

    [Parameter(HelpMessage = "Addresses of the host that stay open; with -AllowPort for those ports only.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowAddress { get; set; }

    [Parameter(HelpMessage = "Keep the ports open that containers publish on the host.")]
    public SwitchParameter AllowPublishedPort { get; set; }

    [Parameter(HelpMessage = "Keep DNS (53) open at every address of the host.")]
    public SwitchParameter AllowDns { get; set; }

    [Parameter(HelpMessage = "Close DNS (53) too where the host is the containers' resolver.")]
    public SwitchParameter BlockDns { get; set; }

    [Parameter(HelpMessage = "Reject: clients fail at once. Drop: they wait for their timeout.")]
    [ValidateSet(nameof(RuleAction.Drop), nameof(RuleAction.Reject))]
    public RuleAction Action { get; set; } = RuleAction.Reject;

    [Parameter(HelpMessage = "Log what is blocked, at most ten lines a minute.")]
    public SwitchParameter Log { get; set; }

    protected override void EndProcessing() => ControlInput.Emit(this, () =>
        from target in ControlInput.Targets(Network)
        from rule in new HostAccess
        {
            Target = target,
            ExceptNetworks = ControlInput.Networks(ExceptNetwork, nameof(ExceptNetwork)),
            HostAddresses = ControlInput.Addresses(HostAddress, nameof(HostAddress)),
            AllowPorts = ControlInput.Ports(AllowPort, nameof(AllowPort)),
            AllowAddresses = ControlInput.Addresses(AllowAddress, nameof(AllowAddress)),
            AllowPublishedPorts = AllowPublishedPort,
            Dns = ControlInput.Dns(AllowDns, BlockDns),
            Action = Action,
            Log = Log,
        }.Rules()
        select rule);
}
