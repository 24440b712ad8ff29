using System.Collections;
using System.Management.Automation;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Makes a bridge network with a profile, or finds it as asked for, and emits the profile's rules with it.</summary>
[Cmdlet(VerbsCommon.New, "HardenedDockerNetwork", SupportsShouldProcess = true)]
[OutputType(typeof(HardenedDockerNetwork))]
public sealed class NewHardenedDockerNetworkCommand : HostCmdlet
{
    private HardenedNetworkRequest? _request;

    [Parameter(Mandatory = true, Position = 0, HelpMessage = "The network's name.")]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    [Parameter(Position = 1, HelpMessage = "What the network is for; it decides the rules.")]
    public NetworkProfile Profile { get; set; } = NetworkProfile.Default;

    [Parameter(HelpMessage = "The bridge's interface name, at most 15 characters; made from the network's name where it is left out.")]
    [ValidateNotNullOrEmpty]
    public string? BridgeName { get; set; }

    [Parameter(HelpMessage = "The subnets, one a family; Docker chooses where none is named.")]
    [ValidateNotNullOrEmpty]
    public string[]? Subnet { get; set; }

    [Parameter(HelpMessage = "The gateways, each within a subnet.")]
    [ValidateNotNullOrEmpty]
    public string[]? Gateway { get; set; }

    [Parameter(HelpMessage = "Labels beside the profile's own.")]
    [ValidateNotNull]
    public Hashtable? Label { get; set; }

    [Parameter(HelpMessage = "Options of Docker's bridge driver.")]
    [ValidateNotNull]
    public Hashtable? Option { get; set; }

    [Parameter(HelpMessage = "Give the network IPv6.")]
    public SwitchParameter EnableIPv6 { get; set; }

    [Parameter(HelpMessage = "Keep the network's containers from each other.")]
    public SwitchParameter DisableIcc { get; set; }

    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        try
        {
            _request = new HardenedNetworkRequest(
                Name, Profile, BridgeName, ControlInput.Addresses(Subnet, nameof(Subnet)), ControlInput.Addresses(Gateway, nameof(Gateway)),
                ControlInput.Texts(Label), ControlInput.Texts(Option), EnableIPv6, DisableIcc);
        }
        catch (RuleException error)
        {
            ThrowTerminatingError(ErrorRecords.From(error, Name));
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            ThrowTerminatingError(ErrorRecords.From(CommandFailure.InvalidNetwork(error.Message, Name, error), Name));
        }
    }

    protected override void EndProcessing() => WorkOnHosts();

    // One network that cannot be had is the command's failure; one of many hosts is one error.
    private protected override bool EndsAtFailure(int hosts) => hosts == 1;

    private protected override async Task WorkAsync(HostConnection host, PipelineQueue queue, CancellationToken stop)
    {
        var engine = await host.Docker.GetEngineAsync(stop).ConfigureAwait(false);
        var spec = _request!.ToSpec(engine);
        var found = await host.Docker.FindNetworkAsync(spec.Name, stop).ConfigureAwait(false);
        if (found is not null && spec.DifferencesFrom(found) is { Count: > 0 } differences)
            throw CommandFailure.NetworkDiffers(spec.Name, differences);
        var status = found is not null ? NetworkStatus.Exists
            : await queue.AskAsync(Question("Create", host.Name, spec), Question("Create", host.Name, spec) + "?", null, stop).ConfigureAwait(false) ? NetworkStatus.Created
            : NetworkStatus.Planned;
        if (status == NetworkStatus.Created)
            found = await host.Docker.CreateNetworkAsync(spec, stop).ConfigureAwait(false);
        if (found is null && spec.Subnets.Count == 0)
            queue.Warning(host.Name, $"The subnet of '{spec.Name}' is not known before the network is made: the lines of its rules that need it (the backstop's) are left out here. Give -Subnet to have them.");
        queue.Write(_request.Describe(host.Name, spec, found, status));
    }

    private string Question(string verb, string host, NetworkSpec spec) =>
        $"{verb} the Docker network '{spec.Name}' on {host}: bridge {spec.BridgeName}, profile {Profile}{(spec.Subnets.Count == 0 ? "" : $", subnet {string.Join(", ", spec.Subnets)}")}{(spec.Internal == true ? ", internal" : "")}";
}
