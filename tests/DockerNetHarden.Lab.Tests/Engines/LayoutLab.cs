namespace DockerNetHarden.Lab.Tests.Engines;

/// <summary>
/// The layouts of users' reports, on one host: an overlay network of a swarm, a sidecar (<c>--network container:X</c>), a project of compose with <c>internal: true</c>, and the network of the
/// Cortex XSOAR guide, made as the guide says.
/// </summary>
public abstract class LayoutLab(TestedEngine engine) : LabFixture(engine)
{
    // An engine that keeps its containers through a restart cannot join a swarm.
    protected override LabOptions Options => base.Options with { LiveRestore = false, Containers = false };

    protected override async Task PrepareAsync(LabHost raised)
    {
        ArgumentNullException.ThrowIfNull(raised);
        (await raised.ExecAsync(["docker", "swarm", "init", "--advertise-addr", Services.LabAddresses.Host])).OrThrow();
        (await raised.ExecAsync(["docker", "network", "create", "-d", "overlay", "--attachable", "span"])).OrThrow();
        (await raised.ExecAsync(["docker", "network", "create", "-d", "bridge", "-o", "com.docker.network.bridge.name=docker-external", "external"])).OrThrow();
        await raised.CreateNetworkAsync("shop_front");
        await raised.CreateNetworkAsync("shop_back", arguments: ["--internal"]);
        foreach (var (name, network) in ((string, string)[])[("span1", "span"), ("ext1", "external"), ("web", "shop_front"), ("db", "shop_back"), ("main", "bridge"), ("sidecar", "container:main")])
            await raised.RunContainerAsync(new LabContainerOptions(name) { Network = network });
        (await raised.ExecAsync(["docker", "network", "connect", "shop_back", "web"])).OrThrow();
    }
}

public sealed class LayoutNftLab() : LayoutLab(LabCollections.Nft);

public sealed class LayoutLegacyLab() : LayoutLab(LabCollections.Legacy);

public sealed class LayoutTrixieLab() : LayoutLab(LabCollections.Trixie);

public sealed class LayoutSidLab() : LayoutLab(LabCollections.Sid);

[CollectionDefinition(Name)]
public sealed class LayoutNftCollection : ICollectionFixture<LayoutNftLab>
{
    public const string Name = "layout-nft";
}

[CollectionDefinition(Name)]
public sealed class LayoutLegacyCollection : ICollectionFixture<LayoutLegacyLab>
{
    public const string Name = "layout-legacy";
}

[CollectionDefinition(Name)]
public sealed class LayoutTrixieCollection : ICollectionFixture<LayoutTrixieLab>
{
    public const string Name = "layout-trixie";
}

[CollectionDefinition(Name)]
public sealed class LayoutSidCollection : ICollectionFixture<LayoutSidLab>
{
    public const string Name = "layout-sid";
}
