using System.Text.RegularExpressions;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Nftables;

public sealed class NftRendererTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

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

    // What has the same name is the same: a rate keeps its state when the rules around it change, and another rate does not find it.
    [Fact]
    public void A_rate_is_a_named_object_and_a_full_set_lets_nobody_through()
    {
        var each = NftRenderer.Render([FirewallRule.Parse("-A DOCKER-USER -p tcp --dport 25 -m hashlimit --hashlimit-above 5/min --hashlimit-burst 7 --hashlimit-mode srcip -j DROP")]);
        var set = Regex.Match(each, "set (?<name>buckets_[0-9a-f]{12}) { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 84s; }", RegexOptions.ExplicitCapture, Patience).Groups["name"].Value;
        var chain = Regex.Match(each, "tcp dport 25 counter jump (?<name>beyond_[0-9a-f]{12}) ", RegexOptions.ExplicitCapture, Patience).Groups["name"].Value;
        Assert.Contains($"chain {chain} {{\n        update @{set} {{ ip saddr limit rate 5/minute burst 7 packets }} return comment \"DockerNetHarden\"\n        drop comment \"DockerNetHarden\"\n    }}", each, StringComparison.Ordinal);

        string Limit(string rate) => Regex.Match(NftRenderer.Render([FirewallRule.Parse($"-A DOCKER-USER -p tcp --dport 25 -m limit --limit {rate} --limit-burst 6 -j RETURN")]), "limit (?<name>rate_[0-9a-f]{12}) { rate [0-9]+/minute burst 6 packets; }", RegexOptions.ExplicitCapture, Patience).Groups["name"].Value;
        Assert.Equal(Limit("5/min"), Limit("5/min"));
        Assert.NotEqual(Limit("5/min"), Limit("6/min"));
    }

    [Fact]
    public void Each_control_has_its_chain_so_that_a_return_ends_this_control_only()
    {
        var text = NftRenderer.Render([FirewallRule.Parse("-A DOCKER-USER -d 1.2.3.4 -j RETURN"), FirewallRule.Parse("-6 -A DOCKER-USER -d fd00::1 -j DROP"), FirewallRule.Parse("-A INPUT -i docker0 -j DROP")]);
        Assert.StartsWith("table inet docker_net_harden\ndelete table inet docker_net_harden\n\ntable inet docker_net_harden {\n", text, StringComparison.Ordinal);
        Assert.Contains("    chain filter_forward {\n        type filter hook forward priority filter - 10; policy accept;\n        meta nfproto ipv4 jump filter_forward_custom_ip comment \"DockerNetHarden\"\n        meta nfproto ipv6 jump filter_forward_custom_ip6 comment \"DockerNetHarden\"\n    }\n", text, StringComparison.Ordinal);
        Assert.Contains("type filter hook input priority filter - 10; policy accept;", text, StringComparison.Ordinal);
    }

    // The packets of most containers to most places pass one look-up a control, whatever the number of networks.
    [Theory]
    [InlineData("MetadataAccess", "ip daddr 169.254.169.254 jump filter_forward_metadataaccess_ip", "-A DOCKER-USER -d 169.254.169.254 -j DNH-REJECT", "-A DOCKER-USER -i br-1 -d 169.254.169.254 -j RETURN")]
    [InlineData("HostAccess", "meta nfproto ipv4 iifname @links_ jump filter_input_hostaccess_ip", "-A INPUT -i apps0 -j DNH-REJECT", "-A INPUT -i docker0 -j DNH-REJECT", "-A INPUT -p udp --dport 53 -j RETURN")]
    [InlineData("HostAccess", "meta nfproto ipv4 iifname @links_ jump filter_input_hostaccess_ip|meta nfproto ipv4 iifname \"br-*\" jump filter_input_hostaccess_ip", "-A INPUT -i apps0 -j DROP", "-A INPUT -i docker0 -j DROP", "-A INPUT -i br-1 -j DROP", "-A INPUT -i br-+ -s 172.16.0.0/12 -j DROP")]
    [InlineData("SmtpRate", "meta nfproto ipv4 tcp dport { 25, 465-587 } jump filter_forward_smtprate_ip", "-A DOCKER-USER -p tcp --dports 25,465:500 -j DROP", "-A DOCKER-USER -p tcp --dport 501:587 -j DROP")]
    [InlineData("InternalAccess", "ip daddr @ip_ iifname \"apps0\" jump filter_forward_internalaccess_ip", "-A DOCKER-USER -i apps0 -d 10.0.0.0/8,192.168.0.0/16 ! -o apps0 -j DROP")]
    public void What_all_blocks_of_a_control_demand_is_asked_before_its_chain(string control, string jumps, params string[] rules)
    {
        var text = NftRenderer.Render([.. rules.Select(rule => FirewallRule.Parse(rule.Replace("-j ", $"-m comment --comment DockerNetHarden:{control} -j ", StringComparison.Ordinal)))]);
        Assert.Equal(jumps.Split('|'), text.Split('\n').Where(line => line.EndsWith("comment \"DockerNetHarden\"", StringComparison.Ordinal) && line.Contains(" jump filter_", StringComparison.Ordinal))
            .Select(line => Regex.Replace(line.Trim().Split(" comment")[0], "_[0-9a-f]{12}", "_", RegexOptions.ExplicitCapture, Patience)));
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
        var line = NftRenderer.Render([rule]).Split('\n').Single(text => text.Contains("comment \"DockerNetHarden:", StringComparison.Ordinal)).Trim();
        Assert.Equal(2, line.Count(c => c == '"'));
        Assert.Equal(125, line.Split('"')[1].Length);
    }

    private static IEnumerable<string> Lines(string rule) => NftRenderer.Render([FirewallRule.Parse(rule)]).Split('\n')
        .Where(line => line.Contains(" comment \"DockerNetHarden:", StringComparison.Ordinal)).Select(line => line.Trim().Split(" comment \"")[0]);
}
