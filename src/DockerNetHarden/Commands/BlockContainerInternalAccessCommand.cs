using System.Management.Automation;
using DockerNetHarden.Controls;
using DockerNetHarden.Input;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that keep networks' containers from internal ranges. Changes nothing.</summary>
[Cmdlet(VerbsSecurity.Block, "ContainerInternalAccess", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class BlockContainerInternalAccessCommand : BlockCommand
{
    [Parameter(HelpMessage = "The ranges to block; 10/8, 172.16/12, 192.168/16, 100.64/10, 169.254/16, fc00::/7 and fe80::/10 if none is named.")]
    [ValidateNotNullOrEmpty]
    public string[]? Range { get; set; }

    private protected override IEnumerable<Control> Controls(NetworkReference? network) =>
    [
        new InternalAccess
        {
            Network = network,
            ExceptNetworks = ExceptNetworks,
            Ranges = Range is null ? InternalAccess.DefaultRanges : ControlInput.Addresses(Range, nameof(Range)),
            AllowAddresses = AllowAddresses,
            AllowPorts = AllowPorts,
            Dns = Dns,
            Action = Action,
            Log = Log,
        },
    ];
}
