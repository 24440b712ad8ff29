using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Persistence;

/// <summary>A chain of ours, as text for iptables-restore.</summary>
/// <param name="Name">The chain, for example <c>DNH-METADATA</c>.</param>
/// <param name="Lines">Its rules, each as <c>-A DNH-METADATA ...</c>, without counters; only lines with a mark of ours.</param>
public sealed record SavedChain(string Name, IReadOnlyList<string> Lines);

/// <summary>A jump from a hook to a chain of ours.</summary>
/// <param name="Hook">The chain that jumps, for example <c>DOCKER-USER</c>.</param>
/// <param name="Chain">Our chain.</param>
public sealed record SavedJump(string Hook, string Chain)
{
    /// <summary>The jump without its command: <c>DOCKER-USER -m comment --comment DockerNetHarden -j DNH-METADATA</c>.</summary>
    public string Text => $"{Hook} -m comment --comment {RuleMark.Owner} -j {Chain}";

    internal bool IsInDockerUser => string.Equals(Hook, Rules.Hook.DockerUser, StringComparison.Ordinal);
}

/// <summary>What is ours in one table of one family.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table: <c>mangle</c>, <c>raw</c> or <c>filter</c>.</param>
/// <param name="Chains">Our chains, by name.</param>
/// <param name="Jumps">The jumps to them, hook after hook; within a hook in the order in which packets meet them, Custom last.</param>
public sealed record SavedTable(Family Family, string Table, IReadOnlyList<SavedChain> Chains, IReadOnlyList<SavedJump> Jumps)
{
    /// <summary>Whether the hook DOCKER-USER is used: a chain of Docker's, which has to exist before a jump can be put into it.</summary>
    public bool NeedsDockerUser => Jumps.Any(static jump => jump.IsInDockerUser);
}
