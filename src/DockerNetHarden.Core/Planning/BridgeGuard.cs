using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Refuses, without Force, rules for a bridge that is not there: no packet would ever meet them, and they would count as verified. Rules may still be there before their network: they
/// name it in their mark.
/// </summary>
internal static class BridgeGuard
{
    // The names that Docker and this module give to bridges, and the one of the Cortex XSOAR guide. Others (wg0, ppp0) come and go by themselves.
    private static readonly string[] BridgeNames = ["br-", "docker", "dnh-", "dnh_"];

    public static void Check(IReadOnlyList<FirewallRule> resolved, HostSnapshot host)
    {
        // What is there is not known before Docker runs.
        if (host.Engine is null || host.Links.Count == 0)
            return;
        foreach (var rule in resolved)
        {
            foreach (var name in new[] { rule.InInterface, rule.OutInterface }.OfType<string>().Where(name => !name.StartsWith('!') && !name.EndsWith('+')))
                CheckLink(rule, name, host);
        }
    }

    private static void CheckLink(FirewallRule rule, string name, HostSnapshot host)
    {
        if (host.Links.Contains(name, StringComparer.Ordinal) || host.Networks.Any(network => string.Equals(network.Bridge, name, StringComparison.Ordinal)))
            return;
        if (rule.Network is { } bound)
        {
            if (host.Networks.FirstOrDefault(network => string.Equals(network.Name, bound, StringComparison.Ordinal)) is { } network)
                throw new PlanException(PlanFailure.NeedsForce, $"The rule '{rule}' is for the bridge {name}, which {host.HostName} does not have: there the network '{bound}' has {(network.Bridge is { } bridge ? $"the bridge {bridge}" : "no bridge")}.", $"Bind the rule to the network by its name (-Network {bound}, or network:{bound} as the interface), or give -Force.");
        }
        else if (BridgeNames.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            throw new PlanException(PlanFailure.NeedsForce, $"The rule '{rule}' is for {name}, and {host.HostName} has no such bridge: no packet would meet it.", "Create its network first, or bind the rule to a network by its name (network:NAME as the interface). If the bridge comes later, give -Force.");
        }
    }
}
