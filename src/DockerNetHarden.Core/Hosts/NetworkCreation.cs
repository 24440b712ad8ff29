using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>
/// Makes a network that is protected from the moment it exists. Its bridge has a name that is known beforehand, so the rules that name the bridge are written first, and then the network is
/// made. If the engine chooses a subnet, the rules that need it follow at once. Whatever fails or is cancelled in between leaves rules without a network, never a network without rules.
/// </summary>
public sealed class NetworkCreation
{
    private readonly DockerHost _host;
    private readonly NetworkSpec _spec;
    private readonly Func<HostSnapshot, Plan> _planner;
    private readonly Relay _sink;
    private readonly bool _force;
    private HostSnapshot? _before;
    private Plan? _plan;

    private NetworkCreation(DockerHost host, NetworkSpec spec, Func<HostSnapshot, Plan> planner, IFleetSink sink, bool force) =>
        (_host, _spec, _planner, _sink, _force) = (host, spec, planner, new Relay(sink), force);

    /// <summary>Writes the rules, makes the network, and writes the rules that need its subnet. The sink is asked once, with the plan for the rules, which may be empty.</summary>
    /// <param name="host">The host.</param>
    /// <param name="spec">The network, which does not exist yet; it names its bridge.</param>
    /// <param name="planner">The plan for the network's rules, and for no others: before the network exists and, with its subnets, once the snapshot has it.</param>
    /// <param name="sink">Where the question and warnings go.</param>
    /// <param name="force">Whether to make the network even if something keeps packets from its rules.</param>
    /// <param name="stop">Ends the work before the network is made; rules that were written by then stay. From then on the work is finished.</param>
    /// <returns>The network and what was written.</returns>
    /// <exception cref="HostException">The rules could not be written or do not act: the network was not made, or was removed again. The message says how the host is now.</exception>
    /// <exception cref="DockerException">Docker refused the network, or could not be asked. The message says what became of the rules.</exception>
    public static Task<CreatedNetwork> RunAsync(DockerHost host, NetworkSpec spec, Func<HostSnapshot, Plan> planner, IFleetSink sink, bool force, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(planner);
        ArgumentNullException.ThrowIfNull(sink);
        return spec.BridgeName is null
            ? throw new ArgumentException($"The network '{spec.Name}' names no bridge, so its rules cannot be there before it.", nameof(spec))
            : new NetworkCreation(host, spec, planner, sink, force).RunAsync(stop);
    }

    private async Task<CreatedNetwork> RunAsync(CancellationToken stop)
    {
        var first = await WriteFirstAsync(stop).ConfigureAwait(false);
        if (!_sink.Agrees)
            return new CreatedNetwork(null, [first]);
        stop.ThrowIfCancellationRequested();
        var network = await MakeAsync(first).ConfigureAwait(false);
        if (IsAsAsked(network))
            return new CreatedNetwork(network, [first]);
        _sink.Trace(_host.Name, $"Docker gave the network '{_spec.Name}' the subnets {string.Join(", ", network.Subnets)}; writing the rules that need them.");
        return new CreatedNetwork(network, [first, await WriteRestAsync(first, network).ConfigureAwait(false)]);
    }

    private async Task<InvocationResult> WriteFirstAsync(CancellationToken stop)
    {
        InvocationResult written;
        try
        {
            written = await _host.ApplyAsync(Plan, _sink, stop).ConfigureAwait(false);
        }
        catch (HostException error)
        {
            throw Says(error, $"The network '{_spec.Name}' was not made: its rules come first.");
        }
        // Rules that are there already need no question, but the network does.
        if (written.Status == InvocationStatus.Unchanged)
            await _sink.ConfirmAsync(_host.Name, _plan!, stop).ConfigureAwait(false);
        _sink.IsSettled = true;
        return written.Verified || _force || !_sink.Agrees ? written : throw NotActing($"The network was not made. {await TakeBackAsync(written).ConfigureAwait(false)}");

        Plan Plan(HostSnapshot now)
        {
            _before ??= now;
            // Docker would refuse the network, but only after its rules had cut off the other one's containers.
            if (now.Networks.FirstOrDefault(each => string.Equals(each.Bridge, _spec.BridgeName, StringComparison.Ordinal) && !string.Equals(each.Name, _spec.Name, StringComparison.Ordinal)) is { } other)
                throw new DockerException(DockerFailure.Conflict, $"The bridge {_spec.BridgeName} on {_host.Name} is of the network '{other.Name}', so the network '{_spec.Name}' was not made. Nothing was changed.", remedy: "Choose another bridge name, or leave it out.");
            return _plan = _planner(now);
        }
    }

