using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

public sealed class AuditCheckTests
{
    private const string Driver = "com.docker.network.bridge.";

    private static readonly HostSnapshot Bare = FixtureHost.Docker20;

    private static readonly IReadOnlyList<FirewallRule> Everything =
        [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new SmtpRate().Rules()];

    private static readonly HostSnapshot Hardened = Bare.Applied(Everything);

    [Fact]
    public void A_bare_host_fails_for_every_network_that_leads_outside()
    {
        var findings = HardeningAudit.Of(Bare);
        foreach (var network in new[] { "bridge", "plain", "quiet" })
        {
            Assert.Equal(FindingStatus.Fail, Find(findings, "METADATA-AWS", network).Status);
            Assert.Equal(FindingStatus.Fail, Find(findings, "MAIL-RATE", network).Status);
        }
        foreach (var network in new[] { "bridge", "plain", "quiet", "inner" })
        {
            Assert.Equal(FindingStatus.Fail, Find(findings, "HOST-ACCESS", network).Status);
            Assert.Equal(FindingStatus.Fail, Find(findings, "GATEWAY-ACCESS", network).Status);
        }
        Assert.Equal(FindingStatus.Pass, Find(findings, "METADATA-AWS", "inner").Status);
        Assert.Equal(FindingStatus.Pass, Find(findings, "MAIL-RATE", "inner").Status);
        Assert.Equal(FindingStatus.NotApplicable, Find(findings, "INTERNAL-ACCESS", "plain").Status);
        Assert.Equal(FindingStatus.Fail, Find(findings, "INTERNAL-GATEWAY", "inner").Status);
    }

