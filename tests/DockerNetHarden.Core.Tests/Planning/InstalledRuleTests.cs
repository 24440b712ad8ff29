using DockerNetHarden.Addresses;
using DockerNetHarden.Core.Tests.Rules;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>What is read of a host's lines, and how a kept one becomes a rule again.</summary>
public sealed class InstalledRuleTests
{
    private const string Ours = "-A DNH-CUSTOM -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -m comment --comment \"DockerNetHarden:Custom/mine a note\" -j DROP";

    [Fact]
    public void Every_rule_comes_back_from_its_properties_its_text_and_its_string()
    {
        var rules = new RandomRules(7).Take(500).DistinctBy(rule => rule.ToString()).ToList();
        var installed = InstalledRule.ReadAll(Snapshots.Host(Save(rules, Family.IPv4), Save(rules, Family.IPv6)));
        Assert.Equal(rules.Count, installed.Count);
        Assert.Equal(rules.Select(rule => rule.ToString()).Order(StringComparer.Ordinal), installed.Select(line => line.Rule!.ToString()).Order(StringComparer.Ordinal));
        foreach (var line in installed)
        {
            var bag = Bag(line);
            Assert.Equal(line.Rule, InstalledRule.FromProperties(bag));
            bag["Rule"] = line.Rule!.ToString();
            Assert.Equal(line.Rule, InstalledRule.FromProperties(bag.ToDictionary(pair => pair.Key, pair => (object?)(pair.Value is null or Enum ? $"{pair.Value}" : pair.Value))));
            Assert.Equal(line.Rule, Assert.Single(new RuleScript().Read(line.ToString())).Rule);
            foreach (var property in typeof(FirewallRule).GetProperties().Where(property => property.Name is not ("Chain" or "Phase")))
                Assert.Equal($"{property.GetValue(line.Rule)}", $"{typeof(InstalledRule).GetProperty(property.Name)!.GetValue(line)}");
        }
    }

    [Theory]
    [InlineData("-A FORWARD -o docker0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j ACCEPT", "OutInterface=docker0 ConnectionState=!RELATED,ESTABLISHED Action=Accept")]
    [InlineData("-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", "Source=172.17.0.0/16 OutInterface=!docker0 Action=MASQUERADE")]
    [InlineData("-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80", "InInterface=!docker0 Protocol=tcp DestinationPort=8080 Action=DNAT")]
    [InlineData("-A INPUT -m string --string \"-d 10.0.0.1\" --algo bm -m comment --comment \"-s you\" -j LOG --log-prefix \"-p udp\"", "Comment=-s you LogPrefix=-p udp Action=Log")]
    [InlineData("-A INPUT -m comment --comment \"DockerNetHarden:Custom/typed\" -g ufw-user", "Comment=DockerNetHarden:Custom/typed Action=ufw-user")]
    [InlineData("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN SYN -m hashlimit --hashlimit-above 5/min --hashlimit-burst 99999999999 --hashlimit-name x", "Protocol=tcp TcpFlags=FIN,SYN SYN HashLimit=above 5/min HashLimitName=x")]
    public void Lines_of_others_have_what_they_name(string text, string expected)
    {
        var line = Assert.Single(InstalledRule.ReadAll(Snapshots.Host($"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:POSTROUTING - [0:0]\n:DOCKER - [0:0]\n{text}\nCOMMIT\n", "")));
        var found = typeof(InstalledRule).GetProperties().Where(property => property.Name is not ("HostName" or "Backend" or "Family" or "Table" or "Chain" or "Position" or "Packets" or "Bytes" or "Text" or "IsOurs" or "ReportOnly"))
            .Select(property => (property.Name, Value: property.GetValue(line))).Where(each => each.Value is not null).Select(each => $"{each.Name}={each.Value}");
        Assert.Equal(expected.Split(' ').Order(StringComparer.Ordinal), string.Join(' ', found).Split(' ').Order(StringComparer.Ordinal));
        Assert.False(line.IsOurs);
    }

