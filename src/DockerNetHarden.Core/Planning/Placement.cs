using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Where rules for DOCKER-USER stand in IPv6. ip6tables has no such chain where Docker writes no IPv6 rules (the default before 27), where 20.10 does, and before Docker's first start; and a jump of our own
/// in FORWARD comes behind rules that accept as soon as such a Docker makes a network. There they stand in mangle FORWARD, which knows both interfaces too and which Docker never touches. The kernel rejects in
/// filter only, so a block drops there. In our nftables table, every rule has the place that it names. Source: moby's iptablesdoc; iptables-extensions(8), REJECT.
/// </summary>
/// <param name="host">The host.</param>
/// <param name="createsChain">Whether the plan makes DOCKER-USER where nobody else does.</param>
/// <param name="backend">Where the rules are put.</param>
/// <param name="warn">Is told where a rule of the administrator's own does less than it says.</param>
internal sealed class Placement(HostSnapshot host, bool createsChain, FirewallBackend backend, Action<string> warn)
{
    private static readonly Hook Forward = new("mangle", "FORWARD");

    /// <summary>Whether a host can have a rule where its rules go by default: with iptables, one for DOCKER-USER needs that chain, or another place.</summary>
    public static bool Exists(FirewallRule rule, HostSnapshot host) => HostBackend.DockerUsesNftables(host)
        || ((rule.Hook.IsBuiltIn || HasDockerUser(rule.Family, host) || IsMovable(rule)) && (rule.Family == Family.IPv4 || host.Rules.ContainsKey(Family.IPv6)));

    /// <summary>Whether a rule is about what containers forward in IPv6: those of a network without it send none. The host is reached from link-local addresses too.</summary>
    public static bool NeedsIPv6(FirewallRule rule) => rule is { Family: Family.IPv6, Control: not ("HostAccess" or "Custom") };

    /// <summary>Whether a rule is left out where nothing can write it: what a control means in IPv6 is, a rule that somebody wrote for IPv6 is not.</summary>
    public static bool IsOptional(FirewallRule rule) => rule is { Family: Family.IPv6, Control: not "Custom" };

    /// <summary>Whether a rule is needed on the host: a block in mangle FORWARD needs no second half behind it, which is for the milliseconds without Docker's jump.</summary>
    public bool IsNeeded(FirewallRule rule) =>
        backend == FirewallBackend.Nftables || rule is not { Family: Family.IPv6, Table: "mangle", Chain: "POSTROUTING", Control: "MetadataAccess" or "InternalAccess" } || HasDockerUser(Family.IPv6, host) || WillHaveDockerUser();

    /// <summary>The rule where it stands on the host.</summary>
    public FirewallRule Of(FirewallRule rule)
    {
        if (backend == FirewallBackend.Nftables || rule.Hook.IsBuiltIn || !IsMovable(rule) || HasDockerUser(rule.Family, host) || WillHaveDockerUser())
            return rule;
        if (rule.Control is "Custom" && Less(rule) is { } less)
            warn($"{host.HostName} has no chain {Hook.DockerUser} in ip6tables, so '{rule}' stands in mangle FORWARD, where {less}.");
        return rule.With(spec =>
        {
            (spec[RuleFields.Table], spec[RuleFields.Chain]) = (Forward.Table, Forward.Chain);
            if (rule.Action == RuleAction.Reject)
                (spec[RuleFields.Action], spec[RuleFields.RejectWith]) = (RuleAction.Drop, null);
        });
    }

    // A chain of table filter cannot be jumped to from another table.
    private static bool IsMovable(FirewallRule rule) => rule is { Family: Family.IPv6, JumpTarget: null };

    private static bool HasDockerUser(Family family, HostSnapshot host) =>
        !HostBackend.DockerUsesNftables(host) && host.Rules.TryGetValue(family, out var rules) && rules.HasChain("filter", Hook.DockerUser);

    // Before Docker runs, nobody knows whether it will ask the chain in IPv6; where it writes rules without one, it never does.
    private bool WillHaveDockerUser() => createsChain && !HostBackend.DockerUsesNftables(host) && host.Rules.TryGetValue(Family.IPv6, out var rules) && ForwardJump.IsNobodys(host, rules);

    private static string? Less(FirewallRule rule) => rule.Action switch
    {
        RuleAction.Reject => "it drops instead of rejecting",
        RuleAction.Accept => "its ACCEPT holds against rules of this module only, and Docker's own still decide",
        _ => null,
    };
}
