using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Controls;

/// <summary>What the controls' rules consist of; the lab proves that they hold.</summary>
public sealed class ControlTests
{
    private static readonly NetworkReference Apps = new("apps", "apps0", [Cidr.Parse("172.18.0.0/16"), Cidr.Parse("fd01::/64")]);

    [Fact]
    public void Every_forward_block_has_its_backstop_with_the_same_scope()
    {
        Control[] controls = [new MetadataAccess(), new MetadataAccess { Network = Apps }, new InternalAccess(), new InternalAccess { Network = Apps }];
        foreach (var rules in controls.Select(control => control.Rules()))
        {
            var blocked = rules.Where(rule => rule is { Chain: "DOCKER-USER", Action: RuleAction.Reject or RuleAction.Drop }).Select(rule => (rule.Destination, rule.DestinationPort)).ToHashSet();
            var backed = rules.Where(rule => rule is { Table: "mangle", Chain: "POSTROUTING", Action: RuleAction.Drop }).Select(rule => (rule.Destination, rule.DestinationPort)).ToHashSet();
            Assert.NotEmpty(blocked);
            Assert.Equal(blocked, backed);
            Assert.All(rules.Where(rule => rule is { Chain: "POSTROUTING", Action: RuleAction.Drop }), rule => Assert.Equal("!LOCAL", rule.SourceAddressType));
            // What passes one half has to pass the other.
            Assert.Equal(
                rules.Where(rule => rule is { Chain: "DOCKER-USER", Action: RuleAction.Return }).Select(rule => (rule.Destination, rule.Protocol, rule.DestinationPort)).ToHashSet(),
                rules.Where(rule => rule is { Chain: "POSTROUTING", Action: RuleAction.Return }).Select(rule => (rule.Destination, rule.Protocol, rule.DestinationPort)).ToHashSet());
        }
    }

    [Fact]
    public void Every_filter_block_matches_opened_connections_and_packets_without_a_connection()
    {
        Control[] controls = [new MetadataAccess(), new HostAccess(), new InternalAccess(), new MetadataAccess { Action = RuleAction.Drop }];
        var blocks = controls.Select(control => control.Rules().Where(rule => rule is { Table: "filter", Action: RuleAction.Reject or RuleAction.Drop }).ToList()).ToList();
        Assert.All(blocks, Assert.NotEmpty);
        // What was redirected belongs to a connection that conntrack knows.
        Assert.All(blocks.SelectMany(rules => rules).Where(rule => rule.OriginalDestination is not null), rule => Assert.Equal("ORIGINAL", rule.ConnectionDirection));
        foreach (var rule in blocks.SelectMany(rules => rules).Where(rule => rule.OriginalDestination is null))
        {
            Assert.Equal("Opened", rule.Connections);
            Assert.All(VerdictChain.Apart(rule), part => Assert.True(part.ConnectionDirection is "ORIGINAL" || part.ConnectionState is "INVALID,UNTRACKED", part.ToString()));
        }
    }

    [Fact]
    public void No_host_rule_blocks_without_a_containers_interface()
    {
        var blocks = new HostAccess { AllowPublishedPorts = true }.Rules().Where(rule => rule.Action != RuleAction.Return).ToList();
        Assert.Equal([Family.IPv4, Family.IPv6], blocks.Select(rule => rule.Family).Distinct().Order());
        foreach (var rule in blocks)
            Assert.True(rule.InInterface is "docker:bridges" || rule is { InInterface: "docker:new-bridges", Source: not null }, rule.ToString());
        Assert.Contains(new HostAccess().Rules(), rule => rule is { Family: Family.IPv6, IcmpType: "135", Action: RuleAction.Return });
    }

    [Theory]
    [InlineData("azure", "168.63.129.16/32", "80,443,32526")]
    [InlineData("aws", "169.254.169.254/32", null)]
    [InlineData("Alibaba", "100.100.100.200/32", null)]
    [InlineData("ORACLE", "169.254.2.0/24", "3260")]
    public void A_providers_addresses_are_blocked_under_its_own_mark(string provider, string address, string? ports)
    {
        var rules = new MetadataAccess { Provider = provider }.Rules();
        Assert.Contains(rules, rule => rule.Destination?.Split(',').Contains(address) == true && rule.DestinationPort == ports && rule.Action == RuleAction.Reject);
        Assert.All(rules, rule => Assert.Equal(provider.ToLowerInvariant(), rule.Subject));
    }

    [Fact]
    public void Without_a_provider_each_address_is_blocked_once_and_dns_and_ntp_are_kept_where_the_address_serves_them()
    {
        var rules = new MetadataAccess().Rules();
        Assert.Equal(rules.Count, rules.Distinct().Count());
        Assert.Contains(rules, rule => rule is { Destination: "169.254.169.254/32", Protocol: "udp", DestinationPort: "53,123", Action: RuleAction.Return });
        Assert.DoesNotContain(rules, rule => rule is { Destination: "100.100.100.200/32", Action: RuleAction.Return });
        Assert.DoesNotContain(new MetadataAccess { Provider = "aws" }.Rules(), rule => rule.Action == RuleAction.Return);
        Assert.Contains(new MetadataAccess { Provider = "aws", Dns = true }.Rules(), rule => rule is { Protocol: "udp", DestinationPort: "53", Action: RuleAction.Return });
        Assert.DoesNotContain(new MetadataAccess { Dns = false }.Rules(), rule => rule.DestinationPort?.Split(',').Contains("53") == true);
    }

