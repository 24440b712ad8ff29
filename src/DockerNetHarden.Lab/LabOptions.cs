using System.Text.Json.Serialization;

namespace DockerNetHarden.Lab;

/// <summary>Which iptables the lab's Docker uses.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LabBackend>))]
public enum LabBackend
{
    /// <summary>iptables over nf_tables, Debian's default.</summary>
    Nft,

    /// <summary>The older x_tables interface. Only dockerd gets it; the host's own <c>iptables</c> is unchanged.</summary>
    Legacy,
}

/// <summary>What a lab should be like.</summary>
public sealed record LabOptions
{
    /// <summary>Its name; made up if not given.</summary>
    public string? Name { get; init; }

    /// <summary>The Docker engine of the host, and with it iptables, nft and the shell.</summary>
    public LabEngine Engine { get; init; } = LabEngine.Machine;

    public LabBackend Backend { get; init; }

    /// <summary>Whether packets between containers of one bridge pass iptables (net.bridge.bridge-nf-call-iptables); null leaves the kernel's default.</summary>
    public bool? BridgeNetfilter { get; init; }

    /// <summary>Whether containers survive a restart of dockerd. On, so that a container can ask throughout a restart.</summary>
    public bool LiveRestore { get; init; } = true;

    /// <summary>Whether dockerd starts a docker-proxy for each published port, Docker's default.</summary>
    public bool UserlandProxy { get; init; } = true;

    /// <summary>Whether dockerd writes rules (<c>iptables</c>); without them nothing leaves the host translated, and nothing keeps networks apart.</summary>
    public bool WritesRules { get; init; } = true;

    /// <summary>Whether dockerd writes IPv6 rules too (<c>ip6tables</c>, which engines before 27 call experimental); null leaves the engine's default.</summary>
    public bool? WritesIPv6Rules { get; init; }

    /// <summary>The daemon's resolvers: the host's own by default.</summary>
    public IReadOnlyList<string> Dns { get; init; } = [Services.LabAddresses.Host];

    /// <summary>Whether the host uses IPv6 too, inwards and outwards: then the outside has <see cref="Services.LabAddresses.ServicesV6"/>.</summary>
    public bool Ipv6 { get; init; }

    /// <summary>The process that owns the lab: when it is gone, the next lab to be raised takes this one down. 0 is nobody; null is the calling process.</summary>
    public int? Owner { get; init; }

    /// <summary>The pools for subnets of new networks (dockerd's <c>default-address-pools</c>), networks of 24 bits each; Docker's own if none are given.</summary>
    public IReadOnlyList<string> AddressPools { get; init; } = [];

    /// <summary>The address of the D-Bus system bus on which dockerd listens for firewalld, in D-Bus's own form; null for the machine's bus.</summary>
    public string? SystemBus { get; init; }

    /// <summary>Whether dockerd runs from the start; without it there are no containers and no chains of Docker's.</summary>
    public bool Docker { get; init; } = true;

    /// <summary>Whether the network <c>apps</c> and the containers c0, a1 and a2 are made.</summary>
    public bool Containers { get; init; } = true;
}

/// <summary>A container to run. It exists for its network: its only process sleeps, unless it is given another.</summary>
public sealed record LabContainerOptions(string Name)
{
    public string Network { get; init; } = "bridge";

    /// <summary>As for <c>docker run --publish</c>.</summary>
    public IReadOnlyList<string> Publish { get; init; } = [];

    public IReadOnlyList<string> Dns { get; init; } = [];

    public IReadOnlyList<string> AddCapabilities { get; init; } = [];

    /// <summary>Its process: a program of this machine and its arguments.</summary>
    public IReadOnlyList<string> Command { get; init; } = ["/bin/sleep", "infinity"];

    /// <summary>Further arguments of <c>docker run</c>, each one argument.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// Whether the container has its link-local IPv6 address. Docker 20.10 removes it if the network has no IPv6; newer engines and a user's
    /// <c>--sysctl</c> leave it, and then the container reaches the host past every rule of iptables (without the 6).
    /// </summary>
    public bool LinkLocal { get; init; } = true;
}

/// <summary>A running container; <paramref name="Pid"/> is the number of its process on this machine.</summary>
public sealed record LabContainer(string Name, int Pid, string Network, string Address, string Gateway);
