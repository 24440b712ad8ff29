using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>How rules stand in the kernel: few lines for packets that no control is about, the same verdicts as when all rules stood in one chain, and a way there from the older form.</summary>
public sealed class ChainLayoutTests
{
    private static readonly string[] Bridges = ["docker0", "br-000000000001", "dnh-1"];

    private static IReadOnlyList<FirewallRule> FourControls => [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()];

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(50)]
    public void An_ordinary_packet_meets_at_most_twenty_rules_whatever_the_number_of_networks(int networks)
    {
        foreach (var address in new[] { "203.0.113.7", "2001:db8::7" })
        {
            var meets = All(Host(networks));
            Assert.InRange(meets, 6, 20);
            Assert.Equal(meets, All(Host(2)));

            // In IPv6 this host has no DOCKER-USER.
            int All(HostSnapshot host) => new[] { ("filter", "DOCKER-USER"), ("mangle", "FORWARD"), ("mangle", "POSTROUTING") }.Sum(place => Meets(Apply(host, FourControls), place.Item1, place.Item2, address));
        }
    }

    [Fact]
    public void A_network_costs_four_rules_and_two_more_if_it_has_IPv6()
    {
        var counts = new[] { 20, 30, 60 }.Select(networks => Lines(Apply(Host(networks), FourControls))).ToList();
        // And gates to their sources: as many prefixes as the subnets can be put together to.
        Assert.InRange(counts[1] - counts[0], 4 * 10, (4 * 10) + 3);
        Assert.InRange(counts[2] - counts[1], 4 * 30, (4 * 30) + 3);
        Assert.InRange(counts[1], 0, 163 + (4 * 31));
        counts = [.. new[] { 20, 30 }.Select(networks => Lines(Apply(Dual(Host(networks)), FourControls)))];
        Assert.InRange(counts[1] - counts[0], 5 * 10, (6 * 10) + 3);

        static HostSnapshot Dual(HostSnapshot host) => host with { Networks = [.. host.Networks.Select((network, index) => network with { Subnets = [.. network.Subnets, Cidr.Parse($"fd00:0:0:{index + 1:x}::/64")] })] };
    }

    public static TheoryData<string> Sets => ["four", "profiles", "log", "except", "addresses", "ranges", "container rate"];

    // The oracle is the older form: each rule for each network in the chain of its control, one after the other.
    [Theory]
    [MemberData(nameof(Sets))]
    public void Every_packet_meets_the_same_verdict_as_in_one_chain(string set)
    {
        var host = Host(3);
        var (flat, laid) = (Flat(host, Rules(set)), Apply(host, Rules(set)));
        var (before, after) = (new PacketWalk(flat), new PacketWalk(laid));
        foreach (var bridge in Bridges.Append("eth0"))
        {
            foreach (var family in new[] { Family.IPv4, Family.IPv6 })
            {
                var query = new AccessQuery { Family = family, InInterface = bridge };
                Assert.Equal(Verdicts(before.Ask(query)), Verdicts(after.Ask(query)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void The_older_form_moves_with_the_next_apply_whatever_is_applied(string set)
    {
        var old = Flat(Host(3), Rules(set));
        // It counts as there, and the next change of any control moves it, each table in one transaction.
        Assert.Empty(RulePresence.Problems(Rules(set), old));
        var plan = Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.1 -j DROP")], old, new PlanOptions { Force = true });
        Assert.Equal(plan.Steps.Count, plan.Steps.Select(step => (step.Family, step.Table)).Distinct().Count());
        Assert.All(plan.Steps, step => Assert.Single(step.Restore.Split('\n'), line => line is "COMMIT"));
        // Nothing but the new rule goes in, and nothing goes out: the rules are the same.
        Assert.All(plan.Added, line => Assert.True(JumpPlan.IsOurs(line) || line.Chain is "DNH-CUSTOM", line.Text));
        Assert.Empty(plan.Removed);
        var moved = old.After(plan.Steps.Select(step => (step.Family, step.Restore)));
        Assert.Empty(RulePresence.Problems(Rules(set), moved));
        Assert.True(Plan.From(Rules(set), moved, new PlanOptions { Force = true }).IsEmpty, Plan.From(Rules(set), moved, new PlanOptions { Force = true }).Diff);
        // Whoever takes it back has the older form again.
        Assert.Equal(Text(old), Text(moved.After(plan.Steps.Reverse().Select(step => (step.Family, step.Inverse)))));
    }

    [Fact]
    public void Counters_of_the_older_form_are_added_up()
    {
        var old = Flat(Host(1), new MetadataAccess { Provider = "aws" }.Rules(), packets: 5);
        var block = Apply(old, [FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.1 -j DROP")]).Rules[Family.IPv4].AllRules.Single(line => line.Target is "DNH-REJECT");
        Assert.Equal(15, block.Packets);
    }

    [Fact]
    public void Somebody_elses_line_keeps_its_place_in_a_part_of_a_chain()
    {
        var laid = Apply(Host(3), new InternalAccess().Rules());
        var rules = laid.Rules[Family.IPv4];
        var part = rules.ChainsOf("filter").First(chain => chain.Name.StartsWith("DNH-INTERNAL.", StringComparison.Ordinal) && rules["filter", chain.Name].Any(line => line.Target is "DNH-REJECT")).Name;
        var theirs = new RuleLine(Family.IPv4, "filter", part, ["-s", "198.51.100.9/32", "-j", "ACCEPT"]);
        var host = laid with { Rules = new Dictionary<Family, Ruleset>(laid.Rules) { [Family.IPv4] = rules.WithRules("filter", part, [theirs, .. rules["filter", part]]) } };
        Assert.True(Plan.From(new InternalAccess().Rules(), host).IsEmpty);
        var removal = Plan.Without(_ => true, host);
        Assert.Contains(removal.Warnings, warning => warning.Contains(part, StringComparison.Ordinal) && warning.Contains("not ours", StringComparison.Ordinal));
        var removed = host.After(removal.Steps.Select(step => (step.Family, step.Restore)));
        Assert.Equal([theirs], removed.Rules[Family.IPv4].AllRules.Where(line => line.Chain.StartsWith("DNH-", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_gate_or_a_shared_chain_that_was_changed_is_found_and_mended()
    {
        var laid = Apply(Host(3), FourControls);
        foreach (var gone in laid.Rules[Family.IPv4].AllRules.Where(line => line.Comment is RuleMark.Owner && line.Chain.StartsWith("DNH-", StringComparison.Ordinal) && !ChainLayout.IsReplyExit(line)))
        {
            var rules = laid.Rules[Family.IPv4];
            var host = laid with { Rules = new Dictionary<Family, Ruleset>(laid.Rules) { [Family.IPv4] = rules.WithRules(gone.Table, gone.Chain, [.. rules[gone.Table, gone.Chain].Where(line => !line.Equals(gone))]) } };
            var isSource = gone.Tokens[0] is "-s" or "-i" or "-p";
            Assert.True(isSource || RulePresence.Problems(FourControls, host).Count > 0, gone.Text);
            Assert.Equal(Text(laid), Text(Apply(host, FourControls)));
        }
    }

    [Fact]
    public void A_long_list_is_found_in_few_steps()
    {
        var ranges = Enumerable.Range(0, 4000).Select(i => Cidr.Parse($"10.{i / 200}.{i % 200}.128/25")).ToList();
        // In one family: the model of iptables-restore that applies it here takes long for each chain.
        var bare = Host(1);
        var host = Apply(bare with { HasIPv6 = false, Rules = bare.Rules.Where(pair => pair.Key == Family.IPv4).ToDictionary() }, new InternalAccess { Ranges = ranges }.Rules());
        Assert.InRange(Meets(host, "filter", "DOCKER-USER", "10.7.77.5"), 3, 70);
        Assert.Equal(string.Join(',', Cidr.Aggregate(ranges)), OurChain.ReadAll(host.Rules[Family.IPv4]).SelectMany(chain => chain.Lines).First(line => line.Rule?.Connections is not null).Rule!.Destination);
    }

    private static IReadOnlyList<FirewallRule> Rules(string set) => set switch
    {
        "four" => FourControls,
        "profiles" => [.. Enum.GetValues<NetworkProfile>().Take(3).SelectMany((profile, index) => NetworkProfiles.Rules(profile, new NetworkReference($"net{index + 1}"))), .. new InternalAccess().Rules()],
        "log" => [.. new MetadataAccess { Log = true }.Rules(), .. new InternalAccess { Log = true, Action = RuleAction.Drop }.Rules(), .. new HostAccess { Log = true }.Rules()],
        "except" => [.. new MetadataAccess { ExceptNetworks = ["net1"], AllowPorts = PortSpec.ParseAll(["8080"]) }.Rules(), .. new InternalAccess { ExceptNetworks = ["net2"], AllowPorts = PortSpec.ParseAll(["443"]) }.Rules(), .. new HostAccess { ExceptNetworks = ["net1"], AllowPublishedPorts = true }.Rules()],
        "addresses" => [.. new HostAccess { HostAddresses = [Cidr.Parse("192.0.2.1"), Cidr.Parse("172.17.0.1"), Cidr.Parse("fd00::5")] }.Rules(), .. new InternalAccess { AllowAddresses = [Cidr.Parse("10.1.0.0/16")] }.Rules()],
        "ranges" => [.. new InternalAccess { Ranges = [Cidr.Parse("10.0.0.0/8")] }.Rules(), .. new InternalAccess { Network = new NetworkReference("net1"), Ranges = [Cidr.Parse("10.2.0.0/16"), Cidr.Parse("198.18.0.0/15")] }.Rules()],
        _ => [.. new SmtpRate { PerContainer = true }.Rules(), .. new SmtpRate { Ports = "2525", Network = new NetworkReference("net2") }.Rules()],
    };

    // Networks net1, net3 ... with names that Docker gives, net2 and every tenth with one of this module; the subnets follow one another.
    private static HostSnapshot Host(int networks) => Snapshots.Host() with
    {
        Networks =
        [
            new DockerNetwork { Name = "bridge", Id = "a", Driver = "bridge", Bridge = "docker0", Subnets = [Cidr.Parse("172.17.0.0/16")] },
            .. Enumerable.Range(1, networks).Select(i => new DockerNetwork
            {
                Name = $"net{i}", Id = $"{i:x12}", Driver = "bridge", Bridge = networks == 3 && i == 2 ? "dnh-1" : $"br-{i:x12}", Subnets = [Cidr.Parse($"172.{18 + (i / 200)}.{i % 200}.0/24")],
            }),
        ],
        Links = ["lo", "eth0", "docker0", .. Enumerable.Range(1, networks).Select(i => networks == 3 && i == 2 ? "dnh-1" : $"br-{i:x12}")],
    };

    private static HostSnapshot Apply(HostSnapshot host, IReadOnlyList<FirewallRule> rules) =>
        host.After(Plan.From(rules, host, new PlanOptions { Force = true }).Steps.Select(step => (step.Family, step.Restore)));

    // As the rules stood before: no gates, no shared chains, a rule for each destination.
    private static HostSnapshot Flat(HostSnapshot host, IReadOnlyList<FirewallRule> rules, long packets = 0)
    {
        var plan = Plan.From(rules, host, new PlanOptions { Force = true });
        var tables = host.Rules.ToDictionary(pair => pair.Key, pair => pair.Value);
        foreach (var chain in plan.Chains.Where(chain => chain.Lines.Count > 0))
        {
            var lines = chain.Lines.SelectMany(line => VerdictChain.Apart(line.Rule!)).SelectMany(Single).Select(rule => new RuleLine(chain.Family, chain.Hook.Table, chain.Name, rule.Tokens, packets, packets * 60));
            tables[chain.Family] = tables[chain.Family].WithRules(chain.Hook.Table, chain.Name, [.. lines]);
            tables[chain.Family] = tables[chain.Family].WithRules(chain.Hook.Table, chain.Hook.Chain, [chain.Jump, .. tables[chain.Family][chain.Hook.Table, chain.Hook.Chain]]);
        }
        // What a plan says of the jumps counts too: their order is the plan's.
        var flat = host with { Rules = tables };
        Assert.All(plan.Added, line => Assert.DoesNotContain("-g", line.Tokens));
        return flat;
    }

    private static IEnumerable<FirewallRule> Single(FirewallRule rule) =>
        AddressLists.Destinations(rule) is { Count: > 1 } places ? places.Select(place => rule.With(spec => spec.Destination = place.ToString())) : [rule];

    // What happens to which packets; the rules that decide have other places.
    private static List<string> Verdicts(IEnumerable<AccessPart> parts) =>
        [.. parts.GroupBy(part => (part.Verdict, part.Path, part.OutInterface)).Select(group => $"{group.Key}: {group.Select(part => part.Packets).Aggregate((one, other) => one.Union(other))}").Order(StringComparer.Ordinal)];

    // How many lines of ours a packet to an address meets, if it enters by docker0, belongs to a new UDP connection and no line but gates can match it.
    private static int Meets(HostSnapshot host, string table, string chain, string address)
    {
        var rules = host.Rules[Cidr.Parse(address).Family];
        return rules[table, chain].Where(line => JumpPlan.IsOurs(line)).Sum(line => 1 + In(line.Target!));

        int In(string name)
        {
            var count = 0;
            foreach (var line in rules[table, name])
            {
                count++;
                if (ChainLayout.GateOf(line) is (var part, { } place) && place.Contains(Cidr.Parse(address)))
                    return count + In(part);
            }
            return count;
        }
    }

    private static int Lines(HostSnapshot host) => host.Rules.Values.SelectMany(rules => rules.AllRules).Count(line => line.Text.Contains("DNH-", StringComparison.Ordinal));

    private static string Text(HostSnapshot host) => string.Join('\n', host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value.AllRules.Select(line => $"{line.Table} {line.Text}").Order(StringComparer.Ordinal)));
}
