using System.Text.RegularExpressions;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;
using DockerNetHarden.Tests;

namespace DockerNetHarden.Core.Tests.Rules;

/// <summary>The table of fields is complete: each is a property, a parameter with help, and something that text, property bags and nft can express.</summary>
public sealed partial class RuleFieldTests
{
    // Fields of the mark have no option, and no parameter of their own name.
    private static readonly string[] OfTheMark = ["Control", "Subject", "Network"];

    // A rule without the field, and with it.
    private static readonly Dictionary<string, (string Without, string With)> Examples = new(StringComparer.Ordinal)
    {
        ["Control"] = (Marked("Custom"), Marked("HostAccess")),
        ["Subject"] = (Marked("Custom"), Marked("Custom/x")),
        ["Network"] = (Marked("Custom"), Marked("Custom:web")),
        ["Family"] = ("-A INPUT -j DROP", "-6 -A INPUT -j DROP"),
        ["Table"] = ("-A INPUT -j DROP", "-t mangle -A INPUT -j DROP"),
        ["Chain"] = ("-A DOCKER-USER -j DROP", "-A INPUT -j DROP"),
        ["Source"] = Plain("! -s 10.0.0.0/8"),
        ["Destination"] = Plain("-d 10.0.0.1/32"),
        ["InInterface"] = Plain("-i br-+"),
        ["OutInterface"] = Plain("! -o docker0"),
        ["Protocol"] = Plain("-p tcp"),
        ["SourcePort"] = Plain("-p tcp", "-m tcp --sport 1000:2000"),
        ["DestinationPort"] = Plain("-p udp", "-m multiport ! --dports 25,465"),
        ["TcpFlags"] = Plain("-p tcp", "-m tcp ! --tcp-flags SYN,ACK SYN"),
        ["IcmpType"] = Plain("-p icmp", "-m icmp --icmp-type 3/4"),
        ["ConnectionState"] = Plain("-m conntrack ! --ctstate DNAT"),
        ["OriginalDestination"] = Plain("-m conntrack ! --ctorigdst 10.0.0.0/8"),
        ["OriginalDestinationPort"] = Plain("-p tcp", "-m conntrack --ctorigdstport 80:90"),
        ["ConnectionDirection"] = Plain("-m conntrack --ctdir REPLY"),
        ["Connections"] = ("-A DOCKER-USER -j DROP", "-A DOCKER-USER -j DNH-DROP"),
        ["SourceAddressType"] = Plain("-m addrtype ! --src-type LOCAL"),
        ["DestinationAddressType"] = Plain("-m addrtype --dst-type UNICAST,LOCAL"),
        ["Set"] = Plain("-m set ! --match-set bad src,dst"),
        ["Limit"] = Plain("-m limit --limit 7/min"),
        ["LimitBurst"] = Plain("-m limit --limit 7/min", "--limit-burst 3"),
        ["HashLimit"] = Plain("-m hashlimit --hashlimit-above 5/min --hashlimit-burst 5 --hashlimit-name x"),
        ["HashLimitBurst"] = ("-A DOCKER-USER -m hashlimit --hashlimit-upto 5/min --hashlimit-name x -j DROP", "-A DOCKER-USER -m hashlimit --hashlimit-upto 5/min --hashlimit-burst 9 --hashlimit-name x -j DROP"),
        ["HashLimitMode"] = ("-A DOCKER-USER -m hashlimit --hashlimit-upto 5/min --hashlimit-name x -j DROP", "-A DOCKER-USER -m hashlimit --hashlimit-upto 5/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name x -j DROP"),
        ["HashLimitName"] = ("-A DOCKER-USER -m hashlimit --hashlimit-upto 5/min -j DROP", "-A DOCKER-USER -m hashlimit --hashlimit-upto 5/min --hashlimit-burst 5 --hashlimit-name x -j DROP"),
        ["Comment"] = (Marked("Custom"), Marked("Custom my own words")),
        ["Action"] = ("-A DOCKER-USER -j DROP", "-A DOCKER-USER -j RETURN"),
        ["RejectWith"] = ("-A DOCKER-USER -j REJECT", "-A DOCKER-USER -j REJECT --reject-with icmp-host-prohibited"),
        ["LogPrefix"] = ("-A DOCKER-USER -j LOG", "-A DOCKER-USER -j LOG --log-prefix \"a b \""),
        ["JumpTarget"] = ("-A DOCKER-USER -j DROP", "-A DOCKER-USER -j MINE"),
    };

    // The names of buckets in nft are the renderer's own.
    private static readonly string[] NotInNft = ["HashLimitName"];

    public static TheoryData<string> Fields => [.. RuleFields.All.Select(each => each.Name)];

