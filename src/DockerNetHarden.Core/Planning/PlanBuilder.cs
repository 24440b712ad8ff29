using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>Puts a plan together: which lines each of our chains will hold, and the transactions that get it there.</summary>
internal sealed class PlanBuilder(HostSnapshot host, PlanOptions options, List<string> warnings)
{
    private readonly List<RuleLine> _added = [];
    private readonly List<RuleLine> _removed = [];
    private readonly List<(PlanStep Step, bool Adds)> _steps = [];
    private readonly List<PlanPremise> _premises = [];
    private readonly List<NewChain> _newChains = [];

    // Every line of ours is parsed, so do it only once: a host can have thousands.
    private readonly List<OurChain> _existing = [.. host.Rules.Values.SelectMany(rules => OurChain.ReadAll(rules, AddressSets.Of(host)))];
    private readonly OwnTable _table = OwnTable.Of(host);
    private readonly List<OurChain> _after = [];
    private IReadOnlyList<OurChain> _inTable = [];
    private readonly AddressSets _sets = AddressSets.Of(host);
    private readonly bool _usesSets = AddressSets.CanBeOn(host);
    private NftChange? _nft;
    private NftModel? _wholeTable;
    private int _unchanged;
    private bool _removing;

    /// <summary>Whether the rules go into our nftables table.</summary>
    public bool IsNft { get; } = HostBackend.Of(options.Backend, host) == FirewallBackend.Nftables;

    /// <summary>Builds the plan.</summary>
    /// <param name="literal">The resolved rules that go in.</param>
    /// <param name="keeps">Which marks stay as they are.</param>
    /// <param name="named">Which marks somebody named: a control that vanishes under one of these needs no confirmation.</param>
    /// <param name="keepsLine">Which single lines stay, within marks that stay.</param>
    public Plan Build(IReadOnlyList<FirewallRule> literal, Func<RuleMark, bool> keeps, Func<RuleMark, bool> named, Func<OurLine, bool>? keepsLine = null)
    {
        // What is already there may always be taken away.
        _removing = literal.Count == 0;
        // What goes into the one backend leaves the other: there the same marks have no rules.
        IReadOnlyList<FirewallRule> iptables = IsNft ? [] : literal;
        var wantedFamilies = iptables.Select(rule => rule.Family).ToHashSet();
        foreach (var family in new[] { Family.IPv4, Family.IPv6 })
        {
            if (host.Rules.TryGetValue(family, out var rules))
                BuildFamily(rules, [.. iptables.Where(rule => rule.Family == family)], keeps, keepsLine ?? (_ => true));
            else if (wantedFamilies.Contains(family) && (family == Family.IPv4 || host.HasIPv6))
            {
                if (literal.Where(rule => rule.Family == family).All(Placement.IsOptional))
                {
                    warnings.Add($"{host.HostName} has no ip6tables, so nothing is closed in IPv6. If its containers can have IPv6 addresses, install the distribution's iptables package and apply the rules again.");
                    continue;
                }
                throw new PlanException(PlanFailure.FamilyMissing, $"{host.HostName} has no {(family == Family.IPv4 ? "iptables" : "ip6tables")} to write {family} rules with.", "Install the distribution's iptables package.");
            }
        }
        _inTable = BuildTable(IsNft ? literal : [], keeps, keepsLine ?? (_ => true));
        if (_removed.Count > 0 && literal.Any(rule => rule.Mark == new RuleMark("Custom")) && _removed.Any(line => RuleMark.TryParse(line.Comment, out var mark, out _) && mark == new RuleMark("Custom")))
            warnings.Add("Rules without a name replace the rules without a name that stood before: give New-FirewallRule a -Name to keep both.");
        var marks = literal.Select(rule => rule.Mark).ToHashSet();
        warnings.AddRange(NarrowerFirst.Warnings(_after.Concat(_inTable), marks.Contains));
        if (host.HasIpSet == false && _steps.Count > 0)
            warnings.AddRange(LongLists.Warnings(host.HostName, _after, marks.Contains));
        return Make([], Vanishing(literal, keeps, named));
    }

