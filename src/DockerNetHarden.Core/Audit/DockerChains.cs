using System.Text.Json;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Audit;

/// <summary>What is known about Docker's own chains. Source: Docker's "Packet filtering and firewalls".</summary>
internal static class DockerChains
{
    /// <summary>Whether a line is FORWARD's jump to DOCKER-USER for all packets. A jump for some packets is somebody else's, and the other packets never meet the chain.</summary>
    public static bool IsJump(RuleLine line) => GoesToDockerUser(line) && line.Tokens is ([_, _] or ["-m", "comment", "--comment", _, _, _]);

    /// <summary>Whether a line goes to DOCKER-USER, for any packets.</summary>
    public static bool GoesToDockerUser(RuleLine line) => string.Equals(line.Target, Hook.DockerUser, StringComparison.Ordinal);

    /// <summary>Whether a rule of nf_tables is in iptables-nft's FORWARD and goes to DOCKER-USER.</summary>
    public static bool GoesToDockerUser(NftRule rule) =>
        rule is { Family: "ip" or "ip6", Table: "filter", Chain: "FORWARD" } && rule.Expressions.Any(expression =>
            expression.ValueKind == JsonValueKind.Object
            && (expression.TryGetProperty("jump", out var jump) || expression.TryGetProperty("goto", out jump))
            && jump.TryGetProperty("target", out var target) && target.ValueEquals(Hook.DockerUser));

    /// <summary>Whether a line ends a chain for some packets in their favour, by itself or in a chain that it goes to.</summary>
    public static bool MayAccept(Ruleset rules, RuleLine line) => MayAccept(rules, line, []);

    private static bool MayAccept(Ruleset rules, RuleLine line, HashSet<string> seen) => line.Target switch
    {
        null => false,
        "ACCEPT" or "RETURN" => true,
        var target => seen.Add(target) && rules[line.Table, target].Any(inner => inner.Target is not "RETURN" && MayAccept(rules, inner, seen)),
    };
}
