using System.Globalization;
using System.Text;

namespace DockerNetHarden.Addresses;

/// <summary>
/// Makes text that comes from elsewhere fit to be shown. A name that Docker accepts, a line of a rule set or the output of a program must not move a terminal's cursor, write a line of its own into
/// a log, or fill a screen. Every exception of this module passes its message through <see cref="Message"/>.
/// </summary>
public static class ShownText
{
    // A sentence with a few values fits; the end is kept because the remedy is there.
    private const int MostOfMessage = 4_000;
    private const int EndOfMessage = 1_000;
    private const int MostOfValue = 200;
    private const int MostOfList = 12;

    /// <summary>The text without control characters, invisible formatting (bidirectional overrides too), line separators and halves of surrogate pairs: each becomes <c>\u001b</c> and so on.</summary>
    public static string Plain(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.All(static letter => letter is >= ' ' and <= '~') ? text : Escaped(text, keepLines: false);
    }

    /// <summary>A value for the middle of a sentence: escaped, and cut after 200 characters.</summary>
    public static string Value(string? text)
    {
        var whole = text ?? "";
        return Plain(whole[..Cut(whole, MostOfValue)]) + (whole.Length > MostOfValue ? "..." : "");
    }

    /// <summary>Names with commas between them; of many the first twelve, and how many more there are.</summary>
    public static string List(IEnumerable<string> names)
    {
        var all = names.ToList();
        var shown = string.Join(", ", all.Take(MostOfList).Select(Value));
        return all.Count <= MostOfList ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown} and {all.Count - MostOfList} more");
    }

    /// <summary>A message as one line: former lines are separated by semicolons, and of more than 4,000 characters the middle is left out.</summary>
    public static string Message(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MostOfMessage)
        {
            var (head, tail) = (Cut(text, MostOfMessage - EndOfMessage), text.Length - EndOfMessage);
            tail += char.IsLowSurrogate(text[tail]) ? 1 : 0;
            text = string.Create(CultureInfo.InvariantCulture, $"{text[..head]}... ({tail - head} characters left out) ...{text[tail..]}");
        }
        return text.Any(char.IsControl) ? string.Join("; ", Lines(text).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) : Plain(text);
    }

    /// <summary>Lines that end with a newline, escaped. A carriage return ends a line too: ssh's own texts have both.</summary>
    internal static string Lines(string text) => Escaped(text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Replace('\t', ' '), keepLines: true);

    // Never between the halves of a surrogate pair.
    private static int Cut(string text, int most) => text.Length <= most ? text.Length : char.IsHighSurrogate(text[most - 1]) ? most - 1 : most;

    private static string Escaped(string text, bool keepLines)
    {
        var clean = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text, i))
                clean.Append(text[i]).Append(text[++i]);
            else if ((keepLines && text[i] == '\n') || !IsOdd(text[i]))
                clean.Append(text[i]);
            else
                clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
        }
        return clean.ToString();
    }

    private static bool IsOdd(char letter) => char.GetUnicodeCategory(letter)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