    [Fact]
    public void The_data_names_a_source_for_each_endpoint_and_every_address_is_strict()
    {
        Assert.Equal(MetadataEndpoints.Providers.Count, MetadataEndpoints.Providers.Select(provider => provider.Id).Distinct().Count());
        // The file is the record of where each address comes from; the code reads only what rules need.
        using var data = JsonDocument.Parse(typeof(MetadataEndpoints).Assembly.GetManifestResourceStream("metadata-endpoints.json")!);
        var endpoints = data.RootElement.GetProperty("providers").EnumerateArray().SelectMany(provider => provider.GetProperty("endpoints").EnumerateArray()).ToList();
        Assert.Equal(MetadataEndpoints.Providers.Sum(provider => provider.Endpoints.Count + (provider.DhcpServerPorts.Count > 0 ? 1 : 0) + (provider.HostPorts.Count > 0 ? 1 : 0)), endpoints.Count);
        var signs = data.RootElement.GetProperty("providers").EnumerateArray().Where(provider => provider.TryGetProperty("firmware", out _)).SelectMany(provider => provider.GetProperty("firmware").EnumerateArray()).ToList();
        Assert.Equal(MetadataEndpoints.Providers.Sum(provider => provider.Firmware.Count), signs.Count);
        Assert.All(signs.Concat(data.RootElement.GetProperty("unblockable").EnumerateArray()), each => Assert.NotEmpty(each.GetProperty("source").GetString()!));
        Assert.All(endpoints, endpoint =>
        {
            Assert.NotEmpty(endpoint.GetProperty("what").GetString()!);
            Assert.NotEmpty(endpoint.GetProperty("source").GetString()!);
        });
        Assert.Contains("'Nope'", Assert.Throws<RefusedValueException>(() => MetadataEndpoints.Find("Nope")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_block_follows_a_limited_log_line_with_the_controls_prefix()
    {
        foreach (var control in new Control[] { new MetadataAccess { Log = true }, new HostAccess { Log = true }, new InternalAccess { Log = true }, new SmtpRate { Log = true } })
        {
            var logs = control.Rules().Where(rule => rule.Action == RuleAction.Log).ToList();
            Assert.NotEmpty(logs);
            Assert.All(logs, rule => Assert.Equal($"DNH {rule.Control} ", rule.LogPrefix));
            Assert.All(logs, rule => Assert.Equal("10/min", rule.Limit));
            // A log of other packets than the block's would tell of what nobody blocked. One line serves the block's parts for TCP and for other protocols.
            Assert.Equal(
                control.Rules().Where(rule => rule is { Table: "filter", Action: RuleAction.Reject or RuleAction.Drop }).Select(Matches).ToHashSet(StringComparer.Ordinal),
                logs.Select(Matches).ToHashSet(StringComparer.Ordinal));
        }
    }

    private static string Matches(FirewallRule rule) =>
        string.Join(' ', rule.Family, rule.Table, rule.Chain, rule.InInterface, rule.Source, rule.Destination, rule.DestinationPort, rule.HashLimit);

    [Fact]
    public void Profiles_mean_what_they_say()
    {
        Assert.Equal(["HostAccess", "MetadataAccess"], Controls(NetworkProfile.Default));
        Assert.Equal(["HostAccess", "InternalAccess", "MetadataAccess"], Controls(NetworkProfile.MetadataAccess));
        Assert.Equal(["HostAccess", "InternalAccess", "MetadataAccess"], Controls(NetworkProfile.ExternalOnly));
        Assert.Equal(["HostAccess", "InternalAccess", "MetadataAccess"], Controls(NetworkProfile.Isolated));
        Assert.All(NetworkProfiles.Rules(NetworkProfile.MetadataAccess, Apps).Where(rule => rule.Control is not "HostAccess"), rule => Assert.Equal(RuleAction.Return, rule.Action));
        Assert.All(NetworkProfiles.Rules(NetworkProfile.ExternalOnly, Apps), rule => Assert.Equal("apps", rule.Network));

        static IEnumerable<string> Controls(NetworkProfile profile) => NetworkProfiles.Rules(profile, Apps).Select(rule => rule.Control).Distinct().Order(StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("53/udp,8080/tcp", "53/udp 8080/tcp")]
    [InlineData("22", "22/tcp")]
    [InlineData("1000-2000/udp", "1000:2000/udp")]
    public void Ports_with_protocols_are_read_as_people_write_them(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', PortSpec.ParseAll([text])));

    [Theory]
    [InlineData("0/tcp")]
    [InlineData("65536/udp")]
    [InlineData("53/dns")]
    [InlineData("20:10/tcp")]
    [InlineData("53/udp/tcp")]
    [InlineData("")]
    public void Impossible_ports_with_protocols_are_refused(string text) => Assert.Throws<RefusedValueException>(() => PortSpec.ParseAll([text]));

    [Fact]
    public void A_control_drops_or_rejects_and_a_rate_is_at_least_one()
    {
        Assert.Throws<RefusedValueException>(() => new HostAccess { Action = RuleAction.Accept }.Rules());
        Assert.Throws<RefusedValueException>(() => new SmtpRate { PerMinute = 0 }.Rules());
        Assert.Throws<RefusedValueException>(() => new SmtpRate { Burst = 0 }.Rules());
        Assert.Throws<RefusedValueException>(() => new SmtpRate { Ports = "25,70000" }.Rules());
        Assert.Throws<RefusedValueException>(() => new MetadataAccess { Permit = true }.Rules());
    }
}
