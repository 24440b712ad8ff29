using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Lab.Tests.Docker;

/// <summary>One engine for the tests of a class; null if none can be started, and then every test says why.</summary>
public sealed class EngineFixture : IAsyncLifetime
{
    internal RealEngine? Engine { get; private set; }

    public async Task InitializeAsync()
    {
        if (RealEngine.WhyNot() is null)
            Engine = await RealEngine.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (Engine is not null)
            await Engine.DisposeAsync();
    }
}

public sealed class DockerEngineTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    [SkippableFact]
    public async Task A_real_engine_tells_its_version_pools_and_kind()
    {
        await using var docker = HostDocker.At(Real().Endpoint);
        var engine = await docker.GetEngineAsync(CancellationToken.None);
        Assert.Equal(await Real().DockerAsync("version", "--format", "{{.Server.Version}}"), engine.Version);
        Assert.Equal(await Real().DockerAsync("version", "--format", "{{.Server.APIVersion}}"), engine.ApiVersion);
        Assert.False(engine.IsRootless);
        // Its configuration is empty, so these are the built-in pools.
        Assert.Equal(16, engine.AddressPools.Count);
    }

    [SkippableFact]
    public async Task A_real_network_is_created_and_compared()
    {
        await using var docker = HostDocker.At(Real().Endpoint);
        var spec = new NetworkSpec("made", "dnhmade0", [Cidr.Parse("10.81.0.0/24"), Cidr.Parse("fd00:81::/64")], [Cidr.Parse("10.81.0.254")],
            isInternal: false, icc: false, labels: new Dictionary<string, string>(StringComparer.Ordinal) { [DockerNetwork.ProfileLabel] = "ExternalOnly" });

        Assert.Null(await docker.FindNetworkAsync("made", CancellationToken.None));
        var made = await docker.CreateNetworkAsync(spec, CancellationToken.None);
        Assert.Empty(spec.DifferencesFrom(made));
        Assert.Equal("dnhmade0", made.Bridge);
        Assert.Equal("ExternalOnly", made.Profile);
        Assert.Contains("10.81.0.254/24", await Real().InNamespaceAsync("ip", "-o", "address", "show", "dev", "dnhmade0"), StringComparison.Ordinal);

        var found = await docker.FindNetworkAsync("made", CancellationToken.None);
        Assert.Equal(
            ["bridge name: asked for dnhother, is dnhmade0", "internal: asked for on, is off", "inter-container communication: asked for on, is off"],
            new NetworkSpec("made", "dnhother", isInternal: true, icc: true).DifferencesFrom(found!));
        Assert.Equal(DockerFailure.Conflict, (await Assert.ThrowsAsync<DockerException>(() => docker.CreateNetworkAsync(spec, CancellationToken.None))).Failure);
        var taken = await Assert.ThrowsAsync<DockerException>(() => docker.CreateNetworkAsync(new NetworkSpec("second", "dnhmade0"), CancellationToken.None));
        Assert.Equal(DockerFailure.Conflict, taken.Failure);
        Assert.Contains("same bridge name", taken.Message, StringComparison.Ordinal);

        await Real().DockerAsync("network", "rm", "made");
        Assert.Null(await docker.FindNetworkAsync("made", CancellationToken.None));
    }

    [SkippableFact]
    public async Task Every_real_networks_bridge_is_a_link_of_that_name()
    {
        await using var docker = HostDocker.At(Real().Endpoint);
        // As the docker command made it: no bridge name, and host bits in its subnet.
        await Real().DockerAsync("network", "create", "--subnet", "10.82.1.5/24", "plain");
        var networks = await docker.ListNetworksAsync(CancellationToken.None);
        Assert.Equal([Cidr.Parse("10.82.1.0/24")], networks.Single(network => network.Name is "plain").Subnets);
        Assert.Equal("docker0", networks.Single(network => network.Name is "bridge").Bridge);
        Assert.Equal(["host", "none"], networks.Where(network => network.Bridge is null).Select(network => network.Name), StringComparer.Ordinal);
        foreach (var network in networks.Where(network => network.Bridge is not null))
            Assert.Contains(network.Bridge!, await Real().InNamespaceAsync("ip", "-o", "link", "show", "dev", network.Bridge!), StringComparison.Ordinal);
        await Real().DockerAsync("network", "rm", "plain");
    }

    [SkippableFact]
    public async Task Real_containers_have_their_resolvers_ports_and_addresses()
    {
        await using var docker = HostDocker.At(Real().Endpoint);
        await docker.CreateNetworkAsync(new NetworkSpec("apps", "dnhapps0", [Cidr.Parse("10.83.0.0/24"), Cidr.Parse("fd00:83::/64")]), CancellationToken.None);
        await Real().RunContainerAsync("own-dns", "--network", "apps", "--dns", "10.0.0.53", "-p", "8080:80", "-p", "127.0.0.1:5353:53/udp");
        await Real().RunContainerAsync("on-host", "--network", "host");
        await Real().RunContainerAsync("on-default");
        await Real().DockerAsync("create", "--name", "never-ran", "dnh-test:1", "/usr/bin/sleep", "1");

        var containers = (await docker.ListContainersAsync(CancellationToken.None)).ToDictionary(container => container.Name, StringComparer.Ordinal);
        Assert.Equal(["never-ran", "on-default", "on-host", "own-dns"], containers.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        var own = containers["own-dns"];
        Assert.Equal([Cidr.Parse("10.0.0.53")], own.Dns);
        Assert.Equal([new ContainerAddress("apps", Cidr.Parse("10.83.0.2"), Cidr.Parse("fd00:83::2"))], own.Addresses);
        Assert.Equal([new PublishedPort(Cidr.Parse("127.0.0.1"), 5353, 53, "udp"), new PublishedPort(null, 8080, 80, "tcp")], own.Ports.OrderBy(port => port.HostPort));
        Assert.Contains("sleep", await File.ReadAllTextAsync($"/proc/{own.Pid}/cmdline"), StringComparison.Ordinal);
        Assert.Equal("host", containers["on-host"].NetworkMode);
        Assert.Equal("bridge", containers["on-default"].NetworkMode);
        Assert.Equal(("created", 0), (containers["never-ran"].State, containers["never-ran"].Pid));
        Assert.Equal(["own-dns"], (await docker.FindNetworkAsync("apps", CancellationToken.None))!.Containers, StringComparer.Ordinal);

        await Real().DockerAsync("rm", "-f", "own-dns", "on-host", "on-default", "never-ran");
        await Real().DockerAsync("network", "rm", "apps");
    }

    [SkippableFact]
    public async Task An_engine_that_was_killed_is_down_and_one_that_is_gone_is_not_installed()
    {
        Skip.IfNot(RealEngine.WhyNot() is null, RealEngine.WhyNot() ?? "");
        DockerEndpoint endpoint;
        await using (var engine = await RealEngine.StartAsync())
        {
            endpoint = engine.Endpoint;
            await engine.RunContainerAsync("left-behind");
            await engine.CrashAsync();
            await using var docker = HostDocker.At(endpoint);
            var down = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
            Assert.Equal(DockerFailure.DaemonDown, down.Failure);
        }
        await using var late = HostDocker.At(endpoint);
        var gone = await Assert.ThrowsAsync<DockerException>(() => late.GetEngineAsync(CancellationToken.None));
        Assert.Equal(DockerFailure.NotInstalled, gone.Failure);
    }

    private RealEngine Real()
    {
        Skip.If(fixture.Engine is null, RealEngine.WhyNot() ?? "");
        return fixture.Engine!;
    }
}
