using DockerNetHarden.Addresses;

namespace DockerNetHarden.Iptables;

/// <summary>
/// One rule as iptables-save prints it (an <c>-A</c> line): its tokens verbatim, unquoted, without <c>-A CHAIN</c> and without counters.
/// Two lines are equal if their family, table, chain and tokens are. Counters, position and the original bytes do not matter.
/// Source: iptables-save(8).
/// </summary>
/// <param name="Family">The family whose save output holds the line.</param>
/// <param name="Table">The table, for example <c>filter</c>.</param>
/// <param name="Chain">The chain, for example <c>DOCKER-USER</c>.</param>
/// <param name="Tokens">
/// Everything behind <c>-A CHAIN</c>, one element per argument, without quotes and escapes, a negation before its option.
/// The list is copied.
/// </param>
/// <param name="Packets">The packet counter; 0 if the output has no counters.</param>
/// <param name="Bytes">The byte counter; 0 if the output has no counters.</param>
/// <exception cref="ArgumentException">
/// The table or the chain is empty, holds white space or is not a name that iptables accepts, or a token holds a line break or a NUL.
/// </exception>
public sealed record RuleLine(Family Family, string Table, string Chain, IReadOnlyList<string> Tokens, long Packets = 0, long Bytes = 0)
{
    /// <summary>The table, for example <c>filter</c>.</summary>
    public string Table
    {
        get;
        init
        {
            field = CheckedName(value, "table");
            Raw = null;
        }
    } = CheckedName(Table, "table");

    /// <summary>The chain, for example <c>DOCKER-USER</c>.</summary>
    public string Chain
    {
        get;
        init
        {
            field = CheckedName(value, "chain");
            Raw = null;
        }
    } = CheckedName(Chain, "chain");

    /// <summary>Everything behind <c>-A CHAIN</c>, one element per argument, without quotes and escapes, a negation before its option.</summary>
    public IReadOnlyList<string> Tokens
    {
        get;
        init
        {
            field = Frozen(value);
            Raw = null;
        }
    } = Frozen(Tokens);

    /// <summary>The place in its chain, counted from 1 as in <c>iptables -R CHAIN number</c>; 0 for a rule that was not read from a rule set.</summary>
    public int Position { get; internal init; }

    /// <summary>
    /// The line as it was read, with counters and without its line end; null for a rule that was not read, or has been changed since.
    /// </summary>
    public string? Raw { get; internal init; }

    /// <summary>The rule as iptables-save prints it without counters: <c>-A DOCKER-USER -d 169.254.169.254/32 -j DROP</c>.</summary>
    public string Text => Tokens.Count == 0 ? $"-A {Chain}" : $"-A {Chain} {SaveTokenizer.Join(Tokens)}";

    /// <summary>The value of the last <c>--comment</c>; null if there is none.</summary>
    public string? Comment => RuleOptions.LastValueOf(Tokens, "--comment");

    /// <summary>The target or chain behind <c>-j</c> or <c>-g</c>; null for a rule that only counts.</summary>
    public string? Target => RuleOptions.LastValueOf(Tokens, "-j", "-g", "--jump", "--goto");

    /// <summary>Whether the other is the same rule: family, table, chain and tokens.</summary>
    public bool Equals(RuleLine? other) =>
        other is not null && Family == other.Family
        && string.Equals(Table, other.Table, StringComparison.Ordinal)
        && string.Equals(Chain, other.Chain, StringComparison.Ordinal)
        && Tokens.SequenceEqual(other.Tokens, StringComparer.Ordinal);

    /// <summary>A hash of family, table, chain and tokens.</summary>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Family);
        hash.Add(Table, StringComparer.Ordinal);
        hash.Add(Chain, StringComparer.Ordinal);
        foreach (var token in Tokens)
            hash.Add(token, StringComparer.Ordinal);
        return hash.ToHashCode();
    }

    /// <summary>The same as <see cref="Text"/>.</summary>
    public override string ToString() => Text;

    internal static string CheckedName(string name, string what)
    {
        ArgumentNullException.ThrowIfNull(name);
        return NameError(name, what) is { } error ? throw new ArgumentException(error, nameof(name)) : name;
    }

    /// <summary>Why this cannot be the name of a table or a chain; null if it can. A name with white space would be read back as a different one.</summary>
    internal static string? NameError(string name, string what)
    {
        if (name.Length == 0)
            return $"The name of the {what} is empty; name one, for example {(what == "table" ? "filter" : "DOCKER-USER")}.";
        foreach (var c in name)
        {
            if (c is ' ' or '\0' or (>= '\t' and <= '\r')) // what isspace(3) calls white space, and so does iptables
                return $"'{name}' cannot be the name of a {what}: white space and NUL are not allowed in it.";
        }
        return name[0] is '-' or '!'
            ? $"'{name}' cannot be the name of a {what}: iptables refuses a first character '{name[0]}'; take another name."
            : null;
    }

    private static TokenList Frozen(IReadOnlyList<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return tokens as TokenList ?? new TokenList([.. tokens]);
    }
}
