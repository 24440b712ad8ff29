using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>What controls mean in IPv6, and where it stands: in DOCKER-USER or, where ip6tables has none, in mangle FORWARD.</summary>
public sealed class BothFamiliesTests
{
    private static readonly NetworkReference Apps = new("apps");

    // Docker 20.10 and 26 (whether they write IPv6 rules or not), and 27 and later.
    private static readonly HostSnapshot Without = Snapshots.Host();
    private static readonly HostSnapshot Writing = Snapshots.Host(save6: With(":DOCKER - [0:0]\n"));
    private static readonly HostSnapshot Modern = Snapshots.Host(save6: With(":DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n"));

    private static readonly string[] SetNames = ["metadata", "metadata of a network", "internal", "internal of a network", "mail", "mail of each", "profile"];

    public static TheoryData<string> Sets => [.. SetNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Without_DOCKER_USER_in_ip6tables_rules_stand_in_mangle_and_drop(string set)
    {
        foreach (var host in new[] { Without, Writing, Without with { Engine = Without.Engine! with { FirewallBackend = null } } })
        {
            var plan = Plan.From(Rules(set), host);
            Assert.Empty(plan.NewChains);
            var six = plan.Added.Where(line => line.Family == Family.IPv6).ToList();
            Assert.NotEmpty(six);
            Assert.All(six.Where(line => line.Table is "filter"), line => Assert.True(line.Chain is "INPUT" or "DNH-METADATA-IN" || line.Chain.StartsWith("DNH-HOST", StringComparison.Ordinal), line.Text));
            Assert.Contains(six, line => line is { Table: "mangle", Chain: "FORWARD" } && JumpPlan.IsOurs(line));
            Assert.DoesNotContain(six, line => line.Table is "mangle" && (line.Target is "REJECT" or "DNH-REJECT"));
            // IPv4 has its chain, and rejects there.
            Assert.Contains(plan.Added, line => line is { Family: Family.IPv4, Table: "filter", Chain: "DOCKER-USER" });
            // There stands only what is about redirected metadata.
            Assert.All(plan.Added.Where(line => line is { Family: Family.IPv4, Table: "mangle", Chain: "FORWARD" }), line => Assert.Equal("DNH-METADATA-FWD", line.Target));
            Assert.All(plan.Added.Where(line => line is { Family: Family.IPv4, Chain: "DNH-METADATA-FWD" }), line => Assert.Contains("--ctorigdst ", line.Text, StringComparison.Ordinal));
            var after = Apply(host, plan);
            Assert.True(Plan.From(Rules(set), after) is { IsEmpty: true, Problems.Count: 0 });
            Assert.Equal(Text(host), Text(Apply(after, Plan.Without(_ => true, after))));
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void With_it_they_stand_there_as_in_IPv4_and_a_host_that_gets_it_moves_them(string set)
    {
        var plan = Plan.From(Rules(set), Modern);
        Assert.Contains(plan.Added, line => line is { Family: Family.IPv6, Table: "filter", Chain: "DOCKER-USER" });
        Assert.DoesNotContain(plan.Added, line => line is { Family: Family.IPv6, Table: "mangle", Chain: "FORWARD" });
        var modern = Apply(Modern, plan);
        Assert.True(Plan.From(Rules(set), modern) is { IsEmpty: true, Problems.Count: 0 });

        // Docker was upgraded: its chains come to what stands there.
        var old = Apply(Without, Plan.From(Rules(set), Without));
        var upgraded = old with
        {
            Rules = new Dictionary<Family, Ruleset>(old.Rules)
            {
                [Family.IPv6] = old.Rules[Family.IPv6].WithRules("filter", "DOCKER", []).WithRules("filter", "DOCKER-USER", []).WithRules("filter", "FORWARD", [.. Modern.Rules[Family.IPv6]["filter", "FORWARD"]]),
            },
        };
        var moved = Apply(upgraded, Plan.From(Rules(set), upgraded));
        Assert.Equal(Ours(modern), Ours(moved));
        Assert.True(Plan.From(Rules(set), moved) is { IsEmpty: true, Problems.Count: 0 });
    }

    [Fact]
    public void Every_IPv6_address_of_the_data_is_blocked_where_IPv4_addresses_are()
    {
        var six = MetadataEndpoints.Providers.SelectMany(provider => provider.Endpoints).Where(endpoint => endpoint is { Path: EndpointPath.Forward, Address.Family: Family.IPv6 }).Select(endpoint => endpoint.Address).ToHashSet();
        Assert.Contains(Cidr.Parse("fd00:ec2::254"), six);
        foreach (var (table, chain) in new[] { ("filter", "DOCKER-USER"), ("mangle", "POSTROUTING") })
        {
            var blocked = new MetadataAccess().Rules().Where(rule => rule is { Family: Family.IPv6, Action: RuleAction.Drop or RuleAction.Reject } && rule.Table == table && rule.Chain == chain).SelectMany(AddressLists.Destinations);
            Assert.Equal(six, blocked.ToHashSet());
        }
        Assert.All(new MetadataAccess { Provider = "azure" }.Rules(), rule => Assert.Equal(Family.IPv4, rule.Family));
        Assert.Contains(new MetadataAccess { Provider = "gcp" }.Rules(), rule => rule is { Destination: "fd20:ce::254/128", Protocol: "udp", DestinationPort: "53,123", Action: RuleAction.Return });
        // A network that may reach metadata may do so in both.
        var permitted = new MetadataAccess { Network = Apps, Permit = true }.Rules();
        Assert.Equal(six, permitted.Where(rule => rule is { Family: Family.IPv6, Chain: "DOCKER-USER" }).SelectMany(AddressLists.Destinations).ToHashSet());
        Assert.Contains(NetworkProfiles.Rules(NetworkProfile.MetadataAccess, Apps), rule => rule is { Control: "InternalAccess", Destination: "fd00:ec2::254/128", Action: RuleAction.Return });
    }

    [Theory]
    [InlineData("10.0.0.0/8", "::ffff:10.0.0.0/104 64:ff9b::a00:0/104 2002:a00::/24")]
    [InlineData("169.254.169.254/32", "::ffff:169.254.169.254/128 64:ff9b::a9fe:a9fe/128 2002:a9fe:a9fe::/48")]
    [InlineData("0.0.0.0/0", "::ffff:0.0.0.0/96 64:ff9b::/96 2002::/16")]
    [InlineData("fd00::/8", "")]
    public void An_IPv4_range_has_forms_in_IPv6(string range, string forms) =>
        Assert.Equal(forms, string.Join(' ', EmbeddedIPv4.FormsOf(Cidr.Parse(range)).Order()));

    [Fact]
    public void Internal_ranges_of_one_family_leave_the_other_but_for_its_forms()
    {
        var four = new InternalAccess { Ranges = [Cidr.Parse("10.0.0.0/8")] }.Rules();
        Assert.Equal("::ffff:10.0.0.0/104,64:ff9b::a00:0/104,2002:a00::/24", Assert.Single(four.Where(Blocks).Where(rule => rule.Family == Family.IPv6).Select(rule => rule.Destination).Distinct()));
        var six = new InternalAccess { Ranges = [Cidr.Parse("fd12::/16")] }.Rules();
        Assert.All(six, rule => Assert.Equal(Family.IPv6, rule.Family));
        Assert.Equal(["fd12::/16"], six.Where(Blocks).Select(rule => rule.Destination).Distinct());
        var all = new InternalAccess().Rules().Where(Blocks).Where(rule => rule.Family == Family.IPv6).SelectMany(AddressLists.Destinations).ToHashSet();
        Assert.Superset(new HashSet<Cidr> { Cidr.Parse("fc00::/7"), Cidr.Parse("fe80::/10"), Cidr.Parse("64:ff9b::a9fe:0/112"), Cidr.Parse("2002:c0a8::/32") }, all);

        static bool Blocks(FirewallRule rule) => rule.Action is RuleAction.Drop or RuleAction.Reject;
    }

    [Fact]
    public void What_IPv6_needs_passes_every_block()
    {
        foreach (var (verdict, table) in new[] { (VerdictChain.Reject, "filter"), (VerdictChain.Drop, "filter"), (VerdictChain.Drop, "mangle") })
        {
            var lines = verdict.Lines(Family.IPv6, table).Select(line => line.Text).ToList();
            Assert.Equal(["2", "135", "136"], lines.TakeWhile(line => line.EndsWith("-j RETURN", StringComparison.Ordinal)).Select(line => line.Split("--icmpv6-type ")[1].Split(' ')[0]));
            Assert.DoesNotContain("RETURN", string.Join('\n', verdict.Lines(Family.IPv4, table).Select(line => line.Text)), StringComparison.Ordinal);
        }
        // Each block of a control decides there, or is about TCP alone.
        foreach (var rule in SetNames.SelectMany(Rules).Where(rule => rule is { Family: Family.IPv6, Control: not "SmtpRate", Action: RuleAction.Drop or RuleAction.Reject }))
            Assert.True(rule.Connections is "Opened" || rule is { Protocol: "tcp", ConnectionDirection: "ORIGINAL" }, rule.ToString());
    }

    [Fact]
    public void A_rule_of_the_administrators_own_moves_with_a_warning_and_one_that_jumps_is_refused()
    {
        const string Reject = "-A DOCKER-USER -d fd00::5 -p tcp -j REJECT --reject-with tcp-reset";
        var plan = Plan.From([FirewallRule.Parse(Reject), FirewallRule.Parse("-A DOCKER-USER -d fd00::6 -j ACCEPT"), FirewallRule.Parse("-A DOCKER-USER -d fd00::7 -j DROP")], Without);
        Assert.Equal(3, plan.Added.Count(line => line is { Family: Family.IPv6, Table: "mangle", Chain: "DNH-CUSTOM-FWD" }));
        Assert.Contains(plan.Added, line => line.Text.Contains("-d fd00::5/128 -p tcp", StringComparison.Ordinal) && line.Target is "DROP");
        Assert.Contains(plan.Warnings, warning => warning.Contains("it drops instead of rejecting", StringComparison.Ordinal));
        Assert.Contains(plan.Warnings, warning => warning.Contains("Docker's own still decide", StringComparison.Ordinal));
        Assert.DoesNotContain(plan.Warnings, warning => warning.Contains("fd00::7", StringComparison.Ordinal));
        Assert.Empty(Plan.From([FirewallRule.Parse(Reject)], Modern).Warnings);
        Assert.Equal(PlanFailure.ChainMissing, Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse("-6 -A DOCKER-USER -j MINE")], Without)).Failure);
    }

