using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that keep containers from the cloud's metadata service. Changes nothing.</summary>
[Cmdlet(VerbsSecurity.Block, "ContainerMetadataAccess", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class BlockContainerMetadataAccessCommand : PSCmdlet
{
    private const string AllNetworksSet = "AllNetworks";
    private const string NetworkSet = "Network";

    [Parameter(Position = 0, HelpMessage = "The clouds whose endpoints are blocked; all that are known where none is named.")]
    [ArgumentCompleter(typeof(ProviderCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Provider { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = NetworkSet, HelpMessage = "Only containers of these Docker networks.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(ParameterSetName = AllNetworksSet, HelpMessage = "Docker networks whose containers may reach metadata.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? ExceptNetwork { get; set; }

    [Parameter(HelpMessage = "Keep DNS (53) open at every blocked address.")]
    public SwitchParameter AllowDns { get; set; }

    [Parameter(HelpMessage = "Close DNS (53) too where the address serves it.")]
    public SwitchParameter BlockDns { get; set; }

    [Parameter(HelpMessage = "Ports that stay open at the blocked addresses, for example 53/udp.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowPort { get; set; }

    [Parameter(HelpMessage = "Endpoint addresses that are not blocked.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowAddress { get; set; }

    [Parameter(HelpMessage = "Reject: clients fail at once. Drop: they wait for their timeout.")]
    [ValidateSet(nameof(RuleAction.Drop), nameof(RuleAction.Reject))]
    public RuleAction Action { get; set; } = RuleAction.Reject;

    [Parameter(HelpMessage = "Log what is blocked, at most ten lines a minute.")]
    public SwitchParameter Log { get; set; }

    protected override void EndProcessing() => ControlInput.Emit(this, () =>
        from provider in (Provider ?? [null!]).Distinct(StringComparer.OrdinalIgnoreCase)
        from target in ControlInput.Targets(Network)
        from rule in new MetadataAccess
        {
            Provider = provider,
            Target = target,
            ExceptNetworks = ControlInput.Networks(ExceptNetwork, nameof(ExceptNetwork)),
            Dns = ControlInput.Dns(AllowDns, BlockDns),
            AllowPorts = ControlInput.Ports(AllowPort, nameof(AllowPort)),
            AllowAddresses = ControlInput.Addresses(AllowAddress, nameof(AllowAddress)),
            Action = Action,
            Log = Log,
        }.Rules()
        select rule);
}
