using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using FsCheck;
using FsCheck.Fluent;

namespace DockerNetHarden.Core.Tests.Iptables;

public sealed class RuleLineTests
{
    private static RuleLine Rule(params string[] tokens) => new(Family.IPv4, "filter", "DOCKER-USER", tokens);

    [Fact]
    public void Text_is_what_iptables_save_prints_without_counters()
    {
        Assert.Equal("-A DOCKER-USER -d 169.254.169.254/32 -m comment --comment \"a b\" -j DROP",
            (Rule("-d", "169.254.169.254/32", "-m", "comment", "--comment", "a b", "-j", "DROP") with { Packets = 3 }).Text);
        Assert.Equal("-A DOCKER-USER", Rule().Text);
    }

    [Theory]
    [InlineData("DROP", null, "-j", "DROP")]
    [InlineData("Y", null, "-s", "10.0.0.0/8", "-g", "Y")]
    [InlineData(null, null, "-s", "10.0.0.0/8")]
    [InlineData(null, null)]
    [InlineData("DROP", "-j", "-m", "comment", "--comment", "-j", "-j", "DROP")]
    [InlineData(null, "-j ACCEPT", "-m", "comment", "--comment", "-j ACCEPT")]
    [InlineData("LOG", null, "-j", "LOG", "--log-prefix", "--comment", "--log-level", "4")]
    [InlineData("RETURN", "last", "-m", "comment", "--comment", "first", "-m", "comment", "--comment", "last", "-j", "RETURN")]
    [InlineData("RETURN", "!", "-m", "comment", "--comment", "!", "-j", "RETURN")]
    [InlineData("RETURN", "--comment", "-m", "comment", "--comment", "--comment", "-j", "RETURN")]
    [InlineData("DROP", null, "-m", "recent", "--name", "--comment", "--rsource", "-j", "DROP")]
    [InlineData("DROP", null, "-i", "-j", "-j", "DROP")]
    public void Target_and_comment_are_options_and_never_values(string? target, string? comment, params string[] tokens)
    {
        Assert.Equal(target, Rule(tokens).Target);
        Assert.Equal(comment, Rule(tokens).Comment);
    }

    [Fact]
    public void Rules_are_equal_by_what_they_say_and_not_by_counters_or_place()
    {
        var rule = Rule("-j", "DROP");
        var read = Ruleset.Parse(Family.IPv4, "*filter\n:DOCKER-USER - [0:0]\n[5:300] -A DOCKER-USER -j \"DROP\"\nCOMMIT\n")["filter", "DOCKER-USER"][0];
        Assert.Equal(rule, read);
        Assert.Equal(rule.GetHashCode(), read.GetHashCode());
        Assert.NotEqual(rule, rule with { Family = Family.IPv6 });
        Assert.NotEqual(rule, rule with { Table = "mangle" });
        Assert.NotEqual(rule, rule with { Chain = "INPUT" });
        Assert.NotEqual(rule, Rule("-j", "RETURN"));
        Assert.NotEqual(rule, Rule("-j", "drop"));
        Assert.NotEqual(rule, Rule("-j", "DROP", ""));
    }

    [Fact]
    public void A_changed_rule_no_longer_has_the_text_that_it_was_read_from()
    {
        var read = Ruleset.Parse(Family.IPv4, "*filter\n:X - [0:0]\n-A X -j DROP\nCOMMIT\n")["filter", "X"][0];
        Assert.Equal("-A X -j DROP", read.Raw);
        Assert.Equal("-A X -j DROP", (read with { Packets = 1 }).Raw);
        Assert.Null((read with { Tokens = ["-j", "RETURN"] }).Raw);
        Assert.Null((read with { Chain = "Y" }).Raw);
        Assert.Null((read with { Table = "mangle" }).Raw);
    }

    [Fact]
    public void Tokens_cannot_be_changed_from_outside()
    {
        var tokens = new[] { "-j", "DROP" };
        var rule = Rule(tokens);
        tokens[1] = "ACCEPT";
        Assert.Equal("DROP", rule.Target);
        Assert.Equal(0, rule.Position);
    }

    [Theory]
    [InlineData("filter", "", "is empty")]
    [InlineData("filter", "a b", "white space")]
    [InlineData("filter", "a\nb", "white space")]
    [InlineData("", "X", "is empty")]
    [InlineData("fil ter", "X", "white space")]
    [InlineData("filter", "-x", "first character '-'")]
    [InlineData("filter", "!x", "first character '!'")]
    public void A_name_that_could_not_be_read_back_is_refused(string table, string chain, string reason) =>
        Assert.Contains(reason, Assert.Throws<ArgumentException>(() => new RuleLine(Family.IPv4, table, chain, [])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("a\n-A INPUT -j ACCEPT")]
    [InlineData("a\0")]
    public void A_token_that_would_end_the_line_is_refused(string token) =>
        Assert.Contains("line break or a NUL", Assert.Throws<ArgumentException>(() => Rule("--comment", token)).Message, StringComparison.Ordinal);

    [Fact]
    public void Any_rule_is_read_back_from_its_text() =>
        Prop.ForAll(SaveText.Tokens.ToArbitrary(), tokens =>
        {
            var rule = Rule(tokens);
            var read = Ruleset.Parse(Family.IPv4, $"*filter\n:DOCKER-USER - [0:0]\n{rule.Text}\nCOMMIT\n")["filter", "DOCKER-USER"];
            return read.Count == 1 && read[0].Equals(rule) && read[0].Text == rule.Text && read[0].Comment == rule.Comment && read[0].Target == rule.Target;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
}
