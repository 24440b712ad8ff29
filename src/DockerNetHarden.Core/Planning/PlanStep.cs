using DockerNetHarden.Addresses;

namespace DockerNetHarden.Planning;

/// <summary>
/// One transaction of a plan: one table of one family. Each COMMIT of iptables-restore is atomic by itself and no more than that,
/// so the steps stand in an order that is safe to stop at.
/// </summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table.</param>
/// <param name="Restore">The text for <c>iptables-restore --noflush --counters --wait</c>.</param>
/// <param name="Inverse">The text that takes the step back.</param>
public sealed record PlanStep(Family Family, string Table, string Restore, string Inverse);

/// <summary>
/// What the plan was made on, a table each: the lines of <c>iptables-save -t TABLE</c> (no counters) that concern our chains.
/// The writing program compares them with the live table before it writes.
/// </summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table.</param>
/// <param name="Lines">The lines, each ended by a newline, in order: those of the save output in which <c>DNH-</c> stands.</param>
public sealed record PlanPremise(Family Family, string Table, string Lines);

/// <summary>A chain to create where it does not exist, with <c>iptables -N</c>: a declaration in a restore text would flush a live one.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table, for example <c>filter</c>.</param>
/// <param name="Chain">The chain, for example <c>DOCKER-USER</c>.</param>
public sealed record NewChain(Family Family, string Table, string Chain);

/// <summary>A table of a family.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table, for example <c>mangle</c>.</param>
public sealed record PlanTable(Family Family, string Table)
{
    /// <summary>An empty chain that nobody jumps to, in a table that a write of ours made: when the last rule goes, the table may go too.</summary>
    internal const string Made = "DockerNetHarden-made";
}

/// <summary>How a plan is made.</summary>
public sealed record PlanOptions
{
    /// <summary>Make what is given all that is ours: marks that are not given are removed.</summary>
    public bool Prune { get; init; }

    /// <summary>Plan what could lock somebody out.</summary>
    public bool Force { get; init; }

    /// <summary>Make DOCKER-USER where it is missing; Docker keeps a chain that it finds.</summary>
    public bool CreateChain { get; init; }
}