    [Fact]
    public void The_chain_is_made_on_demand_where_it_will_be_asked()
    {
        var create = new PlanOptions { CreateChain = true };
        var rules = new MetadataAccess().Rules();
        var plan = Plan.From(rules, Without, create);
        Assert.Equal(Family.IPv6, Assert.Single(plan.NewChains).Family);
        var after = Apply(Without with { Rules = new Dictionary<Family, Ruleset>(Without.Rules) { [Family.IPv6] = Without.Rules[Family.IPv6].WithRules("filter", "DOCKER-USER", []) } }, plan);
        Assert.True(Plan.From(rules, after) is { IsEmpty: true, Problems.Count: 0 });
        // Docker writes IPv6 rules without it, or nobody knows yet: a jump of ours may come too late.
        foreach (var host in new[] { Writing, Without with { Engine = null } })
        {
            plan = Plan.From(rules, host, create);
            Assert.Empty(plan.NewChains);
            Assert.Contains(plan.Added, line => line is { Family: Family.IPv6, Table: "mangle", Chain: "FORWARD" });
            Assert.True(Plan.From(rules, Apply(host, plan), create).IsEmpty);
        }
    }

    [Fact]
    public void A_host_without_ip6tables_gets_the_IPv4_half_and_a_warning_and_one_without_IPv6_none()
    {
        var host = Without with { Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = Without.Rules[Family.IPv4] } };
        IReadOnlyList<FirewallRule> rules = [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()];
        foreach (var (each, warns) in new[] { (host, true), (host with { HasIPv6 = false }, false) })
        {
            var plan = Plan.From(rules, each);
            Assert.All(plan.Added, line => Assert.Equal(Family.IPv4, line.Family));
            Assert.Equal(warns, plan.Warnings.Any(warning => warning.Contains("no ip6tables", StringComparison.Ordinal)));
            var after = Apply(each, plan);
            Assert.True(Plan.From(rules, after) is { IsEmpty: true, Problems.Count: 0 });
            Assert.True(new InstalledMarks(after).AreExactly(rules));
        }
        // Whoever writes a rule for IPv6 wants that one.
        Assert.Equal(PlanFailure.FamilyMissing, Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse("-A DOCKER-USER -d fd00::5 -j DROP")], host)).Failure);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_policy_has_the_controls_of_a_host_in_both_families(bool isModern)
    {
        Control[] controls = [new HostAccess(), new InternalAccess { Ranges = [Cidr.Parse("10.0.0.0/8"), Cidr.Parse("fd12::/16")] }, new InternalAccess { Network = Apps }, new MetadataAccess(), new SmtpRate()];
        var host = isModern ? Modern : Without;
        var policy = PolicyCapture.Of(Apply(host, Plan.From([.. controls.SelectMany(control => control.Rules())], host)));
        Assert.Empty(policy.SingleRules);
        Assert.Equal(controls.Length, policy.Controls.Count);
        Assert.Contains(policy.Controls.OfType<InternalAccess>(), control => control.Network is null && control.Ranges.SequenceEqual([Cidr.Parse("10.0.0.0/8"), Cidr.Parse("fd12::/16")]));
        Assert.Contains(policy.Controls.OfType<InternalAccess>(), control => control.Network is not null && control.Ranges.SequenceEqual(InternalAccess.DefaultRanges));
    }

    private static IReadOnlyList<FirewallRule> Rules(string set) => set switch
    {
        "metadata" => new MetadataAccess { Log = true }.Rules(),
        "metadata of a network" => new MetadataAccess { Network = Apps, Dns = true }.Rules(),
        "internal" => new InternalAccess { ExceptNetworks = ["bridge"] }.Rules(),
        "internal of a network" => new InternalAccess { Network = Apps, AllowAddresses = [Cidr.Parse("fd00::7"), Cidr.Parse("10.0.0.7")] }.Rules(),
        "mail" => new SmtpRate { Log = true }.Rules(),
        "mail of each" => new SmtpRate { PerContainer = true, Action = RuleAction.Reject }.Rules(),
        _ => NetworkProfiles.Rules(NetworkProfile.ExternalOnly, Apps),
    };

    private static string With(string lines) => Snapshots.Save6.ReplaceLineEndings("\n").Replace(":OUTPUT ACCEPT [0:0]\n", ":OUTPUT ACCEPT [0:0]\n" + lines, StringComparison.Ordinal);

    private static HostSnapshot Apply(HostSnapshot host, Plan plan) => host.After(plan.Steps.Select(step => (step.Family, step.Restore)));

    private static string Text(HostSnapshot host) => string.Join('\n', host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value.AllRules).Select(line => $"{line.Family} {line.Table} {line.Text}"));

    private static IEnumerable<string> Ours(HostSnapshot host) => Text(host).Split('\n').Where(line => line.Contains("DNH-", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
}