    [Fact]
    public void The_fields_are_the_properties_of_a_rule_and_each_has_an_example()
    {
        var properties = typeof(FirewallRule).GetProperties().Select(property => property.Name).Except([nameof(FirewallRule.Phase)], StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(properties, RuleFields.All.Select(field => field.Name).Order(StringComparer.Ordinal));
        Assert.Equal(properties, Examples.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_option_belongs_to_one_field() =>
        Assert.All(RuleFields.All.SelectMany(field => field.Forms.SelectMany(form => form.Options).Distinct(StringComparer.Ordinal)).GroupBy(option => option, StringComparer.Ordinal), option => Assert.Single(option));

    [Theory]
    [MemberData(nameof(Fields))]
    public void A_field_is_read_written_and_survives_a_property_bag(string name)
    {
        var (without, with) = (FirewallRule.Parse(Examples[name].Without), FirewallRule.Parse(Examples[name].With));
        Assert.NotEqual(Value(without, name), Value(with, name));
        Assert.NotEqual(without, with);
        // The option is in the text as it was given; the mark is written after the matches.
        Assert.All(Examples[name].With.Split(' ').Except(["-m", "comment"], StringComparer.Ordinal), word => Assert.Contains(word, with.ToString(), StringComparison.Ordinal));
        Assert.Equal(with, FirewallRule.FromProperties(typeof(FirewallRule).GetProperties().ToDictionary(property => property.Name, property => property.GetValue(with), StringComparer.Ordinal)));
        Assert.Equal(with, RuleParser.TryReadLine(with.Family, with.Table, with.Chain, with.Tokens));
    }

    [Theory]
    [MemberData(nameof(Fields))]
    public void A_field_that_is_exported_to_nft_is_said_there_or_refused(string name)
    {
        if (NotInNft.Contains(name, StringComparer.Ordinal))
            return;
        var without = NftRenderer.Render([FirewallRule.Parse(Examples[name].Without)]);
        var error = Record.Exception(() => Assert.NotEqual(without, NftRenderer.Render([FirewallRule.Parse(Examples[name].With)])));
        Assert.True(error is null or NftException, error?.Message);
    }

    // A match that lost its value would match more.
    [Theory]
    [MemberData(nameof(Fields))]
    public void A_field_stands_once_and_is_negated_only_where_iptables_can(string name)
    {
        var field = RuleFields.All.Single(field => field.Name == name);
        foreach (var option in field.Forms.SelectMany(form => form.Options))
        {
            var arguments = string.Concat(Enumerable.Repeat(" 1", field.Forms.First(form => form.Options.Contains(option, StringComparer.Ordinal)).Arguments));
            Assert.Contains("twice", Refusal($"{option}{arguments} {option}{arguments}"), StringComparison.Ordinal);
            if (!field.IsNegatable)
                Assert.Contains($"{option} cannot be negated", Refusal($"! {option}{arguments}"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Fields))]
    public void The_help_of_its_parameter_names_the_option_and_whether_it_can_be_negated(string name)
    {
        if (OfTheMark.Contains(name, StringComparer.Ordinal))
            return;
        var field = RuleFields.All.Single(field => field.Name == name);
        var parameter = Parameter().Matches(ProjectRoot.Read("docs", "cmdlets", "New-FirewallRule.md").ReplaceLineEndings("\n"))
            .Single(match => match.Groups["names"].Value.Split(", ").Append(match.Groups["name"].Value).Contains(name, StringComparer.Ordinal)).Groups["text"].Value;
        Assert.All(field.Forms.Where(form => form.Modules[0] is not "state").Select(form => form.Options[0]), option => Assert.Contains(option, parameter, StringComparison.Ordinal));
        Assert.Equal(field.IsNegatable, parameter.Contains("A ! before", StringComparison.Ordinal));
    }

    // Sets and chains must be on the host before a rule names them; the lab writes random rules to real hosts.
    [Fact]
    public void Random_rules_use_every_field()
    {
        var rules = new RandomRules(11).Take(3000).ToList();
        var unused = RuleFields.All.Where(field => rules.Select(rule => Value(rule, field.Name)).Distinct().Take(2).Count() < 2).Select(field => field.Name);
        Assert.Equal(["Set", "Connections", "JumpTarget"], unused);
    }

    private static object? Value(FirewallRule rule, string name) => typeof(FirewallRule).GetProperty(name)!.GetValue(rule);

    private static string Refusal(string text) => Record.Exception(() => FirewallRule.Parse(text))?.Message ?? "";

    private static string Marked(string mark) => $"-A INPUT -m comment --comment \"DockerNetHarden:{mark}\" -j DROP";

    private static (string, string) Plain(string match) => ("-A DOCKER-USER -j DROP", $"-A DOCKER-USER {match} -j DROP");

    private static (string, string) Plain(string before, string match) => ($"-A DOCKER-USER {before} -j DROP", $"-A DOCKER-USER {before} {match} -j DROP");

    [GeneratedRegex(@"^### -(?<name>\w+)\n(?<text>[^\n]+)\n\n```yaml\n[^`]*?Aliases:[ ]?(?<names>[^\n]*)\n", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Parameter();
}
