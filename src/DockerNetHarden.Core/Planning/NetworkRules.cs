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
        // A mark stands in one backend, and comes back there.
        var were = OurChain.OfHost(before).SelectMany(static chain => chain.Lines, static (chain, line) => (chain.IsNft, line.Mark, line.Rule)).Where(line => line.Rule is not null && IsOf(line.Mark)).ToList();
        var backend = were.Exists(static line => line.IsNft) ? FirewallBackend.Nftables : FirewallBackend.Iptables;
        return new PlanBuilder(now, new PlanOptions { Force = true, Backend = backend }, []).Build(RuleFold.Fold([.. were.Select(static line => line.Rule!)]), mark => !IsOf(mark), static _ => true);

        bool IsOf(RuleMark? mark) => string.Equals(mark?.Network, network, StringComparison.Ordinal);
    }
}
