using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Effects;

/// <summary>
/// A host as a plan would leave it, for the walk. Chains of ours hold their rules one after the other, as they are meant: how they are laid out in the kernel only makes packets pass sooner.
/// </summary>
internal static class PlannedHost
{
    /// <summary>The host after a plan.</summary>
    /// <param name="host">The whole host, read after the plan was made or before.</param>
    /// <param name="plan">The plan.</param>
    public static PacketWalk After(HostSnapshot host, Plan plan)
    {
        var rules = host.Rules.ToDictionary(static pair => pair.Key, pair => After(pair.Value, plan));
        var after = host with { Rules = rules, Nft = host.Nft is { } nft && host.Iptables.Backend == IptablesBackend.Nft ? PlannedNft.After(nft, host.Rules, rules, Tables(plan)) : host.Nft };
        return plan.Nft is null ? new PacketWalk(after)
            : new PacketWalk(after, Enum.GetValues<Family>().ToDictionary(static family => family, family => OwnTable(family, plan.TableChains)));
    }

    /// <summary>The tables of iptables that a plan changes.</summary>
    public static IEnumerable<PlanTable> Tables(Plan plan) =>
        plan.Steps.Select(static step => new PlanTable(step.Family, step.Table)).Concat(plan.NewChains.Select(static chain => new PlanTable(chain.Family, chain.Table))).Distinct();

    private static Ruleset After(Ruleset rules, Plan plan)
    {
        foreach (var chain in plan.NewChains.Where(chain => chain.Family == rules.Family && !rules.HasChain(chain.Table, chain.Chain)))
            rules = rules.WithRules(chain.Table, chain.Chain, []);
        foreach (var step in plan.Steps.Where(step => step.Family == rules.Family))
        {
            var chains = plan.Chains.Where(chain => chain.Family == step.Family && chain.Hook.Table == step.Table).ToList();
            // Parts of chains too: nothing leads to them any more.
            foreach (var old in rules.ChainsOf(step.Table).Where(old => Hook.OwnerOf(step.Table, Hook.WholeOf(old.Name)) is not null).ToList())
                rules = rules.WithRules(step.Table, old.Name, []);
            foreach (var chain in chains)
                rules = rules.WithRules(step.Table, chain.Name, [.. Flat(chain)]);
            rules = WithVerdicts(rules, step.Table);
            foreach (var line in step.Restore.Split('\n').Where(static line => line.StartsWith("-I ", StringComparison.Ordinal) || line.StartsWith("-D ", StringComparison.Ordinal)))
                rules = Jumped(rules, step.Table, SaveTokenizer.Split(line));
        }
        return rules;
    }

    private static Ruleset Jumped(Ruleset rules, string table, IReadOnlyList<string> tokens)
    {
        var line = new RuleLine(rules.Family, table, tokens[1], [.. tokens.Skip(2)]);
        var there = rules[table, line.Chain].ToList();
        if (tokens[0] == "-I")
            there.Insert(0, line);
        else
            there.Remove(line);
        return rules.WithRules(table, line.Chain, there);
    }

    // Our table in the words of iptables: the chains of a hook in the order in which they are asked.
    private static Ruleset OwnTable(Family family, IReadOnlyList<OurChain> all)
    {
        var rules = Ruleset.Parse(family, "");
        foreach (var hook in all.Where(chain => chain.Family == family && chain.Lines.Count > 0).GroupBy(static chain => chain.Hook))
        {
            var chains = hook.OrderBy(static chain => chain.Control is "Custom" ? 1 : 0).ThenBy(static chain => chain.Name, StringComparer.Ordinal).ToList();
            foreach (var chain in chains)
                rules = rules.WithRules(hook.Key.Table, chain.Name, [.. Flat(chain)]);
            var name = hook.Key.IsBuiltIn ? hook.Key.Chain : ForwardJump.Chain;
            rules = rules.WithRules(hook.Key.Table, name, [.. chains.Select(chain => chain.Jump with { Chain = name })]);
        }
        foreach (var table in Hook.Tables)
            rules = WithVerdicts(rules, table);
        return rules;
    }

    // What somebody else put into them stays, and what is asked first does not matter: they only block.
    private static Ruleset WithVerdicts(Ruleset rules, string table)
    {
        foreach (var verdict in VerdictChain.In(table).Where(verdict => rules.AllRules.Any(line => line.Table == table && line.Target == verdict.Name)))
        {
            var lines = verdict.Lines(rules.Family, table);
            rules = rules.WithRules(table, verdict.Name, [.. rules[table, verdict.Name].Where(line => !lines.Contains(line)), .. lines]);
        }
        return rules;
    }

    private static IEnumerable<RuleLine> Flat(OurChain chain) => chain.Lines.SelectMany(line => TokensOf(line).Select(tokens => new RuleLine(chain.Family, chain.Hook.Table, chain.Name, tokens)));

    private static IEnumerable<IReadOnlyList<string>> TokensOf(OurLine line) => line.Rule is not { } rule ? [line.Line.Tokens]
        : rule.Destination?.Split(',') is [_, _, ..] places ? places.Select(place => AddressLists.WithDestination(rule, place)) : [rule.Tokens];
}
