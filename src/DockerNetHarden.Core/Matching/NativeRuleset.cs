using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>
/// The native side of nf_tables: the chains at hooks that iptables-save does not show, and the rules that it shows wider than they are.
/// </summary>
internal sealed class NativeRuleset
{
    // What iptables-nft prints for its own expressions; nft put anything else into its rules.
    private static readonly (string Expression, string[] Tokens)[] s_printed =
    [
        ("\"iifname\"", ["-i"]), ("\"iif\"", ["-i"]), ("\"oifname\"", ["-o"]), ("\"oif\"", ["-o"]), ("\"saddr\"", ["-s"]), ("\"daddr\"", ["-d"]),
        ("\"l4proto\"", ["-p"]), ("\"field\":\"protocol\"", ["-p"]), ("\"nexthdr\"", ["-p"]),
        ("\"dport\"", ["--dport", "--dports", "--ports"]), ("\"sport\"", ["--sport", "--sports", "--ports"]),
        ("\"field\":\"flags\"", ["--tcp-flags", "--syn"]), ("\"mark\"", ["--mark"]), ("\"pkttype\"", ["--pkt-type"]),
        ("\"field\":\"type\"", ["--icmp-type", "--icmpv6-type"]), ("\"field\":\"code\"", ["--icmp-type", "--icmpv6-type"]),
    ];

    private static readonly string[] s_harmless = ["match", "counter", "log", "accept", "return", "continue", "jump", "goto", "limit"];

    private readonly NftRuleset _nft;
    private readonly Family _family;
    private readonly RuleContext _context;
    private readonly Ruleset? _printed;
    private readonly Dictionary<(string Family, string Table, string Chain), List<NftRule>> _rules = [];
    private readonly Dictionary<(string Family, string Table, string Chain), CompiledChain> _chains = [];
    private readonly Dictionary<(string Family, string Table), bool> _shown = [];

    /// <param name="nft">All of nf_tables.</param>
    /// <param name="printed">What iptables-nft prints of its tables. Null if it is not installed; then all tables are native.</param>
    /// <param name="context">The host.</param>
    internal NativeRuleset(NftRuleset nft, Ruleset? printed, RuleContext context)
    {
        (_nft, _printed, _context, _family) = (nft, printed, context, context.Family);
        foreach (var rule in nft.Rules)
        {
            var key = (rule.Family, rule.Table, rule.Chain);
            if (!_rules.TryGetValue(key, out var rules))
                _rules.Add(key, rules = []);
            rules.Add(rule);
        }
        foreach (var chain in nft.Chains.Where(IsOfFamily))
        {
            _chains[(chain.Family, chain.Table, chain.Name)] = new CompiledChain(Shows(chain.Family, chain.Table) ? $"{chain.Table} {chain.Name}" : $"{chain.Family} {chain.Table} {chain.Name}")
            {
                IsTarget = NftNames.IsTarget($"{chain.Family} {chain.Table}", chain.Name),
            };
        }
        var reader = new NativeReader(context, nft, (rule, name) => _chains.GetValueOrDefault((rule.Family, rule.Table, name)));
        foreach (var (key, chain) in _chains)
            chain.Fill(_rules.GetValueOrDefault(key, []).SelectMany((rule, i) => reader.Read(rule, PlaceOf(rule, i))));
    }

    /// <summary>The chains at hooks that iptables-nft does not show.</summary>
    internal IEnumerable<BaseChain> Chains() => _nft.Chains
        .Where(chain => chain.Hook is not null && IsOfFamily(chain) && !IsShown(chain) && IsDormant(chain.Family, chain.Table) != true)
        .Select(chain => new BaseChain(
            _chains[(chain.Family, chain.Table, chain.Name)], chain.Hook!, chain.Priority, chain.Type == "nat",
            chain.Policy == "drop" ? ActionKind.Drop : ActionKind.Accept,
            new Place($"{chain.Family} {chain.Table}", chain.Table, chain.Name, 0, null),
            // Without iptables, the native filter chains are the ones that decide.
            Decides: chain.Type == "filter" && chain.Hook is "input" or "forward")
        {
            MayBypass = IsDormant(chain.Family, chain.Table) is null ? new Cause(null, $"the table {chain.Family} {chain.Table} has a flag that is not known, and may be dormant") : null,
        });

    /// <summary>
    /// Whether iptables-save shows all of a table. If not, the table's chains are walked as nft has them.
    /// </summary>
    internal bool Shows(string table) => Shows(_family == Family.IPv4 ? "ip" : "ip6", table);

