using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>A rule of ours in the kernel's table, of one line or of several.</summary>
/// <param name="Rule">The rule; null if the line is not one that this module writes.</param>
/// <param name="Mark">Whose it is; null if somebody else put it there.</param>
/// <param name="Lines">Its lines.</param>
internal sealed record NftReadRule(FirewallRule? Rule, RuleMark? Mark, IReadOnlyList<NftLine> Lines)
{
    /// <summary>The destinations of the rules of a person's own list that the lines stand for, of which <see cref="Rule"/> is the first; empty if it is one rule.</summary>
    public IReadOnlyList<Cidr> Places { get; init; } = [];
}

/// <summary>A control's chain in the kernel's table.</summary>
internal sealed record NftReadChain(Hook Hook, string Control, Family Family, IReadOnlyList<NftReadRule> Rules);

/// <summary>Our table as the kernel has it.</summary>
/// <param name="Model">Its objects and chains, for comparing with what it is to be.</param>
/// <param name="Chains">The controls' chains, with what their lines mean.</param>
/// <param name="Handles">All its handles, one a line and ascending; empty if there is no table. Whatever is made anew has another handle.</param>
/// <param name="Foreign">Chains, sets and objects in it that are not ours, by name.</param>
internal sealed record NftRead(NftModel Model, IReadOnlyList<NftReadChain> Chains, string Handles, IReadOnlyList<string> Foreign)
{
    /// <summary>Whether the table exists. A file keeps no handles.</summary>
    public bool Exists => Handles.Length > 0 || !Model.IsEmpty || Foreign.Count > 0;

    /// <summary>Whether the kernel skips the table.</summary>
    public bool IsDormant { get; init; }
}
