using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Iptables;

/// <summary>Reads the text of a save output line by line. Source: iptables-save(8), iptables-restore(8), iptables/xtables-save.c.</summary>
internal static class SaveParser
{
    private const string Known = "'*table', ':CHAIN policy [packets:bytes]', '-A CHAIN ...', 'COMMIT' and '#' comments";

    internal static RulesetIndex Parse(Family family, string save)
    {
        var index = new RulesetIndex(family);
        var number = 0;
        var content = "";
        for (var start = 0; start < save.Length;)
        {
            var feed = save.IndexOf('\n', start);
            var end = feed < 0 ? save.Length : feed;
            var next = feed < 0 ? save.Length : feed + 1;
            // Any number of empty lines is one: they cost nothing, and their line ends stay.
            if (feed == start && save.AsSpan(start).IndexOfAnyExcept('\n') is var run and not 1)
            {
                next = run < 0 ? save.Length : start + run;
                number += next - start - 1;
            }
            if (end > start && save[end - 1] == '\r')
                end--;
            content = save[start..end];
            number++;
            try
            {
                index.Add(Read(family, index.OpenTable, content, LineEnd(save.AsSpan(end, next - end))));
            }
            catch (FormatException e)
            {
                throw new IptablesFormatException(number, content, e.Message, e);
            }
            start = next;
        }
        if (index.OpenTable is { } open)
            throw new IptablesFormatException(
                number, content, $"the output ends within the table '{open}', before its COMMIT: it was cut off. Read the rules again.");
        return index;
    }

    // All lines share the same few strings instead of one each. A lone carriage return is a last line whose line feed was cut off.
    private static string LineEnd(ReadOnlySpan<char> text) => text switch { "\n" => "\n", "\r\n" => "\r\n", "\r" => "\r", _ => text.ToString() };

    private static SaveLine Read(Family family, string? table, string line, string ending)
    {
        if (line.Contains('\0', StringComparison.Ordinal))
            throw new FormatException("it holds a NUL character, which no text of iptables does; was the output decoded with the wrong encoding?");
        var text = line.AsSpan().Trim(" \t");
        if (text.IsEmpty || text[0] == '#' || IsWarning(text))
            return new SaveLine(SaveLineKind.Remark, line, ending);
        if (text[0] == '*')
            return new SaveLine(SaveLineKind.Table, line, ending, ReadTable(text));
        if (table is null)
            throw new FormatException(
                "it is outside a table, where only '*table' and '#' comments are allowed. Did something else write into the output?");
        if (text is "COMMIT")
            return new SaveLine(SaveLineKind.Commit, line, ending);
        if (text[0] == ':')
            return new SaveLine(SaveLineKind.Chain, line, ending, Chain: ReadChain(text[1..]));
        if (IsCommand(text, "-P"))
            return new SaveLine(SaveLineKind.Policy, line, ending, Chain: ReadChain(text[2..]));
        if (IsCommand(text, "-N"))
            return new SaveLine(SaveLineKind.Chain, line, ending, Chain: ReadNewChain(text[2..]));
        return new SaveLine(SaveLineKind.Rule, line, ending, Rule: ReadRule(family, table, line));
    }

    // What iptables and its libraries print between the lines if both streams go into one.
    private static bool IsWarning(ReadOnlySpan<char> text) =>
        text.StartsWith("Warning", StringComparison.OrdinalIgnoreCase)
        || text.StartsWith("Another app is currently holding the xtables lock", StringComparison.Ordinal);

    private static string ReadTable(ReadOnlySpan<char> text) => Name(text[1..].ToString(), "table");

    private static string Name(string name, string what) =>
        RuleLine.NameError(name, what) is { } error ? throw new FormatException(error) : name;

    private static bool IsCommand(ReadOnlySpan<char> text, string command) =>
        text.StartsWith(command, StringComparison.Ordinal) && text.Length > command.Length && text[command.Length] is ' ' or '\t';

