using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>A rule, and where a script puts it.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Place">The place among the rules of its chain, from 1, as <c>-I</c> gives it; null to add it behind them.</param>
public sealed record PlacedRule(FirewallRule Rule, int? Place = null);

/// <summary>
/// Rules in the order that iptables would give them: <c>-A</c> adds a rule behind the others of its chain, <c>-I</c> puts it before them, <c>-I CHAIN n</c> to the n-th place. Source: iptables(8).
/// </summary>
public sealed class RuleOrder
{
    private readonly List<FirewallRule> _rules = [];

    /// <summary>The rules.</summary>
    public IReadOnlyList<FirewallRule> Rules => _rules;

    /// <summary>Puts a rule in its place.</summary>
    /// <param name="placed">The rule.</param>
    /// <exception cref="RefusedValueException">The place lies behind the end of the rules given so far.</exception>
    public void Add(PlacedRule placed)
    {
        ArgumentNullException.ThrowIfNull(placed);
        var (rule, place) = placed;
        if (place is null)
        {
            _rules.Add(rule);
            return;
        }
        var peers = Enumerable.Range(0, _rules.Count).Where(i => _rules[i].Family == rule.Family && _rules[i].Hook == rule.Hook).ToList();
        if (place < 1 || place > peers.Count + 1)
        {
            throw new RefusedValueException("Rule", string.Create(CultureInfo.InvariantCulture, $"-I {rule.Chain} {place}"), string.Create(CultureInfo.InvariantCulture,
                $"the rules before it have {peers.Count} in that chain. Leave the number out, or write the rules in their order with -A."));
        }
        _rules.Insert(place > peers.Count ? _rules.Count : peers[place.Value - 1], rule);
    }
}

/// <summary>Reads rules as people have them: lines of a guide or a shell script, the text of iptables-save, one line or many at a time. Source: iptables(8), iptables-restore(8).</summary>
public sealed class RuleScript
{
    private static readonly string[] Programs = ["iptables", "iptables-nft", "iptables-legacy", "ip6tables", "ip6tables-nft", "ip6tables-legacy"];

    private const string SetsPolicy = "it sets the policy of a chain, which this module leaves alone; leave the line out.";

    // What a command does that a script of rules cannot do here, and what to do for it.
    private static readonly (string[] Options, string Reason)[] OtherCommands =
    [
        (["-D", "--delete"], "it deletes a rule; remove rules of this module with Remove-FirewallRule, and others with iptables itself."),
        (["-R", "--replace"], "it replaces a rule; write the new rule with -A. What is applied under one name replaces what was there."),
        (["-F", "--flush", "-X", "--delete-chain", "-Z", "--zero"], "it empties, deletes or zeroes chains, and other programs' rules may be in them; leave the line out."),
        (["-P", "--policy"], SetsPolicy),
        (["-N", "--new-chain", "-E", "--rename-chain"], "it makes or renames a chain; this module makes its own. Leave the line out."),
        (["-L", "--list", "-S", "--list-rules", "-C", "--check"], "it only reads; leave the line out."),
    ];

    private string _pending = "";
    private string? _table;

