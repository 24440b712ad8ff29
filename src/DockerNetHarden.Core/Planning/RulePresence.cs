using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Whether rules are on a host and can act: each in its control's chain, which is jumped to, in order, and not behind a line that ends the chain before
/// them. This reads text, not packets: it does not look at what other tables and other tools do to a packet.
/// </summary>
public static class RulePresence
{
    /// <summary>What keeps the rules from acting, one sentence each; empty if nothing does.</summary>
    /// <exception cref="PlanException">An operand of a rule means nothing on this host.</exception>
    public static IReadOnlyList<string> Problems(IReadOnlyList<FirewallRule> rules, HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(host);
        return Problems(rules, host, OurChain.OfHost(host));
    }

    /// <summary>The same, with our chains already read; a host can have thousands of rules.</summary>
    internal static IReadOnlyList<string> Problems(IReadOnlyList<FirewallRule> rules, HostSnapshot host, IReadOnlyList<OurChain> all) =>
        OfResolved(RuleFold.Fold([.. Resolved(rules, host, all)]), host, all, HostBackend.DockerUsesNftables(host));

    /// <summary>The rules as they would stand on the host: in the backend that has rules with the same mark, or else where rules go by default.</summary>
    /// <exception cref="PlanException">An operand of a rule means nothing on this host.</exception>
    internal static IEnumerable<FirewallRule> Resolved(IEnumerable<FirewallRule> rules, HostSnapshot host, IReadOnlyList<OurChain> all)
    {
        var backends = all.SelectMany(chain => chain.Lines, (chain, line) => (line.Mark, chain.IsNft)).Where(pair => pair.Mark is not null).ToLookup(pair => pair.Mark!, pair => pair.IsNft ? FirewallBackend.Nftables : FirewallBackend.Iptables);
        var resolvers = new[] { FirewallBackend.Iptables, FirewallBackend.Nftables }.ToDictionary(backend => backend, backend => new OperandResolver(host, [], backend: backend));
        var usual = HostBackend.Of(FirewallBackend.Auto, host);
        return rules.SelectMany(rule => resolvers[backends[rule.Mark].Contains(usual) ? usual : backends[rule.Mark].FirstOrDefault(usual)].Resolve(rule));
    }

    /// <summary>The same, for rules whose operands are already resolved, folded.</summary>
    /// <param name="literal">The rules.</param>
    /// <param name="host">The host.</param>
    /// <param name="all">Our chains there.</param>
    /// <param name="isNft">Whether rules that are nowhere are missed in our nftables table.</param>
    internal static IReadOnlyList<string> OfResolved(IReadOnlyList<FirewallRule> literal, HostSnapshot host, IReadOnlyList<OurChain> all, bool isNft)
    {
        var problems = new List<string>();
        var inTable = all.Where(chain => chain.IsNft).SelectMany(chain => chain.Lines).Select(line => line.Key).ToHashSet(StringComparer.Ordinal);
        var inIptables = all.Where(chain => !chain.IsNft).SelectMany(chain => chain.Folded).Select(line => line.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var place in literal.GroupBy(rule => (rule.Family, rule.Hook, rule.Control)))
        {
            if (place.Key.Family == Family.IPv6 && !host.HasIPv6)
                continue;
            var kept = place.Select(NftTables.Canonical).ToList();
            if (kept.Exists(rule => inTable.Contains(rule.ToString())) ? !place.All(rule => inIptables.Contains(rule.ToString())) || isNft : isNft && !place.Any(rule => inIptables.Contains(rule.ToString())))
                problems.AddRange(kept.Select(rule => rule.ToString()).Distinct(StringComparer.Ordinal).Where(text => !inTable.Contains(text)).Select(text => $"'{text}' is not there."));
            else if (!host.Rules.TryGetValue(place.Key.Family, out var tables))
            {
                // A plan warns of those that it leaves out.
                if (!place.All(Placement.IsOptional))
                    problems.Add($"{host.HostName} has no tables of {place.Key.Family}.");
            }
            else
                problems.AddRange(Of([.. place], host, tables, [.. all.Where(chain => !chain.IsNft && chain.Family == place.Key.Family && chain.Hook == place.Key.Hook && chain.Lines.Count > 0)], place.Key.Control));
        }
        if (literal.Any(rule => inTable.Contains(NftTables.Canonical(rule).ToString())))
            problems.AddRange(OwnTable.Of(host).Problems());
        return problems;
    }

