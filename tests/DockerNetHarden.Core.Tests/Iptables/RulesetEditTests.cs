using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using FsCheck;
using FsCheck.Fluent;

namespace DockerNetHarden.Core.Tests.Iptables;

public sealed class RulesetEditTests
{
    private const string Save =
        "# head\n*filter\n:INPUT ACCEPT [7:8]\n:A - [0:0]\n:B - [0:0]\n[1:10] -A A -j  one\n# between\n[2:20] -A B -j admin\n[3:30] -A A -j two\n[4:40] -A A -j three\n# last\nCOMMIT\n# tail\n";

    private static Ruleset Rules(string save = Save) => Ruleset.Parse(Family.IPv4, save);

    private static string[] Raw(Ruleset rules) => [.. rules["filter", "A"].Select(static rule => rule.Raw!)];

    private static RuleLine Rule(string target, string chain = "A", string table = "filter", long packets = 0, long bytes = 0) =>
        new(Family.IPv4, table, chain, ["-j", target], packets, bytes);

    private static string Edited(params string[] targets) => Rules().WithRules("filter", "A", [.. targets.Select(static target => Rule(target))]).ToString();

    [Fact]
    public void The_same_rules_change_nothing() => Assert.Equal(Save, Edited("one", "two", "three"));

    [Fact]
    public void A_new_rule_goes_to_its_place_and_nothing_else_moves()
    {
        Assert.Equal(Save.Replace("[4:40]", "[0:0] -A A -j new\n[4:40]", StringComparison.Ordinal), Edited("one", "two", "new", "three"));
        Assert.Equal(Save.Replace("# last", "[0:0] -A A -j new\n# last", StringComparison.Ordinal), Edited("one", "two", "three", "new"));
        Assert.Equal(Save.Replace("[1:10]", "[0:0] -A A -j new\n[1:10]", StringComparison.Ordinal), Edited("new", "one", "two", "three"));
    }

    [Fact]
    public void A_replaced_rule_and_a_removed_one_leave_the_rest()
    {
        Assert.Equal(Save.Replace("[3:30] -A A -j two", "[0:0] -A A -j new", StringComparison.Ordinal), Edited("one", "new", "three"));
        Assert.Equal(Save.Replace("[3:30] -A A -j two\n", "", StringComparison.Ordinal), Edited("one", "three"));
        Assert.Equal(
            "# head\n*filter\n:INPUT ACCEPT [7:8]\n:A - [0:0]\n:B - [0:0]\n# between\n[2:20] -A B -j admin\n# last\nCOMMIT\n# tail\n",
            Rules().WithRules("filter", "A", []).ToString());
    }

    [Fact]
    public void Rules_that_change_places_keep_their_bytes_and_counters()
    {
        var edited = Rules().WithRules("filter", "A", [Rule("three", packets: 99, bytes: 99), Rule("one")]);
        Assert.Equal(["[4:40] -A A -j three", "[1:10] -A A -j  one"], Raw(edited));
        Assert.Equal([(1, 4L), (2, 1L)], edited["filter", "A"].Select(static rule => (rule.Position, rule.Packets)));
    }

    [Fact]
    public void Two_equal_rules_are_each_used_once()
    {
        var edited = Rules().WithRules("filter", "A", [Rule("one"), Rule("one", packets: 5, bytes: 6)]);
        Assert.Equal(["[1:10] -A A -j  one", "[5:6] -A A -j one"], Raw(edited));
    }

    [Fact]
    public void A_missing_chain_is_declared_after_the_others() =>
        Assert.Equal(
            Save.Replace(":B - [0:0]\n", ":B - [0:0]\n:DNH-SMTP - [0:0]\n", StringComparison.Ordinal).Replace("COMMIT", "[0:0] -A DNH-SMTP -j DROP\nCOMMIT", StringComparison.Ordinal),
            Rules().WithRules("filter", "DNH-SMTP", [Rule("DROP", "DNH-SMTP")]).ToString());

    [Fact]
    public void The_first_rule_of_a_chain_comes_before_those_of_later_chains() =>
        Assert.Equal(
            Save.Replace("[1:10]", "[0:0] -A INPUT -j DROP\n[1:10]", StringComparison.Ordinal),
            Rules().WithRules("filter", "INPUT", [Rule("DROP", "INPUT")]).ToString());

    [Theory]
    [InlineData("", "*mangle\n:POSTROUTING ACCEPT [0:0]\n[0:0] -A POSTROUTING -j DROP\nCOMMIT\n")]
    [InlineData("*nat\nCOMMIT", "*nat\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT [0:0]\n[0:0] -A POSTROUTING -j DROP\nCOMMIT\n")]
    [InlineData("*nat\r\nCOMMIT\r\n", "*nat\r\nCOMMIT\r\n*mangle\r\n:POSTROUTING ACCEPT [0:0]\r\n[0:0] -A POSTROUTING -j DROP\r\nCOMMIT\r\n")]
    [InlineData("*nat\n:X - [0:0]\n-A X -j Y\nCOMMIT\r", "*nat\n:X - [0:0]\n-A X -j Y\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j DROP\nCOMMIT\n")]
    public void A_missing_table_is_added_in_the_style_of_the_text(string save, string expected) =>
        Assert.Equal(expected, Rules(save).WithRules("mangle", "POSTROUTING", [Rule("DROP", "POSTROUTING", "mangle")]).ToString());

