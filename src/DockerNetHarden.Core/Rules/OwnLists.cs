using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>A person's own lists of addresses (<c>New-FirewallRule -RemoteAddress</c>): a rule for each address, of which a set of addresses can ask all at once (docs/decisions/0016).</summary>
internal static class OwnLists
{
    /// <summary>From this number on, the addresses of a block become a set.</summary>
    public const int Least = 16;

    // An IPv4 address in a list is in the list of IPv6 up to three times (EmbeddedIPv4), and somebody named it once.
    private static readonly Cidr[] MoreForms = [Cidr.Parse("2002::/16"), Cidr.Parse("::ffff:0.0.0.0/96")];

    /// <summary>Whether that many addresses are a set.</summary>
    public static bool IsWorth(IReadOnlyCollection<Cidr> prefixes) =>
        prefixes.Count >= Least && Named(prefixes) >= Least && !prefixes.Any(static prefix => prefix.Length == 0);

    /// <summary>How many addresses somebody named: the forms of one in IPv6 count once.</summary>
    public static int Named(IReadOnlyCollection<Cidr> prefixes) => prefixes.Count(prefix => !Array.Exists(MoreForms, form => form.Contains(prefix)));

    /// <summary>
    /// Lines in their order, as runs: rules in a row that are the same but for the destination and end a packet's way, so that it does not matter which of them is asked first. A line that belongs to no list
    /// is a run without destinations.
    /// </summary>
    /// <param name="lines">The lines.</param>
    /// <param name="ruleOf">The rule that a line is; null if it is none.</param>
    public static IEnumerable<(int First, int Count, IReadOnlyList<Cidr> Places)> Runs<T>(IReadOnlyList<T> lines, Func<T, FirewallRule?> ruleOf)
    {
        string? KeyAt(int index) => index < lines.Count && ruleOf(lines[index]) is { } rule ? KeyOf(rule) : null;
        for (var (first, key) = (0, KeyAt(0)); first < lines.Count;)
        {
            var places = new List<Cidr>();
            var (end, next) = (first, key);
            do
            {
                if (key is not null)
                    places.Add(Cidr.Parse(ruleOf(lines[end])!.Destination!));
                next = KeyAt(++end);
            }
            while (key is not null && next == key);
            yield return (first, end - first, places);
            (first, key) = (end, next);
        }
    }

    /// <summary>Prefixes in as few groups as can be of which each is what it aggregates to: none is in another one, and no two are the halves of one. A set with intervals gives just these back.</summary>
    /// <param name="prefixes">Prefixes of one family, each once.</param>
    public static IReadOnlyList<IReadOnlyList<Cidr>> Apart(IEnumerable<Cidr> prefixes)
    {
        var groups = new List<List<Cidr>>();
        // In their order, only the last one of a group can hold the next or be its other half.
        foreach (var prefix in prefixes.Order())
        {
            if (groups.Find(group => !group[^1].Contains(prefix) && Cidr.Aggregate([group[^1], prefix]).Count == 2) is { } free)
                free.Add(prefix);
            else
                groups.Add([prefix]);
        }
        return groups;
    }

    private static string? KeyOf(FirewallRule rule) =>
        rule is { Control: "Custom", Set: null, Limit: null, HashLimit: null, Action: RuleAction.Accept or RuleAction.Drop or RuleAction.Reject or RuleAction.Return, Destination: { } destination }
        && Cidr.TryParse(destination, out var prefix) && prefix.Length > 0
            ? SaveTokenizer.Join(AddressLists.WithDestination(rule, null)) : null;
}
