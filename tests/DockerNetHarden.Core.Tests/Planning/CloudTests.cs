using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Export;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>Which cloud a host is in, and what the provider Auto comes to there.</summary>
public sealed class CloudTests
{
    private static readonly MetadataAccess Auto = new() { Provider = "Auto" };

    // As the machines of each cloud say it; the sources are in metadata-endpoints.json.
    [Theory]
    [InlineData("aws", "Amazon EC2", "m7i.large", "Amazon EC2", "1.0", "Amazon EC2")]
    [InlineData("aws", "Xen", "HVM domU", "", "4.11.amazon", "Xen")]
    [InlineData("azure", "Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77", "Hyper-V UEFI Release v4.1", "Microsoft Corporation")]
    [InlineData("gcp", "Google", "Google Compute Engine", "", "Google", "Google")]
    [InlineData("alibaba", "Alibaba Cloud", "Alibaba Cloud ECS", "", "8c24b4c", "Alibaba Cloud")]
    [InlineData("oracle", "QEMU", "Standard PC (i440FX + PIIX, 1996)", "OracleCloud.com", "1.5.1", "QEMU")]
    [InlineData("huawei", "OpenStack Foundation", "OpenStack Nova", "HUAWEICLOUD", "", "")]
    [InlineData("openstack", "OpenStack Foundation", "OpenStack Nova", "", "", "")]
    [InlineData("openstack", "Red Hat", "OpenStack Compute", "", "", "")]
    [InlineData("exoscale", "Exoscale", "Exoscale Compute Platform", "", "", "")]
    [InlineData("cloudstack", "Apache Software Foundation", "CloudStack KVM Hypervisor", "", "", "")]
    [InlineData("linode", "Akamai", "Compute Instance", "", "", "")]
    [InlineData("ibm", "QEMU", "pc", "ibmcloud", "", "IBM:Cloud Compute Server 1.0:bx2")]
    [InlineData("tencent", "Tencent Cloud", "CVM", "", "", "")]
    // A laptop of Google's, a Hyper-V at home, nothing at all.
    [InlineData(null, "Google", "Kohaku", "", "", "Google")]
    [InlineData(null, "Microsoft Corporation", "Virtual Machine", "8634-2000-1111", "", "Microsoft Corporation")]
    [InlineData(null, "QEMU", "Standard PC (Q35 + ICH9, 2009)", "", "1.16.2", "QEMU")]
    [InlineData(null, "", "", "", "", "")]
    public void The_firmware_tells_the_cloud(string? cloud, string vendor, string product, string assetTag, string bios, string chassis)
    {
        var host = Snapshots.Host() with { Platform = new HostPlatform { Vendor = vendor, Product = product, ChassisAssetTag = assetTag, BiosVersion = bios, ChassisVendor = chassis } };
        Assert.Equal(cloud, HostCloud.Of(host).Provider?.Id);
    }

    [Fact]
    public void Every_provider_with_a_sign_is_told_by_it()
    {
        foreach (var provider in MetadataEndpoints.Providers.Where(provider => provider.Firmware.Count > 0))
            Assert.Equal(provider.Id, HostCloud.Of(Snapshots.Host().InCloud(provider.Id)).Provider!.Id);
        Assert.Null(HostCloud.Of(Snapshots.Host()).Provider);
    }

