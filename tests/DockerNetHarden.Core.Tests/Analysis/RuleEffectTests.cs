using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Rules that exist and decide, and rules that would only pass a look at the text.</summary>
public sealed class RuleEffectTests
{
    private static readonly FirewallRule Drop = FirewallRule.Parse("-A DOCKER-USER -d 203.0.113.25/32 -j DROP");

    public static TheoryData<string> Controls =>
        ["metadata", "gcp", "host", "host of a network", "internal", "internal of a network", "mail", "mail per container", "drop", "accept"];

    [Theory]
    [MemberData(nameof(Controls))]
    public void What_was_applied_decides(string control)
    {
        Decides(control, FixtureHost.Docker20);
        Decides(control, FixtureHost.Docker28);
    }

    private static void Decides(string control, HostSnapshot host)
    {
        var rules = Rules(control);
        Assert.NotEmpty(Problems(rules, host));
        Holds(rules, host.Applied(rules));
        // All of them together, too: one control's exceptions do not count against another.
        if (control is "accept")
            return;
        FirewallRule[] all = [.. Rules("metadata"), .. Rules("host"), .. Rules("internal"), .. Rules("mail"), .. rules];
        Holds(all, host.Applied(all));
    }

    [Fact]
    public void A_part_of_the_applied_rules_decides_its_packets()
    {
        var rules = Rules("gcp");
        var host = FixtureHost.Docker20.Applied(rules);
        Assert.All(rules, rule => Holds([rule], host));
    }

