using DockerNetHarden.Effects;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>
/// A Docker host, local or remote: opens, reads, plans, writes, verifies and settles it. Starts nothing before it is first used.
/// </summary>
public sealed class DockerHost : IAsyncDisposable
{
    // When two administrators compete, one of them wins each round; five rounds with jitter were always enough in the lab.
    private const int MaxAttempts = 5;

    private readonly HostDocker? docker;
    private readonly HostReader reader;
    private readonly Func<IShell>? reconnect;

    /// <summary>A host that is reached through any shell.</summary>
    /// <param name="shell">The conversation with it; ended with the host.</param>
    /// <param name="docker">Its Docker; ended with the host. Null if Docker is not asked.</param>
    /// <param name="reconnect">Opens a new connection, which confirms a change; null if only a person can tell whether they can still get in.</param>
    /// <param name="clock">The clock for <see cref="HostSnapshot.TakenAt"/>; the system's if null.</param>
    public DockerHost(IShell shell, HostDocker? docker = null, Func<IShell>? reconnect = null, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(shell);
        (Shell, this.docker, this.reconnect) = (shell, docker, reconnect);
        reader = new HostReader(shell, docker, clock ?? TimeProvider.System);
    }

    /// <summary>The host as the user named it; <c>localhost</c> for this machine.</summary>
    public string Name => Shell.HostName;

    /// <summary>The conversation with it.</summary>
    public IShell Shell { get; }

    /// <summary>Its Docker: the engine and networks.</summary>
    public HostDocker Docker => docker ?? throw new InvalidOperationException($"The host '{Name}' was opened without its Docker.");

    /// <summary>Saves its rules for its next start.</summary>
    public RuleSaver Saver => new(Shell);

    /// <summary>How long one step of a write may take, including its wait of ten seconds for the xtables lock; thirty seconds unless set.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>This machine. Docker is asked where <c>DOCKER_HOST</c> says, or at its socket.</summary>
    /// <param name="timeouts">How long programs and requests may take.</param>
    /// <returns>The host; its owner disposes of it.</returns>
    /// <exception cref="DockerNetHarden.Docker.DockerException"><c>DOCKER_HOST</c> does not name an endpoint that can be asked here.</exception>
    public static DockerHost Local(ShellTimeouts? timeouts = null) => Beside(ProcessShell.Local(timeouts), DockerEndpoint.FromEnvironment(), timeouts);

    /// <summary>A host by ssh. A change on it is confirmed by a connection that is opened after it.</summary>
    /// <param name="target">The host.</param>
    /// <param name="sudo">Whether Docker is asked through <c>sudo -n</c> if its socket is closed to the user.</param>
    /// <param name="timeouts">How long programs may take and be silent.</param>
    /// <param name="executable">The ssh to start, looked up on PATH if it has no slash.</param>
    /// <returns>The host; its owner disposes of it.</returns>
    public static DockerHost BySsh(SshTarget target, bool sudo = false, ShellTimeouts? timeouts = null, string executable = "ssh") => Over(
        ProcessShell.BySsh(target, executable, timeouts: timeouts), sudo, () => ProcessShell.BySsh(target, executable, newConnection: true, timeouts));

    /// <summary>A host that is reached through any shell. Docker is asked in the same conversation.</summary>
    /// <param name="shell">The conversation; it ends with the host.</param>
    /// <param name="sudo">As in <see cref="BySsh"/>.</param>
    /// <param name="reconnect">Opens a new connection, which confirms a change; null if only a person can tell whether they can still get in.</param>
    /// <returns>The host; its owner disposes of it.</returns>
    public static DockerHost Over(IShell shell, bool sudo = false, Func<IShell>? reconnect = null) => new(shell, HostDocker.Over(shell, sudo), reconnect);

    /// <summary>A host that is reached through any shell and whose Docker is reached from this machine.</summary>
    /// <param name="shell">The conversation; it ends with the host.</param>
    /// <param name="endpoint">Where Docker is asked.</param>
    /// <param name="timeouts">How long requests may take.</param>
    /// <returns>The host; its owner disposes of it.</returns>
    public static DockerHost Beside(IShell shell, DockerEndpoint endpoint, ShellTimeouts? timeouts = null) => new(shell, HostDocker.At(endpoint, timeouts?.Command));

    /// <summary>Reads the host: the rules of the backend that Docker uses, links, addresses, resolvers, and Docker, side by side.</summary>
    /// <param name="stop">Stops reading; nothing is ever changed.</param>
    /// <returns>The snapshot. If Docker cannot be asked, that is not a failure: <see cref="HostSnapshot.DockerError"/> says why.</returns>
    /// <exception cref="HostException">The shell does not answer, or iptables is missing, may not be used or cannot be read.</exception>
    public Task<HostSnapshot> ReadAsync(CancellationToken stop) => reader.ReadAsync(whole: false, stop);

