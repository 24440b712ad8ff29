using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Input;

namespace DockerNetHarden.Commands;

/// <summary>Says what happens to containers' packets, and which rule decides.</summary>
[Cmdlet(VerbsDiagnostic.Trace, "ContainerAccess", DefaultParameterSetName = NetworkSet)]
[OutputType(typeof(AccessTrace))]
public sealed class TraceContainerAccessCommand : AnalysisCmdlet
{
    private const string NetworkSet = "Network";
    private const string ContainerSet = "Container";

    private TraceRequest _request = new();

    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames(nameof(Snapshot), "FullName")]
    public override string?[]? HostName { get; set; }

    [Parameter(Position = 0, HelpMessage = "Addresses, prefixes, or the words Metadata, Host and Internal, with a port if wanted (10.0.0.5:5432); all three words if it is left out.")]
    [ArgumentCompleter(typeof(Completer<DestinationNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Destination { get; set; }

    [Parameter(ParameterSetName = NetworkSet, HelpMessage = "The Docker networks that the packets come from; all of them if it is left out.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Network { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = ContainerSet, HelpMessage = "The containers that the packets come from, by name or by the beginning of the id.")]
    [ArgumentCompleter(typeof(Completer<ContainerNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Container { get; set; }

    [Parameter(HelpMessage = "The packets' source, an address or a prefix; it selects the network whose subnet holds it.")]
    [ValidateNotNullOrEmpty]
    public string? Source { get; set; }

    // Not the ssh server's, as on other commands: whoever asks what reaches a port means this one.
    [Parameter(Position = 1, HelpMessage = "The destination ports, for example 80,443 or 1000:2000; of tcp if no protocol is named.")]
    [ValidateNotNullOrEmpty]
    public new string[]? Port { get; set; }

    [Parameter(HelpMessage = "The protocol: tcp, udp, icmp, icmpv6, sctp, or a number.")]
    [ArgumentCompleter(typeof(Completer<ProtocolNames>))]
    [ValidateNotNullOrEmpty]
    public string? Protocol { get; set; }

    [Parameter(HelpMessage = "Also try real TCP connections from inside running containers, and say whether they end as computed.")]
    public SwitchParameter Probe { get; set; }

    [Parameter(HelpMessage = "One object for each rule that decides, instead of one for each different answer.")]
    public SwitchParameter Detailed { get; set; }

    // Whoever names where packets come from wants to know why. Nobody can try a row of a matrix.
    private bool IsMatrix => Network is null && Container is null && Source is null && !Detailed && !Probe;

    private protected override bool HasSshPort => false;

    protected override void EndProcessing() => WorkOnHosts();

    private protected override void Prepare()
    {
        _request = new TraceRequest
        {
            Networks = Network ?? [],
            Containers = Container ?? [],
            Source = Source is null ? null : ControlInput.Addresses([Source], nameof(Source))[0],
        }.With(Port is null ? null : string.Join(',', Port), Protocol);
        if (Destination is not null)
            _request = _request.To(Destination);
        if (Probe && Snapshot is not null)
            throw CommandFailure.ConflictingParameters(nameof(Probe), nameof(Snapshot), "a file cannot answer connections");
        if (Probe && _request.Destinations.Any(destination => destination.Protocol is not (null or "tcp")))
            throw CommandFailure.ConflictingParameters(nameof(Probe), nameof(Destination), "only TCP connections are tried");
        if (Probe && _request.Protocol is not (null or "tcp"))
            throw CommandFailure.ConflictingParameters(nameof(Probe), nameof(Protocol), "only TCP connections are tried");
    }

    // Its table shows how the attempt ended.
    private static PSObject Probed(AccessTrace trace)
    {
        var shown = new PSObject(trace);
        shown.TypeNames.Insert(0, typeof(AccessTrace).FullName + "#Probed");
        return shown;
    }

    private protected override async Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        // A connection proves something about one rule.
        var traces = Traced.All(_request, host, Detailed || Probe, queue);
        if (IsMatrix)
        {
            foreach (var row in AccessMatrix.Of(traces, [.. _request.Destinations.Select(destination => destination.Text)]))
                queue.Write(row);
            return;
        }
        if (Probe)
            traces = await TraceProbes.AddAsync(traces, host, queue, stop).ConfigureAwait(false);
        foreach (var traced in traces)
            queue.Write(Probe ? Probed(traced.Trace) : traced.Trace);
    }
}
