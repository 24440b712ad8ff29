using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>The output of <c>ip -4 -o route show table all</c> and <c>ip -6 -o route show table all</c>. Source: ip-route(8).</summary>
public static class RouteText
{
    private static readonly char[] Blanks = [' ', '\t', '\r', '\\'];

    private static readonly HashSet<string> Types = new(StringComparer.Ordinal)
    {
        "unicast", "local", "broadcast", "multicast", "anycast", "blackhole", "unreachable", "prohibit", "throw",
    };

    // Words that do not affect which packets take the route or which link they leave by.
    private static readonly HashSet<string> Flags = new(StringComparer.Ordinal) { "onlink", "linkdown", "pervasive", "offload", "rt_offload", "trap", "rt_trap", "notify", "lock" };

    private static readonly HashSet<string> Settings = new(StringComparer.Ordinal)
    {
        "proto", "scope", "src", "pref", "weight", "nhid", "mtu", "advmss", "window", "rtt", "rttvar", "ssthresh", "cwnd", "initcwnd", "initrwnd", "hoplimit", "reordering", "rto_min",
        "features", "quickack", "congctl", "expires", "error", "fastopen_no_cookie", "realm", "realms",
    };

    /// <summary>Reads the routes of one family.</summary>
    /// <param name="family">The family.</param>
    /// <param name="text">The output.</param>
    /// <returns>The routes in the output's order. One with an unknown word (<c>from</c>, <c>tos</c>, <c>encap</c>, <c>dead</c> ...), or without a link
    /// although it needs one, has <see cref="HostRoute.IsModelled"/> false.</returns>
    /// <exception cref="FormatException">A line has no destination.</exception>
    public static IReadOnlyList<HostRoute> Parse(Family family, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split('\n').Select(static line => line.Split(Blanks, StringSplitOptions.RemoveEmptyEntries)).Where(static words => words.Length > 0).Select(words => Route(family, words))];
    }

    private static HostRoute Route(Family family, string[] words)
    {
        var at = Types.Contains(words[0]) ? 1 : 0;
        var type = at == 1 ? words[0] : "unicast";
        var destination = at < words.Length && Destination(family, words[at]) is { } prefix
            ? prefix
            : throw new FormatException($"'{string.Join(' ', words)}' is not a route: a destination was expected at word {at + 1}.");
        var (table, metric, known) = ("main", 0L, true);
        var links = new List<string>();
        for (var i = at + 1; i < words.Length; i++)
        {
            var word = words[i];
            if (Flags.Contains(word) || word is "nexthop")
                continue;
            // "via inet6 fe80::1" is a gateway of the other family, "mtu lock 1400" is a value that stays.
            var skipped = i + 2 < words.Length && words[i + 1] is ("inet" or "inet6" or "lock") ? 1 : 0;
            var value = i + 1 < words.Length ? words[i + 1 + skipped] : "";
            i += 1 + skipped;
            switch (word)
            {
                case "dev":
                    links.Add(value);
                    break;
                case "via":
                    break;
                case "table":
                    table = value;
                    break;
                case "metric":
                    known &= long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out metric);
                    break;
                default:
                    if (Settings.Contains(word))
                        break;
                    // It is also not known how many words belong to it.
                    known = false;
                    i -= 1 + skipped;
                    break;
            }
        }
        // Multipath routes printed without their next hops, and next-hop objects.
        known &= links.Count > 0 || type is not ("unicast" or "local" or "anycast");
        return new HostRoute(family, table, type, destination, [.. links.Distinct(StringComparer.Ordinal)], metric, known);
    }

    private static Cidr? Destination(Family family, string text) =>
        text is "default" or "all" ? Cidr.Parse(family == Family.IPv4 ? "0.0.0.0/0" : "::/0")
        : Cidr.TryParse(text, out var prefix) && prefix.Family == family ? prefix : null;
}
