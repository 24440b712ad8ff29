using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Rules;

public sealed class FirewallRuleTests
{
    private const string Mark = " -m comment --comment \"DockerNetHarden:Custom\"";

    [Theory]
    [InlineData("-A DOCKER-USER -d 10.0.0.5 -j DROP", "-A DOCKER-USER -d 10.0.0.5/32#M -j DROP")]
    [InlineData("iptables -I DOCKER-USER -i docker0 -d 169.254.169.254/32 -j DROP", "-A DOCKER-USER -d 169.254.169.254/32 -i docker0#M -j DROP")]
    [InlineData("ip6tables -A INPUT -i docker0 -j REJECT", "-6 -A INPUT -i docker0#M -j REJECT --reject-with icmp6-port-unreachable")]
    [InlineData("-A DOCKER-USER -d fd00:ec2::254 -j DROP", "-6 -A DOCKER-USER -d fd00:ec2::254/128#M -j DROP")]
    [InlineData("-t mangle -A POSTROUTING ! -d 10.0.0.0/8 -m addrtype ! --src-type LOCAL -j DROP", "-t mangle -A POSTROUTING ! -d 10.0.0.0/8 -m addrtype ! --src-type LOCAL#M -j DROP")]
    [InlineData("-A DOCKER-USER -p tcp --syn -m multiport --dports 587,25,465 -m limit --limit 5/minute -j RETURN", "-A DOCKER-USER -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m multiport --dports 25,465,587 -m limit --limit 5/min#M -j RETURN")]
    [InlineData("-A DOCKER-USER -p tcp ! --syn -j DROP", "-A DOCKER-USER -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN#M -j DROP")]
    [InlineData("-A DOCKER-USER -p 17 --dport 53 --sport 1000:2000 -j ACCEPT", "-A DOCKER-USER -p udp -m udp --sport 1000:2000 --dport 53#M -j ACCEPT")]
    [InlineData("-A DOCKER-USER -m conntrack --ctstate RELATED,INVALID --ctdir original -j DROP", "-A DOCKER-USER -m conntrack --ctstate INVALID,RELATED --ctdir ORIGINAL#M -j DROP")]
    [InlineData("-A INPUT -i docker0 -m conntrack --ctorigdst 169.254.170.2 --ctorigdstport 80 -j REJECT", "-A INPUT -i docker0 -m conntrack --ctorigdst 169.254.170.2/32 --ctorigdstport 80#M -j REJECT --reject-with icmp-port-unreachable")]
    [InlineData("-A DOCKER-USER -m state --state NEW -j ACCEPT", "-A DOCKER-USER -m conntrack --ctstate NEW#M -j ACCEPT")]
    [InlineData("-A DOCKER-USER -i network:web ! -o network:web -s network:web -j DROP", "-A DOCKER-USER -s network:web -i network:web ! -o network:web#M -j DROP")]
    [InlineData("-A INPUT -i docker:bridges --dports docker:published -j RETURN", "-A INPUT -i docker:bridges -m multiport --dports docker:published#M -j RETURN")]
    [InlineData("-A DOCKER-USER -m set --match-set bad dst,src -j DROP", "-A DOCKER-USER -m set --match-set bad dst,src#M -j DROP")]
    [InlineData("-A DOCKER-USER -m set ! --match-set good src -j DROP", "-A DOCKER-USER -m set ! --match-set good src#M -j DROP")]
    [InlineData("-A DOCKER-USER -p icmp --icmp-type echo-request -j DROP", "-A DOCKER-USER -p icmp -m icmp --icmp-type 8#M -j DROP")]
    [InlineData("-6 -A INPUT -i docker0 -p icmpv6 --icmpv6-type 135 -j RETURN", "-6 -A INPUT -i docker0 -p ipv6-icmp -m icmp6 --icmpv6-type 135#M -j RETURN")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 60/min --hashlimit-mode dstip,srcip --hashlimit-name x -j DROP", "-A DOCKER-USER -m hashlimit --hashlimit-above 1/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstip --hashlimit-name x#M -j DROP")]
    [InlineData("-A DOCKER-USER -m limit --limit 10/min -j LOG --log-prefix \"DNH MetadataAccess \"", "-A DOCKER-USER -m limit --limit 10/min#M -j LOG --log-prefix \"DNH MetadataAccess \"")]
    [InlineData("-A DOCKER-USER -s 0.0.0.0/0 -d 10.0.0.5 -i + -j DROP", "-A DOCKER-USER -d 10.0.0.5/32#M -j DROP")]
    [InlineData("-6 -t mangle -A POSTROUTING -d ::/0 -m addrtype ! --src-type LOCAL -j DROP", "-6 -t mangle -A POSTROUTING -m addrtype ! --src-type LOCAL#M -j DROP")]
    [InlineData("-A DOCKER-USER -j MY-CHAIN", "-A DOCKER-USER#M -j MY-CHAIN")]
    [InlineData("-A DOCKER-USER ! -p tcp -j DROP", "-A DOCKER-USER ! -p tcp#M -j DROP")]
    [InlineData("-A DOCKER-USER -s ! 10.0.0.0/8 -j DROP", "-A DOCKER-USER ! -s 10.0.0.0/8#M -j DROP")]
    public void Text_is_read_and_written_canonically(string text, string canonical)
    {
        var rule = FirewallRule.Parse(text);
        Assert.Equal(canonical.Replace("#M", Mark, StringComparison.Ordinal), rule.ToString());
        Assert.Equal(rule, FirewallRule.Parse(rule.ToString()));
    }

    [Theory]
    [InlineData("-A DOCKER-USER -d 10.0.0.1/8 -j DROP", "host bits")]
    [InlineData("-A DOCKER-USER ! -d 0.0.0.0/0 -j DROP", "matches nothing")]
    [InlineData("-A DOCKER-USER ! -i + -j DROP", "matches nothing")]
    [InlineData("-A DOCKER-USER -d 010.0.0.1 -j DROP", "leading zero")]
    [InlineData("-A DOCKER-USER -d 10.0.0.1,10.0.0.2 -j DROP", "a rule for each")]
    [InlineData("-A DOCKER-USER -s fd00::1 -d 10.0.0.1 -j DROP", "one family")]
    [InlineData("-A DOCKER-USER -i abcdefghijklmnop -j DROP", "at most 15")]
    [InlineData("-A DOCKER-USER -i a/b -j DROP", "without spaces")]
    [InlineData("-A DOCKER-USER -p tcp --dport 0 -j DROP", "1 to 65535")]
    [InlineData("-A DOCKER-USER -p tcp --dport 65536 -j DROP", "1 to 65535")]
    [InlineData("-A DOCKER-USER -p tcp --dport 20:10 -j DROP", "descends")]
    [InlineData("-A DOCKER-USER --dport 80 -j DROP", "need a protocol")]
    [InlineData("-A DOCKER-USER -m limit --limit 0/min -j RETURN", "0 cannot be kept")]
    [InlineData("-A DOCKER-USER -m limit --limit 1/day --limit-burst 1000 -j RETURN", "overflows")]
    [InlineData("-A DOCKER-USER -m limit --limit 1/min --limit-burst 0 -j RETURN", "burst")]
    [InlineData("-A DOCKER-USER -j DROP --comment", "missing")]
    [InlineData("-A DOCKER-USER -d 10.0.0.1", "target")]
    [InlineData("-d 10.0.0.1 -j DROP", "does not name a chain")]
    [InlineData("-A FORWARD -d 10.0.0.1 -j DROP", "DOCKER-USER")]
    [InlineData("-t nat -A PREROUTING -j DROP", "nat decides where")]
    [InlineData("-A NOPE -j DROP", "put on DOCKER-USER, INPUT, OUTPUT")]
    [InlineData("-I DOCKER-USER 3 -j DROP", "position")]
    [InlineData("-D DOCKER-USER -j DROP", "not an option")]
    [InlineData("-t mangle -A POSTROUTING -i docker0 -j DROP", "not known to the kernel")]
    [InlineData("-t mangle -A POSTROUTING -j REJECT", "filter only")]
    [InlineData("-A DOCKER-USER -j REJECT --reject-with tcp-reset", "-p tcp")]
    [InlineData("-A DOCKER-USER -j DROP --reject-with tcp-reset", "only a rule with the action Reject")]
    [InlineData("-A DOCKER-USER -j MASQUERADE", "target of iptables' own")]
    [InlineData("-A DOCKER-USER -j DNH-METADATA", "loop")]
    [InlineData("-A DOCKER-USER -j DOCKER-USER", "loop")]
    [InlineData("-A DOCKER-USER -m u32 --u32 1=1 -j DROP", "not one of")]
    [InlineData("-A DOCKER-USER -m limit ! --limit 5/min -j DROP", "negated")]
    [InlineData("-A DOCKER-USER -s 10.0.0.0/8 -s 10.0.0.0/8 -j DROP", "twice")]
    [InlineData("-A DOCKER-USER -i docker:nope -j DROP", "symbols are")]
    [InlineData("-A DOCKER-USER -i network:$(reboot) -j DROP", "network's name")]
    [InlineData("-A DOCKER-USER -j LOG --log-prefix \"012345678901234567890123456789\"", "29")]
    [InlineData("-A DOCKER-USER -j DROP\n-A INPUT -j ACCEPT", "one line")]
    [InlineData("-A DOCKER-USER -m comment --comment \"a -j DROP", "quote")]
    [InlineData("'; rm -rf /", "where an option should be")]
    [InlineData("$(reboot)", "where an option should be")]
    [InlineData("", "not name a chain")]
    public void What_cannot_be_is_refused_by_name(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<RefusedValueException>(() => FirewallRule.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("$(reboot)")]
    [InlineData("'; rm -rf /")]
    [InlineData("-j ACCEPT")]
    [InlineData("`id` \"quoted\" back\\slash * ! COMMIT")]
    public void Hostile_comments_are_carried_as_the_data_that_they_are(string comment)
    {
        var rule = FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Destination"] = "10.0.0.5", ["Action"] = "Drop", ["Comment"] = comment });
        Assert.Equal(comment, FirewallRule.Parse(rule.ToString()).Comment);
        Assert.Equal(RuleAction.Drop, FirewallRule.Parse(rule.ToString()).Action);
    }

    [Theory]
    [InlineData("two\nlines")]
    [InlineData("tab\there")]
    [InlineData("\u001b[2J")]
    [InlineData("umlaut ü")]
    public void Comments_with_other_characters_are_refused(string comment) =>
        Assert.Throws<RefusedValueException>(() => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Action"] = "Drop", ["Comment"] = comment }));

    [Fact]
    public void A_property_bag_takes_numbers_for_enums_and_refuses_unknown_names_and_wrong_phases()
    {
        var rule = FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["family"] = 4L, ["ACTION"] = 3, ["Destination"] = "10.0.0.0/8", ["Subject"] = null, ["Phase"] = 1 });
        Assert.Equal(RuleAction.Drop, rule.Action);
        Assert.Throws<RefusedValueException>(() => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Action"] = "Drop", ["Destinaton"] = "10.0.0.0/8" }));
        Assert.Throws<RefusedValueException>(() => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Action"] = "Drop", ["Destinaton"] = null }));
        Assert.Throws<RefusedValueException>(() => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Action"] = "Drop", ["Phase"] = "Limit" }));
        Assert.Throws<RefusedValueException>(() => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Action"] = 99 }));
    }

    [Fact]
    public void A_hashlimit_without_a_name_gets_one_of_everything_that_shapes_its_buckets()
    {
        var names = new[] { "5/min", "6/min" }
            .SelectMany(rate => new[] { 5, 6 }, (rate, burst) => (rate, burst))
            .SelectMany(pair => new[] { "srcip", "dstip" }, (pair, mode) => $"-A DOCKER-USER -p tcp --syn -m hashlimit --hashlimit-above {pair.rate} --hashlimit-burst {pair.burst} --hashlimit-mode {mode} -j DROP")
            .Select(text => FirewallRule.Parse(text).HashLimitName)
            .ToList();
        Assert.Equal(8, names.Distinct(StringComparer.Ordinal).Count());
        Assert.All(names, name => Assert.Matches("^dnh-[0-9a-f]{10}$", name));
    }

    [Fact]
    public void Rules_are_equal_where_their_text_is()
    {
        var one = FirewallRule.Parse("-A DOCKER-USER -m limit --limit 60/min -d 10.0.0.5 -j RETURN");
        var two = FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5/32 -m limit --limit 1/sec --limit-burst 5 -j RETURN");
        Assert.Equal(one, two);
        Assert.Equal(one.GetHashCode(), two.GetHashCode());
        Assert.NotEqual(one, FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5/32 -m limit --limit 2/sec -j RETURN"));
    }
}
