using System.Text;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Persistence;

/// <summary>
/// All rules of ours, as texts that can be loaded again: our chains and the jumps to them, never somebody else's line. Two are equal if they come to the
/// same in the kernel, whatever the order in which they were written.
/// </summary>
public sealed partial record SavedRules
{
    private const string Head = "# DockerNetHarden 1: rules for the loader beside this file. Written by Save-FirewallRule.";

    private static readonly string[] TableOrder = ["mangle", "raw", "filter"];

    /// <summary>The iptables command of each family without its suffix, for example <c>iptables-nft</c>; only of families that have rules.</summary>
    public required IReadOnlyDictionary<Family, string> Commands { get; init; }

    /// <summary>The tables that hold rules of ours: IPv4 first, and of a family mangle, raw, filter: the half of a block that Docker never touches comes first.</summary>
    public required IReadOnlyList<SavedTable> Tables { get; init; }

    /// <summary>The sets that the rules use, as <c>ipset save</c> prints them: <c>create</c> and <c>add</c> lines.</summary>
    public IReadOnlyList<string> SetLines { get; init; } = [];

    /// <summary>Our nftables table, as a text for <c>nft -f</c> without empty lines; empty if there is none.</summary>
    public string NftText { get; init; } = "";

    /// <summary>Whether there are no rules of ours.</summary>
    public bool IsEmpty => Tables.Count == 0 && NftText.Length == 0;

    /// <summary>How many rules there are, as Get-FirewallRule shows them. Jumps do not count, nor do lines that bring packets to a rule. A line of a person's own list counts as often as its set has members.</summary>
    public int Count
    {
        get
        {
            var members = SetLines.Select(static line => line.Split(' ')).Where(static words => words is ["add", _, _, ..]).GroupBy(static words => words[1], StringComparer.Ordinal).ToDictionary(static set => set.Key, static set => set.Count(), StringComparer.Ordinal);
            foreach (var words in NftText.Split('\n').Select(static line => line.Trim().Split(' ')).Where(static words => words is ["set", _, "{", ..]))
                members[words[1]] = words.SkipWhile(static word => word is not "elements").Count(static word => word is not ("elements" or "=" or "{" or "}"));
            int In(string line, bool isOwn) => isOwn && AskedSet().Match(line) is { Success: true } asked && members.TryGetValue(asked.Groups["set"].Value, out var count) ? count : 1;
            return Tables.Sum(table => table.Chains.Sum(chain => chain.Lines.Where(static line => line.Contains(RuleMark.Owner + ":", StringComparison.Ordinal)).Sum(line => In(line, Hook.OwnerOf(table.Table, chain.Name)?.Control is "Custom"))))
                + NftRules.Where(static line => !line.EndsWith(NftTables.Continues + "\"", StringComparison.Ordinal)).Sum(line => In(line, NftNames.PlaceOf(line.Split(' ')[5])?.Control is "Custom"));
        }
    }

    /// <summary>The rules in our nftables table, as commands.</summary>
    internal IReadOnlyList<string> NftRules
    {
        get
        {
            var (rules, chain) = (new List<string>(), "");
            foreach (var line in NftText.Split('\n').Select(static line => line.Trim()))
            {
                if (line.StartsWith("chain ", StringComparison.Ordinal))
                    chain = line.Split(' ')[1];
                else if (line.Contains($"comment \"{RuleMark.Owner}:", StringComparison.Ordinal))
                    rules.Add($"nft add rule {NftRenderer.Table} {chain} {line}");
            }
            return rules;
        }
    }

