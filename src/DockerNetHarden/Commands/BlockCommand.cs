using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Input;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>An emitter of a block, with the parameters for what stays open.</summary>
public abstract class BlockCommand : ControlCommand
{
    [Parameter(HelpMessage = "Ports that stay open, for example 53/udp or 8080/tcp.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowPort { get; set; }

    [Parameter(HelpMessage = "Addresses that stay open.")]
    [ValidateNotNullOrEmpty]
    public string[]? AllowAddress { get; set; }

    [Parameter(HelpMessage = "Keep DNS (53) open at every blocked address.")]
    public SwitchParameter AllowDns { get; set; }

    [Parameter(HelpMessage = "Close DNS (53) even where it would stay open.")]
    public SwitchParameter BlockDns { get; set; }

    [Parameter(HelpMessage = "Reject: clients fail at once. Drop: they wait for their timeout.")]
    [ValidateSet(nameof(RuleAction.Drop), nameof(RuleAction.Reject))]
    public RuleAction Action { get; set; } = RuleAction.Reject;

    private protected IReadOnlyList<PortSpec> AllowPorts => ControlInput.Ports(AllowPort, nameof(AllowPort));

    private protected IReadOnlyList<Cidr> AllowAddresses => ControlInput.Addresses(AllowAddress, nameof(AllowAddress));

    private protected bool? Dns => ControlInput.Dns(AllowDns, BlockDns);
}
