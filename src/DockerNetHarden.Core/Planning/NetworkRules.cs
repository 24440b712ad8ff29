using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>The rules that are bound to one network by their marks.</summary>
internal static class NetworkRules
{
    /// <summary>
    /// The plan that puts a network's rules back to what they were, for a change that could not be completed: what was there stays or comes back, and the rest goes. All other rules stay
    /// as they are now.
    /// </summary>
    /// <param name="network">The network's name.</param>
    /// <param name="before">The host before the change.</param>
    /// <param name="now">The host as it is.</param>
    public static Plan Restored(string network, HostSnapshot before, HostSnapshot now)
    {
        var were = before.Rules.Values.SelectMany(OurChain.ReadAll).SelectMany(static chain => chain.Lines).Where(line => IsOf(line.Mark)).Select(static line => line.Rule).OfType<FirewallRule>();
        return new PlanBuilder(now, new PlanOptions { Force = true }, []).Build(RuleFold.Fold([.. were]), mark => !IsOf(mark), static _ => true);

        bool IsOf(RuleMark? mark) => string.Equals(mark?.Network, network, StringComparison.Ordinal);
    }
}
