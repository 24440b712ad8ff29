using System.Management.Automation;
using DockerNetHarden.Controls;
using DockerNetHarden.Input;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that keep containers from services on the Docker host. Changes nothing.</summary>
[Cmdlet(VerbsSecurity.Block, "ContainerHostAccess", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class BlockContainerHostAccessCommand : BlockCommand
{
    [Parameter(HelpMessage = "Close only these addresses of the host. Without it all of them are closed; only that protects.")]
    [ValidateNotNullOrEmpty]
    public string[]? HostAddress { get; set; }

    [Parameter(HelpMessage = "Keep open the ports that containers publish on the host.")]
    public SwitchParameter AllowPublishedPort { get; set; }

    private protected override IEnumerable<Control> Controls(NetworkReference? network) =>
    [
        new HostAccess
        {
            Network = network,
            ExceptNetworks = ExceptNetworks,
            HostAddresses = ControlInput.Addresses(HostAddress, nameof(HostAddress)),
            AllowPorts = AllowPorts,
            AllowAddresses = AllowAddresses,
            AllowPublishedPorts = AllowPublishedPort,
            Dns = Dns,
            Action = Action,
            Log = Log,
        },
    ];
}
