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
        var lines = audit.Host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => Meant(pair.Value).Where(line => !IsAsked(pair.Value))).ToList();
        return lines.Count == 0 ? Nftables.Found(audit, FindingStatus.Pass)
            : Nftables.Found(audit, FindingStatus.Fail, [.. lines.Take(6).Select(line => $"{line.Table} {line.Text}")]) with
            {
                Remedy = "This engine writes with nftables and makes no jump to DOCKER-USER. Rules in INPUT and in mangle hold: pipe the findings that fail to Invoke-FirewallRule, which puts them there; or set \"firewall-backend\": \"iptables\" in daemon.json.",
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
