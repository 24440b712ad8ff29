using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests.Engines;

/// <summary>One network of such a lab and its container, in which a service answers on port 80 of every address.</summary>
/// <param name="Name">The network's name; its container is called NAME1 and its service NAME-inner.</param>
/// <param name="Arguments">The arguments of <c>docker network create</c>.</param>
/// <param name="Publish">What the container publishes.</param>
internal sealed record RichNetwork(string Name, string[] Arguments, string[] Publish)
{
    public string Container => Name + "1";

    public bool HasIPv4 { get; init; } = true;

    public bool HasIPv6 { get; init; }

    /// <summary>Whether its containers can reach anything beyond the host.</summary>
    public bool LeadsOutside { get; init; } = true;

    /// <summary>Whether the host has an address on its bridge.</summary>
    public bool HasGateway { get; init; } = true;
}

/// <summary>
/// A host like real ones: bridges with and without IPv6 and IPv4, internal ones, some without inter-container communication and, if the engine has them, with every gateway
/// mode; ports published in every form.
/// </summary>
public abstract class RichLab(TestedEngine engine) : LabFixture(engine)
{
    /// <summary>Ports published over IPv4, and where they answer: 8081 everywhere, 8082 on one address of the host, 8083 only on its loopback.</summary>
    private static readonly string[] Ports = ["8081:80", LabAddresses.Host + ":8082:80", "127.0.0.1:8083:80", "8086:9000/udp"];

    private Version? _version;

    /// <summary>The engine's own version.</summary>
    public Version Version => _version ?? new Version(0, 0);

    /// <summary>Whether the engine has networks without IPv4, the gateway modes isolated and nat-unprotected, and ports published over IPv6 alone (Docker 28.0).</summary>
    public bool IsNew => Version.Major >= 28;

    internal IReadOnlyList<RichNetwork> Networks { get; private set; } = [];

    protected override LabOptions Options => base.Options with { Ipv6 = true };

    protected override async Task PrepareAsync(LabHost raised)
    {
        ArgumentNullException.ThrowIfNull(raised);
        var version = (await raised.ExecAsync(["docker", "version", "--format", "{{.Server.Version}}"])).OrThrow();
        _version = Version.Parse(version.Split('+', '-')[0].Trim());
        Networks = [.. Kinds()];
        foreach (var network in Networks)
        {
            await raised.CreateNetworkAsync(network.Name, network.Name + "0", network.Arguments);
            await raised.RunContainerAsync(new LabContainerOptions(network.Container) { Network = network.Name, Publish = network.Publish });
            if (network.HasIPv4)
                await raised.ServeAsync(network.Container, network.Name + "-inner", 80);
            if (network.HasIPv6)
                await raised.ServeAsync(network.Container, network.Name + "-inner", 80, address: "::");
            if (network.Publish.Length > 0 && network.HasIPv4)
                await raised.ServeAsync(network.Container, network.Name + "-echo", 9000, ServiceKind.Echo);
        }
        // The network around the host has routes to addresses that are not translated.
        foreach (var subnet in new[] { DualSubnet, SixSubnet, RoutedSubnet, OpenSubnet })
            await raised.RouteAsync(subnet);
    }

    private const string DualSubnet = "fd00:d0a1::/64";
    private const string SixSubnet = "fd00:51c5::/64";
    private const string RoutedSubnet = "10.66.1.0/24";
    private const string OpenSubnet = "10.66.2.0/24";

    private IEnumerable<RichNetwork> Kinds()
    {
        yield return new RichNetwork("plain", [], Ports);
        yield return new RichNetwork("inner", ["--internal"], []) { LeadsOutside = false };
        yield return new RichNetwork("quiet", ["--opt", "com.docker.network.bridge.enable_icc=false"], []);
        yield return new RichNetwork("dual", ["--ipv6", "--subnet", DualSubnet], ["8084:80"]) { HasIPv6 = true };
        if (Version.Major >= 27)
            yield return new RichNetwork("routed", ["--subnet", RoutedSubnet, "--opt", "com.docker.network.bridge.gateway_mode_ipv4=routed"], ["80"]);
        if (!IsNew)
            yield break;
        yield return new RichNetwork("six", ["--ipv4=false", "--ipv6", "--subnet", SixSubnet], ["[::]:8085:80"]) { HasIPv4 = false, HasIPv6 = true };
        yield return new RichNetwork("open", ["--subnet", OpenSubnet, "--opt", "com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected"], []);
        yield return new RichNetwork("isolated", ["--internal", "--opt", "com.docker.network.bridge.gateway_mode_ipv4=isolated"], []) { LeadsOutside = false, HasGateway = false };
    }
}

public sealed class RichNftLab() : RichLab(LabCollections.Nft);

public sealed class RichLegacyLab() : RichLab(LabCollections.Legacy);

public sealed class RichTrixieLab() : RichLab(LabCollections.Trixie);

public sealed class RichSidLab() : RichLab(LabCollections.Sid);

[CollectionDefinition(Name)]
public sealed class RichNftCollection : ICollectionFixture<RichNftLab>
{
    public const string Name = "rich-nft";
}

[CollectionDefinition(Name)]
public sealed class RichLegacyCollection : ICollectionFixture<RichLegacyLab>
{
    public const string Name = "rich-legacy";
}

[CollectionDefinition(Name)]
public sealed class RichTrixieCollection : ICollectionFixture<RichTrixieLab>
{
    public const string Name = "rich-trixie";
}

[CollectionDefinition(Name)]
public sealed class RichSidCollection : ICollectionFixture<RichSidLab>
{
    public const string Name = "rich-sid";
}
