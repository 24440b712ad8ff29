using System.Globalization;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Matching;

/// <summary>A place where packets are decided.</summary>
/// <param name="Backend">The implementation (<c>nft</c>, <c>legacy</c>) or the native table; null outside the rules.</param>
/// <param name="Table">The table.</param>
/// <param name="Chain">The chain.</param>
/// <param name="Position">The rule's place, from 1; 0 for the policy.</param>
/// <param name="Rule">The rule; null for a policy or a native rule.</param>
internal sealed record Place(string? Backend, string Table, string Chain, int Position, RuleLine? Rule)
{
    private readonly string?[] _sentences = new string?[3];

    /// <summary>Its name in a sentence: <c>filter DOCKER-USER rule 2</c>, <c>filter FORWARD's policy</c>.</summary>
    public override string ToString() => Position == 0
        ? $"{Table} {Chain}'s policy"
        : string.Create(CultureInfo.InvariantCulture, $"{Table} {Chain} rule {Position}");

    /// <summary>What the place does with packets, in a sentence without its full stop. Made once, because a rule decides in many answers.</summary>
    internal string Sentence(Verdict verdict) => _sentences[(int)verdict] ??= (verdict, Position) switch
    {
        (Verdict.Accept, 0) => $"{this} is ACCEPT and no rule before it decided",
        (Verdict.Accept, _) => $"accepted by {this}",
        (Verdict.Drop, 0) => $"dropped by {this}: no rule before it decided",
        (Verdict.Drop, _) => $"dropped by {this}",
        _ => $"rejected by {this}",
    };

    public bool Equals(Place? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}
