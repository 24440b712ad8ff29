using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

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
        var (text, hasApostrophe) = Checked(line);
        if (hasApostrophe)
            return Words(line, text);
        try
        {
            return [.. SaveTokenizer.Split(text)];
        }
        catch (FormatException error)
        {
            throw new RefusedValueException("Rule", line, error.Message, error);
        }
    }

    // The line without its comment, and whether an apostrophe quotes in it.
    private static (string Text, bool HasApostrophe) Checked(string line)
    {
        // A command is for a shell; -A ... is what iptables-save prints, where an interface may be called a;b.
        var isCommand = line.Length > 0 && line[0] is not ('-' or '[' or '!');
        var (quote, hasApostrophe) = ('\0', false);
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (c is '\0' or '\r' or '\n')
                throw new RefusedValueException("Rule", line, "a rule is one line.");
            if (quote == '\'' ? c == '\'' : quote == '"' && c == '"')
                quote = '\0';
            else if (quote == '"' && c == '\\')
                i++;
            else if (quote == '\0' && (c == '"' || (c == '\'' && (isCommand || IsWordStart(line, i)))))
                (quote, hasApostrophe) = (c, hasApostrophe || c == '\'');
            else if (quote == '\0' && c == '#' && IsWordStart(line, i))
                return (line[..i].TrimEnd(), hasApostrophe);
            else if (quote == '\0' && (isCommand || c == '<') && Placeholder(line, i) is { } name)
                throw new RefusedValueException("Rule", line, $"'{name}' is a placeholder; write the value in its place.");
            else if (quote == '\0' && isCommand && Special.Contains(c, StringComparison.Ordinal))
                throw new RefusedValueException("Rule", line, $"'{c}' means something to a shell, and no shell reads this; write the value itself, and one rule on a line.");
        }
        return quote == '\'' ? throw new RefusedValueException("Rule", line, "a single quote is not closed.") : (line, hasApostrophe);
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

/// <summary>What iptables makes several rules of: lists of addresses with commas. Dotted netmasks and address ranges become the prefixes that they mean. Source: iptables(8), iptables-extensions(8).</summary>
internal static class AddressLists
{
    /// <summary>The arguments of each rule that a line means.</summary>
    /// <exception cref="RefusedValueException">A list or a range is negated, or an address or a mask is not valid.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> Expand(string line, IReadOnlyList<string> tokens)
    {
        var rule = new List<string>();
        var (sources, destinations) = (new Side(), new Side());
        var (isRange, isList, hasNot) = (false, false, false);
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (token is "-m" or "--match" && i + 1 < tokens.Count && tokens[i + 1] is "iprange")
            {
                (i, isRange) = (i + 1, true);
                continue;
            }
            rule.Add(token);
            var side = token switch
            {
                "-s" or "--source" or "--src" or "--src-range" => sources,
                "-d" or "--destination" or "--dst" or "--dst-range" => destinations,
                _ => null,
            };
            if (i + 1 == tokens.Count)
                break;
            if (side is null)
            {
                if (RuleOptions.IsOption(token) && RuleOptions.TakesText(token))
                    rule.Add(tokens[++i]);
                continue;
            }
            var isNegated = rule is [.., "!", _];
            if (tokens[i + 1] is "!" && i + 2 < tokens.Count)
            {
                rule.Add(tokens[++i]);
                isNegated = true;
            }
            var value = tokens[++i];
            var places = token is "--src-range" or "--dst-range" ? Range(line, value) : [.. value.Split(',').Select(place => Prefix(line, place))];
            (isList, hasNot) = (isList || value.Contains(',', StringComparison.Ordinal), hasNot || isNegated);
            if ((places.Count > 1 && isNegated) || (isList && hasNot))
                throw new RefusedValueException("Rule", line, "a '!' and a list of addresses do not go together, and iptables refuses it: no single rule can say 'none of them'. Write a rule for each address.");
            rule[rule.Count - (rule[^1] is "!" ? 2 : 1)] = side == sources ? "-s" : "-d";
            // A second one is refused by the parser, as iptables does.
            if (side.Places.Count == 0)
                (side.At, side.Places) = (rule.Count, places);
            rule.Add(places[0]);
        }
        if (isRange && !tokens.Any(token => token is "--src-range" or "--dst-range"))
            throw new RefusedValueException("Rule", line, "-m iprange comes without --src-range and --dst-range.");
        // As iptables does it: each source with each destination.
        return [.. from source in sources.Places.DefaultIfEmpty() from destination in destinations.Places.DefaultIfEmpty() select With(rule, (sources.At, source), (destinations.At, destination))];
    }

    private static IReadOnlyList<string> With(List<string> rule, params ReadOnlySpan<(int At, string? Place)> places)
    {
        List<string> one = [.. rule];
        foreach (var (at, place) in places)
        {
            if (place is not null)
                one[at] = place;
        }
        return one;
    }

    private sealed class Side
    {
        public int At { get; set; }

        public IReadOnlyList<string> Places { get; set; } = [];
    }

    // 10.0.0.0/255.0.0.0 is 10.0.0.0/8
    private static string Prefix(string line, string text)
    {
        if (text.Split('/') is not [var address, var mask] || !mask.Contains('.', StringComparison.Ordinal))
            return text;
        if (!Cidr.TryParse(mask, out var bits) || bits is not { Family: Family.IPv4, IsSingleAddress: true })
            throw new RefusedValueException("Rule", line, $"'{mask}' is not a netmask; write the prefix length, as in {address}/24.");
        var zeros = ~(uint)bits.Bits;
        return (zeros & (zeros + 1)) == 0
            ? FormattableString.Invariant($"{address}/{32 - System.Numerics.BitOperations.PopCount(zeros)}")
            : throw new RefusedValueException("Rule", line, $"the netmask {mask} has gaps, and only prefixes can be matched; write each prefix in a rule of its own.");
    }

    private static List<string> Range(string line, string text)
    {
        var ends = text.Split('-');
        if (ends.Length > 2 || !Cidr.TryParse(ends[0], out var first) || !Cidr.TryParse(ends[^1], out var last) || !first.IsSingleAddress || !last.IsSingleAddress || first.Family != last.Family || last.Bits < first.Bits)
            throw new RefusedValueException("Rule", line, $"'{text}' is not a range of addresses; write it as 10.0.0.5-10.0.0.9.");
        return [.. Prefixes.Of(first.Family, first.Bits, last.Bits).Select(prefix => prefix.ToString())];
    }
}