    // NAME POLICY [packets:bytes]; iptables-restore accepts it without counters.
    private static RulesetChain ReadChain(ReadOnlySpan<char> text)
    {
        var name = NextWord(ref text).ToString();
        var policy = NextWord(ref text).ToString();
        if (policy.Length == 0)
            throw new FormatException("a chain has a name and a policy, '-' for a chain of a user's: ':INPUT ACCEPT [0:0]' or ':MINE - [0:0]'.");
        long packets = 0, bytes = 0;
        if (text.Length > 0 && text[0] == '[')
            (packets, bytes) = ReadCounters(ref text);
        if (text.Length > 0)
            throw new FormatException($"'{text}' comes after the chain's policy, where only counters such as [12:3456] are allowed.");
        return new RulesetChain(Name(name, "chain"), policy == "-" ? null : policy, packets, bytes);
    }

    private static RulesetChain ReadNewChain(ReadOnlySpan<char> text)
    {
        var name = NextWord(ref text).ToString();
        if (text.Length > 0)
            throw new FormatException($"'{text}' comes after the name of the new chain.");
        return new RulesetChain(Name(name, "chain"), null, 0, 0);
    }

    private static RuleLine ReadRule(Family family, string table, string line)
    {
        var rest = line.AsSpan().TrimStart(" \t");
        long packets = 0, bytes = 0;
        if (rest[0] == '[')
            (packets, bytes) = ReadCounters(ref rest);
        if (!IsCommand(rest, "-A"))
            throw new FormatException(
                $"it is not one of the lines that iptables-save prints: {Known}. "
                + "Is it an error message of iptables-save, or a command for iptables?");

        rest = rest[2..].TrimStart(" \t");
        string chain;
        List<string> tokens;
        List<int>? quotedNegations;
        if (rest.Length > 0 && rest[0] == '"')
        {
            tokens = SaveTokenizer.Split(line, line.Length - rest.Length, out quotedNegations);
            chain = tokens[0];
            tokens.RemoveAt(0);
            for (var i = 0; i < quotedNegations?.Count; i++)
                quotedNegations[i]--;
        }
        else
        {
            // Chain names are printed without quoting, and a double quote in one would otherwise open a quotation.
            chain = NextWord(ref rest).ToString();
            tokens = SaveTokenizer.Split(line, line.Length - rest.Length, out quotedNegations);
        }
        RuleOptions.PutNegationFirst(tokens, quotedNegations);
        return new RuleLine(family, table, Name(chain, "chain"), new TokenList([.. tokens]), packets, bytes) { Raw = line };
    }

    // Takes "[packets:bytes]" and the white space behind it off the text.
    private static (long Packets, long Bytes) ReadCounters(ref ReadOnlySpan<char> text)
    {
        var close = text.IndexOf(']');
        var colon = text.IndexOf(':');
        if (close < 0 || colon < 0 || colon > close
            || !TryReadCounter(text[1..colon], out var packets) || !TryReadCounter(text[(colon + 1)..close], out var bytes))
            throw new FormatException("counters have the form [packets:bytes], two whole numbers such as [12:3456].");
        text = text[(close + 1)..].TrimStart(" \t");
        return (packets, bytes);
    }

    // The kernel counts in unsigned 64 bits. A value beyond a long (it would take centuries, or -c) is read as the largest long.
    private static bool TryReadCounter(ReadOnlySpan<char> text, out long value)
    {
        var read = ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var counter);
        value = (long)Math.Min(counter, long.MaxValue);
        return read;
    }

    private static ReadOnlySpan<char> NextWord(ref ReadOnlySpan<char> text)
    {
        text = text.TrimStart(" \t");
        var end = text.IndexOfAny(' ', '\t');
        var word = end < 0 ? text : text[..end];
        text = end < 0 ? default : text[end..].TrimStart(" \t");
        return word;
    }
}
