using System.Text;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// The words of a line that may be a shell's: with single quotes, and with a comment behind it. What a shell would expand or run is refused by name, never guessed. A line without any of this is
/// split as iptables-restore splits it.
/// </summary>
internal static class ShellWords
{
    private const string Special = "$`;|&<>()";

    /// <exception cref="RefusedValueException">The line has an open quote, a placeholder, or something that only a shell can do.</exception>
    public static List<string> Split(string line)
    {
        var scan = Scan(line);
        var text = line[..scan.End].TrimEnd();
        if (text.AsSpan().ContainsAny('\0', '\r', '\n'))
            throw new RefusedValueException("Rule", line, "a rule is one line.");
        foreach (var i in scan.Plain)
        {
            if ((IsCommand(line) || line[i] == '<') && Placeholder(line, i) is { } name)
                throw new RefusedValueException("Rule", line, $"'{name}' is a placeholder; write the value in its place.");
            if (IsCommand(line) && Special.Contains(line[i], StringComparison.Ordinal))
                throw new RefusedValueException("Rule", line, $"'{line[i]}' means something to a shell, and no shell reads this; write the value itself, and one rule on a line.");
        }
        if (scan.Open == '\'')
            throw new RefusedValueException("Rule", line, "a single quote is not closed.");
        return scan.HasApostrophe ? Words(line, text) : [.. RuleParser.Tokens(line, text)];
    }

    /// <summary>Whether the next line belongs to this one: it ends with a backslash that is not in a comment.</summary>
    public static bool IsContinued(string line) => line.EndsWith('\\') && Scan(line).End == line.Length;

    // A command is for a shell; -A ... is what iptables-save prints, where an interface may be called a;b.
    private static bool IsCommand(string line) => line.Length > 0 && line[0] is not ('-' or '[' or '!');

    // Where the line ends or its comment begins, the characters that stand outside of quotes, the quote that is still open there, and whether an apostrophe quotes.
    private static (int End, List<int> Plain, char Open, bool HasApostrophe) Scan(string line)
    {
        var plain = new List<int>();
        var (open, hasApostrophe) = ('\0', false);
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (open != '\0')
            {
                if (c == open)
                    open = '\0';
                else if (open == '"' && c == '\\')
                    i++;
            }
            else if (c == '"' || (c == '\'' && (IsCommand(line) || IsWordStart(line, i))))
                (open, hasApostrophe) = (c, hasApostrophe || c == '\'');
            else if (c == '#' && IsWordStart(line, i))
                return (i, plain, open, hasApostrophe);
            else
                plain.Add(i);
        }
        return (line.Length, plain, open, hasApostrophe);
    }

    private static bool IsWordStart(string line, int at) => at == 0 || line[at - 1] is ' ' or '\t';

    // "<host private ip>", "${HOST_IP}", "$HOST_IP"
    private static string? Placeholder(string line, int at)
    {
        if (line[at] == '<' && line.IndexOf('>', at) is > 0 and var close && close > at + 1)
            return line[at..(close + 1)];
        if (line[at] != '$' || at + 1 == line.Length || line[at + 1] is '(')
            return null;
        if (line[at + 1] == '{')
            return line.IndexOf('}', at) is > 0 and var end ? line[at..(end + 1)] : null;
        var last = at + 1;
        while (last < line.Length && (char.IsAsciiLetterOrDigit(line[last]) || line[last] == '_'))
            last++;
        return last > at + 1 ? line[at..last] : null;
    }

    // POSIX, 2.2: nothing is special within single quotes; a backslash escapes $ ` " \ within double quotes, and anything outside of quotes.
    private static List<string> Words(string line, string text)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        var quote = '\0';
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quote == '\0' && c is ' ' or '\t')
            {
                if (word is not null)
                    words.Add(word.ToString());
                word = null;
            }
            else if (c == quote)
                quote = '\0';
            else if (quote == '\0' && c is '"' or '\'')
                (quote, word) = (c, word ?? new StringBuilder());
            else
            {
                if (c == '\\' && quote != '\'' && i + 1 < text.Length && (quote == '\0' || "$`\"\\".Contains(text[i + 1], StringComparison.Ordinal)))
                    c = text[++i];
                (word ??= new StringBuilder()).Append(c);
            }
        }
        if (quote != '\0')
            throw new RefusedValueException("Rule", line, "a quote is not closed.");
        if (word is not null)
            words.Add(word.ToString());
        return words;
    }
}
