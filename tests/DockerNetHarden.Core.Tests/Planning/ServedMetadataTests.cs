using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Export;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>Metadata that the host serves or redirects: the rules, how they stand in their chains, and what the audit says. The lab sends the packets.</summary>
public sealed class ServedMetadataTests
{
    private const string ToAgent = "-t nat -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679";
    private const string ToNode = "-t nat -A PREROUTING -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5:988";

    private static readonly HostSnapshot Bare = FixtureHost.Docker20.WithIPv4Only();
    private static readonly HostSnapshot Ecs = Bare.Iptables(ToAgent).Sysctl("net.ipv4.conf.all.route_localnet", "1");

    [Theory]
    [InlineData("aws", "169.254.170.2/32", "80", true)]
    [InlineData("aws", "169.254.169.254/32", "80", true)]
    [InlineData("aws", "169.254.170.23/32", "80", false)]
    [InlineData("aws", "fd00:ec2::23/128", "80", false)]
    [InlineData("gcp", "169.254.169.252/32", "987:988", false)]
    [InlineData("gcp", "169.254.169.254/32", "80:8080", true)]
    [InlineData(null, "169.254.169.254/32", "80:8080", true)]
    public void What_a_container_asked_for_decides_in_INPUT_and_where_it_may_be_forwarded(string? provider, string address, string port, bool isRedirected)
    {
        var rules = new MetadataAccess { Provider = provider }.Rules().Where(rule => rule.OriginalDestination == address && rule.Phase == Phase.Block).ToList();
        Assert.Equal(isRedirected ? 2 : 1, rules.Count);
        Assert.All(rules, rule => Assert.Equal(("tcp", port, "ORIGINAL"), (rule.Protocol, rule.OriginalDestinationPort, rule.ConnectionDirection)));
        Assert.Contains(rules, rule => rule is { Table: "filter", Chain: "INPUT", InInterface: "!lo", Action: RuleAction.Reject, RejectWith: "icmp-port-unreachable" or "icmp6-port-unreachable" });
        Assert.Equal(isRedirected, rules.Exists(rule => rule is { Table: "mangle", Chain: "FORWARD", InInterface: null, ConnectionState: "DNAT", Action: RuleAction.Drop }));
    }

    [Fact]
    public void A_port_or_an_address_that_stays_open_stays_open_there_too()
    {
        var ports = new MetadataAccess { Provider = "gcp", AllowPorts = PortSpec.ParseAll(["80", "9000", "53/udp"]) }.Rules().Where(rule => rule is { Phase: Phase.Exception, OriginalDestination: not null }).Select(rule => $"{rule.Chain} {rule.OriginalDestination} {rule.OriginalDestinationPort}");
        Assert.Equal(["INPUT 169.254.169.254/32 80", "FORWARD 169.254.169.254/32 80"], ports);
        var auto = new MetadataAccess { Provider = "auto", AllowPorts = PortSpec.ParseAll(["80", "9000"]), AllowAddresses = [Cidr.Parse("169.254.170.2")] };
        var kept = Plan.From(auto.Rules(), Snapshots.Host().InCloud("aws")).Chains.SelectMany(chain => chain.Lines).Select(line => line.Rule!).Where(rule => rule is { Phase: Phase.Exception, OriginalDestination: not null }).Select(rule => $"{rule.Chain} {rule.OriginalDestination} {rule.OriginalDestinationPort}").ToList();
        Assert.Contains("FORWARD 169.254.169.254/32 80", kept);
        Assert.Contains("INPUT 169.254.170.2/32 ", kept);
        Assert.DoesNotContain(kept, line => line.EndsWith("9000", StringComparison.Ordinal));
        Assert.DoesNotContain(new MetadataAccess { AllowAddresses = [Cidr.Parse("169.254.170.2")] }.Rules(), rule => rule.OriginalDestination is "169.254.170.2/32");
    }

    [Fact]
    public void Introspection_is_closed_to_containers_alone()
    {
        foreach (var family in new[] { Family.IPv4, Family.IPv6 })
        {
            Assert.Equal(["docker+", "br-+"], Introspection(new MetadataAccess(), family));
            Assert.Equal(["docker+", "br-+"], Introspection(new MetadataAccess { Provider = "aws" }, family));
            Assert.Equal(["network:apps"], Introspection(new MetadataAccess { Network = new NetworkReference("apps") }, family));
        }
        Assert.DoesNotContain(new MetadataAccess { Provider = "azure" }.Rules(), rule => rule.DestinationPort is "51678");

        static IEnumerable<string?> Introspection(MetadataAccess control, Family family) =>
            control.Rules().Where(rule => rule is { Table: "mangle", Chain: "INPUT", DestinationPort: "51678", Action: RuleAction.Drop } && rule.Family == family).Select(rule => rule.InInterface);
    }

