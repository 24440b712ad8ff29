using System.Globalization;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Analysis.Walking;

/// <summary>A place where packets are decided about.</summary>
/// <param name="Backend">The implementation (<c>nft</c>, <c>legacy</c>) or the native table; null where it is outside the rules.</param>
/// <param name="Table">The table.</param>
/// <param name="Chain">The chain.</param>
/// <param name="Position">The rule's place, from 1; 0 for the policy.</param>
/// <param name="Rule">The rule; null for a policy or a native rule.</param>
internal sealed record Place(string? Backend, string Table, string Chain, int Position, RuleLine? Rule)
{
    /// <summary>As a sentence names it: <c>filter DOCKER-USER rule 2</c>, <c>filter FORWARD's policy</c>.</summary>
    public override string ToString() => Position == 0
        ? $"{Table} {Chain}'s policy"
        : string.Create(CultureInfo.InvariantCulture, $"{Table} {Chain} rule {Position}");

    public bool Equals(Place? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}
