using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Refuses, without Force, rules for a bridge that is not there: no packet would ever meet them, and they would count as verified. Rules may still be there before their network: they
/// name it in their mark.
/// </summary>
internal static class BridgeGuard
{
    public static void Check(IReadOnlyList<FirewallRule> resolved, HostSnapshot host)
    {
        if (host.Engine is null)
            CheckReplaced(resolved, host);
        var bridges = new KnownBridges(host);
        foreach (var rule in resolved)
        {
            if (bridges.Missing(rule) is not { } name)
                continue;
            throw rule.Network is { } bound && bridges.Named(bound).FirstOrDefault() is { } network
                ? new PlanException(PlanFailure.NeedsForce, $"The rule '{rule}' is for the bridge {name}, which {host.HostName} does not have: there the network '{bound}' has {(network.Bridge is { } bridge ? $"the bridge {bridge}" : "no bridge")}.", $"Bind the rule to the network by its name (-Network {bound}, or network:{bound} as the interface), or give -Force.")
                : new PlanException(PlanFailure.NeedsForce, $"The rule '{rule}' is for {name}, and {host.HostName} has no such bridge: no packet would meet it.", "Create its network first, or bind the rule to a network by its name (network:NAME as the interface). If the bridge comes later, give -Force.");
        }
    }

    // Without Docker nobody knows a network's bridge but the rules that are there.
    private static void CheckReplaced(IReadOnlyList<FirewallRule> resolved, HostSnapshot host)
    {
        var planned = resolved.Where(rule => rule.Network is not null).SelectMany(rule => LinksOf(rule).Take(1).Where(name => !host.Links.Contains(name, StringComparer.Ordinal)).Select(name => (Rule: rule, Name: name))).ToList();
        if (planned.Count == 0)
            return;
        var there = OurChain.OfHost(host).SelectMany(chain => chain.Lines).Select(line => line.Rule).OfType<FirewallRule>().Where(rule => rule.Network is not null)
            .SelectMany(rule => LinksOf(rule).Take(1).Select(name => (Network: rule.Network!, Name: name))).ToLookup(pair => pair.Network, pair => pair.Name, StringComparer.Ordinal);
        foreach (var (rule, name) in planned)
        {
            if (there[rule.Network!].ToList() is [var other, ..] names && !names.Contains(name, StringComparer.Ordinal))
                throw new PlanException(PlanFailure.NeedsForce, $"Docker does not answer on {host.HostName}, so the bridge of the network '{rule.Network}' is not known: the rule '{rule}' is for {name}, and the rules of that network which are there are for {other}.", "Apply the rules again when Docker runs, or give -Force.");
        }
    }

    internal static IEnumerable<string> LinksOf(FirewallRule rule) => new[] { rule.InInterface, rule.OutInterface }.OfType<string>().Where(name => !name.StartsWith('!') && !name.EndsWith('+'));
}