    /// <summary>Reads the whole host: what <see cref="ReadAsync(CancellationToken)"/> reads, and everything else that decides a packet's way.</summary>
    /// <param name="stop">Stops reading.</param>
    /// <returns>The snapshot. A part that could not be read is not a failure: <see cref="HostSnapshot.Unread"/> says why.</returns>
    /// <exception cref="HostException">The shell does not answer, or iptables is missing, may not be used or cannot be read.</exception>
    public Task<HostSnapshot> ReadWholeAsync(CancellationToken stop) => reader.ReadAsync(whole: true, stop);

    /// <summary>
    /// Writes: compares the premises, creates chains, runs the steps, takes them back if a later one fails, and reads back. This is one program; a token that is cancelled after
    /// all of it was sent is ignored, so that a written host is always reported.
    /// </summary>
    /// <param name="request">What to write.</param>
    /// <param name="stop">Ends the write as long as nothing of it runs.</param>
    /// <returns>How it ended, and the rule sets as read back.</returns>
    /// <exception cref="HostException">The conversation broke (what was written is then unknown: read the host), there is no right to write, or the rules could not be read
    /// back.</exception>
    public async Task<WriteOutcome> WriteAsync(WriteRequest request, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        var steps = (2 * request.Steps.Count) + request.NewChains.Count + (2 * request.NewTables.Count) + request.EmptiedTables.Count + (request.Nft is null ? 0 : 2) + (request.Sets is null ? 0 : 2);
        var script = WritingProgram.Of(request, HostReader.Timeout + (StepTimeout * steps));
        return WriteReading.Read(Name, request, await Shell.RunAsync(script, stop).ConfigureAwait(false));
    }

    /// <summary>Brings the host to a plan: reads, plans, asks, writes, reads back; and starts again if somebody else wrote in between.</summary>
    /// <param name="planner">Makes a plan of the snapshot; called again if somebody else wrote in between.</param>
    /// <param name="sink">Where warnings and questions go; the result is returned, and a failure is thrown.</param>
    /// <param name="stop">Ends the work; a host that is being written is finished and reported first.</param>
    /// <param name="rollback">When the host takes the change back unless it is confirmed: by a new connection, or by a person if none can be opened. Null: the change
    /// is final at once.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="HostException">The host could not be brought to the plan; the message says how it is now.</exception>
    public async Task<InvocationResult> ApplyAsync(Func<HostSnapshot, Plan> planner, IFleetSink sink, CancellationToken stop, RollbackOptions? rollback = null)
    {
        ArgumentNullException.ThrowIfNull(planner);
        ArgumentNullException.ThrowIfNull(sink);
        var change = new HostChange(Name, planner, sink, rollback);
        InvocationResult? result = null;
        HostException? lost = null;
        try
        {
            result = await CarryOutAsync(change, stop).ConfigureAwait(false);
        }
        // The rule that was written may be what cut the conversation off.
        catch (HostException error) when (change.Armed is not null && reconnect is not null)
        {
            lost = error;
            sink.Trace(Name, $"The answer got lost; asking the host what happened. {error.Message}");
        }
        if (change.Armed is not var (id, due))
            return result!;
        if (reconnect is null)
            return result! with { Status = InvocationStatus.AwaitingConfirmation };
        try
        {
            var status = await RollbackConfirmation.SettleAsync(Name, reconnect, id, due, confirm: lost is null, text => sink.Trace(Name, text), stop).ConfigureAwait(false);
            return result is null ? change.Lost(status) : result with { Status = status, Verified = result.Verified && status == InvocationStatus.Confirmed };
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // A written host is always reported. Nobody confirms any more, so it takes the change back by itself.
            return result is null ? change.Lost(InvocationStatus.AwaitingConfirmation) : result with { Status = InvocationStatus.AwaitingConfirmation };
        }
        catch (HostException error) when (lost is not null && error.Failure == HostFailure.RollbackUnknown)
        {
            // The program had not got that far: the lost conversation is all there is to report.
            throw lost;
        }
    }

    /// <summary>What a plan would do to the connections that are open on the host, which is read as a whole for that. Changes nothing.</summary>
    /// <param name="plan">A plan for this host.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <returns>The effect. If it could not be found out, its notes say why.</returns>
    public Task<ChangeEffect> EffectAsync(Plan plan, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return EffectReading.OfAsync(plan, reader, stop);
    }

    /// <summary>What the rules of this module met on the host, with the containers that the kernel log names. Changes nothing.</summary>
    /// <param name="stop">Stops reading.</param>
    /// <returns>The snapshot, and what was met there.</returns>
    /// <exception cref="HostException">The shell does not answer, or iptables is missing, may not be used or cannot be read.</exception>
    public async Task<(HostSnapshot Host, IReadOnlyList<BlockedAccess> Met)> ReadBlockedAsync(CancellationToken stop)
    {
        var (host, log) = await reader.ReadLoggedAsync(stop).ConfigureAwait(false);
        return (host, MetByRules.Of(host, log));
    }

