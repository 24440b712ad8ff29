using DockerNetHarden.Addresses;

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

    /// <summary>nftables cannot express a rule.</summary>
    NotInNftables,

    /// <summary>Rules of ours ask a set of addresses that cannot be read.</summary>
    SetUnread,

    /// <summary>There is nothing to plan.</summary>
    NothingGiven,
}

/// <summary>A plan that cannot be made on this host. Nothing has been changed; the message names the value, the reason and the remedy.</summary>
public sealed class PlanException(PlanFailure failure, string cause, string remedy) : Exception(ShownText.Message($"{cause} {remedy}"))
{
    /// <summary>What stands in the way: the message without its remedy.</summary>
    public string Cause { get; } = ShownText.Message(cause);

    /// <summary>What to do about it, in whole sentences.</summary>
    public string Remedy { get; } = ShownText.Message(remedy);

    /// <summary>The reason.</summary>
    public PlanFailure Failure { get; } = failure;
}