    [Fact]
    public void Auto_is_one_set_of_rules_and_each_host_makes_of_it_what_its_provider_would_be()
    {
        var rules = Auto.Rules();
        Assert.All(rules, rule => Assert.Equal("auto", rule.Subject));
        Assert.All(rules, rule => Assert.Equal(rule.ToString(), FirewallRule.Parse(rule.ToString()).ToString()));
        foreach (var provider in MetadataEndpoints.Providers.Where(provider => provider is { Firmware.Count: > 0, Endpoints.Count: > 0 }))
        {
            var host = Snapshots.Host().InCloud(provider.Id);
            var plan = Plan.From(rules, host);
            Assert.Equal(Told(Plan.From(new MetadataAccess { Provider = provider.Id }.Rules(), host), provider.Id), Told(plan, "auto"));
            Assert.Empty(plan.Warnings);
            Assert.True(Plan.From(rules, host.Applied(rules)).IsEmpty);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_the_cloud_is_not_known_Auto_means_all_addresses_and_says_so(bool hasFirmware)
    {
        var host = hasFirmware ? Snapshots.Host().InCloud(null) : Snapshots.Host();
        var plan = Plan.From(Auto.Rules(), host);
        Assert.Equal(Told(Plan.From(new MetadataAccess().Rules(), host), null), Told(plan, "auto"));
        var warning = Assert.Single(plan.Warnings);
        Assert.Contains(hasFirmware ? "'QEMU'" : "nothing was read of its firmware", warning, StringComparison.Ordinal);
        Assert.Contains("-Provider", warning, StringComparison.Ordinal);
    }

    // Options of Auto do on a host what they do with its provider.
    [Fact]
    public void Exceptions_of_Auto_are_those_of_the_provider()
    {
        var host = Snapshots.Host().InCloud("gcp");
        foreach (var change in new Func<MetadataAccess, MetadataAccess>[]
        {
            control => control with { Dns = false }, control => control with { Dns = true }, control => control with { AllowPorts = PortSpec.ParseAll(["8080/tcp"]) }, control => control with { Log = true },
            control => control with { ExceptNetworks = ["apps"] }, control => control with { Network = new NetworkReference("apps") }, control => control with { Network = new NetworkReference("apps"), Permit = true },
            control => control with { Action = RuleAction.Drop },
        })
        {
            var expected = Effective(Plan.From(change(new MetadataAccess { Provider = "gcp" }).Rules(), host), "gcp");
            Assert.Equal(expected, Effective(Plan.From(change(Auto).Rules(), host), "auto"));
        }
        Assert.Contains("-d 169.254.169.254/32 -m comment --comment \"DockerNetHarden:MetadataAccess/auto\" -j RETURN",
            string.Join('\n', Plan.From((Auto with { AllowAddresses = [Cidr.Parse("169.254.169.254")] }).Rules(), host).Chains.SelectMany(chain => chain.Lines).Select(line => line.Key)), StringComparison.Ordinal);
    }

    [Fact]
    public void CloudStack_has_its_metadata_at_the_DHCP_server()
    {
        var host = Snapshots.Host().InCloud("cloudstack", "10.1.1.1", "10.2.2.1");
        foreach (var provider in new[] { "CloudStack", "auto" })
        {
            var blocks = Plan.From(new MetadataAccess { Provider = provider }.Rules(), host).Chains.Single(chain => chain.Hook.Table is "filter").Lines.Select(line => line.Rule!).ToList();
            Assert.Equal(["10.1.1.1/32,10.2.2.1/32"], blocks.Select(rule => rule.Destination!));
            Assert.All(blocks, rule => Assert.Equal(("tcp", "80,8080"), (rule.Protocol, rule.DestinationPort)));
        }
        var without = host with { Platform = host.Platform! with { DhcpServers = [] } };
        var error = Assert.Throws<PlanException>(() => Plan.From(new MetadataAccess { Provider = "cloudstack" }.Rules(), without));
        Assert.Equal(PlanFailure.UnresolvedOperand, error.Failure);
        Assert.Contains("New-FirewallRule", error.Remedy, StringComparison.Ordinal);
        var plan = Plan.From(Auto.Rules(), without);
        Assert.Equal(Told(Plan.From(new MetadataAccess().Rules(), without), null), Told(plan, "auto"));
        Assert.Contains("Apache CloudStack", Assert.Single(plan.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -d cloud:metadata -j DROP", true)]
    [InlineData("-A DOCKER-USER -d cloud:metadata -p tcp -m tcp --dport 80 -j DROP", true)]
    [InlineData("-A DOCKER-USER -d cloud:dhcp-server -j DROP", true)]
    [InlineData("-A DOCKER-USER -s cloud:metadata -j DROP", false)]
    [InlineData("-A DOCKER-USER -d cloud:kept -j DROP", false)]
    [InlineData("-A DOCKER-USER -d cloud:nine -j DROP", false)]
    [InlineData("-A DOCKER-USER -d 10.0.0.1 -m multiport --dports cloud:kept -j RETURN", false)]
    [InlineData("-A DOCKER-USER -d cloud:metadata -p tcp -m multiport --dports cloud:kept -j RETURN", false)]
    [InlineData("-A DOCKER-USER -i cloud:metadata -j DROP", false)]
    public void A_custom_rule_can_name_the_clouds_addresses_where_they_mean_something(string text, bool isRule)
    {
        if (!isRule)
        {
            Assert.Throws<RefusedValueException>(() => FirewallRule.Parse(text));
            return;
        }
        var rule = FirewallRule.Parse(text);
        var lines = Plan.From([rule], Snapshots.Host().InCloud("cloudstack", "10.1.1.1")).Added.Where(line => line.Chain is "DNH-CUSTOM").ToList();
        Assert.Contains("-d 10.1.1.1/32", Assert.Single(lines).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_negated_address_of_the_cloud_is_refused() =>
        Assert.Contains("none of them", Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse("-A DOCKER-USER ! -d cloud:metadata -j DROP")], Snapshots.Host().InCloud("aws"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Rules_for_a_host_that_was_not_read_cannot_be_exported() =>
        Assert.Contains("cloud:metadata", Assert.Throws<PlanException>(() => FirewallExport.Of(ExportFormat.IptablesRestore, Auto.Rules())).Message, StringComparison.Ordinal);

    [Fact]
    public void A_policy_can_say_auto()
    {
        var policy = HardeningPolicy.Parse("""{"version": 1, "controls": [{"control": "MetadataAccess", "provider": "AUTO"}]}""", "p.json");
        Assert.Equal("auto", Assert.IsType<MetadataAccess>(Assert.Single(policy.Controls)).Provider);
    }

    [Fact]
    public void Who_cannot_be_blocked_by_address_is_named_with_what_to_do_instead()
    {
        var error = Assert.Throws<RefusedValueException>(() => new MetadataAccess { Provider = "Equinix" }.Rules()).Message;
        Assert.Contains("metadata.platformequinix.com", error, StringComparison.Ordinal);
        Assert.Contains("proxy", error, StringComparison.Ordinal);
        var unknown = Assert.Throws<RefusedValueException>(() => new MetadataAccess { Provider = "Contoso" }.Rules()).Message;
        Assert.All(["auto", "ibm", "tencent", "huawei", "oracle-classic", "cloudstack", "equinix"], name => Assert.Contains(name, unknown, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ibm", "169.254.169.254/32")]
    [InlineData("tencent", "169.254.0.23/32")]
    [InlineData("huawei", "169.254.169.254/32")]
    [InlineData("oracle-classic", "192.0.0.192/32")]
    public void The_newer_providers_have_their_addresses(string provider, string address) =>
        Assert.Contains(new MetadataAccess { Provider = provider }.Rules(), rule => rule.Destination == address && rule is { Chain: "DOCKER-USER", Action: RuleAction.Reject });

    // The lines as they come to the kernel, without their owner.
    private static string Told(Plan plan, string? provider) =>
        string.Join('\n', plan.Added.Select(Plan.CommandLine)).Replace("MetadataAccess/" + provider, "MetadataAccess", StringComparison.Ordinal);

    // The rules, in no order, with each port by itself: kept and given ports can stand in one rule or in two.
    private static IReadOnlyList<string> Effective(Plan plan, string provider) =>
    [
        .. plan.Chains.SelectMany(chain => chain.Lines).Select(line => line.Rule!)
            .SelectMany(rule => (rule.Phase == Phase.Exception ? rule.DestinationPort?.Split(',') ?? [""] : [rule.DestinationPort ?? ""])
                .Select(port => string.Join(' ', rule.Table, rule.InInterface, rule.Source, rule.Destination, rule.Protocol, port, rule.Action, rule.Connections, rule.Mark)))
            .Select(text => text.Replace("MetadataAccess/" + provider, "MetadataAccess", StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal),
    ];
}
