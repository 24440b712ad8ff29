using System.Globalization;
using System.Text.RegularExpressions;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Brings one host to a plan: reads, plans, asks, writes, reads back; and again, where somebody else wrote in between.</summary>
internal sealed partial class RuleApplier(DockerHost host, Func<HostSnapshot, Plan> planner, IFleetSink sink, RollbackOptions? rollback = null)
{
    // Under contention of two administrators one of them wins each round; five rounds with jitter were always enough in the lab.
    private const int MaxAttempts = 5;

    private readonly List<string> _added = [];
    private readonly List<string> _removed = [];
    private string? _confirmed;
    private RollbackArm? _arm;
    private DateTimeOffset? _due;

    /// <summary>What was agreed to last, for the report on a host whose answer got lost; null before that.</summary>
    public Plan? Agreed { get; private set; }

    /// <summary>The rollback that waits on the host, or may wait where the answer got lost; null where none does.</summary>
    public (string Id, DateTimeOffset Due)? Armed => _arm is null ? null : (_arm.Id, _due!.Value);

    public async Task<InvocationResult> RunAsync(CancellationToken stop)
    {
        Plan? torn = null;
        for (var attempt = 1; ; attempt++)
        {
            var before = await host.ReadAsync(stop).ConfigureAwait(false);
            if (attempt == 1)
                Tell(before);
            var plan = Make(before);
            if (attempt == 1)
                Warn(plan.Warnings);
            // What could not be read back stands: it was written.
            if (plan.IsEmpty && torn is not null)
                Remember(torn);
            torn = null;
            if (plan.IsEmpty)
                return Result(plan, _added.Count + _removed.Count == 0 ? InvocationStatus.Unchanged : InvocationStatus.Applied, await HoldsAsync(before, plan, stop).ConfigureAwait(false));
            // A plan that was not the one that was agreed to is asked about again.
            if (!string.Equals(_confirmed, plan.Diff, StringComparison.Ordinal) && !await sink.ConfirmAsync(host.ToString(), plan, stop).ConfigureAwait(false))
                return Result(plan, _added.Count + _removed.Count == 0 ? InvocationStatus.Planned : InvocationStatus.Applied, verified: false);
            _confirmed = plan.Diff;
            Agreed = plan;
            var waiting = _arm;
            if (waiting is not null)
                _arm = waiting.With(plan);
            else if (rollback is not null)
                (_arm, _due) = (RollbackArm.For(plan, rollback), DateTimeOffset.UtcNow + rollback.After);

            WriteOutcome outcome;
            try
            {
                outcome = await host.ApplyAsync(Request(plan) with { Rollback = _arm }, stop).ConfigureAwait(false);
            }
            catch (HostException error) when (attempt < MaxAttempts && DockerHost.IsTorn(error))
            {
                sink.Trace(host.ToString(), $"Attempt {attempt} of {MaxAttempts}: the tables changed while they were read back. Looking again.");
                torn = plan;
                continue;
            }
            catch (HostException error) when (error.Failure is HostFailure.RollbackPending or HostFailure.NoPermission or HostFailure.RollbackFailed)
            {
                _arm = waiting;
                throw;
            }
            // What was armed for a write that changed nothing was ended with it: the next attempt has one of its own. One of an earlier attempt waits on.
            if (!outcome.RollbackArmed)
                _arm = waiting;
            if (outcome.Status == WriteStatus.Written)
            {
                Remember(plan);
                var after = Make(before with { Rules = outcome.Rules });
                if (after.IsEmpty)
                    return Result(plan, InvocationStatus.Applied, await HoldsAsync(before, after, stop).ConfigureAwait(false));
            }
            if (attempt == MaxAttempts || outcome.UndoFailed || (outcome.Status == WriteStatus.Failed && !IsLostRace(outcome, plan)))
                throw Failure(outcome, plan);
            sink.Trace(host.ToString(), $"Attempt {attempt} of {MaxAttempts}: {Reason(outcome)} Planning again.");
            await Task.Delay(Random.Shared.Next(20, 100 * attempt), stop).ConfigureAwait(false);
        }
    }

    // That the lines stand is not enough: they have to be asked.
    private async Task<bool> HoldsAsync(HostSnapshot planned, Plan plan, CancellationToken stop)
    {
        // Docker takes its jump to DOCKER-USER away and puts it back, some milliseconds later, whenever a network is made: that is no finding. Only the tables
        // are looked at again: a network that came since does not make what was written wrong.
        for (var look = 0; look < 3 && plan is { IsEmpty: true, Problems.Count: > 0 } && !stop.IsCancellationRequested; look++)
        {
            try
            {
                await Task.Delay(100, stop).ConfigureAwait(false);
                plan = Make(planned with { Rules = (await host.ReadAsync(stop).ConfigureAwait(false)).Rules });
            }
            // The host has been written: it is reported, whatever comes in between now.
            catch (Exception error) when (error is HostException or OperationCanceledException)
            {
                break;
            }
        }
        Warn(plan.Problems);
        return plan is { IsEmpty: true, Problems.Count: 0 };
    }

    private void Remember(Plan plan)
    {
        _added.AddRange(plan.Added.Select(Plan.CommandLine));
        _removed.AddRange(plan.Removed.Select(Plan.CommandLine));
    }

    private static WriteRequest Request(Plan plan) => new()
    {
        Tool = plan.Before.Iptables,
        Steps = plan.Steps,
        Premises = plan.Premises,
        NewChains = plan.NewChains,
        NewTables = plan.NewTables,
        EmptiedTables = plan.EmptiedTables,
    };

