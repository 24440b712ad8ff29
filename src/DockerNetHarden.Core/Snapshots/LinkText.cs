namespace DockerNetHarden.Snapshots;

/// <summary>The output of <c>ip -d -o link show</c>. Source: ip-link(8).</summary>
public static class LinkText
{
    // What can also follow a backslash, ip's mark for a line end, and is not the link's kind.
    private static readonly string[] NotKinds = ["link/", "alias", "altname", "vf", "prog/", "RX:", "TX:", "parentbus"];

    /// <summary>Reads the links.</summary>
    /// <param name="text">The output.</param>
    /// <param name="filtered">The links with a tc filter.</param>
    /// <returns>The links in the output's order.</returns>
    public static IReadOnlyList<HostLink> Parse(string text, IReadOnlySet<string> filtered)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(filtered);
        var links = new List<HostLink>();
        foreach (var line in text.Split('\n'))
        {
            var parts = line.Split('\\');
            var words = Words(parts[0]);
            // "4: v0@if3: <BROADCAST,UP> mtu 1500 xdp/id:7 qdisc noqueue master br0 state UP": after the @ comes the other end.
            if (words.Length < 3 || !words[0].EndsWith(':') || !words[1].EndsWith(':'))
                continue;
            var name = words[1].TrimEnd(':').Split('@')[0];
            var master = Array.IndexOf(words, "master", 3) is > 0 and var at && at + 1 < words.Length ? words[at + 1] : null;
            var details = parts.Skip(1).Select(Words).Where(static part => part.Length > 0).ToList();
            links.Add(new HostLink(name, details.Select(Kind).FirstOrDefault(static kind => kind is not null), master, HasXdp(words, details), filtered.Contains(name)));
        }
        return links;
    }

    /// <summary>
    /// Reads what <c>tc filter show</c> printed for link after link: for each a line <c>@ LINK</c> and then the command's output. Source: tc(8).
    /// </summary>
    /// <param name="text">The output.</param>
    /// <returns>The links for which it printed a filter.</returns>
    public static IReadOnlySet<string> ParseFilters(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var filtered = new HashSet<string>(StringComparer.Ordinal);
        var link = "";
        foreach (var line in text.Split('\n'))
        {
            if (line.StartsWith("@ ", StringComparison.Ordinal))
                link = line[2..].Trim();
            else if (line.StartsWith("filter ", StringComparison.Ordinal))
                filtered.Add(link);
        }
        return filtered;
    }

    private static string? Kind(string[] part) =>
        NotKinds.Any(other => part[0].StartsWith(other, StringComparison.Ordinal)) || part[0].EndsWith("_slave", StringComparison.Ordinal) ? null : part[0];

    // "xdp/id:7", "xdpgeneric/id:7" among the first words, "prog/xdp id 7" later; older versions print no id. A master may be called xdp.
    private static bool HasXdp(string[] words, List<string[]> details) =>
        details.Exists(static part => part[0].StartsWith("prog/xdp", StringComparison.Ordinal))
        || words.Skip(3).Where((word, index) => words[index + 2] is not ("master" or "qdisc") && IsXdp(word)).Any();

    private static bool IsXdp(string word) => word.StartsWith("xdp", StringComparison.Ordinal)
        && (word is "xdp" or "xdpgeneric" or "xdpdrv" or "xdpoffload" or "xdpmulti" || word.Contains("/id:", StringComparison.Ordinal) || word.Contains('[', StringComparison.Ordinal));

    private static string[] Words(string text) => text.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
}