    private async Task<DockerNetwork> MakeAsync(InvocationResult first)
    {
        try
        {
            // Not to be cancelled: it would not be known whether the engine goes on.
            return await _host.Docker.CreateNetworkAsync(_spec, CancellationToken.None).ConfigureAwait(false);
        }
        catch (HostException error)
        {
            throw Says(error, Unknown);
        }
        catch (DockerException error)
        {
            throw Says(error, await RulesAfterAsync(error, first).ConfigureAwait(false));
        }
    }

    // Nothing is taken back while a network may be there or still be made: it must find its rules.
    private async Task<string> RulesAfterAsync(DockerException refusal, InvocationResult first)
    {
        if (refusal.Status is null)
            return Unknown;
        try
        {
            if (await _host.Docker.FindNetworkAsync(_spec.Name, CancellationToken.None).ConfigureAwait(false) is not null)
                return $"A network '{_spec.Name}' is there now, so its rules stay. Run the command again.";
        }
        catch (Exception error) when (error is DockerException or HostException)
        {
            return Unknown;
        }
        return await TakeBackAsync(first).ConfigureAwait(false);
    }

    private async Task<InvocationResult> WriteRestAsync(InvocationResult first, DockerNetwork network)
    {
        try
        {
            var written = await _host.ApplyAsync(_planner, _sink, CancellationToken.None).ConfigureAwait(false);
            return written.Verified || _force ? written : throw NotActing("");
        }
        catch (HostException error)
        {
            throw Says(error, await RemoveAsync(first, network).ConfigureAwait(false));
        }
    }

    private async Task<string> RemoveAsync(InvocationResult first, DockerNetwork network)
    {
        try
        {
            await _host.Docker.RemoveNetworkAsync(network.Id, CancellationToken.None).ConfigureAwait(false);
        }
        catch (DockerException error) when (error.Failure == DockerFailure.NotFound)
        {
            // Somebody else removed it.
        }
        catch (Exception error) when (error is DockerException or HostException)
        {
            return $"The network '{_spec.Name}' had been made by then and could not be removed again ({error.Message.TrimEnd('.')}): it stays, with the rules that name its bridge {network.Bridge} and without those that need its subnet. Run the command again to complete them.";
        }
        return $"The network '{_spec.Name}', which had just been made, was removed again. {await TakeBackAsync(first).ConfigureAwait(false)}";
    }

    private async Task<string> TakeBackAsync(InvocationResult first)
    {
        if (first.Added.Count + first.Removed.Count == 0)
            return "Its rules were there before and stay.";
        try
        {
            await _host.ApplyAsync(now => NetworkRules.Restored(_spec.Name, _before!, now), _sink, CancellationToken.None).ConfigureAwait(false);
            return "The rules that were written for it were taken back.";
        }
        catch (HostException error)
        {
            return $"The rules that were written for it could not be taken back and stay ({error.Cause.TrimEnd('.')}).";
        }
    }

    // Otherwise some of its rules were not known before: the engine chose a subnet, or IPv6 is on by default.
    private bool IsAsAsked(DockerNetwork network) => string.Equals(network.Bridge, _spec.BridgeName, StringComparison.Ordinal) && _spec.Subnets.Count > 0 && network.Subnets.ToHashSet().SetEquals(_spec.Subnets);

    private string Unknown => $"Whether Docker made the network '{_spec.Name}' is not known, so the rules for it stay. Run the command again.";

    private HostException NotActing(string outcome) => new(
        HostFailure.NotVerified, _host.Name, $"{_host.Name}: the rules of the network '{_spec.Name}' were written, but something keeps its packets from them; the warnings say what. {outcome}",
        "Mend that (Get-DockerNetworkHardening names the remedy), or give -Force.");

    private static HostException Says(HostException error, string outcome) =>
        new(error.Failure, error.Host, $"{error.Cause} {outcome}", error.Remedy, error.ExitCode, error.Errors, error) { Output = error.Output };

    private static DockerException Says(DockerException error, string outcome) =>
        new(error.Failure, $"{error.Cause} {outcome}", error.Endpoint, error.Status, error, string.Equals(error.Remedy, error.Cause, StringComparison.Ordinal) ? null : error.Remedy);

    /// <summary>Passes on what several writes say, each warning once. Once the first rules are settled, nothing more is asked: the rest follows from that answer.</summary>
    private sealed class Relay(IFleetSink sink) : IFleetSink
    {
        private readonly HashSet<string> _told = new(StringComparer.Ordinal);

        public bool Agrees { get; private set; }

        public bool IsSettled { get; set; }

        public void Failure(string host, Exception error) => sink.Failure(host, error);

        public void Warning(string host, string message)
        {
            if (_told.Add(message))
                sink.Warning(host, message);
        }

        public void Trace(string host, string message) => sink.Trace(host, message);

        public async Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => IsSettled || (Agrees = await sink.ConfirmAsync(host, plan, stop).ConfigureAwait(false));
    }
}
