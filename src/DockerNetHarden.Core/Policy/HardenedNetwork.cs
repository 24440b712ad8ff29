using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Policy;

/// <summary>
/// A requested bridge network with a profile. What is not asked for is left to the engine.
/// Source: https://docs.docker.com/engine/network/drivers/bridge/.
/// </summary>
public sealed record HardenedNetwork
{
    // Engines from 28.0 on: the bridge gets no address, so containers of an internal network cannot reach the host through it.
    // Source: https://docs.docker.com/engine/network/port-publishing/#gateway-modes.
    private const string GatewayMode4 = "com.docker.network.bridge.gateway_mode_ipv4";
    private const string GatewayMode6 = "com.docker.network.bridge.gateway_mode_ipv6";
    private const int GatewayModeSince = 28;

    /// <summary>The network's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>What it is for; it decides the rules.</summary>
    public NetworkProfile Profile { get; init; }

    /// <summary>The bridge's interface name; null: made from the network's name, see <see cref="BridgeNameFor"/>.</summary>
    public string? BridgeName { get; init; }

    /// <summary>The subnets, one per family; empty: Docker chooses.</summary>
    public IReadOnlyList<Cidr> Subnets { get; init; } = [];

    /// <summary>The gateways, each within a subnet.</summary>
    public IReadOnlyList<Cidr> Gateways { get; init; } = [];

    /// <summary>Labels beside the profile's own.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Options of Docker's bridge driver.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Whether it should have IPv6.</summary>
    public bool EnableIPv6 { get; init; }

    /// <summary>Whether its containers are kept from each other.</summary>
    public bool DisableIcc { get; init; }

    /// <summary>The bridge's name: the given one, or the one made from the network's name.</summary>
    public string Bridge => BridgeName ?? BridgeNameFor(Name);

    /// <summary>
    /// A bridge name that is the same on every host for the same network, so that rules can be there before the network: <c>dnh-</c> and the network's name
    /// if that fits into 15 characters, else <c>dnh_</c>, its first four characters and seven digits of its hash. The two forms never collide.
    /// </summary>
    public static string BridgeNameFor(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length <= DockerNames.LongestBridgeName - 4
            ? "dnh-" + name
            : string.Create(CultureInfo.InvariantCulture, $"dnh_{name[..4]}{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..7].ToLowerInvariant()}");
    }

    /// <summary>Checks everything, before Docker is asked.</summary>
    /// <returns>The same network.</returns>
    /// <exception cref="FormatException">A name is not valid.</exception>
    /// <exception cref="ArgumentException">The parts contradict each other.</exception>
    public HardenedNetwork Checked()
    {
        Operand.CheckNetworkName(Name, "Name");
        if (Labels.ContainsKey(DockerNetwork.ProfileLabel))
            throw new ArgumentException($"the label {DockerNetwork.ProfileLabel} holds the profile; use the profile's own setting.", nameof(Labels));
        _ = ToSpec(Options);
        return this;
    }

    /// <summary>What to ask this engine for.</summary>
    public NetworkSpec ToSpec(DockerEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        if (Profile != NetworkProfile.Isolated || !HasGatewayModes(engine.Version))
            return ToSpec(Options);
        var options = new Dictionary<string, string>(Options, StringComparer.Ordinal);
        options.TryAdd(GatewayMode4, "isolated");
        if (EnableIPv6 || Subnets.Any(subnet => subnet.Family == Family.IPv6))
            options.TryAdd(GatewayMode6, "isolated");
        return ToSpec(options);
    }

    /// <summary>
    /// How an existing network differs from this one, in readable sentences; empty if it can have the profile. Only what was asked for is compared, and the profile only if the
    /// network has one: a label cannot be added later, so the comments of its rules keep the profile of one without.
    /// </summary>
    public IReadOnlyList<string> DifferencesFrom(DockerNetwork found)
    {
        ArgumentNullException.ThrowIfNull(found);
        return ToSpec(BridgeName, Options, isLabelled: found.Profile is not null).DifferencesFrom(found);
    }

