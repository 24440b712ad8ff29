using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>What our table is to hold for some rules. The same rules make the same table, whoever writes it: the module, its export, or the file that a host loads at its start.</summary>
internal static class NftTables
{
    /// <summary>The table.</summary>
    /// <param name="controls">The rules of each control; those of a hook in the order in which they are asked.</param>
    /// <exception cref="NftException">nft cannot express a rule.</exception>
    public static NftModel Of(IEnumerable<NftControl> controls)
    {
        var (limits, sets) = (new NftLimits(), new NftSets());
        var inner = new List<NftChainModel>();
        var jumps = new List<(Hook Hook, NftLine Line)>();
        foreach (var control in controls.Where(control => control.Rules.Count > 0))
        {
            var name = NftNames.Chain(control.Hook, control.Control, control.Family);
            List<NftLine> lines = [.. Gathered(control.Rules).SelectMany(each => LinesOf(each.Rule, each.Packets, each.Bytes, limits, sets, each.Places))];
            if (NftGate.ReplyLeaves(control))
                lines.Insert(0, NftGate.ReplyExit);
            inner.Add(new NftChainModel(name, null, lines));
            jumps.AddRange(NftGate.Matches(control, sets).Select(match => (control.Hook, new NftLine(match, $"jump {name}", RuleMark.Owner) { Counts = false })));
        }
        var shared = new[] { RuleAction.Drop, RuleAction.Reject }.Where(action => inner.Exists(chain => chain.Lines.Any(line => line.Verdict == "jump " + NftNames.Verdict(action)))).Select(SharedChain);
        var bases = jumps.GroupBy(jump => jump.Hook).Select(hook => new NftChainModel(NftNames.Base(hook.Key), Head(hook.Key), [.. hook.Select(jump => jump.Line)]));
        return new NftModel([.. limits.Objects, .. sets.All], [.. shared, .. limits.Chains, .. inner.OrderBy(chain => chain.Name, StringComparer.Ordinal), .. bases.OrderBy(chain => chain.Name, StringComparer.Ordinal)]);
    }

    /// <summary>The lines of one rule: several if nft needs them. The first has what the rule counted.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="packets">The packets that it counted.</param>
    /// <param name="bytes">Their bytes.</param>
    /// <param name="limits">Takes what the rule needs of limits.</param>
    /// <param name="sets">The same of sets.</param>
    /// <param name="places">The destinations that a set holds for rules of which this is the first; null if the rule's own counts.</param>
    public static IEnumerable<NftLine> LinesOf(FirewallRule rule, long packets, long bytes, NftLimits limits, NftSets sets, IReadOnlyList<Cidr>? places = null)
    {
        var alternatives = NftMatches.Of(rule, sets, places);
        if (alternatives.Count == 0)
            throw new NftException(rule, "no packet can match it; leave it out.");
        var (rates, verdict) = limits.Of(rule, VerdictOf(rule));
        return alternatives.Select((match, index) => new NftLine(string.Join(' ', new[] { match, rates }.Where(part => part.Length > 0)), verdict, CommentOf(rule) + (index == 0 ? "" : Continues))
        {
            Packets = index == 0 ? packets : 0,
            Bytes = index == 0 ? bytes : 0,
        });
    }

    // Of a person's own list, sets of addresses ask in place of its rules. Those that no set can hold together with the others stay behind them.
    private static IEnumerable<(FirewallRule Rule, long Packets, long Bytes, IReadOnlyList<Cidr>? Places)> Gathered(IReadOnlyList<(FirewallRule Rule, long Packets, long Bytes)> rules)
    {
        foreach (var (first, count, places) in OwnLists.Runs(rules, static each => each.Rule))
        {
            var run = rules.Skip(first).Take(count).ToList();
            if (count >= OwnLists.Least)
            {
                var at = places.Select((place, index) => (place, index)).ToLookup(each => each.place, each => each.index);
                foreach (var group in OwnLists.Apart(places.Distinct()).Where(OwnLists.IsWorth))
                {
                    List<int> members = [.. group.SelectMany(place => at[place]).Order()];
                    yield return (run[members[0]].Rule, members.Sum(index => run[index].Packets), members.Sum(index => run[index].Bytes), group);
                    foreach (var index in members)
                        run[index] = default;
                }
            }
            foreach (var (rule, packets, bytes) in run.Where(static each => each.Rule is not null))
                yield return (rule, packets, bytes, null);
        }
    }

    /// <summary>
    /// The chain that decides for all blocks with this action, as in iptables (<see cref="VerdictChain"/>): a reset for tcp, an ICMP error for the rest, nothing for packets of no connection. What IPv6 needs goes back
    /// to the rule after the one that jumped.
    /// </summary>
    public static NftChainModel SharedChain(RuleAction action)
    {
        var needed = new NftLine($"icmpv6 type {{ {string.Join(", ", VerdictChain.Needed6)} }}", "return", RuleMark.Owner);
        var none = new NftLine(NftStates.Said(["INVALID", "UNTRACKED"]), "drop", RuleMark.Owner);
        return new NftChainModel(NftNames.Verdict(action), null, action == RuleAction.Drop
            ? [needed, new NftLine("ct direction original", "drop", RuleMark.Owner), none]
            : [needed, new NftLine("ct direction original meta l4proto tcp", "reject with tcp reset", RuleMark.Owner), new NftLine("ct direction original", "reject with icmpx type port-unreachable", RuleMark.Owner), none]);
    }