    /// <summary>
    /// A rule of iptables-nft as nft has it, if iptables-save leaves something out: <c>ip daddr { a, b } drop</c> comes out as
    /// <c>-j DROP</c>. Null if the line shows everything.
    /// </summary>
    internal CompiledMatch? Narrower(RuleLine line)
    {
        var rules = _rules.GetValueOrDefault((_family == Family.IPv4 ? "ip" : "ip6", line.Table, line.Chain));
        if (rules is null || line.Position < 1 || line.Position > rules.Count || rules[line.Position - 1].Expressions.All(expression => IsPrinted(Raw(expression), line)))
            return null;
        var reader = new NativeReader(_context, _nft, static (_, _) => null);
        return reader.Read(rules[line.Position - 1], new Place(null, line.Table, line.Chain, line.Position, line)).LastOrDefault()?.Match;
    }

    /// <summary>Why a link's packets may be decided where they are not followed: chains of the families bridge and netdev; null if there are none.</summary>
    internal string? BelowIp(string link)
    {
        foreach (var chain in _nft.Chains.Where(static chain => chain is { Hook: not null, Family: "bridge" or "netdev" } or { Hook: "ingress" or "egress" }))
        {
            if (IsDormant(chain.Family, chain.Table) == true)
                continue;
            if (chain.Family != "bridge" && chain.Devices.Count > 0 && !chain.Devices.Contains(link, StringComparer.Ordinal))
                continue;
            if (chain.Policy == "drop" || _nft.Rules.Any(rule => rule.Family == chain.Family && rule.Table == chain.Table && !IsHarmless(rule)))
                return $"the chain {chain.Name} of the nftables table {chain.Family} {chain.Table} decides about frames before iptables sees them";
        }
        return null;
    }

    /// <summary>Whether the kernel skips the table's chains; null if nft's flags do not tell.</summary>
    private bool? IsDormant(string family, string table)
    {
        var flags = _nft.FlaggedTables.Where(each => each.Family == family && each.Name == table).SelectMany(static each => each.Flags).ToList();
        return flags.Contains("dormant", StringComparer.Ordinal) ? true : flags.TrueForAll(static flag => flag is "owner" or "persist") ? false : null;
    }

    private bool Shows(string family, string table)
    {
        if (!_shown.TryGetValue((family, table), out var shown))
            _shown.Add((family, table), shown = IsShownWholly(family, table));
        return shown;
    }

    // A table that nft does not list at all was made after it listed: then there is only what iptables-save shows. Rules that iptables-save leaves out make the
    // numbers differ, but it does not show that a table is dormant.
    private bool IsShownWholly(string family, string table) => _printed is not null && family == (_family == Family.IPv4 ? "ip" : "ip6")
        && IptablesHooks.IsHookTable(table) && IsDormant(family, table) == false && _printed.Tables.Contains(table, StringComparer.Ordinal)
        && !_printed.IncompatibleTables.Contains(table, StringComparer.Ordinal)
        && (!_nft.Chains.Any(chain => chain.Family == family && chain.Table == table)
            || _printed.ChainsOf(table).All(chain => _printed[table, chain.Name].Count == (_rules.GetValueOrDefault((family, table, chain.Name))?.Count ?? 0)));

    private bool IsShown(NftChain chain) => Shows(chain.Family, chain.Table) && IptablesHooks.IsHook(chain.Table, chain.Name);

    private bool IsOfFamily(NftChain chain) => chain.Hook != "ingress" && chain.Hook != "egress"
        && (chain.Family == "inet" || chain.Family == (_family == Family.IPv4 ? "ip" : "ip6"));

    private static Place PlaceOf(NftRule rule, int index) => new($"{rule.Family} {rule.Table}", rule.Table, rule.Chain, index + 1, null);

    // The spacing of the text depends on its writer.
    private static string Raw(System.Text.Json.JsonElement expression) => expression.GetRawText().Replace(" ", "", StringComparison.Ordinal);

    private static bool IsPrinted(string expression, RuleLine line)
    {
        if (!expression.StartsWith("{\"match\"", StringComparison.Ordinal))
            return true;
        // Of sets, iptables makes only sets of ports.
        if (expression.Contains("\"set\"", StringComparison.Ordinal) && !expression.Contains("port\"", StringComparison.Ordinal))
            return false;
        return Array.Exists(s_printed, each => expression.Contains(each.Expression, StringComparison.Ordinal) && each.Tokens.Any(token => line.Tokens.Contains(token, StringComparer.Ordinal)));
    }

    private static bool IsHarmless(NftRule rule) => rule.Expressions.All(static expression =>
    {
        var text = Raw(expression);
        return Array.Exists(s_harmless, word => text.StartsWith("{\"" + word + "\"", StringComparison.Ordinal));
    });
}
