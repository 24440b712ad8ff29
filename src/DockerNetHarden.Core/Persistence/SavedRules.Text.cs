using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Persistence;

/// <content>
/// The one file that a host keeps: what the loader reads at boot, and what is compared with the tables. One file, so that it is replaced at once or not at all.
/// Sections begin with a name in brackets; rules begin with ':' or '-', sets with a word, so neither can be taken for a name.
/// </content>
public sealed partial record SavedRules
{
    private const string Head = "# DockerNetHarden 1: rules for the loader beside this file. Written by Save-FirewallRule.";

    /// <summary>The text of the file.</summary>
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
        return text.ToString();
    }

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <param name="text">The file.</param>
    /// <returns>The rules.</returns>
    /// <exception cref="FormatException">It is no such text, or was changed so that it cannot be read; the message names the line.</exception>
    public static SavedRules Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var lines = text.Split('\n');
        if (!lines[0].StartsWith("# DockerNetHarden 1:", StringComparison.Ordinal))
            throw new FormatException($"The saved rules do not begin as version 1 of them does, but with '{lines[0]}'; save again with Save-FirewallRule.");
        var commands = new Dictionary<Family, string>();
        var rules = new List<RuleLine>();
        var sets = new List<string>();
        var section = "";
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i];
            if (line.Length == 0)
                continue;
            if (line.StartsWith('['))
                section = line;
            else if (!Read(section, line, commands, rules, sets))
                throw new FormatException($"Line {i + 1} of the saved rules ('{line}') cannot stand in section '{section}'; save again with Save-FirewallRule.");
        }
        var tool = new IptablesTool(IptablesBackend.Nft, "", commands.GetValueOrDefault(Family.IPv4, "iptables"), commands.GetValueOrDefault(Family.IPv6));
        return FromLines(rules, tool) with { Commands = commands, SetLines = sets };
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
            // Jumps and declarations follow from the rules.
            case ['[', '4' or '6', ' ', .., ']'] when line.StartsWith(":DNH-", StringComparison.Ordinal) || line.StartsWith("-I ", StringComparison.Ordinal):
                return true;
            case ['[', var family and ('4' or '6'), ' ', .., ']'] when line.StartsWith("-A ", StringComparison.Ordinal):
                var tokens = SaveTokenizer.Split(line);
                if (tokens.Count < 2)
                    return false;
                rules.Add(new RuleLine(family == '4' ? Family.IPv4 : Family.IPv6, section[3..^1], tokens[1], [.. tokens.Skip(2)]));
                return true;
            default:
                return false;
        }
    }

    private static char Number(Family family) => family == Family.IPv4 ? '4' : '6';
}
