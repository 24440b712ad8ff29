using DockerNetHarden.Analysis;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Audit;

/// <summary>Whether rules are in the packet filter that Docker uses: nftables, iptables-nft or iptables-legacy.</summary>
internal sealed class BackendCheck : ICheck
{
    private static readonly CheckInfo Nftables = new("BACKEND-NFTABLES", "Rules for containers are not in a chain that Docker's nftables never ask", Severity.High);
    private static readonly CheckInfo Other = new("BACKEND-INACTIVE", "No rules for containers are in the iptables that Docker does not use", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        yield return NotAsked(audit);
        yield return Inactive(audit);
    }

    private static HardeningFinding NotAsked(AuditedHost audit)
    {
        if (!audit.IsNftables)
            return Nftables.Found(audit, FindingStatus.NotApplicable, "Docker writes with iptables.");
        var found = audit.Host.Rules.OrderBy(pair => pair.Key).Select(pair => (Rules: pair.Value, Lines: Meant(pair.Value).ToList())).Where(pair => pair.Lines.Count > 0).ToList();
        if (found.Count == 0)
            return Nftables.Found(audit, FindingStatus.Pass);
        // An engine that was switched to nftables leaves the jump behind, and what it leads to decides until the next start.
        var isDead = found.Exists(pair => !IsAsked(pair.Rules));
        List<string> lines = [.. found.SelectMany(pair => pair.Lines).Take(6).Select(line => $"{line.Table} {line.Text}")];
        var marks = found.SelectMany(pair => OurChain.ReadAll(pair.Rules, AddressSets.Of(audit.Host))).Where(chain => chain.Hook.Chain is Hook.DockerUser).SelectMany(chain => chain.Lines).Select(line => line.Mark).OfType<RuleMark>().Distinct();
        IReadOnlyList<FirewallRule> rules = [.. marks.SelectMany(mark => audit.Controls.ByMark[mark]).Where(rule => !Remedies.IsStale(audit, rule)).DistinctBy(rule => rule.ToString(), StringComparer.Ordinal)];
        return Nftables.Found(audit, isDead ? FindingStatus.Fail : FindingStatus.Warning,
            [isDead ? "Nothing jumps to DOCKER-USER any more, so these decide nothing:" : "Docker writes with nftables and will not make the jump to DOCKER-USER again: these decide until the next start.", .. lines]) with
        {
            Rules = rules,
            Remedy = rules.Count > 0 ? "Pipe this finding to Invoke-FirewallRule: it moves the rules of this module into a table of nftables."
                : "Write what these lines mean with New-FirewallRule and Invoke-FirewallRule, which puts it into a table of nftables, and remove the lines.",
        };
    }

    private static HardeningFinding Inactive(AuditedHost audit)
    {
        var name = audit.Host.Iptables.Backend == IptablesBackend.Nft ? "iptables-legacy" : "iptables-nft";
        var found = audit.Host.OtherRules.OrderBy(pair => pair.Key).Select(pair => (Rules: pair.Value, Lines: Meant(pair.Value).ToList())).Where(pair => pair.Lines.Count > 0).ToList();
        if (found.Count == 0)
            return Other.Found(audit, FindingStatus.Pass);
        // Rules there act as well, but nobody who looks at Docker's rules sees them.
        var isDead = found.Exists(pair => !IsAsked(pair.Rules));
        return Other.Found(audit, isDead ? FindingStatus.Fail : FindingStatus.Warning, [.. found.SelectMany(pair => pair.Lines).Take(6).Select(line => $"{name}: {line.Table} {line.Text}")]) with
        {
            Remedy = $"Docker's chains are in the other implementation. Put the rules there with Invoke-FirewallRule, and remove these with {name} -D.",
        };
    }

    // Rules written for containers: those in DOCKER-USER, and those in chains of ours.
    private static IEnumerable<RuleLine> Meant(Ruleset rules) =>
        rules["filter", Hook.DockerUser].Where(line => line.Target is not ("RETURN" or null)).Concat(OurChain.ReadAll(rules)
            .Where(chain => chain.Hook.Chain is Hook.DockerUser)
            .SelectMany(chain => chain.Lines.Select(line => line.Line)));

    private static bool IsAsked(Ruleset rules) => rules["filter", "FORWARD"].Any(ForwardJump.IsJump);
}