    [Theory]
    [InlineData("Destination", "10.0.0.6/32")]
    [InlineData("Destination", null)]
    [InlineData("DestinationPort", 443)]
    [InlineData("Action", "Accept")]
    [InlineData("Chain", "DOCKER-USER")]
    [InlineData("Control", "SmtpRate")]
    [InlineData("Source", "10.0.0.0/8")]
    [InlineData("Comment", "")]
    [InlineData("Rule", "-A DOCKER-USER -d 10.0.0.5/32 -j DROP")]
    public void A_property_that_contradicts_the_text_is_refused(string name, object? value)
    {
        var bag = Bag(Read(Ours));
        Assert.Equal(Read(Ours).Rule, InstalledRule.FromProperties(bag));
        bag[name] = value;
        var error = Assert.Throws<RefusedValueException>(() => InstalledRule.FromProperties(bag));
        Assert.Equal(name, error.Part);
        Assert.Contains("contradicts the line", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_alone_is_enough_and_a_line_that_was_no_rule_is_none()
    {
        Assert.Equal(Read(Ours).Rule, InstalledRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["HostName"] = "web1", ["Text"] = Read(Ours).Text }));
        Assert.Throws<RefusedValueException>(() => InstalledRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Text"] = "" }));
        var tampered = Bag(Read(Ours.Replace("--dport 80", "--dport 80 -m u32 --u32 \"0x0=0x0\"", StringComparison.Ordinal)));
        Assert.Null(tampered["Rule"]);
        Assert.Throws<RefusedValueException>(() => InstalledRule.FromProperties(tampered));
    }

    [Theory]
    [InlineData("iptables -A DOCKER-USER -j RETURN")]
    [InlineData("iptables -A INPUT -s 10.0.0.0/8 -j DROP")]
    [InlineData("iptables -A DNH-CUSTOM -d 10.0.0.5/32 -j DROP")]
    [InlineData("iptables -A DOCKER-USER -d 10.0.0.5/32 -m comment --comment DockerNetHarden:Custom/typed -j DROP")]
    public void The_text_of_somebody_elses_line_is_refused(string text)
    {
        var error = Assert.Throws<RefusedValueException>(() => InstalledRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["HostName"] = "web1", ["Text"] = text }));
        Assert.Contains("somebody else's line", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-A DNH-METADATA -d 10.0.0.5/32 -j DROP", "MetadataAccess", "Custom")]
    [InlineData("-A DNH-CUSTOM -d 10.0.0.5/32 -m comment --comment DockerNetHarden:SmtpRate -j DROP", "Custom", "SmtpRate")]
    public void A_chain_of_ours_takes_only_the_rules_of_its_control(string text, string owner, string control)
    {
        var error = Assert.Throws<RefusedValueException>(() => FirewallRule.Parse(text));
        Assert.Contains(owner, error.Message, StringComparison.Ordinal);
        Assert.Contains(control, error.Message, StringComparison.Ordinal);
    }

    private static InstalledRule Read(string line) => Assert.Single(InstalledRule.ReadAll(Snapshots.Host($"*filter\n:DNH-CUSTOM - [0:0]\n{line}\nCOMMIT\n", "")));

    private static Dictionary<string, object?> Bag(InstalledRule line) => typeof(InstalledRule).GetProperties().ToDictionary(
        property => property.Name, property => property.Name is "Rule" && line.Rule is { } rule ? Values(rule) : property.GetValue(line), StringComparer.Ordinal);

    private static Dictionary<string, object?> Values(FirewallRule rule) => typeof(FirewallRule).GetProperties().ToDictionary(property => property.Name, property => property.GetValue(rule), StringComparer.Ordinal);

    private static string Save(IEnumerable<FirewallRule> rules, Family family) => string.Concat(rules.Where(rule => rule.Family == family).GroupBy(rule => rule.Table).Select(table =>
        $"*{table.Key}\n{string.Concat(table.Select(rule => rule.Hook.ChainOf(rule.Control)).Distinct().Select(chain => $":{chain} - [0:0]\n"))}{string.Concat(table.Select(rule => $"-A {rule.Hook.ChainOf(rule.Control)} {DockerNetHarden.Iptables.SaveTokenizer.Join(rule.Tokens)}\n"))}COMMIT\n"));
}
