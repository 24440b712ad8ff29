using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>Whether FORWARD jumps to DOCKER-USER, before everything else.</summary>
internal sealed class JumpCheck : ICheck
{
    private static readonly CheckInfo Info = new("DOCKER-USER-JUMP", "FORWARD asks DOCKER-USER first", Severity.High);

    public IEnumerable<HardeningFinding> Run(AuditedHost audit)
    {
        if (audit.IsNftables || !audit.HasDockerUser)
            return [Info.Found(audit, FindingStatus.NotApplicable, audit.IsNftables ? "Docker writes with nftables and has no DOCKER-USER." : "There is no chain DOCKER-USER.")];
        return audit.Host.Rules.Where(pair => pair.Value.HasChain("filter", Hook.DockerUser)).OrderBy(pair => pair.Key).Select(pair => Check(audit, pair.Value));
    }

    private static HardeningFinding Check(AuditedHost audit, Ruleset rules)
    {
        var command = rules.Family == Family.IPv4 ? "iptables" : "ip6tables";
        var before = rules["filter", "FORWARD"].TakeWhile(line => !DockerChains.IsJump(line)).ToList();
        var mend = $"Restart Docker, which puts its jump first again; or: {command} -D FORWARD -j DOCKER-USER; {command} -I FORWARD -j DOCKER-USER";
        if (before.Count == rules["filter", "FORWARD"].Count)
            return Info.Found(audit, FindingStatus.Fail, $"No rule of {command} filter FORWARD goes to DOCKER-USER: nothing in it is asked.") with { Remedy = mend };
        if (before.Count == 0)
            return Info.Found(audit, FindingStatus.Pass, $"{command} filter FORWARD rule 1 ({rules["filter", "FORWARD"][0].Text})");
        var accepting = before.Where(line => DockerChains.MayAccept(rules, line)).ToList();
        return Info.Found(audit, accepting.Count > 0 ? FindingStatus.Fail : FindingStatus.Warning,
            [.. (accepting.Count > 0 ? accepting : before).Select(line => FormattableString.Invariant($"Before the jump comes {command} filter FORWARD rule {line.Position} ({line.Text})"))]) with
        {
            Remedy = accepting.Count > 0 ? "What that rule lets through never meets DOCKER-USER. " + mend : mend,
        };
    }
}
