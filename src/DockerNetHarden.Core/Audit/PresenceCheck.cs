using DockerNetHarden.Analysis;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>Whether our rules are where packets meet them: their chain is jumped to, nothing ends the chain before them, their interface still exists.</summary>
internal sealed class PresenceCheck : ICheck
{
    private static readonly CheckInfo Asked = new("RULE-NOT-ASKED", "The rules of this module are where packets meet them", Severity.High);
    private static readonly CheckInfo Link = new("RULE-INTERFACE-GONE", "The interfaces that rules name exist", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        var rules = audit.Controls.Rules;
        if (rules.Count == 0)
            return [Asked.Found(audit, FindingStatus.NotApplicable, "This module has no rules on the host.")];
        var unasked = rules.GroupBy(rule => (rule.Control, rule.Family)).Select(group => NotAsked(audit, [.. group])).OfType<HardeningFinding>().ToList();
        var stale = rules.Where(rule => GoneLink(audit, rule) is not null).GroupBy(rule => rule.Mark).Select(group => Gone(audit, group.Key, [.. group])).ToList();
        return
        [
            .. unasked.Count > 0 ? unasked : [Asked.Found(audit, FindingStatus.Pass)],
            .. stale.Count > 0 ? stale : [Link.Found(audit, FindingStatus.Pass)],
        ];
    }

    private static HardeningFinding? NotAsked(AuditedHost audit, IReadOnlyList<FirewallRule> rules)
    {
        var problems = RulePresence.Problems(rules, audit.Host, audit.Controls.Chains);
        return problems.Count == 0 ? null : Asked.Found(audit, FindingStatus.Fail, [.. problems]) with
        {
            // Rules that only make sense in DOCKER-USER have no place on a host without it: then nothing is left to apply.
            Rules = Remedies.Fit(audit, [.. rules.Where(rule => !Remedies.IsStale(audit, rule))]),
            Remedy = audit.IsNftables ? "Pipe this finding to Invoke-FirewallRule: it writes the rules where packets meet them."
                : audit.HasDockerUser
                ? "Pipe this finding to Invoke-FirewallRule: it repairs the jumps and the order. A jump from FORWARD to DOCKER-USER is Docker's own, unless Docker runs with \"iptables\": false: restart Docker to get it back."
                : "This host's Docker does not ask DOCKER-USER. Rules in mangle and INPUT still hold; pipe the other findings to Invoke-FirewallRule.",
        };
    }

    private static HardeningFinding Gone(AuditedHost audit, RuleMark mark, IReadOnlyList<FirewallRule> stale)
    {
        var lines = stale.Select(rule => $"{GoneLink(audit, rule)} does not exist: {rule}").ToArray();
        var network = audit.Networks.FirstOrDefault(each => string.Equals(each.Name, mark.Network, StringComparison.Ordinal) && each.WhyUnbindable is null);
        if (network is null)
        {
            // Rules may exist before their network does.
            return Link.Found(audit, FindingStatus.Warning, lines) with
            {
                Network = mark.Network,
                Remedy = mark.Network is null ? "Remove the rules with Remove-FirewallRule, or apply them again." : $"Make the network, or remove its rules: Remove-FirewallRule -Network {mark.Network}",
            };
        }
        // What would leave the network by a link that is gone leaves it no more: the network itself did not move.
        var isWaste = stale.ToLookup(rule => audit.Networks.Any(each => string.Equals(each.Name, mark.Network, StringComparison.Ordinal) && string.Equals(each.Bridge, rule.InInterface, StringComparison.Ordinal)));
        if (!isWaste[false].Any())
        {
            return Link.Found(network, FindingStatus.Warning, lines) with
            {
                Remedy = $"Nothing meets these rules. To remove them: {string.Join("; ", stale.Select(rule => rule.OutInterface).Distinct(StringComparer.Ordinal).Select(link => $"Get-FirewallRule -Network {network.Name} | Where-Object OutInterface -eq '{link}' | Remove-FirewallRule"))}",
            };
        }
        var gone = isWaste[false].Select(rule => GoneLink(audit, rule)).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return Link.Found(network, FindingStatus.Fail, lines) with
        {
            Rules = [.. audit.Controls.ByMark[mark].Except(isWaste[true]).Select(rule => Moved(rule, gone, network)).DistinctBy(rule => rule.ToString(), StringComparer.Ordinal)],
            Remedy = $"The network was created again and its bridge is now {network.Bridge}. Pipe this finding to Invoke-FirewallRule; give the network a fixed bridge name (New-HardenedDockerNetwork does).",
        };
    }

    private static string? GoneLink(AuditedHost audit, FirewallRule rule) =>
        rule.InInterface is { } link && !link.StartsWith('!') && !link.EndsWith('+') && audit.Bridges.IsGone(link)
            ? link : audit.Bridges.Missing(rule);

    // The same rule on the network's current bridge.
    private static FirewallRule Moved(FirewallRule rule, HashSet<string> gone, AuditedNetwork network)
    {
        var subnets = network.Network.Subnets.Where(subnet => subnet.Family == rule.Family).ToList();
        return rule.With(spec =>
        {
            spec.InInterface = Swap(spec.InInterface);
            spec.OutInterface = Swap(spec.OutInterface);
            if (spec.Source is not null && subnets.Count == 1)
                spec.Source = subnets[0].ToString();
        });

        string? Swap(string? text) => text is not null && Negatable.Parse(text) is var link && gone.Contains(link.Value) ? (link with { Value = network.Bridge }).ToString() : text;
    }
}
