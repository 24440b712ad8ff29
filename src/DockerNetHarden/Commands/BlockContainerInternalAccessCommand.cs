using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that keep containers from internal ranges. Changes nothing.</summary>
[Cmdlet(VerbsSecurity.Block, "ContainerInternalAccess", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class BlockContainerInternalAccessCommand : PSCmdlet
{
    private const string AllNetworksSet = "AllNetworks";
    private const string NetworkSet = "Network";

    [Parameter(Mandatory = true, ParameterSetName = NetworkSet, HelpMessage = "Only containers of these Docker networks.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(ParameterSetName = AllNetworksSet, HelpMessage = "Docker networks whose containers may reach internal ranges.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? ExceptNetwork { get; set; }

    [Parameter(HelpMessage = "The ranges, IPv4; 10/8, 172.16/12, 192.168/16, 100.64/10 and 169.254/16 where none is named.")]
    [ValidateNotNullOrEmpty]
    public string[]? Range { get; set; }

    [Parameter(HelpMessage = "Internal addresses that stay open; with -AllowPort for those ports only.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowAddress { get; set; }

    [Parameter(HelpMessage = "Ports that stay open, for example 443/tcp; with -AllowAddress only there.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowPort { get; set; }

    [Parameter(HelpMessage = "Keep DNS (53) open at every internal address.")]
    public SwitchParameter AllowDns { get; set; }

    [Parameter(HelpMessage = "Close DNS (53) at the containers' own resolvers too.")]
    public SwitchParameter BlockDns { get; set; }

    [Parameter(HelpMessage = "Reject: clients fail at once. Drop: they wait for their timeout.")]
    [ValidateSet(nameof(RuleAction.Drop), nameof(RuleAction.Reject))]
    public RuleAction Action { get; set; } = RuleAction.Reject;

    [Parameter(HelpMessage = "Log what is blocked, at most ten lines a minute.")]
    public SwitchParameter Log { get; set; }

    protected override void EndProcessing() => ControlInput.Emit(this, () =>
        from target in ControlInput.Targets(Network)
        from rule in new InternalAccess
        {
            Target = target,
            ExceptNetworks = ControlInput.Networks(ExceptNetwork, nameof(ExceptNetwork)),
            Ranges = Range is null ? InternalAccess.DefaultRanges : ControlInput.Addresses(Range, nameof(Range)),
            AllowAddresses = ControlInput.Addresses(AllowAddress, nameof(AllowAddress)),
            AllowPorts = ControlInput.Ports(AllowPort, nameof(AllowPort)),
            Dns = ControlInput.Dns(AllowDns, BlockDns),
            Action = Action,
            Log = Log,
        }.Rules()
        select rule);
}
