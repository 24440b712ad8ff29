using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// What has to change on one host to get it into the desired state: a pure function of the desired rules and a snapshot. Rules that are applied replace all
/// rules with the same mark; all other marks, and everything that is not ours, stay.
/// </summary>
public sealed class Plan
{
    internal Plan(HostSnapshot before) => Before = before;

    /// <summary>The snapshot that the plan was made on.</summary>
    public HostSnapshot Before { get; }

    /// <summary>The lines that go in, jumps included.</summary>
    public IReadOnlyList<RuleLine> Added { get; internal init; } = [];

    /// <summary>The lines that go out, jumps included.</summary>
    public IReadOnlyList<RuleLine> Removed { get; internal init; } = [];

    /// <summary>How many of the requested lines are already there.</summary>
    public int Unchanged { get; internal init; }

    /// <summary>The transactions, in an order that is safe to stop at: steps that add come before steps that only remove.</summary>
    public IReadOnlyList<PlanStep> Steps { get; internal init; } = [];

    /// <summary>What the live tables must still say when they are written. A table without anything of ours needs none, unless Custom rules go in or others out: its step fails if
    /// a chain that it makes exists after all.</summary>
    public IReadOnlyList<PlanPremise> Premises { get; internal init; } = [];

    /// <summary>Chains to make first.</summary>
    public IReadOnlyList<NewChain> NewChains { get; internal init; } = [];

    /// <summary>Tables that the plan creates: iptables-nft makes a table when it first writes there, and a host whose Docker writes with nftables may have none.</summary>
    public IReadOnlyList<PlanTable> NewTables => Before.Iptables.Backend != IptablesBackend.Nft ? []
        : [.. Steps.Select(static step => new PlanTable(step.Family, step.Table)).Concat(NewChains.Select(static chain => new PlanTable(chain.Family, chain.Table)))
            .Distinct().Where(table => !Before.Rules[table.Family].Tables.Contains(table.Table, StringComparer.Ordinal))];

    /// <summary>Tables that an earlier write made and that get nothing from this plan: they may be empty afterwards.</summary>
    public IReadOnlyList<PlanTable> EmptiedTables =>
        [.. Steps.Select(static step => new PlanTable(step.Family, step.Table)).Where(table => Before.Rules[table.Family].HasChain(table.Table, PlanTable.Made)
            && !Added.Any(line => line.Family == table.Family && string.Equals(line.Table, table.Table, StringComparison.Ordinal)))];

    /// <summary>What changes in our nftables table; null if nothing does.</summary>
    public NftChange? Nft { get; internal init; }

    /// <summary>Our nftables table as it will be; null if there is none and none is made.</summary>
    internal NftModel? WholeTable { get; init; }

    /// <summary>Where the requested rules go.</summary>
    public FirewallBackend Backend { get; internal init; }

    /// <summary>What goes in, as a person would type it.</summary>
    public IReadOnlyList<string> AddedCommands => [.. Added.Select(CommandLine), .. Nft?.Added ?? []];

    /// <summary>What goes out, as a person would type it.</summary>
    public IReadOnlyList<string> RemovedCommands => [.. Removed.Select(CommandLine), .. Nft?.Removed ?? []];

    /// <summary>What a person should know, though it does not stop the plan.</summary>
    public IReadOnlyList<string> Warnings { get; internal init; } = [];

    /// <summary>Controls that lose all their rules, though nobody named them: the reason to ask before -Prune.</summary>
    public IReadOnlyList<string> VanishingControls { get; internal init; } = [];

    /// <summary>If the host is already as desired: what still keeps the rules from acting, one sentence each.</summary>
    public IReadOnlyList<string> Problems { get; internal init; } = [];

    /// <summary>Our chains of iptables as they will be.</summary>
    internal IReadOnlyList<OurChain> Chains { get; init; } = [];

    /// <summary>Our chains in nftables as they will be.</summary>
    internal IReadOnlyList<OurChain> TableChains { get; init; } = [];

    /// <summary>What becomes of the sets of ipset(8) that our chains ask; null if there are none and none are made.</summary>
    internal SetChange? Sets { get; init; }

    /// <summary>Whether the host is already as desired.</summary>
    public bool IsEmpty => Steps.Count == 0 && NewChains.Count == 0 && Nft is null && Sets is null or { IsEmpty: true };

    /// <summary>What a person reads: the exact lines that go out (-) and in (+), as commands would write them; a change of order is described in words.</summary>
    public string Diff
    {
        get
        {
            var lines = NewChains.Select(chain => $"+ {Command(chain.Family)} -N {chain.Chain}")
                .Concat(RemovedCommands.Select(line => $"- {line}"))
                .Concat(AddedCommands.Select(line => $"+ {line}"))
                .ToList();
            if (lines.Count == 0 && !IsEmpty)
                lines.Add("~ the same rules, in other chains or another order");
            return string.Join('\n', lines);
        }
    }

    /// <summary>A line as a person would type it: command, table if it is not filter, <c>-A</c> and the rule.</summary>
    public static string CommandLine(RuleLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        var table = line.Table is "filter" ? "" : $"-t {line.Table} ";
        return ShownText.Plain($"{Command(line.Family)} {table}-{(JumpPlan.IsOurs(line) ? "I" : "A")} {line.Chain} {SaveTokenizer.Join(line.Tokens)}");
    }

