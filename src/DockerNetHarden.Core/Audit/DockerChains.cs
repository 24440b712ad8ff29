using System.Text.Json;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>What is known about Docker's own chains. Source: Docker's "Packet filtering and firewalls".</summary>
internal static class DockerChains
{
    /// <summary>Whether a line goes to DOCKER-USER, for any packets.</summary>
    public static bool GoesToDockerUser(RuleLine line) => string.Equals(line.Target, Hook.DockerUser, StringComparison.Ordinal);

    /// <summary>Whether a rule of nf_tables is in iptables-nft's FORWARD and goes to DOCKER-USER.</summary>
    public static bool GoesToDockerUser(NftRule rule) =>
        rule is { Family: "ip" or "ip6", Table: "filter", Chain: "FORWARD" } && rule.Expressions.Any(expression =>
            expression.ValueKind == JsonValueKind.Object
            && (expression.TryGetProperty("jump", out var jump) || expression.TryGetProperty("goto", out jump))
            && jump.TryGetProperty("target", out var target) && target.ValueEquals(Hook.DockerUser));

    /// <summary>Whether a rule decided before FORWARD asked DOCKER-USER, so that nothing in DOCKER-USER could.</summary>
    public static bool IsBeforeJump(HostSnapshot host, AccessPart part) => part.Rule is { Table: "filter" } rule && host.Rules.TryGetValue(rule.Family, out var rules)
        && rules["filter", "FORWARD"].TakeWhile(line => !ForwardJump.IsJump(line)).SelectMany(line => Accepting(rules, line)).Any(line => line.Chain == rule.Chain && line.Position == rule.Position);

    /// <summary>
    /// The rules that end a walk through FORWARD in favour of packets which open a connection: the line itself, or those of the chains to which it goes. What belongs to a connection was
    /// let through when that was opened.
    /// </summary>
    public static IEnumerable<RuleLine> Accepting(Ruleset rules, RuleLine line) => Accepting(rules, line, isFirst: true, []);

    private static IEnumerable<RuleLine> Accepting(Ruleset rules, RuleLine line, bool isFirst, HashSet<string> seen) => line.Target switch
    {
        null => [],
        _ when !MayBeNew(line) => [],
        // What returns from FORWARD itself meets its policy; from any other chain it comes back.
        "RETURN" => isFirst ? [line] : [],
        "ACCEPT" or "NFQUEUE" or "QUEUE" => [line],
        var target => seen.Add(target) ? rules[line.Table, target].SelectMany(inner => Accepting(rules, inner, isFirst: false, seen)) : [],
    };

    private static bool MayBeNew(RuleLine line)
    {
        var at = line.Tokens.ToList().FindIndex(token => token is "--ctstate" or "--state");
        return at < 0 || at + 1 == line.Tokens.Count || (at > 0 && line.Tokens[at - 1] is "!") || line.Tokens[at + 1].Split(',').Except(["RELATED", "ESTABLISHED"], StringComparer.Ordinal).Any();
    }
}