    [Fact]
    public void WireServer_is_not_served_by_anybody_else() =>
        Assert.DoesNotContain(new MetadataAccess { Provider = "azure" }.Rules(), rule => rule.OriginalDestination is "168.63.129.16/32");

    // No host has to be read, and none has to run Docker, for rules that cover every network.
    [Fact]
    public void Rules_for_all_networks_need_no_host()
    {
        var rules = new MetadataAccess().Rules();
        Assert.Null(FirewallExport.NeedsHost(rules));
        foreach (var host in new[] { Snapshots.Host(), Snapshots.Host() with { Engine = null, Networks = [] }, Snapshots.Host() with { Session = new SessionConnection(Cidr.Parse("192.0.2.7"), 22, "eth0") } })
            Assert.NotEmpty(Plan.From(rules, host).Steps);
    }

    // A rule of somebody's own without a container's in-interface is refused as before.
    [Theory]
    [InlineData("-A INPUT ! -i lo -p tcp -m conntrack --ctorigdst 10.0.0.5 -j DROP", false)]
    [InlineData("-A INPUT ! -i lo -p tcp -m conntrack ! --ctorigdst 169.254.170.2 -j DROP", false)]
    [InlineData("-A INPUT ! -i lo -p tcp -m conntrack --ctorigdst 169.254.0.0/16 -j DROP", false)]
    [InlineData("-A INPUT ! -i lo -p tcp -m conntrack --ctorigdst 169.254.170.2 -j DROP", true)]
    public void Only_metadata_needs_no_containers_interface(string text, bool isTaken)
    {
        var error = Record.Exception(() => Plan.From([FirewallRule.Parse(text)], Snapshots.Host()));
        Assert.Equal(isTaken ? null : PlanFailure.NeedsForce, (error as PlanException)?.Failure);
        Assert.Equal(isTaken, error is null);
    }

    [Fact]
    public void A_packet_that_nobody_redirected_meets_few_lines_whatever_the_number_of_networks()
    {
        var chains = Plan.From([.. Enumerable.Range(0, 30).SelectMany(number => new MetadataAccess { Network = new NetworkReference($"n{number}") }.Rules()), .. new MetadataAccess().Rules()], Many(30)).Chains;
        var forward = chains.Single(chain => chain.Hook == new Hook("mangle", "FORWARD") && chain.Family == Family.IPv4);
        Assert.Equal(["-m conntrack --ctstate DNAT -m comment --comment DockerNetHarden -g DNH-METADATA-FWD.1"], forward.Laid.Single(part => part.Name == forward.Name).Lines.Select(line => line.Key));
        var input = chains.Single(chain => chain.Hook == new Hook("filter", "INPUT") && chain.Family == Family.IPv4);
        Assert.InRange(input.Laid.Single(part => part.Name == input.Name).Lines.Count, 1, 3);
        Assert.All(input.Laid.Single(part => part.Name == input.Name).Lines, line => Assert.Contains("--ctorigdst", line.Key, StringComparison.Ordinal));
    }