    /// <summary>What to do instead, in whole sentences, if an existing network cannot have the profile. A command comes last, so that it can be copied to the end of the line.</summary>
    public string Alternative => Profile switch
    {
        NetworkProfile.MetadataAccess => $"Or leave the network as it is, and close the host to it. To do that: {Block("Host")} | Invoke-FirewallRule",
        NetworkProfile.Default => $"Or leave the network as it is, and apply what the profile means. To do that: & {{ {Block("Metadata")}; {Block("Host")} }} | Invoke-FirewallRule",
        _ => $"Or leave the network as it is, and apply what the profile means. To do that: & {{ {Block("Metadata")}; {Block("Host")}; {Block("Internal")} }} | Invoke-FirewallRule",
    };

    private string Block(string what) => $"Block-Container{what}Access -Network {Name}";

    /// <summary>
    /// The rules of its profile for a host that was not read. Where they are applied, the network's bridge and subnets are looked up by its name; if it does not exist there yet,
    /// they are for <see cref="Bridge"/>.
    /// </summary>
    public IReadOnlyList<FirewallRule> Rules() =>
        NetworkProfiles.NotedRules(Profile, new NetworkReference(Name, Bridge, Subnets.Count == 0 ? null : Subnets) { IsPlanned = true });

    /// <summary>The rules of its profile for a host that was read.</summary>
    /// <param name="found">The network as it is; null if it does not exist yet: rules that need a subnet that Docker has yet to choose are then left out.</param>
    public IReadOnlyList<FirewallRule> RulesOn(DockerNetwork? found)
    {
        var reference = new NetworkReference(Name, found?.Bridge ?? Bridge, found?.Subnets ?? Subnets);
        // They name the bridge, and mean what rules that name the network do.
        var hasIPv6 = found?.Families.Contains(Family.IPv6) ?? (EnableIPv6 || Subnets.Any(subnet => subnet.Family == Family.IPv6));
        var rules = found is { Profile: null } ? NetworkProfiles.NotedRules(Profile, reference) : NetworkProfiles.Rules(Profile, reference);
        return [.. rules.Where(rule => hasIPv6 || !Placement.NeedsIPv6(rule))];
    }

    /// <summary>What has to change on a host for the rules of its profile to be there, before the network exists and after.</summary>
    /// <param name="host">The host; its Docker was asked.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="PlanException">The host cannot have these rules, or its Docker does not answer.</exception>
    public Plan PlanOn(HostSnapshot host, PlanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        return host.Engine is null
            ? throw new PlanException(PlanFailure.UnresolvedOperand, $"Which bridge and subnets the network '{Name}' has on {host.HostName} is not known: {host.DockerError?.Message ?? "Docker was not asked."}", "Docker has to run and be asked: see what docker info says there.")
            : Plan.From(RulesOn(host.Networks.FirstOrDefault(each => string.Equals(each.Name, Name, StringComparison.Ordinal) || string.Equals(each.Id, Name, StringComparison.Ordinal))), host, options);
    }

    internal static bool HasGatewayModes(string version) =>
        int.TryParse(version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) && major >= GatewayModeSince;

    private NetworkSpec ToSpec(IReadOnlyDictionary<string, string> options) => ToSpec(Bridge, options, isLabelled: true);

    private NetworkSpec ToSpec(string? bridge, IReadOnlyDictionary<string, string> options, bool isLabelled) => new(
        Name, bridge, Subnets, Gateways,
        isInternal: Profile == NetworkProfile.Isolated,
        enableIPv6: EnableIPv6 ? true : null,
        icc: DisableIcc ? false : null,
        labels: isLabelled ? new Dictionary<string, string>(Labels, StringComparer.Ordinal) { [DockerNetwork.ProfileLabel] = Profile.ToString() } : Labels,
        options: options);
}