    /// <summary>The plan of a host that is already as desired, with the problems that keep these rules from acting.</summary>
    public Plan MakeEmpty(IReadOnlyList<FirewallRule> literal, IReadOnlyList<string> vanishing) => Make(RulePresence.OfResolved(literal, host, [.. _existing, .. _table.Chains], IsNft), vanishing);

    /// <summary>The plan with everything that has to be done.</summary>
    private Plan Make(IReadOnlyList<string> problems, IReadOnlyList<string> vanishing) => new(host)
    {
        Added = _added,
        Removed = _removed,
        Unchanged = _unchanged,
        // Until the last step is done there may be a block too many, never one too few.
        Steps = [.. _steps.OrderBy(step => step.Adds ? 0 : 1).Select(step => step.Step)],
        Premises = _premises,
        Nft = _nft,
        WholeTable = _wholeTable,
        Backend = IsNft ? FirewallBackend.Nftables : FirewallBackend.Iptables,
        NewChains = _newChains,
        Warnings = warnings,
        Problems = problems,
        VanishingControls = vanishing,
        Chains = _after,
        TableChains = _inTable,
        Sets = SetsAfter(),
    };

    private void BuildFamily(Ruleset rules, IReadOnlyList<FirewallRule> literal, Func<RuleMark, bool> keeps, Func<OurLine, bool> keepsLine)
    {
        var existing = _existing.FindAll(chain => chain.Family == rules.Family);
        var places = existing.Select(chain => (chain.Hook, chain.Control)).Concat(literal.Select(rule => (rule.Hook, rule.Control))).ToHashSet();
        // mangle first: the half of a block that Docker never touches is in place before the other half is changed.
        foreach (var table in new[] { "mangle", "raw", "filter" })
        {
            var changes = new TableChange(rules, table);
            foreach (var (hook, control) in places.Where(place => string.Equals(place.Hook.Table, table, StringComparison.Ordinal)).OrderBy(place => place.Hook.ChainOf(place.Control), StringComparer.Ordinal))
            {
                var before = existing.Find(chain => chain.Hook == hook && string.Equals(chain.Control, control, StringComparison.Ordinal));
                var empty = new OurChain(rules.Family, hook, control, []);
                var after = Compose((before ?? empty) with { UsesSets = _usesSets }, [.. literal.Where(rule => rule.Hook == hook && string.Equals(rule.Control, control, StringComparison.Ordinal))], keeps, keepsLine);
                changes.Add(before, after);
                _after.Add(after);
            }
            foreach (var hook in Hook.All.Where(hook => string.Equals(hook.Table, table, StringComparison.Ordinal)))
                PlanHook(rules, hook, changes);
            if (table is "filter")
                changes.Jumps(ForwardJump.Plan(host, rules, changes.Chains.Any(chain => !chain.Hook.IsBuiltIn && chain.Lines.Count > 0), options.CreateChain));
            Finish(rules, table, changes);
        }
    }

