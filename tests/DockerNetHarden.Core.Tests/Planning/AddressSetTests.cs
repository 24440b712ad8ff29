using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Export;
using DockerNetHarden.Iptables;
using DockerNetHarden.Packets;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>Many addresses of one block as a set of ipset: the same rules and the same verdicts as without one, whatever became of the set.</summary>
public sealed class AddressSetTests
{
    private static readonly NetworkReference Apps = new("apps", "apps0", [Cidr.Parse("172.18.0.0/16"), Cidr.Parse("fd01::/64")]);

    private static HostSnapshot Host => Snapshots.Host() with { HasIpSet = true };

    [Theory]
    [InlineData(15, 0)]
    [InlineData(16, 1)]
    [InlineData(200, 1)]
    public void From_sixteen_addresses_on_a_block_asks_a_set(int count, int sets)
    {
        foreach (var rules in new[] { Own(Prefixes(count)), Block(Prefixes(count), Family.IPv4) })
        {
            var after = Apply(Host, rules);
            Assert.Equal(sets, after.IpSets.Count);
            Assert.Equal(sets == 0 ? 0 : count, after.IpSets.Sum(set => set.Members.Count));
            Assert.All(after.IpSets, set => Assert.Matches("^DNH-4-[0-9a-f]{12}$", set.Name));
            // Without ipset, or where nobody looked for it, nothing changes.
            Assert.Empty(Apply(Host with { HasIpSet = false }, rules).IpSets);
            Assert.Empty(Apply(Host with { HasIpSet = null }, rules).IpSets);
        }
    }

    [Fact]
    public void The_forms_of_an_address_in_IPv6_count_once()
    {
        // 15 of its 17 prefixes of IPv6 are five of IPv4.
        Assert.Empty(Apply(Host, new InternalAccess { Network = Apps }.Rules()).IpSets);
        var six = Assert.Single(Apply(Host, new InternalAccess { Network = Apps, Ranges = Prefixes(16) }.Rules()).IpSets, set => set.Family == Family.IPv6);
        Assert.Equal(3 * 16, six.Members.Count);
    }

