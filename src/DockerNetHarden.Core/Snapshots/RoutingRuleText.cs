using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>The output of <c>ip -4 rule show</c> and <c>ip -6 rule show</c>. Source: ip-rule(8).</summary>
public static class RoutingRuleText
{
    /// <summary>Reads the rules of one family.</summary>
    /// <param name="family">The family.</param>
    /// <param name="text">The output.</param>
    /// <returns>The rules in the output's order, which is that of their priorities. One with an unknown word (<c>not</c>, <c>fwmark</c>, <c>dport</c>,
    /// <c>goto</c> ...) has <see cref="RoutingRule.IsModelled"/> false.</returns>
    /// <exception cref="FormatException">A line has no priority.</exception>
    public static IReadOnlyList<RoutingRule> Parse(Family family, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split('\n').Select(static line => line.Trim()).Where(static line => line.Length > 0).Select(line => Rule(family, line))];
    }

    private static RoutingRule Rule(Family family, string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !int.TryParse(line.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out var priority))
            throw new FormatException($"'{line}' is not a routing rule: a priority with a colon was expected first.");
        var words = line[(colon + 1)..].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        Cidr? from = null, to = null;
        string? inLink = null, table = null;
        var known = true;
        for (var i = 0; i < words.Length; i++)
        {
            var value = i + 1 < words.Length ? words[i + 1] : "";
            switch (words[i])
            {
                case "from":
                    known &= Selector(family, value, out from);
                    i++;
                    break;
                case "to":
                    known &= Selector(family, value, out to);
                    i++;
                    break;
                case "iif":
                    inLink = value;
                    i++;
                    break;
                // "lookup [l3mdev-table]" is the table of the VRF that the packet came in by.
                case "lookup" when value.Length > 0 && value[0] != '[' && value is not "unspec":
                    table = value;
                    i++;
                    break;
                // Who made it.
                case "proto":
                    i++;
                    break;
                default:
                    known = false;
                    break;
            }
        }
        return new RoutingRule(family, priority, from, to, inLink, table, known && table is not null, line);
    }

    private static bool Selector(Family family, string text, out Cidr? prefix)
    {
        prefix = null;
        if (text is "all")
            return true;
        if (!Cidr.TryParse(text, out var read) || read.Family != family)
            return false;
        prefix = read;
        return true;
    }
}
