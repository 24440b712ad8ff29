using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

public sealed class PlanTests
{
    [Fact]
    public void Every_control_and_profile_applied_leaves_nothing_to_do_and_its_inverse_leaves_nothing_behind()
    {
        var host = Snapshots.Host();
        foreach (var rules in AllOf())
        {
            var plan = Plan.From(rules, host);
            Assert.False(plan.IsEmpty);
            var after = Apply(host, plan);
            Assert.True(Plan.From(rules, after).IsEmpty, Plan.From(rules, after).Diff);
            Assert.Equal(plan.Added.Count, Plan.From(rules, after).Unchanged + plan.Added.Count(JumpPlan.IsOurs));

            var undone = after.After(plan.Steps.Reverse().Select(step => (step.Family, step.Inverse)));
            Assert.Equal(Lines(host), Lines(undone));
            Assert.Equal(Lines(host), Lines(Apply(after, Plan.Without(_ => true, after))));
        }
    }

    [Fact]
    public void Random_sequences_of_marks_keep_foreign_lines_order_and_inverses()
    {
        var random = new Random(11);
        var pool = AllOf().ToList();
        for (var round = 0; round < 40; round++)
        {
            var host = Snapshots.Host();
            for (var step = 0; step < 6; step++)
            {
                var rules = pool[random.Next(pool.Count)];
                var plan = random.Next(4) == 0
                    ? Plan.Without(mark => mark == rules[0].Mark, host)
                    // Here a profile's exceptions may replace another profile's block.
                    : Plan.From(rules, host, new PlanOptions { Force = true });
                var next = Apply(host, plan);
                var undone = next.After(plan.Steps.Reverse().Select(each => (each.Family, each.Inverse)));
                // A jump that was missing comes back at the head of its chain; jumps of ours have no fixed order.
                Assert.Equal(Lines(host).Split('\n').Order(StringComparer.Ordinal), Lines(undone).Split('\n').Order(StringComparer.Ordinal));
                Assert.Equal(Foreign(host), Foreign(undone));
                Assert.Equal(Foreign(host), Foreign(next));
                Assert.All(next.Rules.Values.SelectMany(OurChain.ReadAll), chain => Assert.True(chain.SameLinesAs(chain.With(chain.Lines)), chain.Name + " is out of order"));
                host = next;
            }
            Assert.Equal(Lines(Snapshots.Host()), Lines(Apply(host, Plan.Without(_ => true, host))));
        }
    }

    [Fact]
    public void What_only_removes_comes_after_what_adds_and_the_backstop_first()
    {
        var host = Apply(Snapshots.Host(), Plan.From(new HostAccess().Rules(), Snapshots.Host()));
        var plan = Plan.From(new MetadataAccess().Rules(), host, new PlanOptions { Prune = true });
        Assert.Equal(["IPv4 mangle", "IPv4 filter", "IPv6 mangle", "IPv6 filter"], plan.Steps.Select(step => $"{step.Family} {step.Table}"));
        Assert.Equal(["HostAccess"], plan.VanishingControls);
    }

    [Fact]
    public void A_foreign_chain_is_never_declared_and_the_jump_is_one_unnumbered_insert()
    {
        var plan = Plan.From(new MetadataAccess().Rules(), Snapshots.Host());
        foreach (var line in plan.Steps.SelectMany(step => step.Restore.Split('\n')))
        {
            if (line.StartsWith(':') || line.StartsWith("-N", StringComparison.Ordinal))
                Assert.Matches("^(:|-N )DNH-", line);
            if (line.StartsWith("-I", StringComparison.Ordinal))
                Assert.Matches("^-I ((DOCKER-USER|POSTROUTING) -m comment --comment DockerNetHarden -j DNH-METADATA|FORWARD -m comment --comment DockerNetHarden -j DNH-METADATA-FWD|INPUT -m comment --comment DockerNetHarden -j DNH-METADATA-IN)$", line);
        }
        Assert.Equal(8, plan.Added.Count(JumpPlan.IsOurs));
    }

