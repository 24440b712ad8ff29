using System.Buffers;
using System.Text;

namespace DockerNetHarden.Iptables;

/// <summary>
/// Splits the text of a rule into arguments as iptables-restore does, and quotes arguments as iptables-save does.
/// Source: iptables 1.8, <c>add_param_to_argv</c> (iptables/xshared.c) and <c>xtables_save_string</c> (libxtables/xtables.c); the lab
/// tests check both against the real programs.
/// </summary>
/// <remarks>
/// These are not a shell's rules: an apostrophe, <c>$</c> and a backtick mean nothing, a backslash escapes only within double quotes, an
/// opening quote does not begin a new argument (<c>a"b c"</c> is one), a closing quote ends one (<c>"a"b</c> are two), <c>""</c> is an
/// empty one.
/// </remarks>
public static class SaveTokenizer
{
    /// <summary>
    /// The longest argument that iptables-restore accepts, in bytes; a longer one is "Parameter too long!" (1.8.9, nft and legacy).
    /// </summary>
    public const int MaxTokenBytes = 1023;

    /// <summary>
    /// The longest comment that the kernel keeps, in bytes (<c>XT_MAX_COMMENT_LEN</c> less the final NUL). iptables-restore 1.8.9 cuts a
    /// longer one without an error, on nft and on legacy.
    /// </summary>
    public const int MaxCommentBytes = 255;

    private static readonly SearchValues<char> s_bareInText =
        SearchValues.Create("_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    // A carriage return is not a separator, but at the end of a line it could not be told from a CR LF line end.
    private static readonly SearchValues<char> s_endsBareToken = SearchValues.Create(" \t\r\"");

    private static readonly SearchValues<char> s_endsBarePiece = SearchValues.Create(" \t\n\"");

    private static readonly SearchValues<char> s_endsQuotedPiece = SearchValues.Create("\\\"");

    /// <summary>Splits the text of a rule into its arguments, without quotes and escapes.</summary>
    /// <param name="text">One line, without a line end and without <c>[n:m]</c> counters.</param>
    /// <returns>The arguments, in order.</returns>
    /// <exception cref="FormatException">
    /// A double quote is not closed. iptables-restore accepts that silently. iptables-save prints it only if a comment holds
    /// a line break, and then the rest of the rule is missing.
    /// </exception>
    public static IReadOnlyList<string> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Split(text, 0, out _);
    }

    /// <summary>Writes arguments as iptables-save prints them, separated by one space; <see cref="Split(string)"/> is the inverse.</summary>
    /// <exception cref="ArgumentException">An argument holds a line break or a NUL, which no save output can carry.</exception>
    public static string Join(IReadOnlyList<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var text = new StringBuilder();
        var option = (string?)null;
        for (var i = 0; i < tokens.Count; i++)
        {
            if (text.Length > 0)
                text.Append(' ');
            var token = tokens[i];
            var isValue = option is not null;
            if (option is not null && RuleOptions.IsQuotedText(option))
                text.Append(RuleOptions.IsAlwaysQuoted(option) ? Enquote(token) : Quote(token));
            else if (option is not null && token is "!" && i + 1 < tokens.Count && !RuleOptions.IsOption(tokens[i + 1]))
                text.Append("\"!\""); // a value, not the negation that old versions put after the option
            else
                text.Append(NeedsQuotes(token) ? Enquote(token) : token);

            // The value of an option that takes any text may itself look like an option.
            var taken = isValue && RuleOptions.TakesText(option!);
            option = !taken && RuleOptions.IsOption(token) ? token : null;
        }
        return text.ToString();
    }

    /// <summary>
    /// Writes the value of a text option (<c>--comment</c>, <c>--log-prefix</c>): bare if it has only letters, digits, <c>_</c> and
    /// <c>-</c>, otherwise in double quotes with a backslash before <c>"</c>, <c>\</c> and <c>'</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The value holds a line break or a NUL.</exception>
    public static string Quote(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Length > 0 && !value.AsSpan().ContainsAnyExcept(s_bareInText) ? value : Enquote(value);
    }

    // quotedNegations: the places of each "!" that stood in quotes, null if there is none.
    internal static List<string> Split(string text, int start, out List<int>? quotedNegations)
    {
        quotedNegations = null;
        var tokens = new List<string>(16);
        StringBuilder? parts = null; // of an argument that is not one piece of the text: it has quotes inside it, or escapes
        var open = false;
        for (var i = start; i < text.Length; i++)
        {
            // Whole pieces, not single characters: a rule set may have tens of thousands of lines.
            var length = text.AsSpan(i).IndexOfAny(open ? s_endsQuotedPiece : s_endsBarePiece);
            var end = length < 0 ? text.Length : i + length;
            // iptables-save prints the name of an interface as it is, and the kernel allows a quote in it (not a space).
            if (!open && length > 0 && text[end] == '"' && tokens is [.., "-i" or "-o"] && parts is not { Length: > 0 })
                end = text.IndexOf(' ', end) is var space && space < 0 ? text.Length : space;
            var stop = end == text.Length ? '\0' : text[end];
            if (open ? stop == '\\' : stop == '"')
            {
                if (end > i || open)
                    (parts ??= new StringBuilder()).Append(text, i, end - i);
                if (!open)
                    open = true;
                else if (end + 1 < text.Length)
                    parts!.Append(text[++end]); // the escaped character
            }
            else if (!open || stop == '"')
            {
                var piece = text[i..end];
                var token = parts is { Length: > 0 } ? parts.Append(piece).ToString() : piece;
                parts?.Clear();
                if (open && token == "!")
                    (quotedNegations ??= []).Add(tokens.Count);
                if (open || token.Length > 0)
                    tokens.Add(token);
                open = false;
            }
            i = end;
        }
        if (open)
            throw new FormatException(
                "a double quote is not closed; does a comment of this rule hold a line break? iptables-restore cannot read it either: "
                + "delete the rule by its number and add it without the line break.");
        return tokens;
    }

    private static bool NeedsQuotes(string token) => token.Length == 0 || token.AsSpan().ContainsAny(s_endsBareToken) || LineBreakError(token) is not null;

    /// <summary>Why no rule can carry this argument; null if one can.</summary>
    internal static string? LineBreakError(string token)
    {
        if (!token.AsSpan().ContainsAny('\n', '\0'))
            return null;
        var shown = token.Replace("\n", "\\n", StringComparison.Ordinal).Replace("\0", "\\0", StringComparison.Ordinal);
        return $"'{shown}' holds a line break or a NUL, which an argument of a rule cannot carry; take it out.";
    }

    private static string Enquote(string value)
    {
        if (LineBreakError(value) is { } error)
            throw new ArgumentException(error, nameof(value));
        var text = new StringBuilder(value.Length + 2).Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\' or '\'')
                text.Append('\\');
            text.Append(c);
        }
        return text.Append('"').ToString();
    }
}
