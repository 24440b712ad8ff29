using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>A hardened network as it is asked for: checked when it is made, before Docker is asked.</summary>
internal sealed record HardenedNetworkRequest
{
    // Engines from 28.0 on: the bridge gets no address, so the host has none that containers of an internal network could reach.
    // Source: https://docs.docker.com/engine/network/port-publishing/#gateway-modes.
    private const string GatewayMode4 = "com.docker.network.bridge.gateway_mode_ipv4";
    private const string GatewayMode6 = "com.docker.network.bridge.gateway_mode_ipv6";
    private const int GatewayModeSince = 28;

    private readonly NetworkSpec _spec;

    /// <exception cref="FormatException">A name is none.</exception>
    /// <exception cref="ArgumentException">The parts contradict each other.</exception>
    public HardenedNetworkRequest(
        string name, NetworkProfile profile, string? bridge, IReadOnlyList<Cidr> subnets, IReadOnlyList<Cidr> gateways,
        IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> options, bool enableIPv6, bool disableIcc)
    {
        Operand.CheckNetworkName(name, "Name");
        if (labels.ContainsKey(DockerNetwork.ProfileLabel))
            throw new ArgumentException($"the label {DockerNetwork.ProfileLabel} holds the profile; use -Profile.", nameof(labels));
        Profile = profile;
        _spec = new NetworkSpec(
            name, bridge ?? BridgeNameFor(name), subnets, gateways,
            isInternal: profile == NetworkProfile.Isolated,
            enableIPv6: enableIPv6 ? true : null,
            icc: disableIcc ? false : null,
            labels: new Dictionary<string, string>(labels, StringComparer.Ordinal) { [DockerNetwork.ProfileLabel] = profile.ToString() },
            options: options);
    }

    public NetworkProfile Profile { get; }

    /// <summary>
    /// A bridge name that is the same for the same network on every host, so that rules can stand before the network does: <c>dnh-</c> and the network's name
    /// where that fits into 15 characters, else <c>dnh_</c>, its first four and seven digits of its hash. The two forms never meet.
    /// </summary>
    public static string BridgeNameFor(string name) => name.Length <= DockerNames.LongestBridgeName - 4
        ? "dnh-" + name
        : string.Create(CultureInfo.InvariantCulture, $"dnh_{name[..4]}{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..7].ToLowerInvariant()}");

    /// <summary>What to ask this engine for.</summary>
    public NetworkSpec ToSpec(DockerEngine engine)
    {
        if (Profile != NetworkProfile.Isolated || !HasGatewayModes(engine.Version))
            return _spec;
        var options = new Dictionary<string, string>(_spec.Options, StringComparer.Ordinal);
        options.TryAdd(GatewayMode4, "isolated");
        if (_spec.EnableIPv6 == true)
            options.TryAdd(GatewayMode6, "isolated");
        return new NetworkSpec(_spec.Name, _spec.BridgeName, _spec.Subnets, _spec.Gateways, _spec.Internal, _spec.EnableIPv6, _spec.Icc, _spec.Labels, options);
    }

    /// <summary>The network as it is, or as it would be, with its profile's rules.</summary>
    public HardenedDockerNetwork Describe(string host, NetworkSpec spec, DockerNetwork? network, NetworkStatus status)
    {
        var subnets = network?.Subnets ?? spec.Subnets;
        var gateways = network?.Gateways ?? spec.Gateways;
        var bridge = network?.Bridge ?? spec.BridgeName!;
        return new HardenedDockerNetwork
        {
            HostName = host,
            Name = spec.Name,
            Id = network?.Id,
            Bridge = bridge,
            Subnet = Text(subnets),
            Gateway = Text(gateways),
            Profile = Profile,
            Status = status,
            Rules = NetworkProfiles.Rules(Profile, new ControlTarget(spec.Name, bridge, subnets)),
        };
    }

    internal static bool HasGatewayModes(string version) =>
        int.TryParse(version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) && major >= GatewayModeSince;

    private static string? Text(IReadOnlyList<Cidr> prefixes) => prefixes.Count == 0 ? null : string.Join(',', prefixes.Select(prefix => prefix.ToShortString()));
}
