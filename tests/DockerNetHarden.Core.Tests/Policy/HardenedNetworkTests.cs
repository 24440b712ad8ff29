using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Core.Tests.Policy;

public sealed class HardenedNetworkTests
{
    [Theory]
    [InlineData("web", "dnh-web")]
    [InlineData("elevenchars", "dnh-elevenchars")]
    public void A_short_name_is_the_bridges_name(string network, string bridge) => Assert.Equal(bridge, HardenedNetwork.BridgeNameFor(network));

    [Fact]
    public void A_long_name_becomes_fifteen_characters_that_are_always_the_same()
    {
        var name = HardenedNetwork.BridgeNameFor("twelve-chars");
        Assert.Equal(15, name.Length);
        Assert.StartsWith("dnh_twel", name, StringComparison.Ordinal);
        Assert.Equal(name, HardenedNetwork.BridgeNameFor("twelve-chars"));
        Assert.NotEqual(name, HardenedNetwork.BridgeNameFor("twelve-charz"));
    }

    [Fact]
    public void Every_name_gives_a_bridge_that_the_kernel_takes_and_no_other_name_has()
    {
        var names = Enumerable.Range(1, 128).Select(length => string.Concat(Enumerable.Range(0, length).Select(i => "a.B-_9"[i % 6]))).ToList();
        var bridges = names.Select(HardenedNetwork.BridgeNameFor).ToList();
        Assert.All(bridges, DockerNames.CheckBridge);
        Assert.Equal(names.Count, bridges.Distinct(StringComparer.Ordinal).Count());
        // A short name that looks like the long form.
        Assert.NotEqual(HardenedNetwork.BridgeNameFor("twelve-chars"), HardenedNetwork.BridgeNameFor(HardenedNetwork.BridgeNameFor("twelve-chars")[4..]));
    }

    [Theory]
    [InlineData("20.10.24", false)]
    [InlineData("27.5.1", false)]
    [InlineData("28.0.0", true)]
    [InlineData("29.1.0-rc.1", true)]
    [InlineData("dev", false)]
    public void Gateway_modes_are_asked_for_from_engine_28_on(string version, bool known)
    {
        Assert.Equal(known, HardenedNetwork.HasGatewayModes(version));
        var spec = Network(NetworkProfile.Isolated).ToSpec(Engine(version));
        Assert.True(spec.Internal);
        Assert.Equal(known, spec.Options.ContainsKey("com.docker.network.bridge.gateway_mode_ipv4"));
        Assert.False(spec.Options.ContainsKey("com.docker.network.bridge.gateway_mode_ipv6"));
    }

    // The guide's own line: docker network create -d bridge -o com.docker.network.bridge.name=docker-external external.
    [Theory]
    [InlineData(NetworkProfile.ExternalOnly, null, null, false, null)]
    [InlineData(NetworkProfile.ExternalOnly, "docker-external", "172.20.0.0/16", false, null)]
    [InlineData(NetworkProfile.Default, null, null, false, null)]
    [InlineData(NetworkProfile.ExternalOnly, "dnh-external", null, false, "bridge name: asked for dnh-external, is docker-external")]
    [InlineData(NetworkProfile.ExternalOnly, null, "10.9.0.0/16", false, "IPv4 subnet: asked for 10.9.0.0/16, is 172.20.0.0/16")]
    [InlineData(NetworkProfile.ExternalOnly, null, null, true, "inter-container communication: asked for off, is on")]
    [InlineData(NetworkProfile.Isolated, null, null, false, "internal: asked for on, is off")]
    public void A_network_that_somebody_else_made_is_adopted_if_it_is_as_asked_for(NetworkProfile profile, string? bridge, string? subnet, bool disableIcc, string? difference)
    {
        var found = new DockerNetwork { Name = "external", Id = "e", Driver = "bridge", Bridge = "docker-external", Subnets = [Cidr.Parse("172.20.0.0/16")] };
        var asked = new HardenedNetwork { Name = "external", Profile = profile, BridgeName = bridge, Subnets = subnet is null ? [] : [Cidr.Parse(subnet)], DisableIcc = disableIcc }.Checked();
        Assert.Equal(difference, asked.DifferencesFrom(found).SingleOrDefault());
        // A label of ours that says something else is a difference, though.
        var labelled = found with { Labels = new Dictionary<string, string> { [DockerNetwork.ProfileLabel] = "MetadataAccess" } };
        Assert.Contains($"label {DockerNetwork.ProfileLabel}: asked for {profile}, is MetadataAccess", asked.DifferencesFrom(labelled));
        Assert.Contains("Block-ContainerHostAccess -Network external", asked.Alternative, StringComparison.Ordinal);
        Assert.EndsWith("| Invoke-FirewallRule", asked.Alternative, StringComparison.Ordinal);
        Assert.Equal(profile is not NetworkProfile.Default, asked.Alternative.Contains("Block-ContainerInternalAccess -Network external", StringComparison.Ordinal));
    }

    [Fact]
    public void What_the_user_sets_is_not_overwritten()
    {
        var network = Network(NetworkProfile.Isolated) with { Options = new Dictionary<string, string> { ["com.docker.network.bridge.gateway_mode_ipv4"] = "nat" }, EnableIPv6 = true };
        var spec = network.ToSpec(Engine("29.0.0"));
        Assert.Equal("nat", spec.Options["com.docker.network.bridge.gateway_mode_ipv4"]);
        Assert.Equal("isolated", spec.Options["com.docker.network.bridge.gateway_mode_ipv6"]);
    }

    [Theory]
    [InlineData(NetworkProfile.Default, false)]
    [InlineData(NetworkProfile.MetadataAccess, false)]
    [InlineData(NetworkProfile.ExternalOnly, false)]
    [InlineData(NetworkProfile.Isolated, true)]
    public void The_profile_is_kept_in_the_label_and_decides_about_the_way_out(NetworkProfile profile, bool isInternal)
    {
        var spec = Network(profile).ToSpec(Engine("20.10.24"));
        Assert.Equal(isInternal, spec.Internal);
        Assert.Equal(profile.ToString(), spec.Labels[DockerNetwork.ProfileLabel]);
    }

    [Fact]
    public void The_profiles_label_cannot_be_given_as_a_label() => Assert.Throws<ArgumentException>(() =>
        (Network() with { Labels = new Dictionary<string, string> { [DockerNetwork.ProfileLabel] = "x" } }).Checked());

    [Fact]
    public void A_bridge_name_of_sixteen_characters_is_refused() => Assert.Throws<FormatException>(() => (Network() with { BridgeName = "sixteen-chars-xx" }).Checked());

    [Fact]
    public void A_name_that_no_network_can_have_is_refused() => Assert.Throws<RefusedValueException>(() => (Network() with { Name = "$(reboot)" }).Checked());

    private static HardenedNetwork Network(NetworkProfile profile = NetworkProfile.Default) => new() { Name = "web", Profile = profile };

    private static DockerEngine Engine(string version) => new() { Version = version, ApiVersion = "1.41" };
}
