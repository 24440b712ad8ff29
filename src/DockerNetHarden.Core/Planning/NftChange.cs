namespace DockerNetHarden.Planning;

/// <summary>What changes in our nftables table: one transaction over all hooks and both families.</summary>
/// <param name="Text">The text for <c>nft -f</c>.</param>
/// <param name="Premise">The handles of the table that the plan was made on, ascending, one a line; empty if there was none: then the transaction makes the table, and fails if it exists after all.</param>
/// <param name="Added">The lines that go in, as commands.</param>
/// <param name="Removed">The lines that go out, as commands.</param>
public sealed record NftChange(string Text, string Premise, IReadOnlyList<string> Added, IReadOnlyList<string> Removed)
{
    /// <summary>Whether it comes before the steps for iptables: what adds is done before what only removes.</summary>
    internal bool IsFirst => Added.Count > 0;
}
