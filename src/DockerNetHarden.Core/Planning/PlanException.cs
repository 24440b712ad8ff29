namespace DockerNetHarden.Planning;

/// <summary>Why no plan can be made.</summary>
public enum PlanFailure
{
    /// <summary>A symbolic operand means nothing on this host.</summary>
    UnresolvedOperand,

    /// <summary>A chain that a rule needs does not exist.</summary>
    ChainMissing,

    /// <summary>The host has no tool for the rule's family.</summary>
    FamilyMissing,

    /// <summary>The plan could lock somebody out and is made only with Force.</summary>
    NeedsForce,

    /// <summary>There is nothing to plan.</summary>
    NothingGiven,
}

/// <summary>A plan that cannot be made on this host. Nothing has been changed; the message names the value, the reason and the way out.</summary>
public sealed class PlanException(PlanFailure failure, string message) : Exception(message)
{
    /// <summary>The reason.</summary>
    public PlanFailure Failure { get; } = failure;
}