    /// <summary>The plan that gives a host these rules.</summary>
    /// <param name="desired">The rules; complete for each of their marks.</param>
    /// <param name="actual">The host.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <exception cref="PlanException">The host cannot have these rules.</exception>
    public static Plan From(IReadOnlyList<FirewallRule> desired, HostSnapshot actual, PlanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(desired);
        ArgumentNullException.ThrowIfNull(actual);
        options ??= new PlanOptions();
        if (desired.Count == 0)
            throw new PlanException(PlanFailure.NothingGiven, options.Prune ? "Without a rule, Prune would remove everything of ours." : "There is no rule to apply.", "To remove everything of ours on purpose, use Remove-FirewallRule -All.");

        if (desired.FirstOrDefault(static rule => rule.Set is { } set && AddressSet.IsOurs(set.Split(' ')[0])) is { } own)
            throw new PlanException(PlanFailure.UnresolvedOperand, $"'{own}' asks a set that this module makes and removes by itself.", "Name the addresses in the rule; many of them become a set.");

        var warnings = new List<string>();
        var resolver = new OperandResolver(actual, warnings, options.CreateChain, options.Backend);
        var literal = new List<FirewallRule>();
        foreach (var rule in desired)
        {
            var resolved = resolver.Resolve(rule);
            if (!options.Force)
                InputGuard.Check(rule, resolved, actual, desired);
            literal.AddRange(resolved);
        }
        var marks = desired.Select(rule => rule.Mark).ToHashSet();
        if (!options.Force)
        {
            BridgeGuard.Check(literal, actual);
            MarkGuard.Check(desired, actual);
            AdoptedProfiles.Check(literal, actual);
        }
        warnings.AddRange(MarkGuard.Opened(desired, actual));
        var builder = new PlanBuilder(actual, options, warnings);
        literal = [.. RuleFold.Fold(builder.IsNft ? [.. literal.Select(NftTables.Canonical)] : literal)];
        var plan = builder.Build(literal, mark => !options.Prune && !marks.Contains(mark), mark => marks.Contains(mark));
        return plan.IsEmpty ? builder.MakeEmpty(literal, plan.VanishingControls) : plan;
    }

    /// <summary>The plan that removes the rules of ours that <paramref name="remove"/> selects.</summary>
    public static Plan Without(Func<RuleMark, bool> remove, HostSnapshot actual)
    {
        ArgumentNullException.ThrowIfNull(remove);
        ArgumentNullException.ThrowIfNull(actual);
        return new PlanBuilder(actual, new PlanOptions { Force = true }, []).Build([], mark => !remove(mark), _ => true);
    }

    /// <summary>The plan that removes single rules of ours, by their canonical text.</summary>
    public static Plan WithoutRules(IReadOnlyList<FirewallRule> rules, HostSnapshot actual)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(actual);
        // As they were given too: what a rule read from this host resolves to may have changed since. And as nft keeps them.
        var given = new[] { FirewallBackend.Iptables, FirewallBackend.Nftables }.SelectMany(backend => rules.SelectMany(new OperandResolver(actual, [], backend: backend).Resolve)).Concat(rules).ToList();
        var texts = given.Concat(given.Select(NftTables.Canonical)).Select(rule => rule.ToString()).ToHashSet(StringComparer.Ordinal);
        return new PlanBuilder(actual, new PlanOptions { Force = true }, []).Build([], _ => true, _ => true, line => !texts.Contains(line.Key));
    }

    private static string Command(Family family) => family == Family.IPv4 ? "iptables" : "ip6tables";
}

/// <summary>
/// One transaction of a plan: one table of one family. Each COMMIT of iptables-restore is atomic by itself and no more than that,
/// so the steps stand in an order that is safe to stop at.
/// </summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table.</param>
/// <param name="Restore">The text for <c>iptables-restore --noflush --counters --wait</c>.</param>
/// <param name="Inverse">The text that takes the step back.</param>
public sealed record PlanStep(Family Family, string Table, string Restore, string Inverse)
{
    /// <summary>Our lines in its table; empty if there is no such table.</summary>
    internal IReadOnlyList<string> OursIn(IReadOnlyDictionary<Family, Ruleset> rules) =>
        rules.TryGetValue(Family, out var found)
            ? [.. found.Lines(Table).Where(static line => line.Contains(Hook.Prefix, StringComparison.Ordinal)), .. found[Table, ForwardJump.Chain].Where(ForwardJump.IsOurs).Select(static line => line.Text)] : [];
}

/// <summary>
/// What the plan was made on, a table each: the lines of <c>iptables-save -t TABLE</c> (no counters) that concern our chains.
/// The writing program compares them with the live table before it writes.
/// </summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table.</param>
/// <param name="Lines">The lines, each ended by a newline, in order: those of the save output in which <c>DNH-</c> stands.</param>
public sealed record PlanPremise(Family Family, string Table, string Lines);

/// <summary>A chain to create where it does not exist, with <c>iptables -N</c>: a declaration in a restore text would flush a live one.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table, for example <c>filter</c>.</param>
/// <param name="Chain">The chain, for example <c>DOCKER-USER</c>.</param>
public sealed record NewChain(Family Family, string Table, string Chain);

/// <summary>A table of a family.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table, for example <c>mangle</c>.</param>
public sealed record PlanTable(Family Family, string Table)
{
    /// <summary>An empty chain that nobody jumps to, in a table that a write of ours made: when the last rule goes, the table may go too.</summary>
    internal const string Made = "DockerNetHarden-made";
}

/// <summary>How a plan is made.</summary>
public sealed record PlanOptions
{
    /// <summary>Make what is given all that is ours: marks that are not given are removed.</summary>
    public bool Prune { get; init; }

    /// <summary>Where the rules go. The same marks in the other backend are removed: a mark stands in one of them.</summary>
    public FirewallBackend Backend { get; init; }

    /// <summary>Plan what could lock somebody out.</summary>
    public bool Force { get; init; }

    /// <summary>Make DOCKER-USER where it is missing, and FORWARD's jump to it unless Docker makes that; Docker keeps a chain that it finds.</summary>
    public bool CreateChain { get; init; }
}
