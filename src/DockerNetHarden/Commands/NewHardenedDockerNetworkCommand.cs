using System.Collections;
using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Completion;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Input;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Commands;

/// <summary>Makes a bridge network with a profile, or finds it as requested, and emits the profile's rules with it.</summary>
[Cmdlet(VerbsCommon.New, "HardenedDockerNetwork", SupportsShouldProcess = true)]
[OutputType(typeof(HardenedDockerNetwork))]
public sealed class NewHardenedDockerNetworkCommand : HostCmdlet
{
    private readonly Dictionary<HostTarget, List<HardenedNetwork>> _asked = [];
    private object?[] _bound = [];
    private HardenedNetwork? _network;

    // A table's column of hosts may have another name, and its other columns bind all the same.
    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [Alias("Host", "ComputerName")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public override string?[]? HostName { get; set; }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true, HelpMessage = "The network's name.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true, HelpMessage = "What the network is for; it decides the rules.")]
    public NetworkProfile Profile { get; set; } = NetworkProfile.Default;

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The bridge's interface name, at most 15 characters; made from the network's name if it is left out.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyString]
    public string? BridgeName { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The subnets, one per family; Docker chooses if none is named.")]
    [AllowNull]
    [AllowEmptyCollection]
    public string[]? Subnet { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The gateways, each within a subnet.")]
    [AllowNull]
    [AllowEmptyCollection]
    public string[]? Gateway { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Labels beside the profile's own.")]
    [AllowNull]
    public Hashtable? Label { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Options of Docker's bridge driver.")]
    [AllowNull]
    public Hashtable? Option { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Give the network IPv6.")]
    public SwitchParameter EnableIPv6 { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Keep the network's containers from each other.")]
    public SwitchParameter DisableIcc { get; set; }

    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        var network = Network();
        foreach (var host in CurrentTargets)
        {
            if (!_asked.TryGetValue(host, out var networks))
                _asked.Add(host, networks = []);
            if (!networks.Contains(network))
                networks.Add(network);
        }
    }

    protected override void EndProcessing() => WorkOnHosts();

    // On a single host a failure is the command's failure; among many hosts it is one error.
    private protected override bool EndsAtFailure(int hosts) => hosts == 1;

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var engine = await host.Docker.GetEngineAsync(stop).ConfigureAwait(false);
        foreach (var network in _asked[target])
            queue.Write(await MakeAsync(network, network.ToSpec(engine), host, queue, stop).ConfigureAwait(false));
    }

    private static async Task<HardenedDockerNetwork> MakeAsync(HardenedNetwork network, NetworkSpec spec, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var found = await host.Docker.FindNetworkAsync(spec.Name, stop).ConfigureAwait(false);
        if (found is not null && network.DifferencesFrom(found) is { Count: > 0 } differences)
            throw CommandFailure.NetworkDiffers(spec.Name, differences, found.Bridge is null ? null : network.Alternative);
        var question = Question(host.Name, spec, network.Profile);
        var status = found is not null ? (found.Profile is null ? NetworkStatus.Adopted : NetworkStatus.Exists)
            : await queue.AskAsync(question, question + "?", null, stop).ConfigureAwait(false) ? NetworkStatus.Created
            : NetworkStatus.Planned;
        if (status == NetworkStatus.Created)
            found = await host.Docker.CreateNetworkAsync(spec, stop).ConfigureAwait(false);
        if (found is null && spec.Subnets.Count == 0)
            queue.Warning(host.Name, $"The subnet of '{spec.Name}' is not known before the network is made, so the lines of its rules that need it (the backstop's) are left out here. Give -Subnet to include them.");
        return HardenedDockerNetwork.From(host.Name, network, found, status);
    }

    // Each pipeline object is one network; rows that only name hosts all mean the same one.
    private HardenedNetwork Network()
    {
        object?[] bound = [Name, Profile, BridgeName, Subnet, Gateway, Label, Option, EnableIPv6.IsPresent, DisableIcc.IsPresent];
        if (_network is not null && bound.SequenceEqual(_bound))
            return _network;
        _bound = bound;
        try
        {
            return _network = new HardenedNetwork
            {
                Name = Name,
                Profile = Profile,
                BridgeName = string.IsNullOrEmpty(BridgeName) ? null : BridgeName,
                Subnets = ControlInput.Addresses(Subnet, nameof(Subnet)),
                Gateways = ControlInput.Addresses(Gateway, nameof(Gateway)),
                Labels = ControlInput.Texts(Label),
                Options = ControlInput.Texts(Option),
                EnableIPv6 = EnableIPv6,
                DisableIcc = DisableIcc,
            }.Checked();
        }
        catch (RefusedValueException error)
        {
            ThrowTerminatingError(ErrorRecords.From(error, Name));
            throw;
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            ThrowTerminatingError(ErrorRecords.From(CommandFailure.InvalidNetwork(error.Message, Name, error), Name));
            throw;
        }
    }

    private static string Question(string host, NetworkSpec spec, NetworkProfile profile) =>
        $"Create the Docker network '{spec.Name}' on {host}: bridge {spec.BridgeName}, profile {profile}{(spec.Subnets.Count == 0 ? "" : $", subnet {string.Join(", ", spec.Subnets)}")}{(spec.Internal == true ? ", internal" : "")}";
}