    [Fact]
    public void If_nothing_is_ours_the_step_needs_no_premise_and_otherwise_the_tables_are_compared()
    {
        var bare = Plan.From(new MetadataAccess().Rules(), Snapshots.Host());
        Assert.Empty(bare.Premises);
        Assert.All(bare.Steps, step => Assert.Matches("\n-N DNH-METADATA(-FWD|-IN)?\n", step.Restore));
        Assert.All(bare.Steps, step => Assert.DoesNotContain("\n:", step.Restore, StringComparison.Ordinal));

        // Custom rules may ACCEPT: rules that another control wrote since must be known, or the Custom rules would come before them. A Prune would leave them.
        Assert.Equal("", Assert.Single(Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 192.0.2.1/32 -j ACCEPT")], Snapshots.Host()).Premises).Lines);
        Assert.Equal(2, Plan.From(new MetadataAccess().Rules(), Snapshots.Host(), new PlanOptions { Prune = true }).Premises.Count(premise => premise.Family == Family.IPv4));

        // A chain of Docker's is made before any step, so the table is compared first.
        var without = Snapshots.Host();
        without = without with { Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = without.Rules[Family.IPv4].WithRules("filter", "FORWARD", []).WithoutChain("filter", Hook.DockerUser) } };
        var made = Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 192.0.2.1/32 -j DROP")], without, new PlanOptions { CreateChain = true });
        Assert.Single(made.NewChains);
        Assert.Equal("", Assert.Single(made.Premises).Lines);

        // A second control in the same tables: they hold something of ours, so what was read is compared, and a refill is a declaration.
        var second = Plan.From(new InternalAccess().Rules(), Apply(Snapshots.Host(), bare));
        Assert.Equal(second.Steps.Select(step => (step.Family, step.Table)), second.Premises.Select(premise => (premise.Family, premise.Table)));
        Assert.All(second.Steps, step => Assert.Matches("\n:DNH-INTERNAL(-FWD)? - \\[0:0\\]\n", step.Restore));
        Assert.All(second.Steps, step => Assert.DoesNotContain("\n-N ", step.Restore, StringComparison.Ordinal));
    }

    [Fact]
    public void The_narrower_mark_decides_first_then_exceptions_blocks_limits()
    {
        var host = Snapshots.Host();
        host = Apply(host, Plan.From(new HostAccess { AllowPorts = PortSpec.ParseAll(["8080"]) }.Rules(), host));
        host = Apply(host, Plan.From(new HostAccess { Network = new NetworkReference("apps") }.Rules(), host));
        var chain = OurChain.ReadAll(host.Rules[Family.IPv4]).Single(each => each.Name == "DNH-HOST");
        var order = chain.Lines.Select(line => (Scoped: line.Mark!.Network is not null, line.Rule!.Phase)).ToList();
        Assert.Equal([.. order.OrderBy(each => each.Scoped ? 0 : 1).ThenBy(each => each.Phase)], order);
        Assert.Contains((true, Phase.Block), order);
        Assert.Contains((false, Phase.Exception), order);
    }

    [Fact]
    public void A_mark_is_replaced_completely_and_others_stay()
    {
        var host = Snapshots.Host();
        host = Apply(host, Plan.From([.. new MetadataAccess { Provider = "aws" }.Rules(), .. new MetadataAccess { Provider = "azure", Log = true }.Rules()], host));
        var plan = Plan.From(new MetadataAccess { Provider = "azure", Action = RuleAction.Drop }.Rules(), host);
        Assert.All(plan.Removed, line => Assert.Contains("azure", line.Comment, StringComparison.Ordinal));
        var marks = OurChain.ReadAll(Apply(host, plan).Rules[Family.IPv4]).SelectMany(chain => chain.Lines).Select(line => line.Mark!.Subject).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(["aws", "azure"], marks);
        Assert.DoesNotContain("LOG", Lines(Apply(host, plan)), StringComparison.Ordinal);
    }

    [Fact]
    public void Counters_of_lines_that_stay_are_written_back()
    {
        var host = Snapshots.Host();
        host = Apply(host, Plan.From(new MetadataAccess { Provider = "aws" }.Rules(), host));
        var save = new StringWriter();
        host.Rules[Family.IPv4].WriteTo(save);
        var counted = Snapshots.Host(save.ToString().Replace("[0:0] -A DNH-METADATA", "[12:720] -A DNH-METADATA", StringComparison.Ordinal), host.Rules[Family.IPv6].ToString());
        var plan = Plan.From(new MetadataAccess { Provider = "azure" }.Rules(), counted);
        Assert.Contains("[12:720] -A DNH-METADATA", plan.Steps.First(step => step.Table == "filter").Restore, StringComparison.Ordinal);
        Assert.Contains("[0:0] -A DNH-METADATA", plan.Steps.First(step => step.Table == "filter").Restore, StringComparison.Ordinal);
        // A difference in counters alone is no reason to write.
        Assert.True(Plan.From(new MetadataAccess { Provider = "aws" }.Rules(), counted).IsEmpty);
    }

    [Fact]
    public void A_rate_that_the_kernel_prints_differently_is_not_a_difference()
    {
        var rules = new SmtpRate { PerMinute = 60 }.Rules();
        var host = Apply(Snapshots.Host(), Plan.From(rules, Snapshots.Host()));
        Assert.Contains("--limit 1/sec", Lines(host), StringComparison.Ordinal);
        Assert.True(Plan.From(rules, host).IsEmpty);
    }

    [Fact]
    public void The_published_ports_of_the_host_are_resolved_by_protocol_and_address()
    {
        var rules = new HostAccess { Network = new NetworkReference("apps"), AllowPublishedPorts = true }.Rules();
        var texts = Plan.From(rules, Snapshots.Host()).Added.Select(Plan.CommandLine).ToList();
        Assert.Contains(texts, text => text.Contains("-i apps0 -p tcp -m tcp --dport 8080", StringComparison.Ordinal));
        Assert.Contains(texts, text => text.Contains("-d 127.0.0.1/32 -i apps0 -p tcp -m tcp --dport 9090", StringComparison.Ordinal));
        Assert.Contains(texts, text => text.Contains("-i apps0 -p udp -m udp --dport 53", StringComparison.Ordinal));
        Assert.Contains(texts, text => text.Contains("ip6tables", StringComparison.Ordinal) && text.Contains("--dport 8080", StringComparison.Ordinal));
    }

    [Fact]
    public void An_operand_means_the_same_place_wherever_it_stands_in_a_rule()
    {
        var texts = Plan.From(new InternalAccess { Ranges = [Cidr.Parse("10.0.0.0/8")] }.Rules(), Snapshots.Host()).Added.Select(line => line.Text).ToList();
        Assert.Contains(texts, text => text.Contains("-i docker0 ! -o docker0", StringComparison.Ordinal));
        Assert.Contains(texts, text => text.Contains("-s 172.18.0.0/16 -d 10.0.0.0/8 ! -o apps0", StringComparison.Ordinal));
        Assert.DoesNotContain(texts, text => text.Contains("-i docker0 ! -o apps0", StringComparison.Ordinal));
    }

    [Fact]
    public void The_premise_is_what_the_save_says_about_our_chains()
    {
        var host = Apply(Snapshots.Host(), Plan.From(new MetadataAccess { Provider = "aws" }.Rules(), Snapshots.Host()));
        var plan = Plan.From(new MetadataAccess { Provider = "azure" }.Rules(), host);
        var premise = plan.Premises.Single(each => each.Table == "filter");
        Assert.StartsWith(":DNH-METADATA - [0:0]\n", premise.Lines, StringComparison.Ordinal);
        Assert.All(premise.Lines.TrimEnd('\n').Split('\n'), line => Assert.Contains("DNH-", line, StringComparison.Ordinal));
        Assert.DoesNotContain("[0:0] -A", premise.Lines, StringComparison.Ordinal);
    }

    private static IEnumerable<IReadOnlyList<FirewallRule>> AllOf()
    {
        var apps = new NetworkReference("apps", "apps0", [Cidr.Parse("172.18.0.0/16")]);
        yield return new MetadataAccess { Log = true }.Rules();
        yield return new MetadataAccess { Provider = "Gcp", ExceptNetworks = ["apps"] }.Rules();
        yield return new HostAccess { AllowPorts = PortSpec.ParseAll(["53/udp,8080/tcp"]), AllowPublishedPorts = true }.Rules();
        yield return new InternalAccess { Action = RuleAction.Drop, AllowAddresses = [Cidr.Parse("10.0.0.5")] }.Rules();
        yield return new SmtpRate { Log = true }.Rules();
        yield return new SmtpRate { PerContainer = true, Ports = "2525" }.Rules();
        yield return [FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.9 -j ACCEPT"), FirewallRule.Parse("-t raw -A PREROUTING -i docker0 -d 10.9.9.8 -j DROP")];
        foreach (var profile in Enum.GetValues<NetworkProfile>())
            yield return NetworkProfiles.Rules(profile, apps);
    }

    private static HostSnapshot Apply(HostSnapshot host, Plan plan) => host.After(plan.Steps.Select(step => (step.Family, step.Restore)));

    // All rules, without empty chains: an empty table means nothing.
    private static string Lines(HostSnapshot host) =>
        string.Join('\n', host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value.AllRules).Select(line => $"{line.Family} {line.Table} {line.Text}"));

    private static string Foreign(HostSnapshot host) =>
        string.Join('\n', Lines(host).Split('\n').Where(line => !line.Contains("DNH-", StringComparison.Ordinal)));
}
