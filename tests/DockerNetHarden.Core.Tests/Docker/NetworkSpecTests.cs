using System.Text;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Client;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class NetworkSpecTests
{
    private static readonly DockerNetwork Web = StubTransport.Read(Encoding.UTF8.GetBytes(DockerReplies.Networks2010), static api => api.ListNetworksAsync(CancellationToken.None))[0];

    [Theory]
    [InlineData("", "empty")]
    [InlineData("docker-metadata1", "16 characters")]
    [InlineData("docker-external-network", "23 characters")]
    [InlineData("a/b", "'/'")]
    [InlineData("a:b", "':'")]
    [InlineData("br%d", "'%'")]
    [InlineData("a b", "white space")]
    [InlineData("a\tb", "white space")]
    [InlineData("größe", "ASCII")]
    [InlineData(".", "folders")]
    [InlineData("..", "folders")]
    [InlineData("apps+", "wildcard")]
    [InlineData("!apps", "'!'")]
    [InlineData("-j", "'-'")]
    public void A_bridge_name_that_the_kernel_or_a_rule_cannot_have_is_refused_with_the_reason(string name, string reason)
    {
        var error = Assert.Throws<FormatException>(() => new NetworkSpec("web", bridgeName: name));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        if (name.Length > DockerNames.LongestBridgeName)
            Assert.Contains("15", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("docker-metadata")]
    [InlineData("docker-external")]
    [InlineData("br.0_x")]
    public void A_bridge_name_of_up_to_15_characters_is_taken(string name) => Assert.Equal(name, new NetworkSpec("web", bridgeName: name).BridgeName);

    [Fact]
    public void Parts_that_contradict_each_other_are_refused()
    {
        Cidr[] v4 = [Cidr.Parse("10.1.0.0/24")];
        Cidr[] v6 = [Cidr.Parse("fd00:1::/64")];
        Assert.Contains("10.2.0.1", Refused(() => new NetworkSpec("web", subnets: v4, gateways: [Cidr.Parse("10.2.0.1")])), StringComparison.Ordinal);
        Assert.Contains("10.1.0.1", Refused(() => new NetworkSpec("web", gateways: [Cidr.Parse("10.1.0.1")])), StringComparison.Ordinal);
        Assert.Contains("10.1.0.0/25", Refused(() => new NetworkSpec("web", subnets: v4, gateways: [Cidr.Parse("10.1.0.0/25")])), StringComparison.Ordinal);
        Assert.Contains("one gateway", Refused(() => new NetworkSpec("web", subnets: v4, gateways: [Cidr.Parse("10.1.0.1"), Cidr.Parse("10.1.0.2")])), StringComparison.Ordinal);
        Assert.Contains("one IPv4 subnet", Refused(() => new NetworkSpec("web", subnets: [.. v4, Cidr.Parse("10.2.0.0/24")])), StringComparison.Ordinal);
        Assert.Contains("IPv6", Refused(() => new NetworkSpec("web", subnets: v6, enableIPv6: false)), StringComparison.Ordinal);
        Assert.Contains("enable_icc", Refused(() => new NetworkSpec("web", options: Map("com.docker.network.bridge.enable_icc", "false"))), StringComparison.Ordinal);
        Assert.True(new NetworkSpec("web", subnets: v6).EnableIPv6);
    }

    [Fact]
    // The flags are also false in the API by default.
    public void The_body_says_what_was_asked_for_and_no_more()
    {
        Assert.Equal("""{"Name":"web","Driver":"bridge","Internal":false,"Attachable":false,"Ingress":false,"ConfigOnly":false,"Options":{},"Labels":{},"CheckDuplicate":true}""", Body(new NetworkSpec("web"), new ApiVersion(1, 43)));
        Assert.Equal("""{"Name":"web","Driver":"bridge","Internal":false,"Attachable":false,"Ingress":false,"ConfigOnly":false,"Options":{},"Labels":{}}""", Body(new NetworkSpec("web"), new ApiVersion(1, 44)));
    }

    [Fact]
    public void The_body_holds_every_setting()
    {
        var spec = new NetworkSpec("web", "apps0", [Cidr.Parse("10.1.0.0/24"), Cidr.Parse("fd00:1::/64")], [Cidr.Parse("10.1.0.254")],
            isInternal: true, icc: false, labels: Map(DockerNetwork.ProfileLabel, "\"'$(reboot)\n"), options: Map("com.docker.network.driver.mtu", "1400"));
        using var body = JsonDocument.Parse(Body(spec, new ApiVersion(1, 48)));
        var root = body.RootElement;
        Assert.True(root.GetProperty("Internal").GetBoolean());
        Assert.True(root.GetProperty("EnableIPv6").GetBoolean());
        Assert.Equal("""[{"Subnet":"10.1.0.0/24","Gateway":"10.1.0.254"},{"Subnet":"fd00:1::/64"}]""", root.GetProperty("IPAM").GetProperty("Config").GetRawText());
        Assert.Equal("""{"com.docker.network.bridge.name":"apps0","com.docker.network.bridge.enable_icc":"false","com.docker.network.driver.mtu":"1400"}""", root.GetProperty("Options").GetRawText());
        Assert.Equal("\"'$(reboot)\n", root.GetProperty("Labels").GetProperty(DockerNetwork.ProfileLabel).GetString());
    }

    [Fact]
    public void A_network_as_asked_for_has_no_differences()
    {
        Assert.Empty(new NetworkSpec("web").DifferencesFrom(Web));
        Assert.Empty(new NetworkSpec("web", "apps0", [Cidr.Parse("fd00:77::/64"), Cidr.Parse("10.77.2.0/24")], isInternal: false, icc: false,
            labels: Map(DockerNetwork.ProfileLabel, "Default")).DifferencesFrom(Web));
    }

    [Fact]
    public void Every_difference_is_said_and_only_of_what_was_asked_for()
    {
        var spec = new NetworkSpec("apps", "apps1", [Cidr.Parse("10.1.0.0/24")], [Cidr.Parse("10.1.0.1")], isInternal: true, enableIPv6: false, icc: true,
            labels: Map(DockerNetwork.ProfileLabel, "ExternalOnly"), options: Map("com.docker.network.driver.mtu", "1400"));
        Assert.Equal(
            [
                "name: asked for apps, is web",
                "bridge name: asked for apps1, is apps0",
                "IPv4 subnet: asked for 10.1.0.0/24, is 10.77.2.0/24",
                "IPv4 gateway: asked for 10.1.0.1, is none",
                "internal: asked for on, is off",
                "IPv6: asked for off, is on",
                "inter-container communication: asked for on, is off",
                "option com.docker.network.driver.mtu: asked for 1400, is not set",
                "label io.dockernetharden.profile: asked for ExternalOnly, is Default",
            ],
            spec.DifferencesFrom(Web));
    }

    [Fact]
    public void A_network_of_another_driver_has_no_bridge()
    {
        var lan = Web with { Driver = "macvlan", Bridge = null };
        Assert.Equal(["driver: asked for bridge, is macvlan", "bridge name: asked for apps0, is none"], new NetworkSpec("web", "apps0").DifferencesFrom(lan));
    }

    private static string Refused(Func<NetworkSpec> act) => Assert.Throws<ArgumentException>(act).Message;

    private static Dictionary<string, string> Map(string key, string value) => new(StringComparer.Ordinal) { [key] = value };

    private static string Body(NetworkSpec spec, ApiVersion version)
    {
        var sent = "";
        using var api = new EngineClient(StubTransport.Of(request => { sent = request; return """{"Id":"x"}"""; }), "unix:///x", null) { Version = version };
        Assert.Equal("x", api.CreateNetworkAsync(spec, CancellationToken.None).GetAwaiter().GetResult());
        return sent[sent.IndexOf('{', StringComparison.Ordinal)..];
    }
}