    [Fact]
    public void New_rules_have_no_counters_if_the_text_has_none()
    {
        var edited = Rules("*filter\n:A - [0:0]\n-A A -j one\nCOMMIT\n").WithRules("filter", "A", [Rule("one"), Rule("two", packets: 5, bytes: 6)]);
        Assert.Equal("*filter\n:A - [0:0]\n-A A -j one\n-A A -j two\nCOMMIT\n", edited.ToString());
        Assert.False(edited.HasCounters);
        Assert.Equal(0, edited["filter", "A"][1].Packets);
    }

    [Fact]
    public void A_rule_for_another_place_is_refused()
    {
        foreach (var rule in new[] { Rule("x", "B"), Rule("x", table: "mangle"), Rule("x") with { Family = Family.IPv6 } })
            Assert.Contains("not for IPv4, table filter, chain A", Assert.Throws<ArgumentException>(() => Rules().WithRules("filter", "A", [rule])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Rules().WithRules("filter", "a b", []));
    }

    [Fact]
    public void A_removed_chain_takes_its_declaration_and_rules_with_it()
    {
        Assert.Equal(
            "# head\n*filter\n:INPUT ACCEPT [7:8]\n:B - [0:0]\n# between\n[2:20] -A B -j admin\n# last\nCOMMIT\n# tail\n",
            Rules().WithoutChain("filter", "A").ToString());
        var before = Rules();
        Assert.Same(before, before.WithoutChain("filter", "NOPE"));
        Assert.Same(before, before.WithoutChain("mangle", "A"));
        Assert.Contains("built in", Assert.Throws<ArgumentException>(() => before.WithoutChain("filter", "INPUT")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_chain_of_the_same_name_in_another_table_is_left_alone()
    {
        const string Two = "*nat\n:A - [0:0]\n-A A -j n\nCOMMIT\n*filter\n:A - [0:0]\n-A A -j f\nCOMMIT\n";
        Assert.Equal("*nat\n:A - [0:0]\n-A A -j n\nCOMMIT\n*filter\nCOMMIT\n", Rules(Two).WithoutChain("filter", "A").ToString());
        Assert.Equal("*nat\n:A - [0:0]\nCOMMIT\n*filter\n:A - [0:0]\n-A A -j f\nCOMMIT\n", Rules(Two).WithRules("nat", "A", []).ToString());
    }

    [Fact]
    public void An_edit_leaves_the_rule_set_that_it_was_made_from_as_it_was()
    {
        var rules = Rules();
        rules.WithRules("filter", "A", []).WithoutChain("filter", "B");
        Assert.Equal(Save, rules.ToString());
        Assert.Equal(3, rules["filter", "A"].Count);
    }

    [Fact]
    public void Any_edit_has_its_effect_and_touches_no_other_line() =>
        Prop.ForAll(SaveText.Whole.ToArbitrary(), SaveText.Tokens.ListOf().ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (save, fresh, seed) =>
        {
            var before = Rules(save);
            var random = new Random(seed);
            var table = before.Tables[random.Next(before.Tables.Count)];
            var chains = before.ChainsOf(table);
            var chain = chains.Count == 0 || random.Next(8) == 0 ? "NEW" : chains[random.Next(chains.Count)].Name;

            // Some of the existing rules, some new ones, in any order.
            var wanted = before[table, chain].Where(_ => random.Next(3) > 0).Concat(fresh.Select(tokens => new RuleLine(Family.IPv4, table, chain, tokens))).ToArray();
            if (random.Next(2) == 0)
                random.Shuffle(wanted);
            var after = before.WithRules(table, chain, wanted);

            bool Foreign(RuleLine rule) => rule.Table != table || rule.Chain != chain;
            var others = before.AllRules.Where(Foreign).Select(static rule => (rule.Table, rule.Raw, rule.Position));
            return after[table, chain].SequenceEqual(wanted)
                && others.SequenceEqual(after.AllRules.Where(Foreign).Select(static rule => (rule.Table, rule.Raw, rule.Position)))
                && before.ToString() == save
                && Rules(after.ToString())[table, chain].SequenceEqual(wanted)
                && before.Tables.All(other => other == table || before.Lines(other).SequenceEqual(after.Lines(other), StringComparer.Ordinal))
                && after.WithRules(table, chain, wanted).ToString() == after.ToString();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
}
