using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Export;
using DockerNetHarden.Nftables;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using HostOnPaper = DockerNetHarden.Core.Tests.Planning.Snapshots;

namespace DockerNetHarden.Core.Tests.Nftables;

/// <summary>A person's own list of addresses in our nftables table: named sets in place of a line for each address, and the same rules for everybody who asks.</summary>
public sealed class OwnListTests
{
    private static readonly PlanOptions Nft = new() { Backend = FirewallBackend.Nftables, Force = true };

    private static HostSnapshot Bare => HostOnPaper.Host() with { OwnTable = new NftRuleset([], [], []) };

    [Theory]
    [InlineData(15, 0, 15)]
    [InlineData(16, 1, 1)]
    [InlineData(500, 1, 1)]
    public void From_sixteen_addresses_on_a_list_is_one_set_and_one_line(int count, int sets, int lines)
    {
        var text = Made(Own(Prefixes(count)));
        Assert.Equal(sets, text.Count(line => line.StartsWith("add set ", StringComparison.Ordinal)));
        Assert.Equal(lines, text.Count(line => line.Contains("comment \"DockerNetHarden:Custom\"", StringComparison.Ordinal)));
        // An export loads the same table.
        Assert.Equal(sets, FirewallExport.Of(ExportFormat.Nftables, Own(Prefixes(count))).Texts[0].Text.Split('\n').Count(line => line.TrimStart().StartsWith("set ip_", StringComparison.Ordinal)));
    }

    [Fact]
    public void Prefixes_that_a_set_would_put_together_go_into_another_one()
    {
        List<Cidr> halves = [.. Prefixes(20).SelectMany(prefix => new[] { Cidr.Parse($"{prefix.Address}/25"), Cidr.Parse($"{prefix.Address[..^1]}128/25") })], whole = [.. Prefixes(20).Select(prefix => Cidr.Parse($"{prefix.Address}/24"))];
        var groups = OwnLists.Apart(halves.Concat(whole));
        Assert.Equal(3, groups.Count);
        Assert.Equal(60, groups.Sum(group => group.Count));
        Assert.All(groups, group => Assert.Equal(group, Cidr.Aggregate(group)));
        var text = Made(Own([.. halves, .. whole, Cidr.Parse("10.0.0.0/8")]));
        Assert.Equal(3, text.Count(line => line.StartsWith("add set ", StringComparison.Ordinal)));
        // What is left over keeps its line.
        Assert.Single(text, line => line.Contains("ip daddr 10.0.0.0/8 counter drop", StringComparison.Ordinal));
        Assert.Equal([[Cidr.Parse("0.0.0.0/1")], [Cidr.Parse("128.0.0.0/1")]], OwnLists.Apart([Cidr.Parse("128.0.0.0/1"), Cidr.Parse("0.0.0.0/1")]));
        Assert.Empty(OwnLists.Apart([]));
    }

    [Fact]
    public void Rules_that_do_more_than_decide_and_rules_between_stay_lines()
    {
        foreach (var rest in new[] { "-j LOG", "-m limit --limit 5/min -j ACCEPT" })
            Assert.DoesNotContain(Made([.. Prefixes(20).Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} {rest}"))]), line => line.StartsWith("add set ", StringComparison.Ordinal));
        var apart = Made([.. Own(Prefixes(20)), FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.7 -j ACCEPT"), .. Prefixes(40).Skip(20).Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -j DROP"))]);
        Assert.Equal(["drop", "accept", "drop"], apart.Where(line => line.Contains("comment \"DockerNetHarden:Custom\"", StringComparison.Ordinal)).Select(line => line.Split(" counter ")[1].Split(' ')[0]));
    }

