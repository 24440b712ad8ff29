using DockerNetHarden.Docker;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>Which bridges a host has, looked up for thousands of rules.</summary>
internal sealed class KnownBridges(HostSnapshot host)
{
    // The names that Docker and this module give to bridges, and the one of the Cortex XSOAR guide. Others (wg0, ppp0) come and go by themselves.
    private static readonly string[] BridgeNames = ["br-", "docker", "dnh-", "dnh_"];

    private readonly ILookup<string, DockerNetwork> _byName = host.Networks.ToLookup(static network => network.Name, StringComparer.Ordinal);
    private readonly HashSet<string?> _links = host.Links.Concat(host.Networks.Select(static network => network.Bridge)).ToHashSet(StringComparer.Ordinal);

    /// <summary>The networks of a name.</summary>
    public IEnumerable<DockerNetwork> Named(string name) => _byName[name];

    /// <summary>The bridge of a rule that the host should have and does not have; null if there is none, or if it is not known.</summary>
    public string? Missing(FirewallRule rule)
    {
        // What is there is not known before Docker runs.
        if (host.Engine is null)
            return null;
        var links = BridgeGuard.LinksOf(rule).ToList();
        var gone = links.Where(IsGone);
        var bound = rule.Network is null ? [] : Named(rule.Network).ToList();
        // A network that is not there is yet to be made. The network's own bridge must be among the links; what else is among them may come and go.
        return rule.Network is not null && bound.Count == 0 ? null
            : bound.Count > 0 && !bound.Exists(network => links.Contains(network.Bridge, StringComparer.Ordinal)) ? gone.FirstOrDefault()
            : gone.FirstOrDefault(name => Array.Exists(BridgeNames, prefix => name.StartsWith(prefix, StringComparison.Ordinal)));
    }

    /// <summary>Whether an interface is neither there nor the bridge of a network. False if the links of the host were not read.</summary>
    public bool IsGone(string name) => host.Links.Count > 0 && !_links.Contains(name);
}
