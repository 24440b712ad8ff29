using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>
/// Whether rules are on a host and decide: <see cref="RulePresence"/> reads whether each is in its place, the walk computes what happens to the packets that it
/// names. A block holds if all of them are dropped or rejected, an accept if all are let through. What the same control's own exceptions leave open does not count
/// against its blocks, and packets within a rate limit pass.
/// </summary>
/// <remarks>
/// A RETURN decides nothing by itself, and the walk knows only first packets of connections, which meet no rule about other states. For such rules only the place is checked.
/// </remarks>
public static class RuleEffect
{
    /// <summary>What keeps the rules from deciding, one sentence each; empty if nothing does.</summary>
    /// <param name="rules">The rules, with operands that the host resolves.</param>
    /// <param name="walk">The host.</param>
    /// <exception cref="PlanException">An operand of a rule means nothing on this host.</exception>
    public static IReadOnlyList<string> Problems(IReadOnlyList<FirewallRule> rules, PacketWalk walk)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(walk);
        var chains = OurChain.OfHost(walk.Host);
        var problems = RulePresence.Problems(rules, walk.Host, chains);
        var audit = new AuditedHost(walk);
        var undecided =
            from rule in RulePresence.Resolved(rules, walk.Host, chains)
            where rule.Action is not (RuleAction.Return or RuleAction.Report) && rule.Chain is not "OUTPUT" && (rule.Family == Family.IPv4 || walk.Host.HasIPv6)
            from network in audit.Networks
            where ComesInBy(rule, network.Bridge) && IsOf(rule, network)
            let open = Undecided(rule, network)
            where open.Parts.Count > 0
            select $"'{rule}' does not decide all that it names: {Evidence.Of(open)[0]}";
        var reporting = rules.Where(static rule => rule.Action == RuleAction.Report).Select(static rule => $"'{rule}' only reports: it decides nothing.");
        return [.. problems, .. reporting.Distinct(StringComparer.Ordinal), .. undecided.Distinct(StringComparer.Ordinal)];
    }

    private static bool ComesInBy(FirewallRule rule, string bridge) => rule.InInterface switch
    {
        null => true,
        var name when Negatable.Parse(name) is { Not: true } other => !InterfaceName.Matches(other.Value, bridge),
        var name => InterfaceName.Matches(name, bridge),
    };

    // A rule for a source and every interface means the network with that source: elsewhere the source is forged, and the rule's own exceptions do not cover it.
    private static bool IsOf(FirewallRule rule, AuditedNetwork network) =>
        rule.InInterface is not null || rule.Source is not { } source || !Cidr.TryParse(source, out var prefix) || network.Network.Subnets.Any(prefix.Overlaps);

    private static Answer Undecided(FirewallRule rule, AuditedNetwork network)
    {
        if (RulePackets.Of(rule, network.Bridge) is not { } named)
            return Answer.Nothing;
        var sources = named.Sources.Count > 0 ? named.Sources : network.HostQuery(rule.Family)?.Sources ?? network.Query(rule.Family).Sources;
        // A network sends nothing in a family in which it has no address.
        if (sources.Count == 0)
            return Answer.Nothing;
        var answer = ShadowCheck.Through(rule, PacketSet.Of(named), Answer.Of(network.Audit.Walk.Ask(ContainerPackets.Of(named with { Sources = sources }, network.Audit.Host), network.Bridge), network.Origin), network.Bridge);
        return rule.Action is RuleAction.Accept
            ? answer.Where(part => part.Verdict is not Verdict.Accept)
            : answer.Where(part => IsOpen(part, rule)).Without(network.Audit.Controls.MayPass(rule, network.Bridge));
    }

    private static bool IsOpen(AccessPart part, FirewallRule rule) => part.Verdict switch
    {
        Verdict.Drop or Verdict.Reject => false,
        Verdict.RateLimited => rule.Control is not "SmtpRate",
        _ => true,
    };
}
