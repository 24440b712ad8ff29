using DockerNetHarden.Addresses;

namespace DockerNetHarden.Planning;

/// <summary>
/// One transaction of a plan: one table of one family. Each COMMIT of iptables-restore is atomic, but only by itself,
/// so the steps come in an order that is safe to stop at.
/// </summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table.</param>
/// <param name="Restore">The text for <c>iptables-restore --noflush --counters --wait</c>.</param>
/// <param name="Inverse">The text that undoes the step.</param>
public sealed record PlanStep(Family Family, string Table, string Restore, string Inverse);

/// <summary>
/// What the plan was made on, one per table: the lines of <c>iptables-save -t TABLE</c> (no counters) that concern our chains.
/// The writing program compares them with the live table before it writes.
/// </summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table.</param>
/// <param name="Lines">The lines, each ended by a newline, in order: those lines of the save output that contain <c>DNH-</c>.</param>
public sealed record PlanPremise(Family Family, string Table, string Lines);

/// <summary>A chain to create with <c>iptables -N</c> if it does not exist: a declaration in a restore text would flush an existing one.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table, for example <c>filter</c>.</param>
/// <param name="Chain">The chain, for example <c>DOCKER-USER</c>.</param>
public sealed record NewChain(Family Family, string Table, string Chain);

/// <summary>A table of a family.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table, for example <c>mangle</c>.</param>
public sealed record PlanTable(Family Family, string Table)
{
    /// <summary>An empty chain that nothing jumps to, in a table that a write of ours made: when the last rule goes, the table may go too.</summary>
    internal const string Made = "DockerNetHarden-made";
}

/// <summary>How a plan is made.</summary>
public sealed record PlanOptions
{
    /// <summary>Make the given rules all that is ours: other marks are removed.</summary>
    public bool Prune { get; init; }

    /// <summary>Plan changes that could lock somebody out.</summary>
    public bool Force { get; init; }

    /// <summary>Make DOCKER-USER if it is missing; Docker keeps a chain that it finds.</summary>
    public bool CreateChain { get; init; }
}
