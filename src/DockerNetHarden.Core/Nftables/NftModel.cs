using System.Globalization;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>A rule of nftables in one of our chains, as it is or is to be.</summary>
/// <param name="Match">What it asks; empty for every packet.</param>
/// <param name="Verdict">What it does.</param>
/// <param name="Comment">Its comment; null if it has none.</param>
internal sealed record NftLine(string Match, string Verdict, string? Comment)
{
    /// <summary>Whether it has a counter.</summary>
    public bool Counts { get; init; } = true;

    /// <summary>The packets that it counted.</summary>
    public long Packets { get; init; }

    /// <summary>The bytes that it counted.</summary>
    public long Bytes { get; init; }

    /// <summary>Its handle in the kernel; 0 for a line that is to be.</summary>
    public long Handle { get; init; }

    /// <summary>Whether it is one that this module writes. Any other stays where it is, or goes, but is never written again.</summary>
    public bool IsKnown { get; init; } = true;

    /// <summary>What is compared.</summary>
    public string Key => $"{Match}\n{Counts}\n{Verdict}\n{Comment}";

    /// <summary>The line in nft's words.</summary>
    public string Text => string.Join(' ', new[] { Match, Counter, Verdict, Comment is null ? "" : $"comment \"{Comment}\"" }.Where(part => part.Length > 0));

    private string Counter => !Counts ? "" : (Packets | Bytes) == 0 ? "counter" : string.Create(CultureInfo.InvariantCulture, $"counter packets {Packets} bytes {Bytes}");
}

/// <summary>A chain of our table.</summary>
/// <param name="Name">The name.</param>
/// <param name="Head">For a base chain, what makes it one: <c>type filter hook forward priority -10; policy accept;</c>. Null for any other.</param>
/// <param name="Lines">Its rules in order.</param>
internal sealed record NftChainModel(string Name, string? Head, IReadOnlyList<NftLine> Lines);

/// <summary>A set or a limit of our table.</summary>
/// <param name="Kind"><c>set</c> or <c>limit</c>.</param>
/// <param name="Name">The name.</param>
/// <param name="Body">What it is, in nft's words, without elements.</param>
/// <param name="Elements">The elements that were given to a set; null if it has none of its own.</param>
internal sealed record NftObject(string Kind, string Name, string Body, IReadOnlyList<string>? Elements = null)
{
    /// <summary>The object in a table's text.</summary>
    public string Text => $"{Kind} {Name} {Definition}";

    /// <summary>What follows its name where it is made.</summary>
    public string Definition => $"{{ {Body}{(Elements is null ? "" : $" elements = {{ {string.Join(", ", Elements)} }}")} }}";

    /// <summary>Whether both are the same.</summary>
    public bool IsSameAs(NftObject other) => Kind == other.Kind && Body == other.Body && (Elements ?? []).SequenceEqual(other.Elements ?? [], StringComparer.Ordinal);
}

/// <summary>Our table, as it is or is to be. Objects come before the chains that use them, and chains before those that jump to them.</summary>
internal sealed record NftModel(IReadOnlyList<NftObject> Objects, IReadOnlyList<NftChainModel> Chains)
{
    /// <summary>A table with nothing in it.</summary>
    public static NftModel Empty { get; } = new([], []);

    /// <summary>Whether there is nothing in it.</summary>
    public bool IsEmpty => Objects.Count == 0 && Chains.Count == 0;
}

/// <summary>The rules of one control of one family at one hook, in the order in which they decide.</summary>
/// <param name="Hook">The hook.</param>
/// <param name="Control">The control.</param>
/// <param name="Family">The family.</param>
/// <param name="Rules">Literal rules, with what they counted.</param>
internal sealed record NftControl(Hook Hook, string Control, Addresses.Family Family, IReadOnlyList<(FirewallRule Rule, long Packets, long Bytes)> Rules);
