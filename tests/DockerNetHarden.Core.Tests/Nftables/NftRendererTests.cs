using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Nftables;

public sealed class NftRendererTests
{
    [Theory]
    [InlineData("-A DOCKER-USER -i br-+ ! -o docker0 -d 10.0.0.0/8 -j DROP", "iifname \"br-*\" oifname != \"docker0\" ip daddr 10.0.0.0/8 counter drop")]
    [InlineData("-6 -A INPUT -i docker0 -p icmpv6 --icmpv6-type 135 -j RETURN", "iifname \"docker0\" meta l4proto icmpv6 icmpv6 type 135 counter return")]
    [InlineData("-A DOCKER-USER -d 1.2.3.4 -p tcp --dports 25,465:587 -j REJECT --reject-with tcp-reset", "ip daddr 1.2.3.4 meta l4proto tcp tcp dport { 25, 465-587 } counter reject with tcp reset")]
    [InlineData("-A INPUT -i docker0 -p tcp --syn -j REJECT --reject-with icmp-admin-prohibited", "iifname \"docker0\" meta l4proto tcp tcp flags & (fin | syn | rst | ack) == (syn) counter reject with icmp type admin-prohibited")]
    [InlineData("-A DOCKER-USER -p gre -m conntrack --ctdir ORIGINAL --ctorigdst 169.254.170.2 -j ACCEPT", "meta l4proto 47 ct direction original ct original ip daddr 169.254.170.2 counter accept")]
    [InlineData("-t mangle -A POSTROUTING -d 1.2.3.4 -m addrtype ! --src-type LOCAL -j DROP", "ip daddr 1.2.3.4 fib saddr type != local counter drop")]
    [InlineData("-A DOCKER-USER -m conntrack --ctstate INVALID,UNTRACKED -j DROP", "ct state { invalid, untracked } counter drop")]
    [InlineData("-A DOCKER-USER -m conntrack --ctstate NEW -j LOG --log-prefix 'DNH x '", "ct state { new } counter log prefix \"DNH x \"")]
    public void A_rule_is_said_in_the_words_of_nft(string rule, string expected) => Assert.Equal([expected], Lines(rule.Replace('\'', '"')));

    // A packet without a connection matches '! --ctstate DNAT', and would end an nft rule that asks for a translation.
    [Fact]
    public void What_needs_two_keys_of_conntrack_becomes_rules_of_which_one_at_most_matches()
    {
        Assert.Equal(
            ["ct state { invalid, untracked } counter drop", "ct state { new, related, established } ct status & (dnat) == 0 ct direction original counter drop"],
            Lines("-A DOCKER-USER -m conntrack ! --ctstate DNAT --ctdir ORIGINAL -j DROP"));
        Assert.Equal(
            ["ct state { new } counter drop", "ct state { related, established } ct status & (dnat) != 0 counter drop"],
            Lines("-A DOCKER-USER -m conntrack --ctstate NEW,DNAT -j DROP"));
    }

    [Fact]
    public void A_rate_is_a_named_object_and_a_full_set_lets_nobody_through()
    {
        var each = NftRenderer.Render([FirewallRule.Parse("-A DOCKER-USER -p tcp --dport 25 -m hashlimit --hashlimit-above 5/min --hashlimit-burst 7 --hashlimit-mode srcip -j DROP")]);
        Assert.Contains("set buckets_1 { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 84s; }", each, StringComparison.Ordinal);
        Assert.Contains("chain beyond_1 {\n        update @buckets_1 { ip saddr limit rate 5/minute burst 7 packets } return\n        drop\n    }", each, StringComparison.Ordinal);
        Assert.Contains("tcp dport 25 counter jump beyond_1", each, StringComparison.Ordinal);

        var all = NftRenderer.Render([FirewallRule.Parse("-A DOCKER-USER -p tcp --dport 25 -m limit --limit 5/min --limit-burst 5 -j RETURN"), FirewallRule.Parse("-A DOCKER-USER -p udp -m limit --limit 1/sec -j RETURN")]);
        Assert.Contains("limit rate_1 { rate 5/minute burst 5 packets; }\n    limit rate_2 { rate 1/second burst 5 packets; }", all, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_control_has_its_chain_so_that_a_return_ends_this_control_only()
    {
        var text = NftRenderer.Render([FirewallRule.Parse("-A DOCKER-USER -d 1.2.3.4 -j RETURN"), FirewallRule.Parse("-6 -A DOCKER-USER -d fd00::1 -j DROP"), FirewallRule.Parse("-A INPUT -i docker0 -j DROP")]);
        Assert.StartsWith("table inet docker_net_harden\ndelete table inet docker_net_harden\n\ntable inet docker_net_harden {\n", text, StringComparison.Ordinal);
        Assert.Contains("    chain filter_forward {\n        type filter hook forward priority filter - 10; policy accept;\n        meta nfproto ipv4 jump filter_forward_custom_ip\n        meta nfproto ipv6 jump filter_forward_custom_ip6\n    }\n", text, StringComparison.Ordinal);
        Assert.Contains("type filter hook input priority filter - 10; policy accept;", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -m set --match-set bad dst -j DROP", "ipset")]
    [InlineData("-A DOCKER-USER -j ADMIN", "ADMIN")]
    [InlineData("-A DOCKER-USER -p icmp ! --icmp-type 3/4 -j DROP", "negate")]
    [InlineData("-A DOCKER-USER -m conntrack --ctorigdstport 80 -j DROP", "-p tcp")]
    [InlineData("-A DOCKER-USER -j LOG --log-prefix $x", "dollar")]
    public void What_nft_cannot_say_is_refused_with_the_rule_and_the_reason(string rule, string reason)
    {
        var error = Assert.Throws<NftException>(() => NftRenderer.Render([FirewallRule.Parse(rule)]));
        Assert.Contains(error.Rule.ToString(), error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_comment_stays_a_comment()
    {
        var rule = FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Action"] = "Drop", ["Comment"] = "\" accept # \\ " + new string('x', 200) });
        var line = NftRenderer.Render([rule]).Split('\n').Single(text => text.Contains("comment", StringComparison.Ordinal)).Trim();
        Assert.Equal(2, line.Count(c => c == '"'));
        Assert.Equal(127, line.Split('"')[1].Length);
    }

    private static IEnumerable<string> Lines(string rule) => NftRenderer.Render([FirewallRule.Parse(rule)]).Split('\n')
        .Where(line => line.Contains(" comment \"", StringComparison.Ordinal)).Select(line => line.Trim().Split(" comment \"")[0]);
}
