using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Analysis.Checks;

/// <summary>What is known of Docker's own chains. Source: Docker's "Packet filtering and firewalls".</summary>
internal static class DockerChains
{
    /// <summary>Whether a line is FORWARD's jump to DOCKER-USER.</summary>
    public static bool IsJump(RuleLine line) => string.Equals(line.Target, Hook.DockerUser, StringComparison.Ordinal);

    /// <summary>Whether a line ends a chain for some packets in their favour, by itself or in a chain that it goes to.</summary>
    public static bool MayAccept(Ruleset rules, RuleLine line) => MayAccept(rules, line, []);

    private static bool MayAccept(Ruleset rules, RuleLine line, HashSet<string> seen) => line.Target switch
    {
        null => false,
        "ACCEPT" or "RETURN" => true,
        var target => seen.Add(target) && rules[line.Table, target].Any(inner => inner.Target is not "RETURN" && MayAccept(rules, inner, seen)),
    };
}