    /// <summary>Tells the host that a change may stay.</summary>
    /// <param name="rollbackId">From <see cref="InvocationResult.RollbackId"/>.</param>
    /// <param name="stop">Ends the attempt; whether it was in time is then unknown.</param>
    /// <returns>A task that ends when the host has confirmed.</returns>
    /// <exception cref="HostException">As for <see cref="RollbackConfirmation.ConfirmAsync"/>.</exception>
    public Task ConfirmAsync(string rollbackId, CancellationToken stop) => RollbackConfirmation.ConfirmAsync(Shell, rollbackId, stop);

    /// <summary>Tries real connections from inside containers of the host.</summary>
    /// <param name="probes">The attempts, <see cref="ProbeProgram.MostProbes"/> at most.</param>
    /// <param name="stop">Stops waiting; attempts that have begun end by themselves.</param>
    /// <returns>One result per probe, in their order.</returns>
    /// <exception cref="HostException">The conversation broke.</exception>
    public Task<IReadOnlyList<ProbeResult>> ProbeAsync(IReadOnlyList<ConnectionProbe> probes, CancellationToken stop) => ProbeProgram.RunAsync(Shell, probes, stop);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (docker is not null)
            await docker.DisposeAsync().ConfigureAwait(false);
        await Shell.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<InvocationResult> CarryOutAsync(HostChange change, CancellationToken stop)
    {
        Plan? torn = null;
        for (var attempt = 1; ; attempt++)
        {
            var before = await ReadAsync(stop).ConfigureAwait(false);
            var plan = change.PlanOn(before, isFirst: attempt == 1);
            // What could not be read back was written all the same.
            if (plan.IsEmpty && torn is not null)
                change.Written(torn);
            torn = null;
            if (plan.IsEmpty)
                return change.Result(plan, change.WroteAnything ? InvocationStatus.Applied : InvocationStatus.Unchanged, await HoldsAsync(change, before, plan, stop).ConfigureAwait(false));
            if (!await change.AgreeAsync(plan, EffectAsync, stop).ConfigureAwait(false))
                return change.Result(plan, change.WroteAnything ? InvocationStatus.Applied : InvocationStatus.Planned, verified: false);
            WriteOutcome outcome;
            try
            {
                outcome = await WriteAsync(change.Request(plan), stop).ConfigureAwait(false);
            }
            catch (HostException error) when (attempt < MaxAttempts && HostReader.IsTorn(error))
            {
                change.Trace($"Attempt {attempt} of {MaxAttempts}: the tables changed while they were read back. Reading again.");
                torn = plan;
                continue;
            }
            catch (HostException error) when (error.Failure is HostFailure.RollbackPending or HostFailure.NoPermission or HostFailure.RollbackFailed)
            {
                change.NotArmed();
                throw;
            }
            if (!outcome.RollbackArmed)
                change.NotArmed();
            if (outcome.Status == WriteStatus.Written)
                change.Written(plan);
            if (outcome.Status == WriteStatus.Written || outcome.WasKilled)
            {
                var after = change.Make(before with { Rules = outcome.Rules, OwnTable = outcome.OwnTable ?? before.OwnTable, IpSets = outcome.IpSets ?? before.IpSets });
                if (after.IsEmpty && outcome.WasKilled)
                    change.Written(plan);
                if (after.IsEmpty)
                    return change.Result(plan, InvocationStatus.Applied, await HoldsAsync(change, before, after, stop).ConfigureAwait(false));
            }
            if (change.GiveUpSets(plan, outcome) && attempt < MaxAttempts)
                continue;
            if (attempt == MaxAttempts || outcome.UndoFailed || (outcome.Status == WriteStatus.Failed && !WriteErrors.IsLostRace(outcome, plan)))
                throw WriteErrors.Failure(Name, outcome, plan, MaxAttempts);
            change.Trace($"Attempt {attempt} of {MaxAttempts}: {WriteErrors.Reason(outcome)} Planning again.");
            await Task.Delay(Random.Shared.Next(20, 100 * attempt), stop).ConfigureAwait(false);
        }
    }

    // It is not enough that the lines are there: packets must reach them.
    private async Task<bool> HoldsAsync(HostChange change, HostSnapshot planned, Plan plan, CancellationToken stop)
    {
        // Docker takes its jump to DOCKER-USER away and puts it back, some milliseconds later, whenever a network is made: that is not a finding. Only the tables
        // are read again: a network that was made since does not make what was written wrong.
        for (var look = 0; look < 3 && plan is { IsEmpty: true, Problems.Count: > 0 } && !stop.IsCancellationRequested; look++)
        {
            try
            {
                await Task.Delay(100, stop).ConfigureAwait(false);
                var now = await ReadAsync(stop).ConfigureAwait(false);
                plan = change.Make(planned with { Rules = now.Rules, OwnTable = now.OwnTable, IpSets = now.IpSets });
            }
            // The host has been written: from here on it is reported, whatever happens.
            catch (Exception error) when (error is HostException or OperationCanceledException)
            {
                break;
            }
        }
        change.Warn(plan.Problems);
        return plan is { IsEmpty: true, Problems.Count: 0 };
    }
}