    [Fact]
    public void A_hardened_host_passes()
    {
        var findings = HardeningAudit.Of(Hardened);
        var bad = findings.Where(finding => finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable));
        Assert.Empty(bad.Select(finding => $"{finding.Id} {finding.Network} {finding.Status}: {string.Join("; ", finding.Evidence)}"));
    }

    [Fact]
    public void The_worst_comes_first_and_every_finding_names_its_subject()
    {
        var findings = HardeningAudit.Of(Bare);
        Assert.Equal((FindingStatus.Fail, Severity.Critical), (findings[0].Status, findings[0].Severity));
        Assert.All(findings, finding => Assert.Equal("fixture", finding.HostName));
        Assert.All(findings, finding => Assert.Matches("^[A-Z0-9]+(-[A-Z0-9]+)+$", finding.Id));
        Assert.All(findings.Where(finding => finding.Status == FindingStatus.Fail), finding => Assert.False(string.IsNullOrEmpty(finding.Remedy), finding.Id));
        Assert.All(findings.Where(finding => finding.Status is FindingStatus.Fail or FindingStatus.Warning or FindingStatus.Error), finding => Assert.NotEmpty(finding.Evidence));
        Assert.Equal(findings.Count, findings.DistinctBy(finding => (finding.Id, finding.Network, finding.Container)).Count());
    }

    [Fact]
    public void Metadata_that_the_profile_allows_is_not_a_failure()
    {
        var host = Bare.WithNetwork("plain", network => network.WithProfile("MetadataAccess"));
        Assert.All(
            HardeningAudit.Of(host).Where(finding => finding.Network == "plain" && finding.Id.StartsWith("METADATA-", StringComparison.Ordinal)),
            finding => Assert.Equal(FindingStatus.NotApplicable, finding.Status));
    }

    [Fact]
    public void Metadata_that_an_exception_allows_is_not_a_failure()
    {
        var host = Bare.Applied(new MetadataAccess { ExceptNetworks = ["plain"] }.Rules());
        var findings = HardeningAudit.Of(host);
        Assert.Equal(FindingStatus.NotApplicable, Find(findings, "METADATA-AWS", "plain").Status);
        Assert.Equal(FindingStatus.Pass, Find(findings, "METADATA-AWS", "quiet").Status);
    }

    [Fact]
    public void Excepted_ports_of_the_host_are_not_a_failure_but_others_are()
    {
        var host = Bare.Applied(new HostAccess { AllowPorts = PortSpec.ParseAll(["3128/tcp"]) }.Rules());
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host), "HOST-ACCESS", "plain").Status);
        var opened = host.Iptables("-I INPUT -i plain0 -p tcp -m tcp --dport 3129 -j ACCEPT");
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(opened), "HOST-ACCESS", "plain").Status);
    }

    [Fact]
    public void The_hosts_own_DNS_for_containers_is_not_a_failure()
    {
        var host = Bare.WithIPv4Only() with { Resolvers = [Cidr.Parse("10.0.0.5")] };
        host = host.Iptables("-A INPUT -i plain0 -p udp -m udp --dport 53 -j ACCEPT", "-A INPUT -i plain0 -j DROP");
        var findings = HardeningAudit.Of(host);
        // 53 is open at every address of the host, but only 10.0.0.5 is a resolver.
        Assert.Equal(FindingStatus.Fail, Find(findings, "GATEWAY-ACCESS", "plain").Status);
        host = Bare.WithIPv4Only() with { Resolvers = [Cidr.Parse("10.0.0.5")] };
        host = host.Iptables("-A INPUT -i plain0 -d 10.0.0.5/32 -p udp -m udp --dport 53 -j ACCEPT", "-A INPUT -i plain0 -j DROP");
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host), "HOST-ACCESS", "plain").Status);
    }

    [Fact]
    public void An_external_network_must_not_reach_internal_ranges()
    {
        var host = Bare.WithNetwork("plain", network => network.WithProfile("ExternalOnly"));
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "INTERNAL-ACCESS", "plain").Status);
        var closed = host.Applied(new InternalAccess { Network = new NetworkReference("plain", "plain0", [Cidr.Parse("172.18.0.0/16")]) }.Rules());
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(closed), "INTERNAL-ACCESS", "plain").Status);
    }

    [Fact]
    public void With_closed_internal_ranges_and_an_open_host_docker_proxy_still_leads_there()
    {
        var target = new NetworkReference("quiet", "quiet0", [Cidr.Parse("172.20.0.0/16")]);
        var host = Bare.WithNetwork("quiet", network => network.WithProfile("ExternalOnly")).Applied(new InternalAccess { Network = target }.Rules());
        var finding = Find(HardeningAudit.Of(host), "INTERNAL-VIA-PROXY", "quiet");
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains("web", StringComparison.Ordinal));
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(finding.Rules)), "INTERNAL-VIA-PROXY", "quiet").Status);
    }

    [Fact]
    public void Without_its_second_half_a_block_is_open_while_Dockers_jump_is_away()
    {
        var host = Hardened.Iptables("-t mangle -F POSTROUTING");
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host), "METADATA-AWS", "plain").Status);
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "DOCKER-USER-BACKSTOP", "plain").Status);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(Hardened), "DOCKER-USER-BACKSTOP", "plain").Status);
    }

    [Fact]
    public void A_rule_of_ours_that_another_tool_shadows_is_named()
    {
        var host = Hardened.Iptables("-I INPUT -i plain0 -p tcp -m tcp --dport 22 -j ACCEPT");
        var finding = Find(HardeningAudit.Of(host), "RULE-INEFFECTIVE", "plain");
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains("--dport 22 -j ACCEPT", StringComparison.Ordinal));
    }

    [Fact]
    public void A_block_of_the_hosts_own_address_in_DOCKER_USER_is_in_the_wrong_chain()
    {
        var host = Bare.Applied([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5 -j DROP").Named("host")]);
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "RULE-INEFFECTIVE", "plain").Status);
    }

    [Fact]
    public void Options_that_open_ways_around_the_filter_are_found()
    {
        var findings = HardeningAudit.Of(FixtureHost.Docker28.WithNetwork("plain", network => network.WithOption(Driver + "trusted_host_interfaces", "eth0")));
        Assert.Equal(FindingStatus.Fail, Find(findings, "NAT-UNPROTECTED", "open").Status);
        Assert.Equal(FindingStatus.Pass, Find(findings, "NAT-UNPROTECTED", "routed").Status);
        Assert.Equal(FindingStatus.Warning, Find(findings, "TRUSTED-INTERFACE", "plain").Status);
    }

    [Theory]
    [InlineData("0", FindingStatus.Fail)]
    [InlineData("1", FindingStatus.Pass)]
    [InlineData(null, FindingStatus.Fail)]
    public void Icc_off_needs_br_netfilter(string? value, FindingStatus status)
    {
        var host = Bare with { Sysctls = Bare.Sysctls.Where(pair => pair.Key != "net.bridge.bridge-nf-call-iptables").ToDictionary() };
        host = value is null ? host : host.Sysctl("net.bridge.bridge-nf-call-iptables", value);
        Assert.Equal(status, Find(HardeningAudit.Of(host), "ICC-NOT-FILTERED", "quiet").Status);
    }

    [Fact]
    public void An_internal_network_in_isolated_mode_does_not_reach_the_host()
    {
        var host = FixtureHost.Docker28.WithNetwork("inner", network => network.WithOption(Driver + "gateway_mode_ipv4", "isolated"));
        // The option alone proves nothing: what counts is that the bridge has no address.
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "INTERNAL-GATEWAY", "inner").Status);
        host = host.WithIPv4Only() with { Addresses = [.. host.Addresses.Where(address => address.Link != "inner0")] };
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host), "INTERNAL-GATEWAY", "inner").Status);
    }

    public static TheoryData<string, DockerContainer, FindingStatus, string> Containers => new()
    {
        { "CONTAINER-HOST-NETWORK", new DockerContainer { Id = "1", Name = "x", State = "running", NetworkMode = "host" }, FindingStatus.Fail, "5.10" },
        { "CONTAINER-PRIVILEGED", new DockerContainer { Id = "1", Name = "x", State = "running", Privileged = true }, FindingStatus.Fail, "5.5" },
        { "CONTAINER-NET-ADMIN", new DockerContainer { Id = "1", Name = "x", State = "running", AddedCapabilities = ["NET_ADMIN"] }, FindingStatus.Fail, "5.4" },
        { "CONTAINER-NET-ADMIN", new DockerContainer { Id = "1", Name = "x", State = "running", AddedCapabilities = ["ALL"] }, FindingStatus.Fail, "5.4" },
        { "CONTAINER-NET-RAW", new DockerContainer { Id = "1", Name = "x", State = "running" }, FindingStatus.Warning, "5.4" },
        { "CONTAINER-NET-RAW", new DockerContainer { Id = "1", Name = "x", State = "running", DroppedCapabilities = ["ALL"] }, FindingStatus.Pass, "5.4" },
        { "CONTAINER-DOCKER0", new DockerContainer { Id = "1", Name = "x", State = "running", Addresses = [new ContainerAddress("bridge", null, null)] }, FindingStatus.Warning, "5.30" },
        { "CONTAINER-HOST-NETWORK", new DockerContainer { Id = "1", Name = "x", State = "exited", NetworkMode = "host" }, FindingStatus.Pass, "5.10" },
    };

    [Theory]
    [MemberData(nameof(Containers))]
    public void Containers_that_rules_do_not_restrain_are_found(string id, DockerContainer container, FindingStatus status, string cis)
    {
        var finding = HardeningAudit.Of(Bare with { Containers = [container] }).First(each => each.Id == id);
        Assert.Equal((status, cis), (finding.Status, finding.CisItem));
    }

    [Fact]
    public void Networks_that_pass_no_filter_are_found()
    {
        var host = Bare with { Networks = [.. Bare.Networks, new DockerNetwork { Name = "lan", Id = "l", Driver = "macvlan" }] };
        Assert.Equal(FindingStatus.Warning, Find(HardeningAudit.Of(host), "NETWORK-NOT-FILTERED", "lan").Status);
        host = host with { Containers = [new DockerContainer { Id = "1", Name = "x", State = "running", Addresses = [new ContainerAddress("lan", null, null)] }] };
        Assert.Equal(FindingStatus.Fail, Find(HardeningAudit.Of(host), "NETWORK-NOT-FILTERED", "lan").Status);
    }

    [Fact]
    public void A_container_on_two_networks_may_do_what_either_allows()
    {
        var both = new DockerContainer { Id = "1", Name = "both", State = "running", Addresses = [new ContainerAddress("plain", null, null), new ContainerAddress("inner", null, null)] };
        var host = (Bare with { Containers = [both] }).WithNetwork("inner", network => network.WithProfile("Isolated"));
        var finding = HardeningAudit.Of(host).Single(each => each.Id == "CONTAINER-SEVERAL-NETWORKS");
        Assert.Equal((FindingStatus.Fail, "both"), (finding.Status, finding.Container));
        Assert.Contains("metadata", finding.Evidence[0], StringComparison.Ordinal);
        var same = Hardened with { Containers = [both with { Addresses = [new ContainerAddress("plain", null, null), new ContainerAddress("bridge", null, null)] }] };
        Assert.Equal(FindingStatus.Pass, HardeningAudit.Of(same).Single(each => each.Id == "CONTAINER-SEVERAL-NETWORKS").Status);
    }

    [Fact]
    public void Docker_that_writes_no_rules_is_found_where_nothing_else_keeps_networks_apart_and_the_finding_mends_it()
    {
        // What Docker wrote before the setting was changed still stands, and still keeps them apart.
        var kept = Bare with { DaemonSettings = new Dictionary<string, string> { ["iptables"] = "false" } };
        Assert.Equal((FindingStatus.Pass, "2.4"), (Find(HardeningAudit.Of(kept), "DAEMON-IPTABLES", null).Status, Find(HardeningAudit.Of(kept), "DAEMON-IPTABLES", null).CisItem));
        var host = kept.Iptables("-F FORWARD", "-A FORWARD -j ACCEPT");
        var finding = Find(HardeningAudit.Of(host), "DAEMON-IPTABLES", null);
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.DoesNotContain("estart", finding.Remedy, StringComparison.Ordinal);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(host.Applied(finding.Rules)), "DAEMON-IPTABLES", null).Status);
    }

    [Fact]
    public void Rules_in_DOCKER_USER_of_an_engine_that_writes_nftables_are_dead()
    {
        var host = FixtureHost.Docker29.Iptables("-N DOCKER-USER", "-A DOCKER-USER -d 169.254.169.254/32 -j DROP");
        var findings = HardeningAudit.Of(host);
        Assert.Equal(FindingStatus.Fail, Find(findings, "BACKEND-NFTABLES", null).Status);
        Assert.NotEqual(FindingStatus.Pass, Find(findings, "METADATA-AWS", "plain").Status);
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(FixtureHost.Docker29), "BACKEND-NFTABLES", null).Status);
    }

    [Fact]
    public void Connections_from_before_a_foreign_block_are_named_with_the_command_that_ends_them()
    {
        var open = new OpenConnection(Family.IPv4, "tcp", Cidr.Parse("172.18.0.2"), Cidr.Parse("169.254.169.254"), 80);
        var elsewhere = open with { Destination = Cidr.Parse("203.0.113.9") };
        var foreign = Bare.Iptables("-I DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A DOCKER-USER -j RETURN") with { Connections = [open, elsewhere] };
        foreign = foreign.Iptables("-I DOCKER-USER -d 169.254.169.254/32 -m conntrack --ctstate NEW -j DROP");
        var finding = Find(HardeningAudit.Of(foreign), "OPEN-CONNECTION", null);
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Equal("conntrack -D -p tcp -s 172.18.0.2 -d 169.254.169.254 --dport 80", finding.Remedy);
        // Ours match the direction, not the state.
        Assert.Equal(FindingStatus.Pass, Find(HardeningAudit.Of(Hardened with { Connections = [open] }), "OPEN-CONNECTION", null).Status);
        Assert.Equal(FindingStatus.Warning, Find(HardeningAudit.Of(Bare with { Connections = null }), "OPEN-CONNECTION", null).Status);
    }

    [Fact]
    public void What_could_not_be_read_is_an_error_and_never_a_pass()
    {
        var host = Bare with
        {
            Engine = null,
            DockerError = new DockerException(DockerFailure.DaemonDown, "Docker does not answer."),
            Networks = [],
            Containers = [],
            Rules = Bare.Rules.Where(pair => pair.Key == Family.IPv4).ToDictionary(),
            Unread = new Dictionary<string, string> { ["Routes"] = "no ip" },
        };
        var findings = HardeningAudit.Of(host);
        Assert.Equal(FindingStatus.Error, Find(findings, "DOCKER-READ", null).Status);
        Assert.Equal(FindingStatus.Error, Find(findings, "TABLES-READ", null).Status);
        Assert.Equal(FindingStatus.Warning, Find(findings, "PART-READ", null).Status);
        Assert.DoesNotContain(findings, finding => finding.Id.StartsWith("METADATA-", StringComparison.Ordinal));
        Assert.Equal(FindingStatus.Error, Find(HardeningAudit.Of(Bare with { Addresses = [] }), "HOST-ACCESS", null).Status);
        Assert.Equal(FindingStatus.Error, Find(HardeningAudit.Of(Bare with { Engine = Bare.Engine! with { IsRootless = true } }), "DOCKER-ROOTLESS", null).Status);
    }

    [Fact]
    public void What_the_walk_does_not_understand_is_a_warning_and_never_a_pass()
    {
        var host = Bare.Iptables("-I FORWARD -m bpf --bytecode \"1,6 0 0 1\" -j DROP", "-I DOCKER-USER -d 169.254.169.254/32 -m u32 --u32 \"6&0xFF=0x6\" -j DROP");
        Assert.NotEqual(FindingStatus.Pass, Find(HardeningAudit.Of(host), "METADATA-AWS", "plain").Status);
    }

    private static HardeningFinding Find(IReadOnlyList<HardeningFinding> findings, string id, string? network) =>
        Assert.Single(findings, finding => finding.Id == id && finding.Network == network);
}
