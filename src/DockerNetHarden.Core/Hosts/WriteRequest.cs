using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>What to write to a host, as data.</summary>
public sealed record WriteRequest
{
    /// <summary>The iptables commands, from the snapshot that the plan was made on.</summary>
    public required IptablesTool Tool { get; init; }

    /// <summary>The transactions, in an order that is safe to stop at.</summary>
    public required IReadOnlyList<PlanStep> Steps { get; init; }

    /// <summary>What the plan was made on; on any difference nothing is written.</summary>
    public IReadOnlyList<PlanPremise> Premises { get; init; } = [];

    /// <summary>
    /// Chains to create first. One that was created stays when a later step fails: an empty chain to which nothing jumps decides nothing.
    /// </summary>
    public IReadOnlyList<NewChain> NewChains { get; init; } = [];

    /// <summary>Tables that the write makes: they are marked, and go again where the write is taken back.</summary>
    public IReadOnlyList<PlanTable> NewTables { get; init; } = [];

    /// <summary>Tables with that mark that may be empty after the write, and then go.</summary>
    public IReadOnlyList<PlanTable> EmptiedTables { get; init; } = [];

    /// <summary>The rollback to arm first; null where the change stands at once. One that is armed already is left as it is.</summary>
    public RollbackArm? Rollback { get; init; }
}

/// <summary>How a write ended.</summary>
public enum WriteStatus
{
    /// <summary>A premise no longer held; nothing was written. Plan again on <see cref="WriteOutcome.Rules"/>.</summary>
    Stale,

    /// <summary>Every step was written.</summary>
    Written,

    /// <summary>A step was refused; those before it were taken back, unless <see cref="WriteOutcome.UndoFailed"/>.</summary>
    Failed,
}

/// <summary>How a write ended, and what the tables hold now.</summary>
public sealed record WriteOutcome
{
    /// <summary>How it ended.</summary>
    public required WriteStatus Status { get; init; }

    /// <summary>The rule sets as read back after the write, a family each.</summary>
    public required IReadOnlyDictionary<Family, Ruleset> Rules { get; init; }

    /// <summary>Whether the rollback of the request waits on the host: it was armed by this write or an earlier one, and not ended.</summary>
    public bool RollbackArmed { get; init; }

    /// <summary>The step that was refused, as an index into <see cref="WriteRequest.Steps"/>; null where none was.</summary>
    public int? FailedStep { get; init; }

    /// <summary>The exit code of iptables-restore for that step.</summary>
    public int? ExitCode { get; init; }

    /// <summary>What it wrote to standard error; where the undo failed too, also what that wrote.</summary>
    public string Errors { get; init; } = "";

    /// <summary>
    /// Whether planning again is worth it: another program changed the tables at the same time or holds their lock. Source: iptables-restore(8)
    /// exits with 4 for a resource problem; iptables-nft says "Bad rule" or "Resource temporarily unavailable" for a lost race.
    /// </summary>
    public bool IsTransient { get; init; }

    /// <summary>Whether a written table could not be taken back: the host is in between, and <see cref="Rules"/> shows how.</summary>
    public bool UndoFailed { get; init; }
}
