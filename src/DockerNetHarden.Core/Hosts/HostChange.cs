using DockerNetHarden.Docker;
using DockerNetHarden.Effects;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>One change of a host: what was agreed to, what was written so far, which rollback waits for it, and the result that reports all that.</summary>
internal sealed class HostChange(string host, Func<HostSnapshot, Plan> planner, IFleetSink sink, RollbackOptions? rollback)
{
    private readonly List<string> _added = [];
    private readonly List<string> _removed = [];
    private Plan? _agreed;
    private ChangeEffect? _effect;
    private RollbackArm? _arm;
    private bool _isWithoutSets;
    private RollbackArm? _armedBefore;
    private DateTimeOffset? _due;

    /// <summary>The rollback that waits on the host, or may wait if the answer got lost; null if none does.</summary>
    public (string Id, DateTimeOffset Due)? Armed => _arm is null ? null : (_arm.Id, _due!.Value);

    public bool WroteAnything => _added.Count + _removed.Count > 0;

    /// <summary>The plan for what was read; the first one also sends the warnings about the host.</summary>
    public Plan PlanOn(HostSnapshot before, bool isFirst)
    {
        if (isFirst)
            Tell(before);
        var plan = Make(before);
        if (isFirst)
            Warn(plan.Warnings);
        return plan;
    }

    public Plan Make(HostSnapshot snapshot)
    {
        try
        {
            return planner(_isWithoutSets ? snapshot with { HasIpSet = false } : snapshot);
        }
        catch (PlanException error)
        {
            throw HostErrors.NoPlan(host, error);
        }
    }

    /// <summary>Asks about a plan; asks again if it differs from the one that was agreed to.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="effectOf">Finds out what it would do to open connections.</param>
    /// <param name="stop">Ends the wait for an answer.</param>
    public async Task<bool> AgreeAsync(Plan plan, Func<Plan, CancellationToken, Task<ChangeEffect>> effectOf, CancellationToken stop)
    {
        if (!string.Equals(_agreed?.Diff, plan.Diff, StringComparison.Ordinal))
        {
            _effect = sink.WantsEffect ? await effectOf(plan, stop).ConfigureAwait(false) : null;
            if (!await (_effect is null ? sink.ConfirmAsync(host, plan, stop) : sink.ConfirmAsync(host, plan, _effect, stop)).ConfigureAwait(false))
                return false;
        }
        _agreed = plan;
        return true;
    }

    /// <summary>The write of a plan, with the rollback that is armed before it or already waits.</summary>
    public WriteRequest Request(Plan plan)
    {
        _armedBefore = _arm;
        if (_arm is not null)
            _arm = _arm.With(plan);
        else if (rollback is not null)
            (_arm, _due) = (RollbackArm.For(plan, rollback), DateTimeOffset.UtcNow + rollback.After);
        return new WriteRequest
        {
            Tool = plan.Before.Iptables,
            Steps = plan.Steps,
            Premises = plan.Premises,
            NewChains = plan.NewChains,
            NewTables = plan.NewTables,
            EmptiedTables = plan.EmptiedTables,
            Nft = plan.Nft,
            Sets = plan.Sets,
            HasNft = plan.Before.OwnTable is not null,
            Rollback = _arm,
        };
    }

    /// <summary>A rollback armed for a write that changed nothing ended with it: the next attempt arms its own. One of an earlier attempt keeps waiting.</summary>
    public void NotArmed() => _arm = _armedBefore;

    /// <summary>Plans without sets from now on, if a write that was to make some failed: a kernel can lack what a host's ipset or iptables needs, or a user the right. False if there is nothing else to try.</summary>
    public bool GiveUpSets(Plan plan, WriteOutcome outcome)
    {
        if (outcome is not { Status: WriteStatus.Failed, IsTransient: false, UndoFailed: false, WasKilled: false } || plan.Sets is not { Made.Count: > 0 } || _isWithoutSets)
            return false;
        _isWithoutSets = true;
        sink.Warning(host, $"No address sets can be used there, so each address gets lines of its own: {FarText.Line(outcome.Errors)}");
        return true;
    }

    public void Written(Plan plan)
    {
        _added.AddRange(plan.AddedCommands);
        _removed.AddRange(plan.RemovedCommands);
    }

    public InvocationResult Result(Plan plan, InvocationStatus status, bool verified) => new()
    {
        HostName = host,
        Status = status,
        Iptables = plan.Before.Iptables.Version,
        Backend = plan.Backend,
        Added = status == InvocationStatus.Planned ? plan.AddedCommands : _added,
        Removed = status == InvocationStatus.Planned ? plan.RemovedCommands : _removed,
        Unchanged = plan.Unchanged,
        Affected = status == InvocationStatus.Unchanged ? [] : _effect?.Connections,
        AffectedNotes = _effect?.Notes ?? [],
        Verified = verified,
        RollbackId = _arm?.Id,
        RollbackAt = _arm is null ? null : _due,
    };

    /// <summary>The result of a write whose answer got lost, with the decision that was found on the host.</summary>
    public InvocationResult Lost(InvocationStatus status) => Result(_agreed!, status, verified: false) with
    {
        Added = _agreed!.AddedCommands,
        Removed = _agreed!.RemovedCommands,
    };

    public void Warn(IEnumerable<string> warnings)
    {
        foreach (var warning in warnings)
            sink.Warning(host, warning);
    }

    public void Trace(string text) => sink.Trace(host, text);

    private void Tell(HostSnapshot before)
    {
        Trace($"Read with {before.Iptables.Prefix4} ({before.Iptables.Version}); Docker {before.Engine?.Version ?? "was not asked"}, {before.Networks.Count} networks.");
        if (before.DockerError is { Failure: DockerFailure.Rootless } rootless)
            throw HostErrors.Rootless(host, rootless);
        if (before.DockerError is { } error)
            sink.Warning(host, $"Docker could not be asked, so nothing was looked up in it: {error.Message}");
        Warn(before.Warnings);
    }
}
