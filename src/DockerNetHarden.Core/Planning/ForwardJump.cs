using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// FORWARD's jump to DOCKER-USER. Docker makes it where it writes rules. With <c>"iptables": false</c>, in the ip6tables of engines before 27, and before its first start nobody does: then it is
/// ours, with our comment. As soon as Docker has its own, ours goes: packets that meet the chain twice use up a rate limit twice.
/// </summary>
internal static class ForwardJump
{
    /// <summary>The chain that jumps.</summary>
    public const string Chain = "FORWARD";

    public static IReadOnlyList<string> Tokens { get; } = ["-m", "comment", "--comment", RuleMark.Owner, "-j", Hook.DockerUser];

    public static bool IsOurs(RuleLine line) => line is { Table: "filter", Chain: Chain } && line.Tokens.SequenceEqual(Tokens, StringComparer.Ordinal);

    /// <summary>Whether a line is a jump to DOCKER-USER for all packets. A jump for some packets is somebody else's, and the other packets never meet the chain.</summary>
    public static bool IsJump(RuleLine line) => line.Tokens is ["-j" or "-g", Hook.DockerUser] or ["-m", "comment", "--comment", _, "-j" or "-g", Hook.DockerUser];

    /// <summary>The jumps that packets reach: those before the end of the chain. A goto is a jump and an end.</summary>
    public static IEnumerable<RuleLine> Reached(Ruleset rules) => rules["filter", Chain].TakeWhile(line => IsJump(line) || !JumpPlan.IsEndOfChain(line)).Where(IsJump);

    /// <summary>Whether the host's Docker writes rules of this family, and so makes the jump if it knows DOCKER-USER there.</summary>
    public static bool IsDockers(HostSnapshot host, Ruleset rules) => host.Engine is not null && rules.HasChain("filter", "DOCKER");

    /// <summary>Whether Docker runs on the host and does not write rules of this family, so that nobody but us makes the jump.</summary>
    public static bool IsNobodys(HostSnapshot host, Ruleset rules) => host.Engine is not null && !rules.HasChain("filter", "DOCKER");

    /// <summary>What has to be done in FORWARD.</summary>
    /// <param name="host">The host.</param>
    /// <param name="rules">Its rules of one family.</param>
    /// <param name="isUsed">Whether our chains are asked from DOCKER-USER.</param>
    /// <param name="mayMake">Whether a jump may be made although Docker may still make its own.</param>
    public static JumpPlan Plan(HostSnapshot host, Ruleset rules, bool isUsed, bool mayMake)
    {
        var ours = rules["filter", Chain].Where(IsOurs).ToList();
        var reached = Reached(rules).ToList();
        if (!isUsed || reached.Exists(line => !IsOurs(line)))
            return new JumpPlan(ours, [], []);
        if (reached.Count > 0)
            return new JumpPlan(ours[1..], [], []);
        return ours.Count > 0 || IsNobodys(host, rules) || (mayMake && !IsDockers(host, rules))
            ? new JumpPlan(ours, [new RuleLine(rules.Family, "filter", Chain, Tokens)], [])
            : new JumpPlan([], [], []);
    }
}
