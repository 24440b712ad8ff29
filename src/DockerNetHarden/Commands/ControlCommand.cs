using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Input;

namespace DockerNetHarden.Commands;

/// <summary>An emitter of one control for the whole host, or of one for each named network. Changes nothing.</summary>
public abstract class ControlCommand : PSCmdlet
{
    internal const string AllNetworksSet = "AllNetworks";
    internal const string NetworkSet = "Network";

    private readonly EmittedRules _rules = new();

    [Parameter(Mandatory = true, ParameterSetName = NetworkSet, ValueFromPipelineByPropertyName = true, HelpMessage = "Only containers of these Docker networks.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(ParameterSetName = NetworkSet, ValueFromPipelineByPropertyName = true, HelpMessage = "The host of the networks; Invoke-FirewallRule applies the rules there.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [Alias("Host", "ComputerName")]
    [ValidateNotNullOrEmpty]
    public string? HostName { get; set; }

    [Parameter(ParameterSetName = AllNetworksSet, HelpMessage = "Docker networks whose containers are excepted.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? ExceptNetwork { get; set; }

    [Parameter(HelpMessage = "Log what is blocked, at most ten lines a minute.")]
    public SwitchParameter Log { get; set; }

    [Parameter(HelpMessage = "Block nothing: count and log what would be blocked. The same command without this turns the control on.")]
    public SwitchParameter ReportOnly { get; set; }

    private protected IReadOnlyList<string> ExceptNetworks => ControlInput.Networks(ExceptNetwork, nameof(ExceptNetwork));

    /// <summary>The controls for one network; null means the whole host.</summary>
    private protected abstract IEnumerable<Control> Controls(NetworkReference? network);

    // Called for what bound, or once if nothing is piped: input that did not bind means no rules, and not rules for all networks.
    protected sealed override void ProcessRecord() => _rules.Add(this, HostName, () =>
        from network in ControlInput.Networks(Network)
        from control in Controls(network)
        from rule in (control with { ReportOnly = ReportOnly }).Rules()
        select rule);

    protected sealed override void EndProcessing() => _rules.Emit(this);
}