    /// <summary>The names of the sets that the rules use, in order.</summary>
    public IReadOnlyList<string> SetNames =>
        [.. Tables.SelectMany(static table => table.Chains).SelectMany(static chain => chain.Lines).SelectMany(SetsOf).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>The rules applied on a host, without the sets' members: a snapshot does not know how a set was made.</summary>
    /// <param name="host">The host.</param>
    /// <returns>The rules; empty if none of ours are there.</returns>
    public static SavedRules Of(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return FromLines(host.Rules.Values.SelectMany(static rules => rules.AllRules), host.Iptables) with { NftText = OwnTable.Of(host).Text };
    }

    /// <summary>Picks our lines from any lines: rules with a mark in chains of ours, and jumps to chains that have such rules.</summary>
    /// <param name="lines">Lines of any tables and families, each chain's in order.</param>
    /// <param name="tool">The commands that write them.</param>
    /// <returns>The rules.</returns>
    public static SavedRules FromLines(IEnumerable<RuleLine> lines, IptablesTool tool)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(tool);
        var all = lines.ToList();
        var tables = all.GroupBy(static line => (line.Family, line.Table))
            .OrderBy(static table => table.Key.Family).ThenBy(static table => Array.IndexOf(TableOrder, table.Key.Table))
            .Select(static table => Of(table.Key.Family, table.Key.Table, [.. table]))
            .Where(static table => table.Chains.Count > 0)
            .ToList();
        var commands = new Dictionary<Family, string> { [Family.IPv4] = tool.Prefix4 };
        if (tool.Prefix6 is { } six)
            commands[Family.IPv6] = six;
        return new SavedRules
        {
            Commands = commands.Where(command => tables.Exists(table => table.Family == command.Key)).ToDictionary(static command => command.Key, static command => command.Value),
            Tables = tables,
        };
    }

