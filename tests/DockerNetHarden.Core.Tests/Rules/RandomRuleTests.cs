using System.Text.Json;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Rules;

public sealed class RandomRuleTests
{
    [Fact]
    public void Parse_and_ToString_are_inverses_over_the_whole_vocabulary()
    {
        foreach (var rule in new RandomRules(1).Take(5000))
            Assert.Equal(rule.ToString(), FirewallRule.Parse(rule.ToString()).ToString());
    }

    [Fact]
    public void Every_rule_survives_json_by_its_public_properties()
    {
        foreach (var rule in new RandomRules(2).Take(1000))
        {
            var json = JsonSerializer.Serialize(rule);
            var bag = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!.ToDictionary(
                pair => pair.Key,
                pair => pair.Value.ValueKind switch
                {
                    JsonValueKind.Null => (object?)null,
                    JsonValueKind.Number => pair.Value.GetInt64(),
                    _ => pair.Value.GetString(),
                },
                StringComparer.Ordinal);
            Assert.Equal(rule, FirewallRule.FromProperties(bag));
        }
    }

    [Fact]
    public void Every_public_property_is_a_text_a_number_or_an_enum()
    {
        foreach (var property in typeof(FirewallRule).GetProperties())
        {
            var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            Assert.True(type == typeof(string) || type == typeof(int) || type.IsEnum, $"{property.Name} is a {type}");
        }
    }

    [Fact]
    public void A_rule_written_into_a_save_output_is_read_back_as_the_same_rule()
    {
        foreach (var rule in new RandomRules(3).Take(2000))
        {
            var chain = rule.Hook.ChainOf(rule.Control);
            var save = $"*{rule.Table}\n:{chain} - [0:0]\n-A {chain} {SaveTokenizer.Join(rule.Tokens)}\nCOMMIT\n";
            var line = Assert.Single(Ruleset.Parse(rule.Family, save)[rule.Table, chain]);
            Assert.Equal(rule, RuleParser.TryReadLine(rule.Family, rule.Table, rule.Chain, line.Tokens));
        }
    }
}