    [Fact]
    public void What_the_kernel_has_is_read_as_the_rules_that_were_given()
    {
        var (rules, host) = (Own(Prefixes(20)), Listed(Prefixes(20)));
        Assert.True(Plan.From(rules, host, Nft).IsEmpty, Plan.From(rules, host, Nft).Nft?.Text);
        Assert.Empty(RulePresence.Problems(rules, host));
        var there = InstalledRule.ReadAll(host).Where(rule => rule.IsOurs).ToList();
        Assert.Equal(rules.Select(rule => rule.ToString()).Order(StringComparer.Ordinal), there.Select(rule => rule.Rule!.ToString()).Order(StringComparer.Ordinal));
        Assert.Equal(7, there.Sum(rule => rule.Packets));
        Assert.Equal(Enumerable.Range(1, 20), there.Select(rule => rule.Position));
        // As many as Get-FirewallRule shows.
        Assert.Equal(20, SavedRules.Of(host).Count);
        // One rule less: another set in the place of the old one, with what the line counted.
        var less = Plan.WithoutRules([rules[4]], host).Nft!;
        Assert.Single(less.Removed);
        Assert.Empty(less.Added);
        Assert.Contains("counter packets 7 bytes 420 drop", less.Text, StringComparison.Ordinal);
        Assert.Matches("delete set inet docker_net_harden ip_", less.Text);
        Assert.Equal("delete table inet docker_net_harden\n", Plan.Without(_ => true, host).Nft!.Text);
    }

    [Fact]
    public void A_set_with_an_element_less_protects_nobody_until_it_is_whole_again()
    {
        var host = Listed(Prefixes(20));
        var torn = host with { OwnTable = host.OwnTable! with { Sets = [.. host.OwnTable.Sets.Select(set => set with { Elements = [.. set.Elements.Skip(1)] })] } };
        Assert.NotEmpty(RulePresence.Problems(Own(Prefixes(20)), torn));
        Assert.Contains("add element inet docker_net_harden ip_", Plan.From(Own(Prefixes(20)), torn, Nft).Nft!.Text, StringComparison.Ordinal);
    }

    private static string[] Made(IReadOnlyList<FirewallRule> rules) => Plan.From(rules, Bare, Nft).Nft!.Text.Split('\n');

    private static IReadOnlyList<FirewallRule> Own(IEnumerable<Cidr> prefixes) => [.. prefixes.Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -j DROP"))];

    // No two of them can be put together.
    private static List<Cidr> Prefixes(int count) => [.. Enumerable.Range(0, count).Select(index => Cidr.Parse(FormattableString.Invariant($"10.{index / 100}.{index % 100 * 2}.0/24")))];

    // As nft -j lists the table with these prefixes.
    private static HostSnapshot Listed(IReadOnlyList<Cidr> prefixes)
    {
        const string Where = "\"family\":\"inet\",\"table\":\"docker_net_harden\"";
        var name = new NftSets().Addresses(prefixes);
        var elements = string.Join(',', prefixes.Select(prefix => $$$"""{"prefix":{"addr":"{{{prefix.Address}}}","len":{{{prefix.Length}}} } }"""));
        var json = $$$"""
            {"nftables":[{"table":{"family":"inet","name":"docker_net_harden","handle":1}},
            {"set":{{{{Where}}},"name":"{{{name}}}","type":"ipv4_addr","handle":2,"flags":["interval"],"elem":[{{{elements}}}]}},
            {"chain":{{{{Where}}},"name":"filter_forward_custom_ip","handle":3}},
            {"chain":{{{{Where}}},"name":"filter_forward","handle":4,"type":"filter","hook":"forward","prio":-10,"policy":"accept"}},
            {"rule":{{{{Where}}},"chain":"filter_forward_custom_ip","handle":5,"comment":"DockerNetHarden:Custom","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"@{{{name}}}"}},{"counter":{"packets":7,"bytes":420}},{"drop":null}]}},
            {"rule":{{{{Where}}},"chain":"filter_forward","handle":6,"comment":"DockerNetHarden","expr":[{"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":"ipv4"}},{"jump":{"target":"filter_forward_custom_ip"}}]}}]}
            """;
        return Bare with { OwnTable = NftText.Parse(Encoding.UTF8.GetBytes(json)) };
    }
}