    public static TheoryData<string> Kinds => ["block", "two blocks", "own", "own with ports", "exceptions", "foreign line", "both"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_packet_meets_the_same_verdict_with_a_set_and_without(string kind)
    {
        var (lines, sets) = (Apply(Host with { HasIpSet = false }, Rules(kind), kind), Apply(Host, Rules(kind), kind));
        Assert.NotEmpty(sets.IpSets);
        Assert.Empty(lines.IpSets);
        var (before, after) = (new PacketWalk(lines), new PacketWalk(sets));
        foreach (var link in new[] { "apps0", "docker0", "eth0" })
        {
            foreach (var family in Enum.GetValues<Family>())
            {
                var query = new AccessQuery { Family = family, InInterface = link };
                Assert.Equal(Verdicts(before.Ask(query)), Verdicts(after.Ask(query)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void They_are_read_back_as_they_were_given_and_nothing_is_left_of_them(string kind)
    {
        var host = Apply(Host, Rules(kind), kind);
        Assert.True(Plan.From(Rules(kind), host, new PlanOptions { Force = true }).IsEmpty);
        Assert.Empty(RulePresence.Problems(Rules(kind), host));
        // In lines, a list in a part with other lists is read as a rule for each address, which come to the same.
        static List<string> Folded(HostSnapshot host) => [.. OurChain.OfHost(host).SelectMany(chain => chain.Folded).Where(line => line.Mark is not null).Select(line => line.Key).Order(StringComparer.Ordinal)];
        Assert.Equal(Folded(Apply(Host with { HasIpSet = false }, Rules(kind), kind)), Folded(host));
        var there = InstalledRule.ReadAll(host).Where(rule => rule.IsOurs).ToList();
        Assert.All(there, rule => Assert.NotNull(rule.Rule));
        Assert.All(there, rule => Assert.DoesNotContain("--match-set", rule.Text, StringComparison.Ordinal));
        // What was read comes back to the same, and takes itself away.
        Assert.True(Plan.From([.. there.Select(rule => rule.Rule!)], host, new PlanOptions { Force = true }).IsEmpty);
        Assert.DoesNotContain(InstalledRule.ReadAll(host.After(Plan.WithoutRules([.. there.Select(rule => rule.Rule!)], host))), rule => rule.IsOurs);
        var gone = host.After(Plan.Without(_ => true, host));
        Assert.Empty(gone.IpSets);
        // A chain with somebody else's line stays with its jump.
        Assert.DoesNotContain(gone.Rules.Values.SelectMany(rules => rules.AllRules), line => line.Comment?.StartsWith(RuleMark.Owner + ":", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void Another_list_is_another_set_and_a_rule_less_is_too()
    {
        var host = Apply(Host, Own(Prefixes(20)));
        var name = Assert.Single(host.IpSets).Name;
        var plan = Plan.From(Own([.. Prefixes(20).AsEnumerable().Reverse()]), host, new PlanOptions { Force = true });
        Assert.True(plan.IsEmpty);
        var less = Plan.WithoutRules([Own(Prefixes(20))[7]], host);
        Assert.Equal([name], less.Sets!.Gone);
        Assert.Single(less.Removed);
        Assert.Empty(less.Added);
        Assert.Equal(19, Assert.Single(host.After(less).IpSets).Members.Count);
        // A rule of the other control keeps the set of this one.
        var more = Plan.From(new MetadataAccess().Rules(), host);
        Assert.True(more.Sets!.IsEmpty);
        Assert.Empty(more.Sets.Gone);
        Assert.Equal([name], more.Sets.Premise);
    }

    [Fact]
    public void A_line_of_counters_is_the_first_rules()
    {
        var host = Apply(Host, Own(Prefixes(20)));
        host = host with { Rules = host.Rules.ToDictionary(pair => pair.Key, pair => Ruleset.Parse(pair.Key, pair.Value.ToString().Replace("[0:0] -A DNH-CUSTOM -m set", "[5:300] -A DNH-CUSTOM -m set", StringComparison.Ordinal))) };
        Assert.Equal(5, InstalledRule.ReadAll(host).Where(rule => rule.IsOurs).Sum(rule => rule.Packets));
        var changed = host.After(Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.1 -j DROP").With(spec => spec.Subject = "other")], host, new PlanOptions { Force = true }));
        Assert.Equal(5, InstalledRule.ReadAll(changed).Where(rule => rule.IsOurs).Sum(rule => rule.Packets));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_set_that_somebody_changed_is_read_as_it_is_and_mended(bool isOwn)
    {
        var rules = isOwn ? Own(Prefixes(20)) : Block(Prefixes(20), Family.IPv4);
        var host = Apply(Host, rules);
        var set = Assert.Single(host.IpSets);
        foreach (var members in new[] { set.Members.Skip(1).ToList(), [.. set.Members, "203.0.113.0/24"], [], [.. set.Members.Select(member => member + " timeout 5")] })
        {
            var changed = host with { IpSets = [set with { Members = members }] };
            // A rule more under the same mark keeps none of the others from acting.
            Assert.Equal(isOwn && members.Count > 20, RulePresence.Problems(rules, changed).Count == 0);
            var plan = Plan.From(rules, changed, new PlanOptions { Force = true });
            Assert.False(plan.IsEmpty);
            Assert.NotEmpty(plan.Diff);
            Assert.Equal(set.Name, Assert.Single(plan.Sets!.Mended).Name);
            var mended = changed.After(plan);
            Assert.True(Plan.From(rules, mended, new PlanOptions { Force = true }).IsEmpty);
            // It can be taken away without being understood.
            Assert.Empty(changed.After(Plan.Without(_ => true, changed)).IpSets);
        }
        // What somebody added is in the rule that is shown, and stays with it while other rules change.
        var wider = host with { IpSets = [set with { Members = [.. set.Members, "203.0.113.0/24"] }] };
        Assert.Contains(InstalledRule.ReadAll(wider), rule => rule.Rule?.Destination?.Contains("203.0.113.0/24", StringComparison.Ordinal) == true);
        var kept = wider.After(Plan.From(new InternalAccess { Ranges = [Cidr.Parse("198.51.100.0/24")] }.Rules(), wider));
        Assert.Contains(kept.IpSets, each => each.Members.Contains("203.0.113.0/24"));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Rules_whose_set_cannot_be_read_are_never_written_again_without_it(bool isOwn, bool isEmpty)
    {
        var rules = isOwn ? Own(Prefixes(20)) : Block(Prefixes(20), Family.IPv4);
        var host = Apply(Host, rules);
        var unread = host with { IpSets = isEmpty ? [Assert.Single(host.IpSets) with { Members = [] }] : [] };
        IReadOnlyList<FirewallRule> other = isOwn ? [FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.1 -j DROP").With(spec => spec.Subject = "other")] : new InternalAccess { Ranges = [Cidr.Parse("198.51.100.0/24")] }.Rules();
        Assert.Equal(PlanFailure.SetUnread, Assert.Throws<PlanException>(() => Plan.From(other, unread, new PlanOptions { Force = true })).Failure);
        Assert.All(InstalledRule.ReadAll(unread).Where(rule => rule.IsOurs && rule.Rule?.Action is not RuleAction.Return), rule => Assert.Null(rule.Rule));
    }

    [Fact]
    public void A_set_of_ours_is_not_for_rules_of_others()
    {
        var set = Assert.Single(Apply(Host, Own(Prefixes(20))).IpSets);
        Assert.Contains(set.Name, Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse($"-A DOCKER-USER -m set --match-set {set.Name} dst -j DROP")], Host)).Message, StringComparison.Ordinal);
        Assert.False(Plan.From([FirewallRule.Parse("-A DOCKER-USER -m set --match-set DNH-mine dst -j DROP")], Host).IsEmpty);
    }

    [Fact]
    public void Rules_that_do_more_than_decide_stay_apart()
    {
        IReadOnlyList<FirewallRule> Each(string rest) => [.. Prefixes(20).Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} {rest}"))];
        foreach (var rest in new[] { "-j LOG", "-m limit --limit 5/min -j ACCEPT", "-m set --match-set other dst -j DROP" })
            Assert.Empty(Apply(Host, Each(rest)).IpSets);
        Assert.Empty(Apply(Host, [.. Prefixes(20).SelectMany(prefix => new[] { FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -p tcp -j DROP"), FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -p udp -j DROP") })]).IpSets);
        // A set cannot hold every address.
        Assert.Empty(Apply(Host, [.. Own(Prefixes(10)), FirewallRule.Parse("-A DOCKER-USER -d 0.0.0.0/0 -j DROP"), .. Own(Prefixes(20)).Skip(10)]).IpSets);
    }

    [Fact]
    public void An_export_is_for_hosts_without_the_set()
    {
        var text = Assert.Single(FirewallExport.Of(ExportFormat.Shell, Own(Prefixes(20)), Apply(Host, Own(Prefixes(20)))).Texts).Text;
        Assert.DoesNotContain("match-set", text, StringComparison.Ordinal);
        Assert.Contains(Prefixes(20)[3].ToString(), text, StringComparison.Ordinal);
    }

    [Fact]
    public void Ten_thousand_prefixes_are_a_set_and_a_few_lines()
    {
        var host = Apply(Host, new InternalAccess { Network = Apps, Ranges = Prefixes(10_000) }.Rules());
        Assert.Equal([10_000, 30_000], host.IpSets.OrderBy(set => set.Family).Select(set => set.Members.Count));
        Assert.InRange(host.Rules.Values.Sum(rules => rules.AllRules.Count), 5, 50);
        Assert.True(Plan.From(new InternalAccess { Network = Apps, Ranges = Prefixes(10_000) }.Rules(), host).IsEmpty);
    }

    [Fact]
    public void What_is_saved_counts_as_many_rules_as_there_are()
    {
        var rules = Rules("both");
        var host = Apply(Host, rules);
        var saved = SavedRules.Of(host) with { SetLines = [.. host.IpSets.SelectMany(set => set.Members.Select(member => $"add {set.Name} {member}"))] };
        Assert.Equal(InstalledRule.ReadAll(host).Count(rule => rule.IsOurs), saved.Count);
        Assert.Equal(saved.Count, SavedRules.Parse(saved.ToText()).Count);
        Assert.InRange(saved.Count, 20, 200);
    }

    [Theory]
    [InlineData(true, 100, "pass them one after the other")]
    [InlineData(false, 100, "reads and writes them all")]
    [InlineData(true, 99, null)]
    [InlineData(false, 99, null)]
    public void A_long_list_on_a_host_without_ipset_is_told_with_its_cost_and_the_way_out(bool isOwn, int count, string? cost)
    {
        var rules = isOwn ? Own(Prefixes(count)) : Block(Prefixes(count));
        IReadOnlyList<string> Warnings(HostSnapshot host, FirewallBackend backend = FirewallBackend.Auto) =>
            [.. Plan.From(rules, host, new PlanOptions { Force = true, Backend = backend }).Warnings.Where(warning => warning.Contains("ipset", StringComparison.Ordinal))];
        var without = Host with { HasIpSet = false };
        if (cost is null)
            Assert.Empty(Warnings(without));
        else
        {
            var warning = Assert.Single(Warnings(without));
            Assert.Contains(cost, warning, StringComparison.Ordinal);
            Assert.Contains($"{count} addresses of {rules[0].Mark}", warning, StringComparison.Ordinal);
            Assert.Contains("Install", warning, StringComparison.Ordinal);
        }
        // Nothing is written the second time, nor said; and nothing is said where a set is made, or where nobody looked.
        Assert.Empty(Warnings(Apply(without, rules)));
        Assert.Empty(Warnings(Host));
        Assert.Empty(Warnings(Host with { HasIpSet = null }));
        Assert.Empty(Warnings(without with { OwnTable = new NftRuleset([], [], []) }, FirewallBackend.Nftables));
    }

    private static HostSnapshot Apply(HostSnapshot host, IReadOnlyList<FirewallRule> rules, string kind = "")
    {
        if (kind is "foreign line")
            host = host with { Rules = host.Rules.ToDictionary(pair => pair.Key, pair => pair.Key == Family.IPv6 ? pair.Value : Ruleset.Parse(pair.Key, pair.Value.ToString().Replace("COMMIT", "[0:0] -A DNH-INTERNAL -d 10.1.0.0/16 -j RETURN\nCOMMIT", StringComparison.Ordinal).Replace(":DOCKER-USER", ":DNH-INTERNAL - [0:0]\n:DOCKER-USER", StringComparison.Ordinal))) };
        return host.After(Plan.From(rules, host, new PlanOptions { Force = true }));
    }

    private static IReadOnlyList<FirewallRule> Rules(string kind) => kind switch
    {
        "block" or "foreign line" => Block(Prefixes(20)),
        "two blocks" => [.. Block(Prefixes(20)), .. new InternalAccess { Ranges = [.. Prefixes(40).Skip(10)] }.Rules()],
        "own" => Own(Prefixes(20)),
        "own with ports" => [.. Own(Prefixes(5)), .. Prefixes(20).Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -i apps0 -p tcp --dport 80 -j REJECT")), FirewallRule.Parse("-A DOCKER-USER -s 198.51.100.0/24 -j DROP"), .. Prefixes(20).Select(prefix => FirewallRule.Parse($"-A INPUT -i apps0 -d {prefix} -p udp -j RETURN"))],
        "exceptions" => new InternalAccess { Network = Apps, Ranges = [Cidr.Parse("10.0.0.0/8"), .. Prefixes(20).Select(prefix => Cidr.Parse("192.168." + prefix.Address.Split('.')[2] + ".0/24"))], AllowAddresses = Prefixes(20), AllowPorts = [.. PortSpec.ParseAll(["443"])] }.Rules(),
        "both" => [.. Own(Prefixes(20)), .. Block(Prefixes(20)), .. new MetadataAccess().Rules()],
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private static IReadOnlyList<FirewallRule> Own(IEnumerable<Cidr> prefixes) => [.. prefixes.Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -j DROP"))];

    private static IReadOnlyList<FirewallRule> Block(IReadOnlyList<Cidr> ranges, Family? only = null) => [.. new InternalAccess { Network = Apps, Ranges = ranges, Dns = false }.Rules().Where(rule => only is null || rule.Family == only)];

    // No two of them can be put together.
    private static List<Cidr> Prefixes(int count) => [.. Enumerable.Range(0, count).Select(index => Cidr.Parse(FormattableString.Invariant($"10.{index / 100}.{index % 100 * 2}.0/{(index % 3 == 0 ? 32 : 24)}")))];

    private static List<string> Verdicts(IEnumerable<AccessPart> parts) =>
        [.. parts.GroupBy(part => (part.Verdict, part.Path, part.OutInterface)).Select(group => $"{group.Key}: {group.Select(part => part.Packets).Aggregate((one, other) => one.Union(other))}").Order(StringComparer.Ordinal)];
}
