using DockerNetHarden.Rules;

namespace DockerNetHarden.Iptables;

/// <summary>A chain of a table, as its declaration in a save output says (<c>:INPUT ACCEPT [12:3456]</c>).</summary>
/// <param name="Name">The chain.</param>
/// <param name="Policy">The policy of a built-in chain; null for a user's chain (<c>-</c>).</param>
/// <param name="Packets">The policy's packet counter.</param>
/// <param name="Bytes">The policy's byte counter.</param>
public sealed record RulesetChain(string Name, string? Policy, long Packets, long Bytes);

/// <summary>One family's whole rule set, read from <c>iptables-save -c</c>. Writing what was read gives the same bytes.</summary>
public sealed class Ruleset
{
    private Ruleset(Family family) => Family = family;

    /// <summary>The family.</summary>
    public Family Family { get; }

    /// <summary>The tables, in the order of the text.</summary>
    public IReadOnlyList<string> Tables => throw new NotSupportedException();

    /// <summary>Lines such as <c># Warning: iptables-legacy tables present</c>.</summary>
    public IReadOnlyList<string> Warnings => throw new NotSupportedException();

    /// <summary>The chains of a table, in the order of the text; empty where there is no such table.</summary>
    public IReadOnlyList<RulesetChain> ChainsOf(string table) => throw new NotSupportedException();

    /// <summary>Whether a table has a chain.</summary>
    public bool HasChain(string table, string chain) => throw new NotSupportedException();

    /// <summary>The rules of a chain, in order; empty where there is no such chain.</summary>
    public IReadOnlyList<RuleLine> this[string table, string chain] => throw new NotSupportedException();

    /// <summary>Reads the output of <c>iptables-save</c> or <c>iptables-save -c</c>.</summary>
    public static Ruleset Parse(Family family, string save) => throw new NotSupportedException();

    /// <summary>Writes the rule set; what was not changed is written as it was read, byte for byte.</summary>
    public void WriteTo(TextWriter output) => throw new NotSupportedException();
}