    /// <summary>
    /// The text of the one file that a host keeps: what the loader reads at boot, and what is compared with the tables. One file, so that it is replaced at once or not at all.
    /// Sections begin with a name in brackets; rules begin with ':' or '-', sets with a word, so neither can be taken for a name.
    /// </summary>
    /// <returns>Lines, each ended by a newline.</returns>
    public string ToText()
    {
        var text = new StringBuilder(Head).Append("\n[iptables]\n");
        foreach (var (family, command) in Commands.OrderBy(static command => command.Key))
            text.Append(Number(family)).Append(' ').Append(command).Append('\n');
        foreach (var table in Tables)
        {
            text.Append('[').Append(Number(table.Family)).Append(' ').Append(table.Table).Append("]\n");
            foreach (var chain in table.Chains)
                text.Append(':').Append(chain.Name).Append(" - [0:0]\n");
            foreach (var line in table.Chains.SelectMany(static chain => chain.Lines))
                text.Append(line).Append('\n');
            foreach (var jump in table.Jumps)
                text.Append("-I ").Append(jump.Text).Append('\n');
        }
        if (SetLines.Count > 0)
        {
            text.Append("[sets]\n");
            foreach (var line in SetLines)
                text.Append(line).Append('\n');
        }
        if (NftText.Length > 0)
            text.Append("[nftables]\n").Append(NftText);
        return text.ToString();
    }

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <param name="text">The file.</param>
    /// <returns>The rules.</returns>
    /// <exception cref="FormatException">It is not such a text, or was changed so that it cannot be read; the message names the line.</exception>
    public static SavedRules Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var lines = text.Split('\n');
        if (!lines[0].StartsWith("# DockerNetHarden 1:", StringComparison.Ordinal))
            throw new FormatException($"The saved rules begin with '{lines[0]}', unlike those of version 1; save again with Save-FirewallRule.");
        var commands = new Dictionary<Family, string>();
        var rules = new List<RuleLine>();
        var sets = new List<string>();
        var table = new StringBuilder();
        var section = "";
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i];
            if (line.Length == 0)
                continue;
            if (line.StartsWith('['))
                section = line;
            else if (section is "[nftables]")
                table.Append(line).Append('\n');
            else if (!Read(section, line, commands, rules, sets))
                throw new FormatException($"Line {i + 1} of the saved rules ('{line}') does not belong in section '{section}'; save again with Save-FirewallRule.");
        }
        var tool = new IptablesTool(IptablesBackend.Nft, "", commands.GetValueOrDefault(Family.IPv4, "iptables"), commands.GetValueOrDefault(Family.IPv6));
        return FromLines(rules, tool) with { Commands = commands, SetLines = sets, NftText = table.ToString() };
    }

    /// <summary>Whether both have the same saved text.</summary>
    public bool Equals(SavedRules? other) => other is not null && string.Equals(ToText(), other.ToText(), StringComparison.Ordinal);

    /// <summary>A hash of the saved text.</summary>
    public override int GetHashCode() => ToText().GetHashCode(StringComparison.Ordinal);

    private static SavedTable Of(Family family, string table, List<RuleLine> lines)
    {
        // The line of a rule, or one that brings packets to it: those have our comment without a mark.
        var chains = lines.Where(static line => Hook.IsOurs(line.Table, line.Chain) && (string.Equals(line.Comment, RuleMark.Owner, StringComparison.Ordinal) || RuleMark.TryParse(line.Comment, out _, out _)))
            .GroupBy(static line => line.Chain, StringComparer.Ordinal)
            .OrderBy(static chain => chain.Key, StringComparer.Ordinal)
            .Select(static chain => new SavedChain(chain.Key, [.. chain.Select(static line => line.Text)]))
            .ToList();
        // Custom rules may ACCEPT, so they come last and cannot hide another control's block. A jump that is missing at the moment is saved all the same.
        var jumps = chains.Where(chain => Hook.OwnerOf(table, chain.Name) is not null).Select(chain => (chain.Name, Owner: Hook.OwnerOf(table, chain.Name)!.Value))
            .OrderBy(static chain => chain.Owner.Hook.Chain, StringComparer.Ordinal)
            .ThenBy(static chain => chain.Owner.Control is "Custom" ? 1 : 0)
            .ThenBy(static chain => chain.Name, StringComparer.Ordinal)
            .Select(static chain => new SavedJump(chain.Owner.Hook.Chain, chain.Name))
            .ToList();
        // Where Docker does not make it; without anything in DOCKER-USER it leads nowhere.
        if (lines.Exists(ForwardJump.IsOurs) && jumps.Exists(static jump => jump.IsInDockerUser))
            jumps.Add(new SavedJump(ForwardJump.Chain, Hook.DockerUser));
        return new SavedTable(family, table, chains, jumps);
    }

    private static IEnumerable<string> SetsOf(string line)
    {
        var tokens = SaveTokenizer.Split(line);
        return tokens.Zip(tokens.Skip(1)).Where(static pair => pair.First is "--match-set").Select(static pair => pair.Second);
    }

    private static bool Read(string section, string line, Dictionary<Family, string> commands, List<RuleLine> rules, List<string> sets)
    {
        switch (section)
        {
            case "[iptables]" when line is ['4' or '6', ' ', _, ..]:
                commands[line[0] == '4' ? Family.IPv4 : Family.IPv6] = line[2..];
                return true;
            case "[sets]":
                sets.Add(line);
                return true;
            case ['[', '4' or '6', ' ', .., ']'] when line.StartsWith(":DNH-", StringComparison.Ordinal):
                return true;
            case ['[', var family and ('4' or '6'), ' ', .., ']'] when line.StartsWith("-A ", StringComparison.Ordinal) || line.StartsWith("-I ", StringComparison.Ordinal):
                var tokens = SaveTokenizer.Split(line);
                if (tokens.Count < 2)
                    return false;
                rules.Add(new RuleLine(family == '4' ? Family.IPv4 : Family.IPv6, section[3..^1], tokens[1], [.. tokens.Skip(2)]));
                return true;
            default:
                return false;
        }
    }

    // The set of ours that a line asks for a destination.
    [GeneratedRegex(" --match-set (?<set>DNH-[46]-[0-9a-f]{12}) dst | daddr @(?<set>ip6?_[0-9a-f]{12}) ", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex AskedSet();

    private static char Number(Family family) => family == Family.IPv4 ? '4' : '6';
}