    // The whole table at once: the rules of both families, and what brings packets to them.
    private IReadOnlyList<OurChain> BuildTable(IReadOnlyList<FirewallRule> literal, Func<RuleMark, bool> keeps, Func<OurLine, bool> keepsLine)
    {
        if (host.OwnTable is null)
        {
            return literal.Count == 0 ? [] : throw new PlanException(PlanFailure.FamilyMissing, $"{host.HostName} has no nft to write rules with{(host.OwnTableError is { } error ? $", or it may not be used ({error})" : "")}.",
                "Install the distribution's nftables package; a user needs the right to run it with sudo, as docs/guides/sudoers.md describes.");
        }
        var places = _table.Chains.Select(chain => (chain.Family, chain.Hook, chain.Control)).Concat(literal.Select(rule => (rule.Family, rule.Hook, rule.Control))).Distinct().ToList();
        if (places.Count == 0 && !_table.Read.Exists)
            return [];
        var (after, added, removed) = (new List<OurChain>(), new List<string>(), new List<string>());
        try
        {
            foreach (var (family, hook, control) in places)
            {
                var before = _table.Chains.FirstOrDefault(chain => chain.Family == family && chain.Hook == hook && chain.Control == control) ?? new OurChain(family, hook, control, []) { IsNft = true, Laid = [] };
                after.Add(Compose(before, [.. literal.Where(rule => rule.Family == family && rule.Hook == hook && rule.Control == control)], keeps, keepsLine) with { Laid = [] });
                added.AddRange(OurLine.Missing(after[^1].Lines, before.Lines).SelectMany(line => OwnTable.Commands(before, line)));
                removed.AddRange(OurLine.Missing(before.Lines, after[^1].Lines).SelectMany(line => OwnTable.Commands(before, line)));
            }
            _wholeTable = _table.With(after);
            if (NftDiff.Of(_table.Read, _wholeTable) is { } text)
                _nft = new NftChange(text, _table.Read.Handles, added, removed);
            return after;
        }
        catch (NftException error)
        {
            throw new PlanException(PlanFailure.NotInNftables, error.Message, "Leave the rule out, write it in another way, or give -Backend Iptables where Docker writes with iptables.");
        }
    }