    /// <summary>Reads one line or many. A rule may go on in the next text if a line ends with a backslash.</summary>
    /// <param name="text">The text; lines end with LF or CR LF.</param>
    /// <returns>The rules of the text, in its order; empty for comments and blank lines.</returns>
    /// <exception cref="RefusedValueException">A line cannot be understood; the message names its number if the text has several.</exception>
    public IReadOnlyList<PlacedRule> Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var lines = text.TrimStart('\uFEFF').Split('\n');
        var read = new List<PlacedRule>();
        for (var i = 0; i < lines.Length; i++)
        {
            var whole = (_pending + lines[i]).Trim();
            _pending = ShellWords.IsContinued(whole) ? whole[..^1] + " " : "";
            if (_pending.Length > 0)
                continue;
            try
            {
                read.AddRange(Line(whole));
            }
            catch (RefusedValueException error) when (lines.Length > 1)
            {
                throw error.Within(string.Create(CultureInfo.InvariantCulture, $"Line {i + 1}"));
            }
        }
        return read;
    }

    /// <summary>Says that the script has ended.</summary>
    /// <exception cref="RefusedValueException">The last line ends with a backslash, so its rule may not be whole.</exception>
    public void Complete()
    {
        if (_pending.Length > 0)
            throw new RefusedValueException("Rule", _pending.Trim(), "it ends with a backslash, and no line follows: the rule may not be whole.");
    }

    private IEnumerable<PlacedRule> Line(string line)
    {
        if (line.Length == 0 || line[0] == '#')
            return [];
        if (line[0] == '*')
        {
            _table = line[1..].Trim();
            return [];
        }
        if (line == "COMMIT")
        {
            _table = null;
            return [];
        }
        if (line[0] == ':')
            return Chain(line);
        var (tokens, place) = Arguments(line, ShellWords.Split(line));
        if (_table is not null && !tokens.Any(token => token is "-t" or "--table"))
            tokens.InsertRange(tokens is [var program, ..] && Programs.Contains(program, StringComparer.Ordinal) ? 1 : 0, ["-t", _table]);
        return [.. AddressLists.Expand(line, tokens).Select(each => new PlacedRule(new FirewallRule(RuleParser.Parse(line, each)), place))];
    }

    // ":DOCKER-USER - [0:0]": a chain that has to be there; ":INPUT ACCEPT [0:0]": a policy, and ACCEPT is what a chain has anyway.
    private static IEnumerable<PlacedRule> Chain(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, "-" or "ACCEPT", ..] ? []
        : throw new RefusedValueException("Rule", line, SetsPolicy);

    // The arguments as the parser takes them: without what only the shell or iptables itself needs, and without a place.
    private static (List<string> Tokens, int? Place) Arguments(string line, List<string> words)
    {
        if (words is ["sudo", ..])
            words.RemoveRange(0, 1 + words.Skip(1).TakeWhile(word => word.StartsWith('-')).Count());
        if (words is [var counters, ..] && counters.StartsWith('[') && counters.EndsWith(']') && counters.Contains(':', StringComparison.Ordinal))
            words.RemoveAt(0);
        if (words.Count == 0)
            throw new RefusedValueException("Rule", line, "it has no rule; write for example -A DOCKER-USER -d 10.0.0.5 -j DROP.");
        if (!words[0].StartsWith('-') && words[0] is not "!")
        {
            var program = words[0][(words[0].LastIndexOf('/') + 1)..];
            words[0] = Programs.Contains(program, StringComparer.Ordinal) ? (program.StartsWith("ip6", StringComparison.Ordinal) ? "ip6tables" : "iptables")
                : throw new RefusedValueException("Rule", line, $"'{words[0]}' is not iptables or ip6tables; write only their lines.");
        }
        int? place = null;
        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (Array.Find(OtherCommands, command => command.Options.Contains(word, StringComparer.Ordinal)) is { Reason: { } reason })
                throw new RefusedValueException("Rule", line, reason);
            if (word is "-w" or "--wait" or "-W" or "--wait-interval" or "-v" or "--verbose")
            {
                words.RemoveRange(i, word is not ("-v" or "--verbose") && i + 1 < words.Count && IsNumber(words[i + 1]) ? 2 : 1);
                i--;
            }
            else if (word is "-I" or "--insert")
            {
                place = 1;
                if (i + 2 < words.Count && IsNumber(words[i + 2]))
                {
                    place = int.TryParse(words[i + 2], NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : int.MaxValue;
                    words.RemoveAt(i + 2);
                }
                i++;
            }
            else if (RuleOptions.IsOption(word) && RuleOptions.TakesText(word))
                i++;
        }
        return (words, place);
    }

    private static bool IsNumber(string word) => word.Length > 0 && word.All(char.IsAsciiDigit);
}
