using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that keep containers from the cloud's metadata service. Changes nothing.</summary>
[Cmdlet(VerbsSecurity.Block, "ContainerMetadataAccess", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class BlockContainerMetadataAccessCommand : BlockCommand
{
    [Parameter(Position = 0, HelpMessage = "The clouds whose endpoints are blocked, or Auto for the one that each host is in; all known ones if none is named.")]
    [ArgumentCompleter(typeof(Completer<ProviderNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Provider { get; set; }

    private protected override IEnumerable<Control> Controls(NetworkReference? network) =>
        (Provider ?? [null!]).Distinct(StringComparer.OrdinalIgnoreCase).Select(provider => new MetadataAccess
        {
            Provider = provider,
            Network = network,
            ExceptNetworks = ExceptNetworks,
            Dns = Dns,
            AllowPorts = AllowPorts,
            AllowAddresses = AllowAddresses,
            Action = Action,
            Log = Log,
        });
}
