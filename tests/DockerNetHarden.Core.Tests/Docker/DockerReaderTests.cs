using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Client;
using DockerNetHarden.Docker;
using FsCheck;
using FsCheck.Fluent;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class DockerReaderTests
{
    [Theory]
    [InlineData(DockerReplies.Version2010, "20.10.24+dfsg1", "1.41", "1.12")]
    [InlineData(DockerReplies.Version28, "28.0.4", "1.48", "1.24")]
    [InlineData(DockerReplies.Version29, "29.1.0", "1.53", "1.44")]
    public void The_version_of_each_engine_is_read(string reply, string version, string api, string least)
    {
        var read = Ask(reply, static api => api.GetVersionAsync(CancellationToken.None));
        Assert.Equal(new EngineVersion(version, ApiVersion.Parse(api), ApiVersion.Parse(least)), read);
    }

    [Fact]
    public void An_engine_that_names_no_pools_has_the_built_in_ones()
    {
        var engine = Engine(DockerReplies.Version2010, DockerReplies.Info2010);
        Assert.Equal("20.10.24+dfsg1", engine.Version);
        Assert.Equal("1.41", engine.ApiVersion);
        Assert.Equal(16, engine.AddressPools.Count);
        Assert.Equal(Cidr.Parse("172.17.0.0/16"), engine.AddressPools[0]);
        Assert.Equal(Cidr.Parse("172.31.0.0/16"), engine.AddressPools[14]);
        Assert.Equal(Cidr.Parse("192.168.0.0/16"), engine.AddressPools[15]);
        Assert.True(engine.BridgeNfIptables);
        Assert.False(engine.IsRootless);
        Assert.Null(engine.FirewallBackend);
    }

    [Fact]
    public void The_pools_that_an_engine_names_are_its_pools()
    {
        var engine = Engine(DockerReplies.Version28, DockerReplies.Info28);
        Assert.Equal([Cidr.Parse("10.200.0.0/16"), Cidr.Parse("fd00:200::/48")], engine.AddressPools);
        Assert.False(engine.BridgeNfIptables);
        Assert.False(engine.IsRootless);
    }

    [Fact]
    public void A_rootless_engine_and_its_firewall_backend_are_seen()
    {
        var engine = Engine(DockerReplies.Version29, DockerReplies.Info29);
        Assert.True(engine.IsRootless);
        Assert.Equal("nftables", engine.FirewallBackend);
        Assert.Equal("1.52", engine.ApiVersion);
    }

    [Fact]
    public void Networks_are_read_with_the_bridge_that_each_has()
    {
        var networks = Ask(DockerReplies.Networks2010, static api => api.ListNetworksAsync(CancellationToken.None)).ToDictionary(network => network.Name, StringComparer.Ordinal);
        Assert.Equal(6, networks.Count);
        Assert.Equal("apps0", networks["web"].Bridge);
        Assert.Equal("docker0", networks["bridge"].Bridge);
        Assert.Equal("docker_gwbridge", networks["docker_gwbridge"].Bridge);
        Assert.Equal("br-3843da13c76b", networks["bad name"].Bridge);
        Assert.Null(networks["none"].Bridge);
        Assert.Null(networks["spread"].Bridge);

        var web = networks["web"];
        Assert.Equal([Cidr.Parse("10.77.2.0/24"), Cidr.Parse("fd00:77::/64")], web.Subnets);
        Assert.Empty(web.Gateways);
        Assert.True(web.EnableIPv6);
        Assert.Equal("Default", web.Profile);
        Assert.Equal(["mail"], web.Containers);
        Assert.Equal("false", web.Options["com.docker.network.bridge.enable_icc"]);
    }

    [Fact]
    public void Host_bits_that_docker_gives_back_are_taken_off() =>
        Assert.Equal([Cidr.Parse("10.77.1.0/24")], Ask(DockerReplies.Networks2010, static api => api.ListNetworksAsync(CancellationToken.None)).Single(network => network.Name is "bad name").Subnets);

    [Fact]
    public void Newer_engines_name_their_gateways()
    {
        var old = Network(DockerReplies.Network28);
        Assert.Equal([Cidr.Parse("172.20.0.1")], old.Gateways);
        Assert.True(old.Internal);
        Assert.Equal("br-ce64060f9030", old.Bridge);
        var now = Network(DockerReplies.Network29);
        Assert.Equal([Cidr.Parse("172.20.0.1"), Cidr.Parse("fd00:29::1")], now.Gateways);
    }

    // As 26.1.5 returned it for a network whose IPv6 subnet came from a pool in daemon.json.
    [Theory]
    [InlineData("fd00:9::1/64", true)]
    [InlineData("fd00:9::1", true)]
    [InlineData("fd00:9::1/129", false)]
    [InlineData("fd00:9::1/", false)]
    [InlineData("/64", false)]
    public void A_gateway_may_have_a_prefix_length(string gateway, bool read)
    {
        var body = $$"""{"Name":"s1","Id":"{{DockerReplies.WebId}}","Driver":"bridge","IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"10.1.1.0/24"},{"Subnet":"fd00:9::/64","Gateway":"{{gateway}}"} ] } }""";
        if (read)
            Assert.Equal([Cidr.Parse("fd00:9::1")], Network(body).Gateways);
        else
            Assert.Equal(DockerFailure.BadReply, Assert.Throws<DockerException>(() => Network(body)).Failure);
    }

    [Fact]
    public void A_container_list_is_read()
    {
        var containers = Containers(DockerReplies.Containers2010);
        var mail = containers[0];
        Assert.Equal("mail", mail.Name);
        Assert.Equal("bridge", mail.NetworkMode);
        Assert.Equal([new PublishedPort(Cidr.Parse("127.0.0.1"), 5353, 53, "udp"), new PublishedPort(null, 8080, 80, "tcp")], mail.Ports);
        Assert.Equal(
            [new ContainerAddress("bridge", Cidr.Parse("172.17.0.2"), null), new ContainerAddress("web", Cidr.Parse("10.77.2.2"), Cidr.Parse("fd00:77::2"))],
            mail.Addresses);
        Assert.Equal("5cddd8b481ee", containers[1].Name);
        Assert.Equal("host", containers[1].NetworkMode);
        Assert.Empty(containers[1].Addresses);
    }

    // docker-proxy listens for each family on its own. Seen on engine 28.5.2: -p [::]:8085:80 on a network without IPv4, and -p 0.0.0.0:8086:80.
    [Theory]
    [InlineData("""[{"IP":"::","PrivatePort":80,"PublicPort":8085,"Type":"tcp"}]""", "::/0")]
    [InlineData("""[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8085,"Type":"tcp"}]""", "0.0.0.0/0")]
    [InlineData("""[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8085,"Type":"tcp"},{"IP":"::","PrivatePort":80,"PublicPort":8085,"Type":"tcp"}]""", null)]
    [InlineData("""[{"PrivatePort":80,"PublicPort":8085,"Type":"tcp"},{"PrivatePort":81,"Type":"tcp"}]""", null)]
    public void A_port_is_published_in_the_families_that_are_named(string ports, string? address)
    {
        var container = Assert.Single(Containers($$"""[{"Id":"a","Names":["/a"],"Ports":{{ports}}}]"""));
        Assert.Equal([new PublishedPort(address is null ? null : Cidr.Parse(address), 8085, 80, "tcp")], container.Ports);
    }

    // Seen on engine 28.5.2, gateway mode routed: the port is open at the container's own address.
    [Fact]
    public void A_port_is_published_without_one_of_the_host()
    {
        const string List = """[{"Id":"a","Ports":[{"IP":"0.0.0.0","PrivatePort":80,"Type":"tcp"},{"IP":"::","PrivatePort":80,"Type":"tcp"},{"PrivatePort":81,"Type":"tcp"}]}]""";
        const string Inspected = """{"Id":"a","State":{"Status":"running"},"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":""},{"HostIp":"::","HostPort":""}],"81/tcp":[{"HostIp":"","HostPort":""}]}}}""";
        Assert.Equal([new PublishedPort(null, 0, 80, "tcp")], Assert.Single(Containers(List)).Ports);
        Assert.Equal([new PublishedPort(null, 0, 80, "tcp")], Container(Inspected).Ports);
    }

    [Fact]
    public void An_inspected_container_has_its_resolvers_and_its_process()
    {
        var mail = Container(DockerReplies.Container2010);
        Assert.Equal([Cidr.Parse("1.1.1.1"), Cidr.Parse("fe80::1")], mail.Dns);
        Assert.True(mail.Privileged);
        Assert.Equal(["NET_ADMIN", "SYS_TIME"], mail.AddedCapabilities, StringComparer.Ordinal);
        Assert.Equal(["ALL"], mail.DroppedCapabilities, StringComparer.Ordinal);
        Assert.Equal(10150, mail.Pid);
        Assert.Equal("mail:1", mail.Image);
        Assert.Equal("running", mail.State);
        Assert.Equal([new PublishedPort(Cidr.Parse("127.0.0.1"), 5353, 53, "udp"), new PublishedPort(null, 8080, 80, "tcp")], mail.Ports);

        var stopped = Container(DockerReplies.Container29);
        Assert.Equal([new ContainerAddress("bridge", null, null)], stopped.Addresses);
        Assert.Empty(stopped.Dns);
        Assert.False(stopped.Privileged);
        Assert.Empty(stopped.AddedCapabilities);
        Assert.Equal(0, stopped.Pid);
    }

    [Theory]
    [InlineData("""{"Name":"web"}""", "Id", "missing")]
    [InlineData("""[]""", "was expected", "a list")]
    [InlineData("""{"Name":"web","Id":"x","Driver":"bridge","IPAM":{"Config":[{"Subnet":"10.0.0.0/33"}]}}""", "Config[0], Subnet", "10.0.0.0/33")]
    [InlineData("""{"Name":"web","Id":"x","Driver":"bridge","IPAM":{"Config":{}}}""", "IPAM, Config", "an object")]
    [InlineData("""{"Name":"web","Id":"x","Driver":"bridge","Internal":"yes"}""", "Internal", "yes")]
    [InlineData("""{"Name":"web","Id":"x","Driver":"bridge","Labels":{"a":1}}""", "Labels, a", "1")]
    [InlineData("""<html>""", "not JSON", "<html>")]
    public void A_reply_of_another_shape_says_where_and_what_was_expected(string reply, string place, string found)
    {
        var error = Assert.Throws<DockerException>(() => Network(reply));
        Assert.Equal(DockerFailure.BadReply, error.Failure);
        Assert.Contains("GET /networks/{id}", error.Message, StringComparison.Ordinal);
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
        Assert.Contains(found, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_that_is_no_unicode_is_a_bad_reply()
    {
        byte[] reply = [.. "{\"Name\":\""u8, 0xff, .. "\",\"Id\":\"x\"}"u8];
        Assert.Equal(DockerFailure.BadReply, Assert.Throws<DockerException>(() => Network(reply)).Failure);
    }

    // Cut or changed anywhere, a reply is read or refused, and nothing else is ever thrown.
    [Fact]
    public void A_damaged_reply_is_read_or_refused()
    {
        string[] replies = [DockerReplies.Networks2010, DockerReplies.Containers2010, DockerReplies.Container2010, DockerReplies.Info29, DockerReplies.Version2010];
        var damage =
            from reply in Gen.Elements(replies)
            from at in Gen.Choose(0, reply.Length - 1)
            from value in Gen.Choose(0, 255)
            from cut in Gen.Choose(1, reply.Length)
            select (reply, at, (byte)value, cut);
        Prop.ForAll(damage.ToArbitrary(), sample =>
        {
            var (reply, at, value, cut) = sample;
            var bytes = Encoding.UTF8.GetBytes(reply);
            bytes[at] = value;
            var body = new ReadOnlyMemory<byte>(bytes, 0, value % 2 == 0 ? cut : bytes.Length);
            using var api = new EngineClient(new StubTransport(_ => (200, body.ToArray())), "unix:///x", null);
            Func<Task>[] readers =
            [
                () => api.ListNetworksAsync(CancellationToken.None), () => api.GetNetworkAsync("web", CancellationToken.None), () => api.ListContainersAsync(CancellationToken.None),
                () => api.GetContainerAsync("mail", CancellationToken.None), () => api.GetVersionAsync(CancellationToken.None), () => api.GetInfoAsync(CancellationToken.None),
            ];
            foreach (var read in readers)
            {
                if (Record.Exception(() => read().GetAwaiter().GetResult()) is { } error and not DockerException { Failure: DockerFailure.BadReply })
                    throw new InvalidOperationException("Not a BadReply.", error);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private static DockerEngine Engine(string version, string info) =>
        Ask(info, static api => api.GetInfoAsync(CancellationToken.None)) with { ApiVersion = Ask(version, static api => api.GetVersionAsync(CancellationToken.None)).Negotiate().ToString() };

    private static DockerNetwork Network(string reply) => Network(Encoding.UTF8.GetBytes(reply));

    private static DockerNetwork Network(byte[] reply) => StubTransport.Read(reply, static api => api.GetNetworkAsync("web", CancellationToken.None));

    private static IReadOnlyList<DockerContainer> Containers(string reply) => Ask(reply, static api => api.ListContainersAsync(CancellationToken.None));

    private static DockerContainer Container(string reply) => Ask(reply, static api => api.GetContainerAsync("mail", CancellationToken.None));

    private static T Ask<T>(string reply, Func<EngineClient, Task<T>> ask) => StubTransport.Read(Encoding.UTF8.GetBytes(reply), ask);
}
