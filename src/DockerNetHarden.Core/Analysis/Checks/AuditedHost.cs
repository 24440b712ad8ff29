using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis.Checks;

/// <summary>A host under audit: what several checks need of it, worked out once.</summary>
internal sealed class AuditedHost
{
    private readonly Lazy<PacketWalk> _withoutDockerUser;
    private readonly Lazy<InstalledControls> _controls;

    public AuditedHost(PacketWalk walk)
    {
        Walk = walk;
        _withoutDockerUser = new(() => new PacketWalk(WithoutJump(walk.Host)));
        _controls = new(() => new InstalledControls(walk.Host));
        NoContainers = Cidr.Aggregate(walk.Host.Addresses.Select(address => address.Address).Concat(walk.Host.Routes.Where(route => route.Type is "local" or "broadcast").Select(route => route.Destination)));
        // The rules of a daemon in a user namespace are in tables that were not read; nothing can be said of its networks.
        Networks = IsRootless ? [] : [.. walk.Host.Networks.Where(network => network.Bridge is not null)
            .OrderBy(network => network.Name, StringComparer.Ordinal)
            .Select(network => new AuditedNetwork(this, network))];
    }

    public PacketWalk Walk { get; }

    public HostSnapshot Host => Walk.Host;

    /// <summary>Addresses that are no container's: the host's own, and broadcast ones.</summary>
    public IReadOnlyList<Cidr> NoContainers { get; }

    /// <summary>The networks whose packets come in by a bridge of this host.</summary>
    public IReadOnlyList<AuditedNetwork> Networks { get; }

    /// <summary>Our rules that stand on the host.</summary>
    public InstalledControls Controls => _controls.Value;

    /// <summary>The host as it is for the milliseconds in which Docker has taken its jump to DOCKER-USER away.</summary>
    public PacketWalk WithoutDockerUser => _withoutDockerUser.Value;

    public bool IsRootless => Host.Engine?.IsRootless == true;

    /// <summary>Whether Docker writes its rules with nftables: then nothing asks DOCKER-USER.</summary>
    public bool IsNftables => Host.Engine?.FirewallBackend?.StartsWith("nftables", StringComparison.Ordinal) == true;

    /// <summary>Whether rules can be put into DOCKER-USER of IPv4.</summary>
    public bool HasDockerUser => !IsNftables && Host.Rules.TryGetValue(Family.IPv4, out var rules) && rules.HasChain("filter", Hook.DockerUser);

    /// <summary>A setting of dockerd as a switch; null where it is not set.</summary>
    public bool? Setting(string name) => Host.DaemonSettings.TryGetValue(name, out var value) ? GoFlag.Read(value) : null;

    private static HostSnapshot WithoutJump(HostSnapshot host) => host with
    {
        Rules = host.Rules.ToDictionary(
            pair => pair.Key,
            pair => pair.Value.HasChain("filter", "FORWARD")
                ? pair.Value.WithRules("filter", "FORWARD", [.. pair.Value["filter", "FORWARD"].Where(line => !DockerChains.IsJump(line))])
                : pair.Value),
    };
}

/// <summary>A switch as Go's strconv.ParseBool reads it, which dockerd does with its settings and its driver options.</summary>
internal static class GoFlag
{
    public static bool? Read(string? text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };
}
