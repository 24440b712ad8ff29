using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>What is refused before anything is written, what needs Force, and what a person is told.</summary>
public sealed class PlanGuardTests
{
    [Theory]
    [InlineData("-A DOCKER-USER -i network:nope -j DROP", PlanFailure.UnresolvedOperand, "apps, bridge, lan")]
    [InlineData("-A DOCKER-USER -i network:lan -j DROP", PlanFailure.UnresolvedOperand, "macvlan")]
    [InlineData("-A DOCKER-USER ! -o docker:bridges -j DROP", PlanFailure.UnresolvedOperand, "2 bridges")]
    [InlineData("-A INPUT -s 172.16.0.0/12 -j DROP", PlanFailure.NeedsForce, "in-interface")]
    [InlineData("-A INPUT -i eth0 -j DROP", PlanFailure.NeedsForce, "not one of Docker's bridges")]
    [InlineData("-6 -A DOCKER-USER -j MINE", PlanFailure.ChainMissing, "mangle")]
    public void What_the_host_cannot_have_is_an_error_before_anything_is_written(string rule, PlanFailure failure, string reason)
    {
        var error = Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse(rule)], Snapshots.Host()));
        Assert.Equal(failure, error.Failure);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-A INPUT -j ACCEPT")]
    [InlineData("-A INPUT -i eth0 -j ACCEPT")]
    [InlineData("-A OUTPUT -p tcp --sport 22 -j DROP")]
    [InlineData("-t mangle -A POSTROUTING -j DROP")]
    [InlineData("-t mangle -A POSTROUTING -s 10.0.0.0/8 -j DROP")]
    [InlineData("-t mangle -A POSTROUTING ! -s 172.18.0.0/16 -j DROP")]
    [InlineData("-t raw -A PREROUTING -d 10.0.0.1 -j DROP")]
    public void What_decides_the_hosts_own_packets_or_other_clients_needs_force(string text)
    {
        var rule = FirewallRule.Parse(text);
        Assert.Equal(PlanFailure.NeedsForce, Assert.Throws<PlanException>(() => Plan.From([rule], Snapshots.Host())).Failure);
        Assert.False(Plan.From([rule], Snapshots.Host(), new PlanOptions { Force = true }).IsEmpty);
    }

    [Theory]
    [InlineData("-A INPUT -i docker0 -j ACCEPT")]
    [InlineData("-A INPUT -p tcp --dport 80 -j RETURN")]
    [InlineData("-t mangle -A POSTROUTING -d 10.0.0.5 -m addrtype ! --src-type LOCAL -j DROP")]
    [InlineData("-t mangle -A POSTROUTING -s 172.18.0.0/24 -d 10.0.0.5 -j DROP")]
    [InlineData("-t mangle -A POSTROUTING -s network:apps -j DROP")]
    public void What_decides_only_containers_packets_needs_no_force(string text) =>
        Assert.False(Plan.From([FirewallRule.Parse(text)], Snapshots.Host()).IsEmpty);

    [Fact]
    public void Exceptions_alone_do_not_replace_a_block()
    {
        var rules = new MetadataAccess { Provider = "gcp" }.Rules();
        var host = Apply(Snapshots.Host(), Plan.From(rules, Snapshots.Host()));
        var error = Assert.Throws<PlanException>(() => Plan.From([rules[0]], host));
        Assert.Equal(PlanFailure.NeedsForce, error.Failure);
        Assert.Contains("MetadataAccess/gcp", error.Message, StringComparison.Ordinal);
        Assert.False(Plan.From([rules[0]], host, new PlanOptions { Force = true }).IsEmpty);
        Assert.False(Plan.From([rules[0]], Snapshots.Host()).IsEmpty); // with nothing there, nothing is lost
    }

    [Fact]
    public void A_profiles_exceptions_and_a_networks_own_block_do_not_replace_each_other()
    {
        var apps = new NetworkReference("apps", "apps0", [Cidr.Parse("172.18.0.0/16")]);
        var host = Apply(Snapshots.Host(), Plan.From(new InternalAccess { Network = apps }.Rules(), Snapshots.Host()));
        var plan = Plan.From(NetworkProfiles.Rules(NetworkProfile.MetadataAccess, apps), host);
        Assert.Empty(plan.Removed);
        Assert.True(Plan.From(new InternalAccess { Network = apps }.Rules(), Apply(host, plan)).IsEmpty);
    }

    [Fact]
    public void A_kernel_without_ipv6_needs_no_ipv6_rules()
    {
        var host = Snapshots.Host();
        host = host with { Rules = new Dictionary<Family, DockerNetHarden.Iptables.Ruleset> { [Family.IPv4] = host.Rules[Family.IPv4] } };
        var without = host with { HasIPv6 = false };
        var after = Apply(without, Plan.From(new HostAccess().Rules(), without));
        var again = Plan.From(new HostAccess().Rules(), after);
        Assert.True(again.IsEmpty);
        Assert.Empty(again.Problems);
    }

    [Fact]
    public void Lines_that_are_never_reached_are_a_problem_even_if_the_host_is_as_desired()
    {
        var rules = new HostAccess().Rules();
        var host = Apply(Snapshots.Host(), Plan.From(rules, Snapshots.Host()));
        Assert.Empty(Plan.From(rules, host).Problems);
        var input = host.Rules[Family.IPv4];
        var line = new DockerNetHarden.Iptables.RuleLine(Family.IPv4, "filter", "INPUT", ["-i", "docker0", "-j", "ACCEPT"]);
        var opened = host with { Rules = new Dictionary<Family, DockerNetHarden.Iptables.Ruleset> { [Family.IPv4] = input.WithRules("filter", "INPUT", [line, .. input["filter", "INPUT"]]), [Family.IPv6] = host.Rules[Family.IPv6] } };
        Assert.True(Plan.From(rules, opened).IsEmpty);
        Assert.Contains(Plan.From(rules, opened).Problems, problem => problem.Contains("docker0", StringComparison.Ordinal));

        var metadata = new MetadataAccess().Rules();
        var unasked = Snapshots.Host(Snapshots.Save.Replace("[0:0] -A FORWARD -j DOCKER-USER\n", "", StringComparison.Ordinal).Replace("[0:0] -A FORWARD -j DOCKER-USER\r\n", "", StringComparison.Ordinal));
        unasked = Apply(unasked, Plan.From(metadata, unasked));
        Assert.Contains(Plan.From(metadata, unasked).Problems, problem => problem.Contains("FORWARD does not jump", StringComparison.Ordinal));
    }

    [Fact]
    public void Rules_without_a_name_that_replace_others_are_warned_about()
    {
        var host = Apply(Snapshots.Host(), Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5 -j DROP")], Snapshots.Host()));
        Assert.Contains(Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.6 -j DROP")], host).Warnings, warning => warning.Contains("-Name", StringComparison.Ordinal));
    }

    [Fact]
    public void Docker_on_nftables_is_named_as_the_reason_and_no_chain_is_made_for_it()
    {
        var host = Snapshots.Host(Snapshots.Save6.ReplaceLineEndings("\n"));
        host = host with { Engine = host.Engine! with { Version = "29.0.0", FirewallBackend = "nftables" } };
        foreach (var create in new[] { false, true })
        {
            var error = Assert.Throws<PlanException>(() => Plan.From(new MetadataAccess().Rules(), host, new PlanOptions { CreateChain = create, Backend = FirewallBackend.Iptables }));
            Assert.Equal(PlanFailure.ChainMissing, error.Failure);
            Assert.Contains("nftables firewall backend", error.Message, StringComparison.Ordinal);
            Assert.Contains("-Backend Nftables", error.Remedy, StringComparison.Ordinal);
        }
        // Nothing jumps to a chain that an earlier engine left, either.
        var left = Snapshots.Host() with { Engine = host.Engine };
        Assert.Equal(PlanFailure.ChainMissing, Assert.Throws<PlanException>(() => Plan.From(new SmtpRate().Rules(), left, new PlanOptions { Backend = FirewallBackend.Iptables })).Failure);
        // Without being told, the rules go where that engine writes, and a host without nft has nothing to write them with.
        Assert.Contains("nftables package", Assert.Throws<PlanException>(() => Plan.From(new SmtpRate().Rules(), left)).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_that_meets_the_connection_in_use_needs_force_or_an_exception()
    {
        // The administrator came from a container of apps.
        var host = Snapshots.Host() with { Session = new SessionConnection(Cidr.Parse("172.18.0.7"), 22, "apps0") };
        var error = Assert.Throws<PlanException>(() => Plan.From(new HostAccess().Rules(), host));
        Assert.Equal(PlanFailure.NeedsForce, error.Failure);
        Assert.Contains("22/tcp", error.Message, StringComparison.Ordinal);
        Assert.False(Plan.From(new HostAccess { AllowPorts = PortSpec.ParseAll(["22/tcp"]) }.Rules(), host).IsEmpty);
        Assert.False(Plan.From(new HostAccess().Rules(), host, new PlanOptions { Force = true }).IsEmpty);
        Assert.False(Plan.From(new HostAccess().Rules(), host with { Session = new SessionConnection(Cidr.Parse("192.0.2.7"), 22, "eth0") }).IsEmpty);
    }

    [Fact]
    public void Nothing_given_is_an_error_and_prune_says_how_to_remove_everything()
    {
        Assert.Equal(PlanFailure.NothingGiven, Assert.Throws<PlanException>(() => Plan.From([], Snapshots.Host())).Failure);
        Assert.Contains("Remove-FirewallRule -All", Assert.Throws<PlanException>(() => Plan.From([], Snapshots.Host(), new PlanOptions { Prune = true })).Message, StringComparison.Ordinal);
    }

    private static HostSnapshot Apply(HostSnapshot host, Plan plan) => host.After(plan.Steps.Select(step => (step.Family, step.Restore)));
}