    private OurChain Compose(OurChain before, IReadOnlyList<FirewallRule> literal, Func<RuleMark, bool> keeps, Func<OurLine, bool> keepsLine)
    {
        // A requested line that is already there keeps its counters.
        var there = before.Folded.GroupBy(line => line.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var wanted = RuleFold.Fold(literal.Select(rule => OurLine.Make(rule, before.Name))).Select(line => there.TryGetValue(line.Key, out var old) ? line.Counted([old]) : line).ToList();
        _unchanged += wanted.Select(line => line.Key).Distinct(StringComparer.Ordinal).Count(there.ContainsKey);
        var marks = literal.Select(rule => rule.Mark).ToHashSet();
        var kept = RuleFold.Fold(before.Lines.Where(line => line.Mark is not null && keeps(line.Mark) && !marks.Contains(line.Mark) && keepsLine(line)));
        if (kept.FirstOrDefault(line => line.IsUnresolved) is { } unresolved)
            throw new PlanException(PlanFailure.SetUnread, $"{host.HostName} has rules of ours ({unresolved.Mark}) whose addresses are in a set of ipset that is empty or cannot be read, so they would be lost.", "Apply those rules again, or remove them. If ipset is missing there, install it; a user needs the right to run it with sudo, as docs/guides/sudoers.md describes.");
        return before.With(kept.Concat(wanted)) with { Strays = [.. before.Strays.Where(line => line.Mark is null || (keeps(line.Mark) && !marks.Contains(line.Mark)))] };
    }

    private void PlanHook(Ruleset rules, Hook hook, TableChange changes)
    {
        var wanted = changes.Chains.Where(chain => chain.Hook == hook && chain.Lines.Count > 0).ToList();
        if (wanted.Count > 0 && !hook.IsBuiltIn && (!rules.HasChain(hook.Table, hook.Chain) || (IsNftables && !_removing && !IsNft)))
        {
            // An engine that writes with nftables would never ask the chain: it would only look like protection. Where Docker writes without a DOCKER-USER (ip6tables before engine 27), it puts
            // rules that accept before any jump of ours whenever a network is made. Rules for IPv6 come here only if they jump, or if the chain is to be made: see Placement.
            if (!options.CreateChain || IsNftables || (rules.Family == Family.IPv6 && ForwardJump.IsDockers(host, rules)))
                throw ChainMissing(rules, hook);
            _newChains.Add(new NewChain(rules.Family, hook.Table, hook.Chain));
        }
        var jumps = JumpPlan.Of(rules, hook, rules.Family, wanted);
        changes.Jumps(jumps);
        warnings.AddRange(jumps.Warnings);
    }

    private void Finish(Ruleset rules, string table, TableChange changes)
    {
        // The lines can stand as they should and ask a set whose members somebody changed.
        if (changes.IsEmpty && !changes.Chains.SelectMany(SetsOf).Any(set => !_sets.Holds(set)))
            return;
        _added.AddRange(changes.Added);
        _removed.AddRange(changes.Removed);
        warnings.AddRange(changes.Warnings);
        if (changes.IsEmpty)
            return;
        _steps.Add((new PlanStep(rules.Family, table, changes.Restore(), changes.Inverse()), changes.Added.Count > 0));
        // A Prune would miss rules of ours that were added since the snapshot, and a chain of Docker's is made before any step. Both need to know the table first.
        if (!changes.IsItsOwnPremise || options.Prune || _newChains.Count > 0)
            _premises.Add(new PlanPremise(rules.Family, table, changes.Ours));
    }

    // Null if no set is concerned.
    private SetChange? SetsAfter()
    {
        var wanted = _after.SelectMany(SetsOf).DistinctBy(set => set.Name, StringComparer.Ordinal).ToList();
        List<string> there = [.. _sets.Names.Order(StringComparer.Ordinal)];
        return wanted.Count + there.Count == 0 ? null : new SetChange(
            there, [.. wanted.Where(set => !_sets.Has(set))], [.. wanted.Where(set => _sets.Has(set) && !_sets.Holds(set))], [.. there.Except(wanted.Select(set => set.Name), StringComparer.Ordinal)]);
    }

    private static IEnumerable<AddressSet> SetsOf(OurChain chain) => chain.Laid.SelectMany(part => part.Lines).Select(line => line.Set).OfType<AddressSet>();

    private bool IsNftables => HostBackend.DockerUsesNftables(host);

    private PlanException ChainMissing(Ruleset rules, Hook hook)
    {
        const string Elsewhere = "Use table mangle, chain FORWARD or POSTROUTING, for IPv6";
        var (why, remedy) = IsNftables
            ? (": its Docker writes with the nftables firewall backend, which never asks that chain; rules there would look like protection but have no effect.",
                "Leave -Backend out, or give -Backend Nftables: the rules then go into a table of nftables.")
            : (rules.Family, host.Engine) switch
            {
                (Family.IPv6, not null) when ForwardJump.IsDockers(host, rules) =>
                    (" in ip6tables: its Docker (before 27) has none there, and would put its own rules before a chain that somebody else makes.", Elsewhere + "."),
                (Family.IPv6, _) => (" in ip6tables: its Docker does not write IPv6 rules (before 27, or ip6tables off).",
                    Elsewhere + "; or give -CreateChain to Invoke-FirewallRule, which makes the chain and FORWARD's jump to it."),
                (_, null) => ($": Docker is not started there, or runs with \"iptables\": false{(host.DockerError is { } error ? $" ({error.Message.TrimEnd('.')})" : "")}.",
                    "Start Docker, or give -CreateChain to make the chain and FORWARD's jump to it before Docker's first start; Docker keeps the chain."),
                _ => (": its Docker runs with \"iptables\": false, or its chains were removed.", "Give -CreateChain to make the chain and FORWARD's jump to it."),
            };
        return new PlanException(PlanFailure.ChainMissing, $"{host.HostName} has no chain {hook.Chain}{why}", remedy);
    }

    private List<string> Vanishing(IReadOnlyList<FirewallRule> literal, Func<RuleMark, bool> keeps, Func<RuleMark, bool> named)
    {
        var marks = _existing.Concat(_table.Chains).SelectMany(chain => chain.Lines).Select(line => line.Mark).OfType<RuleMark>().ToHashSet();
        return [.. marks.Select(mark => mark.Control).Distinct(StringComparer.Ordinal).Where(control =>
            !literal.Any(rule => string.Equals(rule.Control, control, StringComparison.Ordinal))
            && marks.Where(mark => string.Equals(mark.Control, control, StringComparison.Ordinal)).All(mark => !keeps(mark) && !named(mark)))];
    }
}
