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
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>Writes a profile's rules and makes a bridge network with it, in this order; a network that is there as requested only gets its rules.</summary>
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

    [Parameter(HelpMessage = "Make DOCKER-USER and the jump to it if Docker has not made them.")]
    public SwitchParameter CreateChain { get; set; }

    [Parameter(HelpMessage = "Write rules that could lock somebody out, and make the network even if something keeps packets from its rules.")]
    public SwitchParameter Force { get; set; }

    [Parameter(HelpMessage = "Where the rules go: Auto (where Docker writes its own), Iptables, or Nftables.")]
    public FirewallBackend Backend { get; set; }

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

    private async Task<HardenedDockerNetwork> MakeAsync(HardenedNetwork network, NetworkSpec spec, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var options = new PlanOptions { CreateChain = CreateChain, Force = Force, Backend = Backend };
        var found = await host.Docker.FindNetworkAsync(spec.Name, stop).ConfigureAwait(false);
        if (found is not null && network.DifferencesFrom(found) is { Count: > 0 } differences)
            throw CommandFailure.NetworkDiffers(spec.Name, differences, found.Bridge is null ? null : network.Alternative);
        if (found is not null)
        {
            var applied = await host.ApplyAsync(Plan, queue, stop).ConfigureAwait(false);
            return HardenedDockerNetwork.From(host.Name, network, found, found.Profile is null ? NetworkStatus.Adopted : NetworkStatus.Exists, applied.Verified);
        }
        var made = await NetworkCreation.RunAsync(host, spec, Plan, new NetworkQuestion(queue, Question(host.Name, spec, network.Profile)), Force, stop).ConfigureAwait(false);
        if (made.Network is null && spec.Subnets.Count == 0)
            queue.Warning(host.Name, $"The subnet of '{spec.Name}' is not known before the network is made, so the lines of its rules that need it (the backstop's) are left out here. They are written directly after the network; give -Subnet to see them now.");
        return HardenedDockerNetwork.From(host.Name, network, made.Network, made.Network is null ? NetworkStatus.Planned : NetworkStatus.Created, made.Verified);

        Plan Plan(HostSnapshot before) => network.PlanOn(before, options);
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

    // The network and its rules belong together: one question.
    private sealed class NetworkQuestion(PipelineQueue queue, string question) : IFleetSink
    {
        public void Failure(string host, Exception error) => queue.Failure(host, error);

        public void Warning(string host, string message) => queue.Warning(host, message);

        public void Trace(string host, string message) => queue.Trace(host, message);

        public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => plan.IsEmpty
            ? queue.AskAsync(question, question + "?", null, stop)
            : queue.AskAsync($"{question}. First, lines that are removed (-) and added (+):\n{plan.Diff}", $"{question}? First, lines that are removed (-) and added (+):\n{plan.Diff}", null, stop);
    }
}