    // What a person excepted on purpose, whoever of the two came first.
    [Theory]
    [InlineData("host of a network", "host but 8443")]
    [InlineData("host", "host of a network but 8443")]
    [InlineData("host", "host but published")]
    [InlineData("metadata", "metadata of a network that may")]
    [InlineData("internal", "internal of a network but 10.0.0.9")]
    [InlineData("host", "accept 10.0.0.9 in a block")]
    [InlineData("host", "accept new 10.0.0.9 in a block")]
    [InlineData("host", "return 443 of another mark before a block")]
    public void A_users_own_exception_is_never_ineffective(string first, string then)
    {
        var network = new NetworkReference("plain", "plain0", [Cidr.Parse("172.18.0.0/16")]);
        var port = PortSpec.ParseAll(["8443/tcp"]);
        IReadOnlyList<FirewallRule> exception = then switch
        {
            "host but 8443" => new HostAccess { AllowPorts = port }.Rules(),
            "host of a network but 8443" => new HostAccess { Network = network, AllowPorts = port }.Rules(),
            "host but published" => new HostAccess { AllowPublishedPorts = true }.Rules(),
            "metadata of a network that may" => new MetadataAccess { Network = network, Permit = true }.Rules(),
            "internal of a network but 10.0.0.9" => new InternalAccess { Network = network, AllowAddresses = [Cidr.Parse("10.0.0.9")] }.Rules(),
            "accept 10.0.0.9 in a block" => [FirewallRule.Parse("-A DOCKER-USER -i plain0 -d 198.51.100.9 -j ACCEPT"), FirewallRule.Parse("-A DOCKER-USER -i plain0 -d 198.51.100.0/24 -j DROP")],
            "accept new 10.0.0.9 in a block" => [FirewallRule.Parse("-A DOCKER-USER -i plain0 -d 198.51.100.9 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT"), FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.0/24 -j DROP")],
            _ => [FirewallRule.Parse("-A DOCKER-USER ! -i docker0 -p tcp --dport 443 -j RETURN").Named("a"), FirewallRule.Parse("-A DOCKER-USER -i plain0 -d 198.51.100.0/24 -j DROP").Named("b")],
        };
        foreach (var bare in new[] { FixtureHost.Docker20, FixtureHost.Docker28 })
        {
            var host = bare.Applied(Rules(first)).Applied(exception);
            var findings = HardeningAudit.Of(host).Where(finding => finding.Id == "RULE-INEFFECTIVE");
            Assert.All(findings, finding => Assert.True(finding.Status == FindingStatus.Pass, string.Join('\n', finding.Evidence)));
            Holds(exception, host);
        }
    }

    [Fact]
    public void Only_what_stands_before_a_custom_block_is_its_exception()
    {
        FirewallRule[] rules = [FirewallRule.Parse("-A DOCKER-USER -d 203.0.113.25/32 -p tcp --dport 443 -j ACCEPT"), Drop, FirewallRule.Parse("-A DOCKER-USER -d 203.0.113.0/24 -j ACCEPT")];
        var host = FixtureHost.Docker20.Applied(rules);
        Assert.Equal(FindingStatus.Pass, HardeningAudit.Of(host).Single(finding => finding.Id == "RULE-INEFFECTIVE").Status);
        Assert.NotEmpty(Problems([Drop], host.Iptables("-I FORWARD -i plain0 -j ACCEPT")));
    }

    // An exception lets past only what it can mean: no first packet of a connection meets a rule for replies.
    [Theory]
    [InlineData("-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -m state --state ESTABLISHED -j RETURN", true)]
    [InlineData("-A DOCKER-USER -m conntrack ! --ctstate NEW -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -m conntrack --ctdir REPLY -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -m conntrack --ctstate DNAT -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -p tcp ! --syn -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -m addrtype --src-type LOCAL -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER ! -s 172.16.0.0/12 -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -o docker0 -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER ! -o eth0 -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -i docker0 -j ACCEPT", true)]
    [InlineData("-A DOCKER-USER -o eth0 -j ACCEPT", false)]
    [InlineData("-A DOCKER-USER -m conntrack --ctstate NEW -j ACCEPT", false)]
    [InlineData("-A DOCKER-USER -m conntrack ! --ctstate ESTABLISHED -j ACCEPT", false)]
    [InlineData("-A DOCKER-USER -m conntrack --ctdir ORIGINAL -j ACCEPT", false)]
    [InlineData("-A DOCKER-USER -m set --match-set friends dst -j ACCEPT", false)]
    public void An_exception_that_no_first_packet_meets_hides_no_hole(string exception, bool isFound)
    {
        var host = FixtureHost.Docker20.Applied([FirewallRule.Parse(exception), Drop]).Iptables("-I FORWARD -i plain0 -j ACCEPT");
        Assert.Equal(isFound, Problems([Drop], host).Any(problem => problem.Contains("does not decide", StringComparison.Ordinal)));
        Assert.Equal(isFound ? FindingStatus.Fail : FindingStatus.Pass, HardeningAudit.Of(host).Where(finding => finding.Id == "RULE-INEFFECTIVE").Min(finding => finding.Status));
    }

    // Each network asks about all of them. What a rule says is read once, and what comes before it is looked at only where something is open.
    [Fact]
    public void Thousands_of_custom_rules_are_read_once_and_not_once_for_each_network()
    {
        var network = FixtureHost.Docker20.Networks.Single(each => each.Name == "plain");
        IReadOnlyList<FirewallRule> rules = [.. Enumerable.Range(0, 600).SelectMany(number => new[]
        {
            FirewallRule.Parse($"-A DOCKER-USER -i plain0 -d 203.0.{number / 250}.{number % 250} -p tcp --dport 443 -j ACCEPT"),
            FirewallRule.Parse($"-A DOCKER-USER -d 203.0.{number / 250}.{number % 250} -j DROP"),
        })];
        var host = FixtureHost.Docker20.Applied(rules);
        host = host with { Networks = [.. host.Networks, .. Enumerable.Range(0, 10).Select(number => network with { Name = $"n{number}", Bridge = $"n{number}" })] };
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var (check, audit) = (new ShadowCheck(), new AuditedHost(new PacketWalk(host)));
        List<HardeningFinding> findings = [.. audit.Networks.SelectMany(check.Of), .. check.Of(audit)];
        Assert.Equal(FindingStatus.Pass, Assert.Single(findings).Status);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), $"{watch.Elapsed}");
    }

    [Fact]
    public void An_accept_of_another_tool_before_Dockers_jump_decides_instead()
    {
        var host = FixtureHost.Docker20.Applied([Drop]).Iptables("-I FORWARD -i plain0 -j ACCEPT");
        var problem = Assert.Single(Problems([Drop], host));
        Assert.Contains("203.0.113.25", problem, StringComparison.Ordinal);
        Assert.Contains("FORWARD rule 1 (-A FORWARD -i plain0 -j ACCEPT)", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_block_with_a_backstop_holds_against_it()
    {
        var rules = Rules("metadata");
        Holds(rules, FixtureHost.Docker20.Applied(rules).Iptables("-I FORWARD -i plain0 -j ACCEPT"));
    }

    [Fact]
    public void A_block_that_its_packets_never_meet_decides_nothing()
    {
        var input = FirewallRule.Parse("-A INPUT -i docker0 -d 203.0.113.25/32 -j DROP");
        Assert.Contains("does not decide", Assert.Single(Problems([input], FixtureHost.Docker20.Applied([input]))), StringComparison.Ordinal);
        // ECS's agent is reached through a redirection: DOCKER-USER never sees the packet (facts of amazon-ecs-init).
        var ecs = FirewallRule.Parse("-A DOCKER-USER -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DROP");
        var host = FixtureHost.Docker20.Iptables("-t nat -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679").Applied([ecs]);
        Assert.Contains(Problems([ecs], host), problem => problem.Contains("does not decide", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_not_modelled_is_not_decided()
    {
        var accept = FirewallRule.Parse("-A DOCKER-USER -d 203.0.113.25/32 -j ACCEPT");
        var host = FixtureHost.Docker20.Applied([accept]).Iptables("-I FORWARD -m u32 --u32 0=1 -j DROP");
        Assert.NotEmpty(Problems([accept], host));
    }

    [Fact]
    public void An_accept_that_a_later_table_reverses_decides_nothing()
    {
        FirewallRule[] rules = [FirewallRule.Parse("-A DOCKER-USER -d 169.254.169.254/32 -j ACCEPT"), .. Rules("metadata")];
        Assert.Contains(Problems([rules[0]], FixtureHost.Docker20.Applied(rules)), problem => problem.Contains("does not decide", StringComparison.Ordinal));
    }

    private static void Holds(IReadOnlyList<FirewallRule> rules, HostSnapshot host)
    {
        var problems = Problems(rules, host);
        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    private static IReadOnlyList<string> Problems(IReadOnlyList<FirewallRule> rules, HostSnapshot host) => RuleEffect.Problems(rules, new PacketWalk(host));

    private static FirewallRule[] Rules(string control) => control switch
    {
        "drop" => [Drop],
        "accept" => [FirewallRule.Parse("-A DOCKER-USER -i plain0 -d 203.0.113.25/32 -j ACCEPT")],
        _ => [.. Control(control).Rules()],
    };

    private static Control Control(string control) => control switch
    {
        "metadata" => new MetadataAccess(),
        "gcp" => new MetadataAccess { Provider = "Gcp" },
        "host" => new HostAccess(),
        "host of a network" => new HostAccess { Network = new NetworkReference("plain", "plain0") },
        "internal" => new InternalAccess(),
        "internal of a network" => new InternalAccess { Network = new NetworkReference("plain", "plain0") },
        "mail" => new SmtpRate(),
        "mail per container" => new SmtpRate { PerContainer = true },
        _ => throw new ArgumentException(control, nameof(control)),
    };
}
