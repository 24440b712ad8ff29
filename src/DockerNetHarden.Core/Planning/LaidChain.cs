using DockerNetHarden.Iptables;

namespace DockerNetHarden.Planning;

/// <summary>A line as it stands, or will stand, in a chain of the kernel.</summary>
/// <param name="Line">The line, with its counters.</param>
/// <param name="Key">What is compared: the tokens as this module writes them. The kernel may print a value in another way.</param>
internal sealed record LaidLine(RuleLine Line, string Key)
{
    /// <summary>The set that the line will ask; null if it asks none, or if the line was read.</summary>
    public AddressSet? Set { get; init; }

    public static LaidLine Of(RuleLine line) => new(line, SaveTokenizer.Join(line.Tokens));
}

/// <summary>A chain of the kernel that holds lines of a control: its own chain, or a part to which that one sends some packets.</summary>
internal sealed record LaidChain(string Name, IReadOnlyList<LaidLine> Lines)
{
    public bool IsSameAs(LaidChain? other) =>
        other is not null && string.Equals(Name, other.Name, StringComparison.Ordinal) && Lines.Select(line => line.Key).SequenceEqual(other.Lines.Select(line => line.Key), StringComparer.Ordinal);
}
