using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>Where rules are put.</summary>
public enum FirewallBackend
{
    /// <summary>Where Docker writes its own, as <c>docker info</c> says.</summary>
    Auto,

    /// <summary>Chains of our own in the tables of iptables and ip6tables.</summary>
    Iptables,

    /// <summary>A table of our own in nftables, for both families.</summary>
    Nftables,
}

/// <summary>Finds the backend of a host.</summary>
public static class HostBackend
{
    // Docker 29 and later make one in ip and one in ip6.
    private const string DockerTable = "docker-bridges";

    /// <summary>Whether Docker writes with nftables: it says so itself (from 28 on), or its configuration or its tables do if it does not answer.</summary>
    /// <param name="host">The host.</param>
    public static bool DockerUsesNftables(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        if (host.Engine is { } engine)
            return engine.FirewallBackend?.StartsWith("nftables", StringComparison.Ordinal) == true;
        return host.DaemonSettings.TryGetValue("firewall-backend", out var setting) ? setting is "nftables"
            : host.Nft?.Chains.Any(static chain => chain.Table is DockerTable && chain.Family is "ip" or "ip6") == true && !host.Rules.Values.Any(static rules => rules.HasChain("filter", "DOCKER-USER"));
    }

    /// <summary>Where rules go on a host: where the user says, or where Docker writes.</summary>
    /// <param name="asked">What the user says.</param>
    /// <param name="host">The host.</param>
    public static FirewallBackend Of(FirewallBackend asked, HostSnapshot host) =>
        asked != FirewallBackend.Auto ? asked : DockerUsesNftables(host) ? FirewallBackend.Nftables : FirewallBackend.Iptables;
}
