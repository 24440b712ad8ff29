using DockerNetHarden.Addresses;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// A rule in a host's tables, with its counters: ours or anybody's. It has the properties of its rule, for filters and tables. In somebody else's line they hold what
/// iptables-save prints, and a line can say more than they do: <see cref="Text"/> is all of it.
/// </summary>
public sealed record InstalledRule
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>The family.</summary>
    public required Family Family { get; init; }

    /// <summary>The backend that holds it: <c>Iptables</c>, or <c>Nftables</c> for a rule in our own table <c>inet docker_net_harden</c>.</summary>
    public FirewallBackend Backend { get; init; } = FirewallBackend.Iptables;

    /// <summary>The table: one of iptables, or <c>inet docker_net_harden</c>.</summary>
    public required string Table { get; init; }

    /// <summary>The chain that holds the line; for a rule of ours its control's own chain, for example <c>DNH-METADATA</c>, or a part of it: <c>DNH-METADATA.1</c>; in nftables for example <c>filter_forward_metadataaccess_ip</c>.</summary>
    public required string Chain { get; init; }

    /// <summary>The place in the chain, counted from 1.</summary>
    public required int Position { get; init; }

    /// <summary>How many packets matched since the line was written.</summary>
    public required long Packets { get; init; }

    /// <summary>How many bytes these packets had.</summary>
    public required long Bytes { get; init; }

    /// <summary>The control in its mark; null if the rule is not ours.</summary>
    public string? Control { get; init; }

    /// <summary>The subject in its mark.</summary>
    public string? Subject { get; init; }

    /// <summary>The network in its mark.</summary>
    public string? Network { get; init; }

    /// <summary>The action as <see cref="FirewallRule.Action"/> names it; the target's own name in somebody else's line (<c>MASQUERADE</c>, a chain).</summary>
    public string? Action { get; init; }

    /// <inheritdoc cref="FirewallRule.Source"/>
    public string? Source => Said.Text(RuleFields.Source);

    /// <inheritdoc cref="FirewallRule.Destination"/>
    public string? Destination => Said.Text(RuleFields.Destination);

    /// <inheritdoc cref="FirewallRule.InInterface"/>
    public string? InInterface => Said.Text(RuleFields.InInterface);

    /// <inheritdoc cref="FirewallRule.OutInterface"/>
    public string? OutInterface => Said.Text(RuleFields.OutInterface);

    /// <inheritdoc cref="FirewallRule.Protocol"/>
    public string? Protocol => Said.Text(RuleFields.Protocol);

    /// <inheritdoc cref="FirewallRule.SourcePort"/>
    public string? SourcePort => Said.Text(RuleFields.SourcePort);

    /// <inheritdoc cref="FirewallRule.DestinationPort"/>
    public string? DestinationPort => Said.Text(RuleFields.DestinationPort);

    /// <inheritdoc cref="FirewallRule.TcpFlags"/>
    public string? TcpFlags => Said.Text(RuleFields.TcpFlags);

    /// <inheritdoc cref="FirewallRule.IcmpType"/>
    public string? IcmpType => Said.Text(RuleFields.IcmpType);

    /// <inheritdoc cref="FirewallRule.ConnectionState"/>
    public string? ConnectionState => Said.Text(RuleFields.ConnectionState);

    /// <inheritdoc cref="FirewallRule.ConnectionDirection"/>
    public string? ConnectionDirection => Said.Text(RuleFields.ConnectionDirection);

    /// <inheritdoc cref="FirewallRule.OriginalDestination"/>
    public string? OriginalDestination => Said.Text(RuleFields.OriginalDestination);

    /// <inheritdoc cref="FirewallRule.OriginalDestinationPort"/>
    public string? OriginalDestinationPort => Said.Text(RuleFields.OriginalDestinationPort);

    /// <inheritdoc cref="FirewallRule.SourceAddressType"/>
    public string? SourceAddressType => Said.Text(RuleFields.SourceAddressType);

    /// <inheritdoc cref="FirewallRule.DestinationAddressType"/>
    public string? DestinationAddressType => Said.Text(RuleFields.DestinationAddressType);

    /// <inheritdoc cref="FirewallRule.Set"/>
    public string? Set => Said.Text(RuleFields.Set);

    /// <inheritdoc cref="FirewallRule.Limit"/>
    public string? Limit => Said.Text(RuleFields.Limit);

    /// <inheritdoc cref="FirewallRule.LimitBurst"/>
    public int? LimitBurst => Said.LimitBurst;

    /// <inheritdoc cref="FirewallRule.HashLimit"/>
    public string? HashLimit => Said.HashLimit;

    /// <inheritdoc cref="FirewallRule.HashLimitBurst"/>
    public int? HashLimitBurst => Said.HashLimitBurst;

    /// <inheritdoc cref="FirewallRule.HashLimitMode"/>
    public string? HashLimitMode => Said.HashLimitMode;

    /// <inheritdoc cref="FirewallRule.HashLimitName"/>
    public string? HashLimitName => Said.Text(RuleFields.HashLimitName);

    /// <inheritdoc cref="FirewallRule.Comment"/>
    public string? Comment => Said.Text(RuleFields.Comment);

    /// <inheritdoc cref="FirewallRule.Connections"/>
    public string? Connections => Said.Text(RuleFields.Connections);

    /// <inheritdoc cref="FirewallRule.RejectWith"/>
    public string? RejectWith => Said.Text(RuleFields.RejectWith);

    /// <inheritdoc cref="FirewallRule.LogPrefix"/>
    public string? LogPrefix => Said.Text(RuleFields.LogPrefix);

    /// <inheritdoc cref="FirewallRule.JumpTarget"/>
    public string? JumpTarget => Said.Text(RuleFields.JumpTarget);

    /// <summary>The line as a person would type it, with the command; of a rule in nftables the same in iptables' words, which are read back wherever rules are given.</summary>
    public required string Text { get; init; }

    /// <summary>The line as a rule; null if it is not ours, or was changed to one that this module does not write.</summary>
    public FirewallRule? Rule { get; init; }

    /// <summary>Whether it belongs to a control that only reports: it blocks nothing.</summary>
    public bool ReportOnly => VerdictChain.IsOfReport(Rule);

    /// <summary>Whether the line belongs to this module: it has a mark and is in a chain of ours.</summary>
    public bool IsOurs => Control is not null;

    /// <summary>The values of the line.</summary>
    internal RuleSpec Said { get; init; } = new();

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>All rules of a host, in the order of the tables: IPv4 first.</summary>
    public static IReadOnlyList<InstalledRule> ReadAll(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return [.. host.Rules.OrderBy(rules => rules.Key).SelectMany(rules => ReadAll(rules.Value, AddressSets.Of(host), host.HostName)), .. OwnTable.Of(host).Chains.OrderBy(chain => chain.Family).SelectMany(chain => ReadAll(chain, host.HostName))];
    }

    /// <summary>
    /// The rule of a line that was kept as properties of this class, in JSON, CLIXML or CSV. Its text is the rule. Other properties of the rule that came too must say the same: somebody may have changed
    /// them and expect the change to count.
    /// </summary>
    /// <param name="values">The properties; those that are not of a rule (host, counters) do not matter.</param>
    /// <exception cref="RefusedValueException">The line is not a rule of ours, or a property contradicts the text.</exception>
    public static FirewallRule FromProperties(IReadOnlyDictionary<string, object?> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var text = RuleField.Print(values.GetValueOrDefault(nameof(Text))) ?? throw new RefusedValueException(nameof(Text), null, "it is empty, and the line is in it.");
        if (values.TryGetValue(nameof(Rule), out var kept) && kept is null or "")
            throw new RefusedValueException(nameof(Text), text, "the line is not one that this module writes.");
        var rule = FirewallRule.Parse(text);
        // Without a mark the line would come back as a Custom rule of ours, beside the one it was.
        if (!IsMarkedIn(RuleParser.Tokens(text, text), rule.Hook.ChainOf(rule.Control)))
            throw new RefusedValueException(nameof(Text), text, "it is somebody else's line: it has no mark of this module, or is in no chain of it.");
        if (kept is not null && !rule.Equals(kept is IReadOnlyDictionary<string, object?> bag ? FirewallRule.FromProperties(bag) : FirewallRule.Parse(kept.ToString()!)))
            throw Contradiction(nameof(Rule), kept is string ? kept : null, text);
        // There, table and chain are nft's.
        // JSON has the number of a value.
        var isNft = Enum.TryParse<FirewallBackend>(RuleField.Print(values.GetValueOrDefault(nameof(Backend))), ignoreCase: true, out var backend) && backend == FirewallBackend.Nftables;
        foreach (var field in RuleFields.All.Where(field => !isNft || (field != RuleFields.Table && field != RuleFields.Chain)))
        {
            var said = RuleField.Print(field == RuleFields.Chain ? rule.Hook.ChainOf(rule.Control) : rule.Spec[field]);
            if (field == RuleFields.Chain && values.TryGetValue(field.Name, out var part) && part is string name && Hook.WholeOf(name) == said)
                continue;
            if (values.TryGetValue(field.Name, out var value) && (value is null or "" ? null : RuleField.Print(field.Type(field.Name, value))) is var given && !string.Equals(given, said, StringComparison.Ordinal))
                throw Contradiction(field.Name, given, text);
        }
        return rule;
    }

    private static bool IsMarkedIn(IReadOnlyList<string> tokens, string chain)
    {
        string? After(string option) => tokens.SkipWhile(token => !string.Equals(token, option, StringComparison.Ordinal)).Skip(1).FirstOrDefault();
        return string.Equals(After("-A"), chain, StringComparison.Ordinal) && RuleMark.TryParse(After("--comment"), out _, out _);
    }

    private static RefusedValueException Contradiction(string property, object? value, string text) =>
        new(property, value?.ToString(), $"it contradicts the line '{text}'. Change the line, which is in Text, and leave this property out.");

    // A mark counts only in a chain of ours: a rule that somebody typed into DOCKER-USER with our comment is still theirs.
    private static IEnumerable<InstalledRule> ReadAll(Iptables.Ruleset rules, AddressSets sets, string host)
    {
        var ours = OurChain.ReadAll(rules, sets).SelectMany(chain => chain.Lines.Concat(chain.Strays)).Where(line => line.Mark is not null)
            .ToLookup(line => (line.Line.Table, line.Line.Chain, line.Line.Position));
        // A line that asks a set can stand for many rules.
        return rules.AllRules.SelectMany(line => ours[(line.Table, line.Chain, line.Position)].DefaultIfEmpty().Select(meant => Read(meant?.Line ?? line, meant, host)));
    }

    // A rule counts as one, however many lines nft needs for it.
    private static IEnumerable<InstalledRule> ReadAll(OurChain chain, string host) => chain.Lines.Select((line, index) => Read(line.Line, line.Mark is null ? null : line, host) with
    {
        Backend = FirewallBackend.Nftables,
        Table = NftRenderer.Table,
        Chain = NftNames.Chain(chain.Hook, chain.Control, chain.Family),
        Position = index + 1,
        Text = line.Rule is null ? OwnTable.Commands(chain, line).First() : Plan.CommandLine(line.Line),
    });

    private static InstalledRule Read(Iptables.RuleLine line, OurLine? ours, string host) => new()
    {
        HostName = host,
        Family = line.Family,
        Table = line.Table,
        Chain = line.Chain,
        Position = line.Position,
        Packets = line.Packets,
        Bytes = line.Bytes,
        Control = ours?.Mark?.Control,
        Subject = ours?.Mark?.Subject,
        Network = ours?.Mark?.Network,
        // In a part of a chain a line does not say all that it means.
        Text = Plan.CommandLine(ours?.Rule is null ? line : ours.Shown(Hook.WholeOf(line.Chain))),
        Action = ours?.Rule is { } rule ? rule.Action.ToString() : RuleParser.ReadAction(line.Tokens),
        Rule = ours?.Rule,
        Said = ours?.Rule?.Spec ?? RuleParser.ReadKnown(line.Tokens),
    };
}
