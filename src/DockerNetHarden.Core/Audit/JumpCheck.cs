using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>
/// Whether FORWARD asks DOCKER-USER in time. Other programs put rules of theirs before Docker's jump (CrowdSec, mailcow, k3s, Tailscale): that matters only where one of them accepts
/// packets of containers that DOCKER-USER would block.
/// </summary>
internal sealed class JumpCheck : ICheck
{
    private static readonly CheckInfo Info = new("DOCKER-USER-JUMP", "No packet of a container gets past DOCKER-USER", Severity.High);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        if (audit.IsNftables || !audit.HasDockerUser)
            return [Info.Found(audit, FindingStatus.NotApplicable, audit.IsNftables ? "Docker writes with nftables and has no DOCKER-USER." : "There is no chain DOCKER-USER.")];
        return audit.Host.Rules.Where(pair => pair.Value.HasChain("filter", Hook.DockerUser)).OrderBy(pair => pair.Key).Select(pair => Check(audit, pair.Value));
    }

    private static HardeningFinding Check(AuditedHost audit, Ruleset rules)
    {
        var command = rules.Family == Family.IPv4 ? "iptables" : "ip6tables";
        var before = rules["filter", "FORWARD"].TakeWhile(line => !ForwardJump.IsJump(line)).ToList();
        if (before.Count == rules["filter", "FORWARD"].Count)
        {
            var isNobodys = ForwardJump.IsNobodys(audit.Host, rules);
            return Info.Found(audit, FindingStatus.Fail, $"No rule of {command} filter FORWARD goes to DOCKER-USER: nothing in it is asked.") with
            {
                Rules = isNobodys ? [.. audit.Controls.Rules.Where(rule => rule.Family == rules.Family && rule.Chain is Hook.DockerUser).Select(rule => rule.Mark).Distinct().SelectMany(mark => audit.Controls.ByMark[mark]).Where(rule => !Remedies.IsStale(audit, rule))] : [],
                Remedy = !isNobodys ? $"Restart Docker, which puts its jump first again; or: {command} -I FORWARD -j DOCKER-USER"
                    : $"Docker does not write {command} rules here and makes no jump. Pipe this finding to Invoke-FirewallRule, which makes one for the rules of this module; or: {command} -I FORWARD -j DOCKER-USER",
            };
        }
        if (before.Count == 0)
            return Info.Found(audit, FindingStatus.Pass, $"{command} filter FORWARD rule 1 ({rules["filter", "FORWARD"][0].Text})");

        var found = before.SelectMany(line => DockerChains.Accepting(rules, line)).Select(line => (Line: line, Bypasses: Bypasses(audit, line))).ToList();
        if (Where(true) is { Length: > 0 } bypassing)
        {
            return Info.Found(audit, FindingStatus.Fail, [.. bypassing.Select(line => $"Before the jump, {Name(command, line)} accepts packets of containers that DOCKER-USER would not let through")]) with
            {
                Remedy = "What that rule accepts never meets DOCKER-USER. Change the rule where its program is configured, so that it does not match packets from Docker's bridges; a jump that is "
                    + "moved before it by hand stays there only until that program writes its rules again. MetadataAccess and InternalAccess hold all the same: they have a second half in mangle POSTROUTING.",
            };
        }
        if (Where(null) is { Length: > 0 } unknown)
        {
            return Info.Found(audit, FindingStatus.Warning, [.. unknown.Select(line => $"Before the jump, whether {Name(command, line)} accepts packets of containers is not known")]) with
            {
                Remedy = "Look at that rule: what it accepts never meets DOCKER-USER.",
            };
        }
        return Info.Found(audit, FindingStatus.Pass, [.. before.Take(4).Select(line => $"Before the jump, {Name(command, line)} accepts nothing from containers that DOCKER-USER would not let through")]);

        RuleLine[] Where(bool? bypasses) => [.. found.Where(pair => pair.Bypasses == bypasses).Select(pair => pair.Line)];
    }

    private static string Name(string command, RuleLine line) => FormattableString.Invariant($"{command} {line.Table} {line.Chain} rule {line.Position} ({line.Text})");

    // Null where it is not known. Only packets that a container of the network can send count, and only those that DOCKER-USER would not let through: a source of somebody else's gets no
    // answer, and what no rule of DOCKER-USER is about misses nothing there.
    private static bool? Bypasses(AuditedHost audit, RuleLine line)
    {
        bool? bypasses = false;
        foreach (var part in audit.Walk.AskFor(line).Where(part => IsDecided(part, line)))
        {
            if (audit.Networks.FirstOrDefault(each => string.Equals(each.Bridge, part.InInterface, StringComparison.Ordinal) && each.Families.Contains(line.Family)) is not { } network)
                continue;
            var packets = part.Packets.Intersect(PacketSet.Of(network.Query(line.Family)));
            if (part.Verdict is Verdict.Unknown && !packets.IsEmpty)
                bypasses = null;
            else if (Answer.Passes(part) && audit.WithDockerUserFirst.Ask(packets, network.Bridge).Any(asked => asked.Verdict is not Verdict.Accept))
                return true;
        }
        return bypasses;
    }

    // What returns from FORWARD is decided by its policy.
    private static bool IsDecided(AccessPart part, RuleLine line) => line.Target is "RETURN"
        ? part is { Table: "filter", Chain: "FORWARD", Position: 0 }
        : part.Rule is { } rule && rule.Table == line.Table && rule.Chain == line.Chain && rule.Position == line.Position;
}