    private void Tell(HostSnapshot before)
    {
        sink.Trace(host.ToString(), $"Read with {before.Iptables.Prefix4} ({before.Iptables.Version}); Docker {before.Engine?.Version ?? "was not asked"}, {before.Networks.Count} networks.");
        if (before.DockerError is { Failure: DockerFailure.Rootless } rootless)
            throw new HostException(HostFailure.RootlessDocker, host.ToString(), $"{host}: {rootless.Message}", inner: rootless);
        if (before.DockerError is { } error)
            sink.Warning(host.ToString(), $"Docker could not be asked, so nothing was looked up there: {error.Message}");
        Warn(before.Warnings);
    }

    private void Warn(IEnumerable<string> warnings)
    {
        foreach (var warning in warnings)
            sink.Warning(host.ToString(), warning);
    }

    private Plan Make(HostSnapshot snapshot)
    {
        try
        {
            return planner(snapshot);
        }
        catch (PlanException error)
        {
            var failure = error.Failure switch
            {
                PlanFailure.UnresolvedOperand => HostFailure.UnresolvedOperand,
                PlanFailure.ChainMissing => HostFailure.ChainMissing,
                PlanFailure.FamilyMissing => HostFailure.IptablesMissing,
                PlanFailure.NeedsForce => HostFailure.NeedsForce,
                _ => HostFailure.NothingToDo,
            };
            throw new HostException(failure, host.ToString(), error.Message, inner: error);
        }
    }

    private InvocationResult Result(Plan plan, InvocationStatus status, bool verified) => new()
    {
        HostName = host.ToString(),
        Status = status,
        Iptables = plan.Before.Iptables.Version,
        Added = status == InvocationStatus.Planned ? [.. plan.Added.Select(Plan.CommandLine)] : _added,
        Removed = status == InvocationStatus.Planned ? [.. plan.Removed.Select(Plan.CommandLine)] : _removed,
        Unchanged = plan.Unchanged,
        Verified = verified,
        RollbackId = _arm?.Id,
        RollbackAt = _arm is null ? null : _due,
    };

    /// <summary>The result of a write whose answer got lost, with what the host was found to have decided.</summary>
    public InvocationResult Lost(InvocationStatus status) => Result(Agreed!, status, verified: false) with
    {
        Added = [.. Agreed!.Added.Select(Plan.CommandLine)],
        Removed = [.. Agreed!.Removed.Select(Plan.CommandLine)],
    };

    private static string Reason(WriteOutcome outcome) => outcome.Status switch
    {
        WriteStatus.Stale => "somebody else changed our chains since they were read; nothing was written.",
        WriteStatus.Written => "what was read back is not what was written.",
        _ => $"iptables-restore lost a race ({outcome.Errors.Trim()}).",
    };

    // What a plan deletes or makes says what it was planned on: refused, it tells that somebody else was there. iptables-legacy gives no reason, only the line.
    private static bool IsLostRace(WriteOutcome outcome, Plan plan) =>
        outcome.IsTransient || RefusedLines(outcome, plan).Any(line => line.Text.StartsWith("-D ", StringComparison.Ordinal) || line.Text.StartsWith("-N ", StringComparison.Ordinal) || line.Text.StartsWith("-X ", StringComparison.Ordinal));

    // iptables-restore names lines by number; a person wants to see them.
    private static string Refused(WriteOutcome outcome, Plan plan) =>
        string.Concat(RefusedLines(outcome, plan).Take(5).Select(line => $"; line {line.Number}: {line.Text}"));

    private static IEnumerable<(int Number, string Text)> RefusedLines(WriteOutcome outcome, Plan plan)
    {
        if (outcome.FailedStep is not { } step)
            return [];
        var lines = plan.Steps[step].Restore.Split('\n');
        return LineNumber().Matches(outcome.Errors)
            .Select(match => int.Parse(match.ValueSpan["line ".Length..], CultureInfo.InvariantCulture))
            .Where(number => number >= 1 && number < lines.Length).Distinct()
            .Select(number => (number, lines[number - 1]));
    }

    private static string Where(WriteOutcome outcome, Plan plan) => outcome.FailedStep is { } step ? Name(plan.Steps[step]) : "a table";

    private static string TakenBack(WriteOutcome outcome, Plan plan) => outcome.FailedStep is > 0 and { } step
        ? $"What had been written before ({string.Join(", ", plan.Steps.Take(step).Select(Name))}) was taken back: the host is as it was."
        : "Nothing was written: the host is as it was.";

    private static string Name(PlanStep step) => $"{step.Family} {step.Table}";

    [GeneratedRegex("line [0-9]{1,6}", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex LineNumber();

    private HostException Failure(WriteOutcome outcome, Plan plan)
    {
        var name = host.ToString();
        return outcome switch
        {
            { UndoFailed: true } => new HostException(HostFailure.UndoFailed, name, $"{name}: iptables-restore refused a table (exit code {outcome.ExitCode}: {outcome.Errors.Trim()}), and what had been written before could not be taken back. The host is in between: look at it with Get-FirewallRule, then apply again or Remove-FirewallRule -All.", outcome.ExitCode, outcome.Errors),
            { Status: WriteStatus.Stale } => new HostException(HostFailure.Contended, name, $"{name}: somebody else changed our chains each of the {MaxAttempts} times between reading and writing; nothing of this call was left. Find out who applies rules there, and try again."),
            { Status: WriteStatus.Written } => new HostException(HostFailure.NotVerified, name, $"{name}: what was read back is not what was written. Look with Get-FirewallRule whether another tool changes our chains."),
            _ => new HostException(HostFailure.RestoreFailed, name, $"{name}: iptables-restore refused the rules for {Where(outcome, plan)} (exit code {outcome.ExitCode}): {outcome.Errors.Trim().TrimEnd('.')}{Refused(outcome, plan)}. {TakenBack(outcome, plan)}", outcome.ExitCode, outcome.Errors),
        };
    }
}