    /// <summary>
    /// What makes a chain the base chain of a hook: ten before the table of iptables that has the hook (nf_ip_hook_priorities of Linux), so that what that table accepts has already passed here.
    /// </summary>
    public static string Head(Hook hook) => HeadOf("filter", NftNames.HookWord(hook), hook.Table switch
    {
        "raw" => -310,
        "mangle" => -160,
        _ => -10,
    }, "accept");

    /// <summary>The same for a chain that was read.</summary>
    public static string HeadOf(string? type, string? hook, int priority, string? policy) => string.Create(CultureInfo.InvariantCulture, $"type {type} hook {hook} priority {priority switch
    {
        -310 => "raw - 10",
        -160 => "mangle - 10",
        -10 => "filter - 10",
        _ => priority.ToString(CultureInfo.InvariantCulture),
    }}; policy {policy};");

    /// <summary>The rule as it is read back: nft keeps a short comment and no quotes in it, and names buckets itself.</summary>
    /// <exception cref="NftException">The mark alone is longer than that.</exception>
    public static FirewallRule Canonical(FirewallRule rule)
    {
        var hasRest = rule.Spec.Has(RuleFields.OriginalDestination) || rule.Spec.Has(RuleFields.OriginalDestinationPort) || rule.Spec.Has(RuleFields.ConnectionDirection);
        var isLost = hasRest && rule.ConnectionState is { } text && !NftStates.Alternatives(text, true).Any(each => each.HasRest);
        var comment = rule.Comment is null ? null : NoteOf(rule);
        var state = NftStates.Canonical(rule.ConnectionState, hasRest);
        var (from, to) = (Joined(rule.SourcePort), Joined(rule.DestinationPort));
        if (!isLost && from == rule.SourcePort && to == rule.DestinationPort && comment == rule.Comment && state == rule.ConnectionState && (rule.HashLimit is null || rule.HashLimitName == RuleChecks.BucketName(rule.Spec)))
            return rule;
        return rule.With(spec =>
        {
            (spec[RuleFields.SourcePort], spec[RuleFields.DestinationPort]) = (from, to);
            (spec[RuleFields.Comment], spec[RuleFields.ConnectionState], spec[RuleFields.HashLimitName]) = (comment, state, null);
            if (isLost)
                (spec[RuleFields.OriginalDestination], spec[RuleFields.OriginalDestinationPort], spec[RuleFields.ConnectionDirection]) = (null, null, null);
        });
    }

    // A set with ranges in it joins what touches.
    private static string? Joined(string? ports)
    {
        if (ports is null)
            return null;
        var list = Negatable.Parse(ports);
        return (list.Not ? "!" : "") + PortList.Joined(PortList.Parse(list.Value, nameof(FirewallRule.DestinationPort)));
    }

    /// <summary>What a rule that only reports does behind its counter: each has a rate of its own.</summary>
    public static string Report { get; } = string.Create(CultureInfo.InvariantCulture, $"limit {NftLimits.Said(Rates.ToNft(VerdictChain.ReportRate), VerdictChain.ReportBurst, over: false)} log prefix \"{VerdictChain.ReportPrefix}\"");

    /// <summary>The end of the comment of each further line of a rule.</summary>
    public const string Continues = " +";

    // nft's strings have no escapes. NFTNL_UDATA_COMMENT_MAXLEN of libnftnl is 128, including the terminating zero.
    private const int MaxComment = 127 - 2;

    private static string? NoteOf(FirewallRule rule)
    {
        var room = MaxComment - rule.Mark.ToComment().Length - 1;
        var note = rule.Comment!.Replace('"', '\'').Replace('\\', '/');
        return room <= 0 ? null : (note.Length <= room ? note : note[..room]).TrimEnd() is { Length: > 0 } kept ? kept : null;
    }

    private static string CommentOf(FirewallRule rule)
    {
        var text = rule.Mark.ToComment(rule.Comment is null ? null : NoteOf(rule));
        return text.Length <= MaxComment ? text : throw new NftException(rule, $"nft keeps {MaxComment} characters of a comment, and its mark has {text.Length}; give it a shorter -Name, or the network a shorter name.");
    }

    private static string VerdictOf(FirewallRule rule) => rule.Action switch
    {
        _ when rule.Connections is not null => "jump " + NftNames.Verdict(rule.Action),
        RuleAction.Accept => "accept",
        RuleAction.Return => "return",
        RuleAction.Report => Report,
        RuleAction.Drop => "drop",
        RuleAction.Reject => "reject with " + RejectWith(rule.RejectWith!),
        RuleAction.Log when rule.LogPrefix is null => "log",
        RuleAction.Log => rule.LogPrefix.AsSpan().IndexOfAny("\"$\\") < 0
            ? $"log prefix \"{rule.LogPrefix}\""
            : throw new NftException(rule, "in nft a log prefix cannot have a quote, a dollar sign or a backslash; use other words."),
        _ => throw new NftException(rule, $"the chain {rule.JumpTarget} belongs to iptables, and nft cannot jump to it; write its decisions as rules."),
    };

    private static string RejectWith(string text) => text switch
    {
        "tcp-reset" => "tcp reset",
        "icmp-proto-unreachable" => "icmp type prot-unreachable",
        "icmp6-adm-prohibited" => "icmpv6 type admin-prohibited",
        _ when text.StartsWith("icmp6-", StringComparison.Ordinal) => "icmpv6 type " + text["icmp6-".Length..],
        _ => "icmp type " + text["icmp-".Length..],
    };
}
