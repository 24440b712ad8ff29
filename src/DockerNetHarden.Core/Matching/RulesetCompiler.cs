using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Matching;

/// <summary>
/// Turns the rule set of one implementation into chains that can be walked. For iptables-nft, a table with contents that iptables-save cannot show is left to
/// <see cref="NativeRuleset"/>, and a rule that it shows wider than it is matches as nft has it.
/// </summary>
internal sealed class RulesetCompiler(Ruleset rules, string backend, bool isActive, RuleContext context, NativeRuleset? native)
{
    private readonly Dictionary<(string Table, string Chain), CompiledChain> _chains = [];

    /// <summary>The chains at hooks that incoming packets pass.</summary>
    /// <param name="before">By how much they come before the tables of iptables.</param>
    internal List<BaseChain> Compile(int before = 0)
    {
        List<string> tables = [.. rules.Tables.Where(table => native?.Shows(table) != false)];
        foreach (var table in tables)
        {
            foreach (var chain in rules.ChainsOf(table))
                _chains[(table, chain.Name)] = new CompiledChain($"{table} {chain.Name}") { IsTarget = VerdictChain.Find(chain.Name) is not null };
            foreach (var chain in rules.ChainsOf(table))
                _chains[(table, chain.Name)].Fill(rules[table, chain.Name].SelectMany(Rule));
        }
        return [.. IptablesHooks.All.Where(hook => tables.Contains(hook.Table, StringComparer.Ordinal) && rules.HasChain(hook.Table, hook.Chain)).Select(hook => Base(hook.Table, hook.Chain, hook.Priority - before))];
    }

    private BaseChain Base(string table, string name, int priority)
    {
        var policy = rules.ChainsOf(table).First(chain => chain.Name == name).Policy;
        return new BaseChain(
            _chains[(table, name)], name.ToLowerInvariant(), priority, table == "nat", policy == "DROP" ? ActionKind.Drop : ActionKind.Accept,
            new Place(backend, table, name, 0, null), isActive && table == "filter")
        {
            Why = native is null && rules.IncompatibleTables.Contains(table, StringComparer.Ordinal) ? $"the table {table} holds native rules that iptables-save cannot show" : null,
        };
    }

    // A rule that takes different packets of different links is one for each of them.
    private IEnumerable<CompiledRule> Rule(RuleLine line)
    {
        var (match, target, isGoto, options) = MatchReader.Read(line.Tokens, context);
        var action = ActionReader.Read(target, isGoto, options, context.Family, name => _chains.GetValueOrDefault((line.Table, name)));
        var place = new Place(backend, line.Table, line.Chain, line.Position, line);
        IReadOnlyList<CompiledMatch> matches = native?.Narrower(line) is { } narrower ? [narrower] : match.BuildEach();
        return matches.Select(each => new CompiledRule(place, each, action));
    }
}

/// <summary>The chains of iptables at hooks of the kernel.</summary>
internal static class IptablesHooks
{
    // Source: linux/netfilter_ipv4.h, enum nf_ip_hook_priorities; the nat table has two, one before routing and one after it.
    internal static IReadOnlyList<(string Table, string Chain, int Priority)> All { get; } =
    [
        ("raw", "PREROUTING", -300), ("mangle", "PREROUTING", -150), ("nat", "PREROUTING", -100),
        ("mangle", "INPUT", -150), ("filter", "INPUT", 0), ("security", "INPUT", 50), ("nat", "INPUT", 100),
        ("mangle", "FORWARD", -150), ("filter", "FORWARD", 0), ("security", "FORWARD", 50),
        ("mangle", "POSTROUTING", -150), ("nat", "POSTROUTING", 100),
    ];

    /// <summary>Whether iptables has a table of this name.</summary>
    internal static bool IsHookTable(string table) => All.Any(hook => hook.Table == table);

    /// <summary>Whether a chain of a table is at a hook of the kernel.</summary>
    internal static bool IsHook(string table, string chain) => All.Any(hook => hook.Table == table && hook.Chain == chain);
}
