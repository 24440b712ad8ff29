using System.Globalization;
using System.Security.Cryptography;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>
/// A requested bridge network. What is not asked for (null, empty) is left to the engine and not compared.
/// Source: https://docs.docker.com/reference/api/engine/, NetworkCreate; https://docs.docker.com/engine/network/drivers/bridge/.
/// </summary>
public sealed record NetworkSpec
{
    // Docker 27.0: from this version on an engine has its own IPv6 pool, made from its id, unless daemon.json names IPv6 pools. Source: https://github.com/moby/moby/pull/47853,
    // https://docs.docker.com/reference/api/engine/version-history/. Older ones say "could not find an available, non-overlapping IPv6 address pool".
    private static ApiVersion OwnIPv6Pool => new(1, 46);

    /// <summary>Describes a requested network.</summary>
    /// <param name="name">The name.</param>
    /// <param name="bridgeName">The bridge's interface name, 1 to 15 characters; null for the engine's choice.</param>
    /// <param name="subnets">The subnets, at most one per family; an IPv6 subnet asks for IPv6 too.</param>
    /// <param name="gateways">The gateways, each within one of the subnets.</param>
    /// <param name="isInternal">Whether the network has no way out; null: not asked for.</param>
    /// <param name="enableIPv6">Whether it has IPv6; null: not asked for.</param>
    /// <param name="icc">Whether its containers can reach each other; null: not asked for.</param>
    /// <param name="labels">Its required labels.</param>
    /// <param name="options">Its required driver options, beside the bridge's name and icc.</param>
    /// <exception cref="FormatException">A name is not valid or too long.</exception>
    /// <exception cref="ArgumentException">The parts contradict each other; the message says which.</exception>
    public NetworkSpec(
        string name,
        string? bridgeName = null,
        IReadOnlyList<Cidr>? subnets = null,
        IReadOnlyList<Cidr>? gateways = null,
        bool? isInternal = null,
        bool? enableIPv6 = null,
        bool? icc = null,
        IReadOnlyDictionary<string, string>? labels = null,
        IReadOnlyDictionary<string, string>? options = null)
    {
        DockerNames.Check(name, "network");
        if (bridgeName is not null)
            DockerNames.CheckBridge(bridgeName);
        Name = name;
        BridgeName = bridgeName;
        Subnets = [.. subnets ?? []];
        Gateways = [.. gateways ?? []];
        Internal = isInternal;
        EnableIPv6 = enableIPv6 ?? (Subnets.Any(subnet => subnet.Family == Family.IPv6) ? true : null);
        Icc = icc;
        Labels = new SortedDictionary<string, string>(labels?.ToDictionary(StringComparer.Ordinal) ?? [], StringComparer.Ordinal);
        Options = new SortedDictionary<string, string>(options?.ToDictionary(StringComparer.Ordinal) ?? [], StringComparer.Ordinal);

        foreach (var taken in new[] { DockerNetwork.BridgeNameOption, DockerNetwork.IccOption })
        {
            if (Options.ContainsKey(taken))
                throw new ArgumentException($"The option {taken} has a setting of its own; use that one.", nameof(options));
        }
        foreach (var family in new[] { Family.IPv4, Family.IPv6 })
        {
            if (Subnets.Count(subnet => subnet.Family == family) > 1)
                throw new ArgumentException($"A bridge network has one {family} subnet at most, not {Join(Subnets)}.", nameof(subnets));
        }
        if (EnableIPv6 == false && Subnets.Any(subnet => subnet.Family == Family.IPv6))
            throw new ArgumentException($"A network without IPv6 cannot have an IPv6 subnet ({Join(Subnets)}).", nameof(enableIPv6));
        foreach (var gateway in Gateways)
        {
            if (!gateway.IsSingleAddress || !Subnets.Any(subnet => subnet.Contains(gateway)))
                throw new ArgumentException($"The gateway {gateway.ToShortString()} is not an address within the subnets that are asked for ({(Subnets.Count == 0 ? "none" : Join(Subnets))}).", nameof(gateways));
            if (Gateways.Count(other => other.Family == gateway.Family) > 1)
                throw new ArgumentException($"A subnet has one gateway, not {Join(Gateways)}.", nameof(gateways));
        }
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The bridge's interface name; null: not asked for.</summary>
    public string? BridgeName { get; }

    /// <summary>The subnets; empty: not asked for.</summary>
    public IReadOnlyList<Cidr> Subnets { get; }

    /// <summary>The gateways; empty: not asked for.</summary>
    public IReadOnlyList<Cidr> Gateways { get; }

    /// <summary>Whether the network is internal; null: not asked for.</summary>
    public bool? Internal { get; }

    /// <summary>Whether it has IPv6; null: not asked for.</summary>
    public bool? EnableIPv6 { get; }

    /// <summary>Whether its containers can reach each other; null: not asked for.</summary>
    public bool? Icc { get; }

    /// <summary>The required labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>The required driver options.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>Whether an engine could not find an IPv6 subnet for this network: it is to have IPv6 without a given subnet, and the engine has no pool to take one from.</summary>
    /// <param name="api">The API version in use.</param>
    /// <param name="pools">The engine's address pools.</param>
    internal bool LacksIPv6Subnet(ApiVersion api, IReadOnlyList<Cidr> pools) => LacksIPv6Subnet(api) && !pools.Any(static pool => pool.Family == Family.IPv6);

    /// <summary>The same, as far as it is clear without the engine's pools.</summary>
    internal bool LacksIPv6Subnet(ApiVersion api) => EnableIPv6 == true && api < OwnIPv6Pool && !Subnets.Any(static subnet => subnet.Family == Family.IPv6);

    /// <summary>The network with a new unique IPv6 subnet.</summary>
    internal NetworkSpec WithUniqueLocalSubnet() => new(Name, BridgeName, [.. Subnets, UniqueLocal.Subnet()], Gateways, Internal, EnableIPv6, Icc, Labels, Options);

    /// <summary>
    /// How a network differs from what was asked for, in readable sentences; empty if it does not. Only what was asked for
    /// is compared.
    /// </summary>
    public IReadOnlyList<string> DifferencesFrom(DockerNetwork network)
    {
        ArgumentNullException.ThrowIfNull(network);
        var differences = new List<string>();
        Compare("name", Name, network.Name);
        Compare("driver", "bridge", network.Driver);
        if (BridgeName is not null)
            Compare("bridge name", BridgeName, network.Bridge ?? "none");
        // Only in the families that were asked for: the engine may have added an IPv6 subnet of its own choice.
        foreach (var subnet in Subnets)
            Compare($"{subnet.Family} subnet", subnet.ToString(), Join(network.Subnets.Where(other => other.Family == subnet.Family)));
        foreach (var gateway in Gateways)
            Compare($"{gateway.Family} gateway", gateway.Address, Join(network.Gateways.Where(other => other.Family == gateway.Family)));
        CompareFlag("internal", Internal, network.Internal);
        CompareFlag("IPv6", EnableIPv6, network.EnableIPv6);
        CompareFlag("inter-container communication", Icc, IsIcc(network));
        foreach (var (key, value) in Options)
            Compare($"option {key}", value, network.Options.GetValueOrDefault(key, "not set"));
        foreach (var (key, value) in Labels)
            Compare($"label {key}", value, network.Labels.GetValueOrDefault(key, "not set"));
        return differences;

        void Compare(string what, string asked, string found)
        {
            if (!string.Equals(asked, found, StringComparison.Ordinal))
                differences.Add($"{what}: asked for {asked}, is {found}");
        }

        void CompareFlag(string what, bool? asked, bool found)
        {
            if (asked is { } flag)
                Compare(what, flag ? "on" : "off", found ? "on" : "off");
        }
    }

    // On is the engine's default: the option only exists if somebody set it.
    private static bool IsIcc(DockerNetwork network) => GoFlag.Read(network.Options.GetValueOrDefault(DockerNetwork.IccOption)) != false;

    private static string Join(IEnumerable<Cidr> prefixes) => string.Join(", ", prefixes.Select(prefix => prefix.ToShortString())) is { Length: > 0 } text ? text : "none";
}

/// <summary>Unique local IPv6 subnets, RFC 4193: fd, 40 random bits, and a subnet of 16 bits, which is 0 here. Two of them are equal by chance once in 10^12.</summary>
internal static class UniqueLocal
{
    /// <summary>A new unique subnet.</summary>
    public static Cidr Subnet()
    {
        var id = RandomNumberGenerator.GetBytes(5);
        return Cidr.Parse(string.Create(CultureInfo.InvariantCulture, $"fd{id[0]:x2}:{(id[1] << 8) | id[2]:x}:{(id[3] << 8) | id[4]:x}::/64"));
    }
}

/// <summary>A switch as Go's strconv.ParseBool reads it: dockerd reads its settings and driver options that way.</summary>
internal static class GoFlag
{
    public static bool? Read(string? text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };
}