    private static IEnumerable<string> Of(IReadOnlyList<FirewallRule> rules, HostSnapshot host, Ruleset tables, List<OurChain> chains, string control)
    {
        var hook = rules[0].Hook;
        var chain = chains.Find(each => string.Equals(each.Control, control, StringComparison.Ordinal));
        var wanted = rules.Select(rule => rule.ToString()).ToHashSet(StringComparer.Ordinal);
        var lines = chain?.Folded ?? [];
        var there = lines.Where(line => wanted.Contains(line.Key)).Select(line => line.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var text in wanted.Where(text => !there.Contains(text)))
            yield return $"'{text}' is not there.";
        if (chain is null || there.Count == 0)
            yield break;

        foreach (var part in chain.Laid)
        {
            // Lines that are not ours stay in place, so only ours can be out of order. In each part, they come in the order of the whole.
            var order = lines.Where(line => line.Line.Chain == part.Name && wanted.Contains(line.Key)).ToList();
            if (!order.SequenceEqual(OurChain.Sorted(order)))
                yield return $"The rules in {part.Name} are in the wrong order.";
            var ours = chain.Lines.Where(line => line.Rule is not null && line.Line.Chain == part.Name).Select(line => line.Line.Position).ToHashSet();
            var last = part.Lines.LastOrDefault(line => ours.Contains(line.Line.Position) || ChainLayout.GateOf(line.Line) is not null)?.Line.Position ?? 0;
            if (part.Lines.FirstOrDefault(line => line.Line.Position < last && !ours.Contains(line.Line.Position) && !ChainLayout.IsReplyExit(line.Line) && ChainLayout.GateOf(line.Line) is null && JumpPlan.IsEndOfChain(line.Line)) is { } end)
                yield return $"{part.Name} ends before them, at '{end.Line.Text}'.";
        }
        foreach (var verdict in VerdictChain.In(hook.Table))
        {
            // Rules of the older form need no such chain.
            if (chain.Laid.Any(part => part.Lines.Any(line => string.Equals(line.Line.Target, verdict.Name, StringComparison.Ordinal))) && !tables[hook.Table, verdict.Name].SequenceEqual(verdict.Lines(tables.Family, hook.Table)))
                yield return $"{verdict.Name}, which decides for them, does not hold its rules.";
        }

        if (JumpPlan.Of(tables, hook, tables.Family, chains).Insert.Any(jump => jump.Tokens.SequenceEqual(chain.JumpTokens, StringComparer.Ordinal)))
            yield return $"{hook.Table} {hook.Chain} does not jump to {chain.Name}, or ends before the jump.";
        foreach (var line in tables[hook.Table, hook.Chain].TakeWhile(line => !line.Tokens.SequenceEqual(chain.JumpTokens, StringComparer.Ordinal)))
        {
            if (LetsPast(line) is { } link && rules.Any(rule => rule.Action is RuleAction.Drop or RuleAction.Reject && (rule.InInterface is null || string.Equals(rule.InInterface, link, StringComparison.Ordinal))))
                yield return $"{hook.Table} {hook.Chain} rule {line.Position} ({line.Text}) comes before our jump and lets packets from {link} past it.";
        }
        if (!hook.IsBuiltIn && !ForwardJump.Reached(tables).Any())
        {
            yield return $"FORWARD does not jump to {hook.Chain}, or ends before the jump: "
                + (ForwardJump.IsNobodys(host, tables) ? "Docker does not make it here, and Invoke-FirewallRule does." : "is Docker running?");
        }
    }

    // A line that ends the chain for all packets of one interface: if it comes before our jump, it opens what our rules for that interface close.
    private static string? LetsPast(RuleLine line)
    {
        var tokens = line.Tokens.ToList();
        var comment = tokens.IndexOf("comment");
        if (comment > 0 && comment + 2 < tokens.Count && tokens[comment - 1] is "-m")
            tokens.RemoveRange(comment - 1, 4);
        return tokens is ["-i", var link, "-j", "ACCEPT" or "RETURN"] ? link : null;
    }
}
