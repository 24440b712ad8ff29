using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Planning;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Policy;

public sealed class PolicyCaptureTests
{
    public static TheoryData<string, Control> Controls => new()
    {
        { "plain metadata", new MetadataAccess() },
        { "one provider, dropped and logged", new MetadataAccess { Provider = "aws", Action = RuleAction.Drop, Log = true } },
        { "metadata of the host's own cloud", new MetadataAccess { Provider = "auto" } },
        { "metadata of the host's own cloud, but for a network", new MetadataAccess { Provider = "auto", ExceptNetworks = ["apps"], Dns = false } },
        { "metadata with DNS", new MetadataAccess { Provider = "aws", Dns = true } },
        { "metadata without DNS", new MetadataAccess { Provider = "gcp", Dns = false } },
        { "metadata with a port", new MetadataAccess { Provider = "aws", AllowPorts = PortSpec.ParseAll(["8080/tcp"]) } },
        { "metadata but for a network", new MetadataAccess { ExceptNetworks = ["apps"] } },
        { "metadata of a network", new MetadataAccess { Network = new NetworkReference("apps") } },
        { "metadata permitted", new MetadataAccess { Network = new NetworkReference("apps"), Permit = true } },
        { "plain host", new HostAccess() },
        { "host with ports", new HostAccess { AllowPorts = PortSpec.ParseAll(["8080/tcp", "9000:9010/udp"]) } },
        { "host with an address", new HostAccess { AllowAddresses = [Cidr.Parse("10.1.2.3")] } },
        { "host without DNS", new HostAccess { Dns = false, Action = RuleAction.Drop } },
        { "host of a network", new HostAccess { Network = new NetworkReference("apps"), ExceptNetworks = ["bridge"] } },
        { "host with published ports", new HostAccess { AllowPublishedPorts = true } },
        { "plain internal", new InternalAccess() },
        { "internal with ranges", new InternalAccess { Ranges = [Cidr.Parse("10.0.0.0/8")], Dns = true } },
        { "internal of a network", new InternalAccess { Network = new NetworkReference("apps"), Log = true } },
        { "plain mail", new SmtpRate() },
        { "mail for each container", new SmtpRate { PerMinute = 20, Burst = 7, PerContainer = true, Ports = "25,587" } },
        { "mail of a network, refused", new SmtpRate { Network = new NetworkReference("apps"), PerMinute = 60, Action = RuleAction.Reject } },
    };

    [Theory]
    [MemberData(nameof(Controls))]
    public void A_control_is_found_out_of_its_rules(string what, Control control)
    {
        var policy = PolicyCapture.Of(Applied(control.Rules()));
        Assert.True(policy.SingleRules.Count == 0, $"{what}: {string.Join('\n', policy.SingleRules)}");
        var found = Assert.Single(policy.Controls);
        Assert.Equal(control.Rules().Select(rule => rule.ToString()).Order(StringComparer.Ordinal), found.Rules().Select(rule => rule.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_no_control_says_is_kept_rule_by_rule()
    {
        var odd = new HostAccess { HostAddresses = [Cidr.Parse("10.0.0.9")], AllowPorts = PortSpec.ParseAll(["22/tcp"]) }.Rules();
        var custom = FirewallRule.Parse("iptables -A DOCKER-USER -d 198.51.100.7/32 -m comment --comment \"DockerNetHarden:Custom/c2\" -j DROP");
        var host = Applied([.. odd, custom]);
        var policy = PolicyCapture.Of(host);
        Assert.Empty(policy.Controls);
        Assert.Contains(custom, policy.SingleRules);
        Assert.True(policy.PlanOn(host, new PlanOptions { Prune = true, Force = true }).IsEmpty);
    }

    [Theory]
    [InlineData(NetworkProfile.Default)]
    [InlineData(NetworkProfile.MetadataAccess)]
    [InlineData(NetworkProfile.ExternalOnly)]
    public void A_network_with_its_profiles_rules_is_a_network_with_a_profile(NetworkProfile profile)
    {
        var host = WithProfile(profile);
        var policy = PolicyCapture.Of(Apply(host, NetworkProfiles.Rules(profile, new NetworkReference("apps", "apps0", [.. host.Networks[1].Subnets]))));
        var network = Assert.Single(policy.Networks);
        Assert.Equal(("apps", profile, "apps0"), (network.Name, network.Profile, network.BridgeName));
        Assert.Equal(2, network.Subnets.Count);
        Assert.Empty(policy.Controls);
        Assert.Empty(policy.SingleRules);
        Assert.Equal(policy.ToString(), HardeningPolicy.Parse(policy.ToString(), "x").ToString());
    }

    // Docker reads a switch as Go does: 0 and F also mean off.
    [Theory]
    [InlineData("false", true)]
    [InlineData("0", true)]
    [InlineData("F", true)]
    [InlineData("true", false)]
    public void Containers_kept_from_each_other_are_so_in_the_policy(string icc, bool kept)
    {
        var host = WithProfile(NetworkProfile.Default);
        var apps = host.Networks[1] with { Options = new Dictionary<string, string> { [DockerNetwork.IccOption] = icc } };
        host = host with { Networks = [host.Networks[0], apps] };
        var policy = PolicyCapture.Of(Apply(host, NetworkProfiles.Rules(NetworkProfile.Default, new NetworkReference("apps", "apps0", [.. apps.Subnets]))));
        Assert.Equal(kept, Assert.Single(policy.Networks).DisableIcc);
    }

    [Fact]
    public void A_label_without_the_rules_is_no_profile()
    {
        var host = WithProfile(NetworkProfile.ExternalOnly);
        var policy = PolicyCapture.Of(Apply(host, new HostAccess { Network = new NetworkReference("apps") }.Rules()));
        Assert.Empty(policy.Networks);
        Assert.IsType<HostAccess>(Assert.Single(policy.Controls));
    }

    [Fact]
    public void A_bare_host_has_an_empty_policy() => Assert.Empty(PolicyCapture.Of(Planning.Snapshots.Host()).Rules());

    private static HostSnapshot WithProfile(NetworkProfile profile)
    {
        var host = Planning.Snapshots.Host();
        var apps = host.Networks[1] with { Labels = new Dictionary<string, string> { [DockerNetwork.ProfileLabel] = profile.ToString() } };
        return host with { Networks = [host.Networks[0], apps] };
    }

    private static HostSnapshot Applied(IReadOnlyList<FirewallRule> rules) => Apply(Planning.Snapshots.Host(), rules);

    private static HostSnapshot Apply(HostSnapshot host, IReadOnlyList<FirewallRule> rules)
    {
        var plan = Plan.From(rules, host, new PlanOptions { Force = true });
        return host.After(plan.Steps.Select(step => (step.Family, step.Restore)));
    }
}