    // Both families: the jumps, the blocks, and one gate where the packets are forwarded.
    [Fact]
    public void They_add_seventeen_rules_for_all_networks_together()
    {
        Assert.Equal(17, Lines(new MetadataAccess().Rules()) - Lines([.. new MetadataAccess().Rules().Where(rule => rule.OriginalDestination is null && rule.DestinationPort is not "51678")]));

        static int Lines(IReadOnlyList<FirewallRule> rules) => Snapshots.Host().Applied(rules).Rules.Values.Sum(family => family.AllRules.Count(line => line.Text.Contains("DockerNetHarden", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_stands_in_the_chains_is_read_back_as_the_same_rules()
    {
        foreach (var control in new[] { new MetadataAccess(), new MetadataAccess { ExceptNetworks = ["apps"], Log = true }, new MetadataAccess { Provider = "auto", Network = new NetworkReference("apps") }, new MetadataAccess { Dns = true, AllowPorts = PortSpec.ParseAll(["8080"]) } })
        {
            var host = Snapshots.Host().Applied(control.Rules());
            Assert.True(Plan.From(control.Rules(), host).IsEmpty);
            Assert.Empty(Plan.Without(_ => true, host).Added);
        }
    }

    [Fact]
    public void Redirected_credentials_are_a_finding_until_the_same_command_closes_them()
    {
        var finding = Metadata(Ecs);
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains("169.254.170.2", StringComparison.Ordinal));
        var mended = Metadata(Ecs.Applied(finding.Rules));
        Assert.True(mended.Status == FindingStatus.Pass, string.Join('\n', mended.Evidence));
        foreach (var control in new[] { new MetadataAccess(), new MetadataAccess { Provider = "auto" } })
        {
            var after = Metadata(Ecs.Applied(control.Rules()), "bridge");
            Assert.True(after.Status == FindingStatus.Pass, string.Join('\n', after.Evidence));
            // A bridge that Docker did not name has to be named for the introspection; the credentials are closed to it all the same.
            Assert.DoesNotContain(Metadata(Ecs.Applied(control.Rules())).Evidence, line => line.Contains("169.254.170.2", StringComparison.Ordinal) && line.Contains("Accept", StringComparison.Ordinal));
        }
        Assert.DoesNotContain(finding.Rules, rule => rule.Control is "HostAccess");
    }

    [Fact]
    public void A_cloud_address_that_is_redirected_to_the_host_is_closed_too()
    {
        var host = Bare.InCloud("gcp").Iptables(ToNode);
        Assert.Equal(FindingStatus.Fail, Metadata(host.Applied([.. new MetadataAccess().Rules().Where(rule => rule.OriginalDestination is null)])).Status);
        Assert.Equal(FindingStatus.Pass, Metadata(host.Applied(new MetadataAccess { Provider = "gcp" }.Rules())).Status);
    }

    // What no cloud is known to do is closed by other controls: the finding's rules say which.
    [Fact]
    public void Another_address_that_is_redirected_to_the_host_is_closed_with_the_host()
    {
        var finding = Metadata(Bare.InCloud("alibaba").Iptables("-t nat -A PREROUTING -d 100.100.100.200/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5:988"));
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Rules, rule => rule.Control is "HostAccess");
    }

    [Fact]
    public void Where_nothing_redirects_them_nothing_is_open()
    {
        var closed = Bare.Applied([.. new MetadataAccess().Rules().Where(rule => rule.OriginalDestination is null && rule.DestinationPort is not "51678")]);
        Assert.Equal(FindingStatus.Pass, Metadata(closed).Status);
        // Nor is a block that has nothing to do a fault.
        var all = HardeningAudit.Of(Bare.Applied([.. new MetadataAccess().Rules(), .. new HostAccess().Rules()]));
        Assert.All(all.Where(finding => finding.Id is "RULE-INEFFECTIVE" or "RULE-NOT-ASKED" or "RULE-INTERFACE-GONE"), finding => Assert.True(finding.Status is FindingStatus.Pass or FindingStatus.NotApplicable, string.Join('\n', finding.Evidence)));
    }

    [Fact]
    public void The_agents_introspection_counts_where_the_agent_is()
    {
        var closed = Ecs.Applied([.. new MetadataAccess().Rules().Where(rule => rule.DestinationPort is not "51678")]);
        var finding = Metadata(closed);
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains("51678", StringComparison.Ordinal));
        Assert.Equal(FindingStatus.Pass, Metadata(closed.Applied(finding.Rules)).Status);
    }

    [Fact]
    public void An_exception_for_a_network_is_one_for_what_the_host_serves_too()
    {
        var host = Ecs.Applied(new MetadataAccess { ExceptNetworks = ["plain"] }.Rules());
        Assert.Equal(FindingStatus.NotApplicable, Metadata(host).Status);
        Assert.Equal(FindingStatus.Pass, Metadata(host, "bridge").Status);
        var some = Ecs.Applied(new MetadataAccess { AllowAddresses = [Cidr.Parse("169.254.170.2")] }.Rules());
        Assert.Equal(FindingStatus.Fail, Metadata(some).Status);
    }

    [Fact]
    public void The_profile_that_permits_metadata_permits_it_at_the_host_too()
    {
        var rules = NetworkProfiles.Rules(NetworkProfile.MetadataAccess, new NetworkReference("plain", "plain0", [Cidr.Parse("172.18.0.0/16")]));
        var input = rules.Where(rule => rule is { Chain: "INPUT", Table: "filter", Family: Family.IPv4 } && rule.OriginalDestination is "169.254.170.2/32").ToList();
        Assert.Equal(["HostAccess", "MetadataAccess"], input.Select(rule => rule.Control).Order(StringComparer.Ordinal));
        Assert.All(input, rule => Assert.Equal(RuleAction.Return, rule.Action));
    }

    private static HardeningFinding Metadata(HostSnapshot host, string network = "plain") =>
        HardeningAudit.Of(host).Single(finding => finding.Network == network && finding.Id.StartsWith("METADATA-", StringComparison.Ordinal));

    private static HostSnapshot Many(int count) => Snapshots.Host() with
    {
        Networks = [.. Enumerable.Range(0, count).Select(number => new DockerNetHarden.Docker.DockerNetwork { Name = $"n{number}", Id = $"{number}", Driver = "bridge", Bridge = $"br-{number:x12}", Subnets = [Cidr.Parse($"10.{number}.0.0/24")] })],
        Links = ["lo", "eth0", .. Enumerable.Range(0, count).Select(number => $"br-{number:x12}")],
    };
}
