using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Chains, returns, gotos, policies, and matches that are not certain.</summary>
public sealed class WalkChainTests
{
    private const string Head = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n";

    private static AccessPart Ask(params string[] rules) => WalkHost.Of($"{Head}{string.Join('\n', rules.Select(static rule => $"-A {rule}"))}\nCOMMIT\n").AskOne("203.0.113.9", "tcp", "25");

    [Fact]
    public void A_RETURN_ends_its_chain_only() =>
        Assert.Equal((Verdict.Drop, 2), (Ask("FORWARD -j A", "FORWARD -j DROP", "A -j RETURN", "A -j ACCEPT") is var part ? part.Verdict : default, part.Position));

    [Fact]
    public void A_goto_does_not_come_back_to_the_chain_it_left()
    {
        Assert.Equal(Verdict.Accept, Ask("FORWARD -g A", "FORWARD -j DROP", "A -d 10.9.9.9/32 -j DROP").Verdict);
        // Entered by goto, B returns to where A was jumped to from.
        Assert.Equal((Verdict.Drop, "FORWARD"), (Ask("FORWARD -j A", "FORWARD -j DROP", "A -g B", "A -j ACCEPT", "B -j RETURN") is var part ? part.Verdict : default, part.Chain!));
    }

    [Fact]
    public void A_policy_decides_if_no_rule_does()
    {
        var part = WalkHost.Of("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n").AskOne("203.0.113.9");
        Assert.Equal((Verdict.Drop, "filter", "FORWARD", 0), (part.Verdict, part.Table, part.Chain, part.Position));
        Assert.Equal("dropped by filter FORWARD's policy: no rule before it decided.", part.Reason);
    }

    [Fact]
    public void A_loop_or_a_missing_chain_is_not_guessed_at()
    {
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -j A", "A -j B", "B -j A").Verdict);
        Assert.Contains("NOWHERE", Ask("FORWARD -j NOWHERE").Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Chains_that_jump_to_one_another_in_millions_of_ways_are_not_followed()
    {
        // Each chain jumps to the next twice: two to the power of 24 ways to the last.
        var chains = string.Concat(Enumerable.Range(0, 25).Select(static i => $":C{i} - [0:0]\n"));
        var jumps = string.Concat(Enumerable.Range(0, 24).Select(static i => $"-A C{i} -j C{i + 1}\n-A C{i} -j C{i + 1}\n"));
        var part = WalkHost.Of($"{Head}{chains}-A FORWARD -j C0\n{jumps}-A C24 -d 10.9.9.9/32 -j DROP\nCOMMIT\n").AskOne("203.0.113.9");
        Assert.Equal(Verdict.Unknown, part.Verdict);
        Assert.Contains("too many ways", part.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void The_effect_of_an_unmodelled_target_is_not_guessed_at()
    {
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -j NFQUEUE --queue-num 0 --queue-bypass", "FORWARD -j DROP").Verdict);
        Assert.Equal(Verdict.Drop, Ask("FORWARD -j LOG --log-prefix x", "FORWARD -p tcp -m tcp -j TCPMSS --clamp-mss-to-pmtu", "FORWARD", "FORWARD -j DROP").Verdict);
    }

    [Fact]
    public void An_uncertain_drop_is_neither_a_block_nor_a_pass()
    {
        var part = Ask("FORWARD -m string --algo bm --string x --to 60 -j DROP");
        Assert.Equal(Verdict.Unknown, part.Verdict);
        Assert.Equal("whether filter FORWARD rule 1 matches is not known: -m string looks at what packets contain.", part.Reason);
        Assert.Equal((Verdict.Drop, 2), (Ask("FORWARD -m string --algo bm --string x --to 60 -j DROP", "FORWARD -j DROP") is var sure ? sure.Verdict : default, sure.Position));
    }

    [Theory]
    // Only five a minute are dropped; all others pass.
    [InlineData(Verdict.Unknown, "FORWARD -m limit --limit 5/min -j A", "A -j DROP")]
    [InlineData(Verdict.RateLimited, "FORWARD -m hashlimit --hashlimit-above 5/min --hashlimit-name a -j A", "A -j DROP")]
    [InlineData(Verdict.RateLimited, "FORWARD -m limit --limit 5/min -j A", "FORWARD -j DROP", "A -j ACCEPT")]
    [InlineData(Verdict.RateLimited, "FORWARD -j A", "FORWARD -j DROP", "A -m limit --limit 5/min -j B", "B -j ACCEPT")]
    [InlineData(Verdict.RateLimited, "FORWARD -m hashlimit --hashlimit-above 5/min --hashlimit-name a -j A", "A -m hashlimit --hashlimit-above 9/min --hashlimit-name b -j DROP")]
    [InlineData(Verdict.Unknown, "FORWARD -m hashlimit --hashlimit-above 5/min --hashlimit-name a -j A", "A -m limit --limit 5/min -j DROP")]
    [InlineData(Verdict.RateLimited, "FORWARD -m limit --limit 5/min -g A", "FORWARD -j DROP")]
    [InlineData(Verdict.Unknown, "FORWARD -m hashlimit --hashlimit-above 5/min --hashlimit-name a -g A", "FORWARD -j DROP")]
    [InlineData(Verdict.Drop, "FORWARD -m limit --limit 5/min -j A", "FORWARD -j DROP", "A -j DROP")]
    public void A_limit_on_a_jump_limits_what_the_inner_chain_does(Verdict verdict, params string[] rules) => Assert.Equal(verdict, Ask(rules).Verdict);

    [Theory]
    [InlineData("-j ACCEPT")]
    [InlineData("-j RETURN")]
    public void Packets_that_may_have_left_before_a_block_are_not_blocked(string leave) =>
        Assert.Equal(Verdict.Unknown, Ask($"FORWARD -m length --length 40 {leave}", "FORWARD -j DROP").Verdict);

    [Fact]
    public void Packets_that_may_have_returned_meet_the_outer_chain_again()
    {
        Assert.Equal((Verdict.Drop, "FORWARD"), (Ask("FORWARD -j A", "FORWARD -j DROP", "A -m length --length 40 -j RETURN", "A -j DROP") is var part ? part.Verdict : default, part.Chain!));
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -j A", "FORWARD -j DROP", "A -m length --length 40 -j RETURN", "A -j ACCEPT").Verdict);
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -m length --length 40 -j A", "A -j DROP").Verdict);
        Assert.Equal(Verdict.Drop, Ask("FORWARD -m length --length 40 -j A", "FORWARD -j DROP", "A -j DROP").Verdict);
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -m length --length 40 -g A", "FORWARD -j DROP", "A -d 10.9.9.9/32 -j DROP").Verdict);
    }

    [Fact]
    public void Mail_up_to_a_rate_is_rate_limited()
    {
        var part = Ask("FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j A", "A -m limit --limit 5/min -j RETURN", "A -j DROP");
        Assert.Equal((Verdict.RateLimited, "A", 1), (part.Verdict, part.Chain, part.Position));
        Assert.Equal("let through up to the rate of filter A rule 1, above it blocked by filter A rule 2.", part.Reason);
        Assert.Equal(Verdict.RateLimited, Ask("FORWARD -m limit --limit 5/min -j ACCEPT", "FORWARD -j REJECT").Verdict);
        // Blocked up to a rate is the opposite case.
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -m limit --limit 5/min -j DROP").Verdict);
        Assert.Equal(Verdict.Drop, Ask("FORWARD -m limit --limit 5/min -j REJECT", "FORWARD -j DROP").Verdict);
    }

    [Fact]
    public void A_mark_that_a_rule_sets_is_seen_by_later_rules()
    {
        Assert.Equal(Verdict.Drop, Ask("FORWARD -j MARK --set-xmark 0x2/0xffffffff", "FORWARD -m mark --mark 0x2 -j DROP").Verdict);
        Assert.Equal(Verdict.Unknown, Ask("FORWARD -m length --length 40 -j MARK --set-xmark 0x2/0xffffffff", "FORWARD -m mark --mark 0x2 -j DROP").Verdict);
    }

    [Fact]
    public void Fifty_uncertain_rules_cost_no_more_than_fifty_certain_ones()
    {
        var rules = Enumerable.Range(0, 200).Select(static i => $"FORWARD -d 203.0.113.{i}/32 -m length --length {i} -j DROP").Append("FORWARD -j DROP").ToArray();
        var parts = WalkHost.Of($"{Head}{string.Join('\n', rules.Select(static rule => $"-A {rule}"))}\nCOMMIT\n").Ask("203.0.113.0/24");
        Assert.All(parts, static part => Assert.Equal(Verdict.Drop, part.Verdict));
    }

    [Theory]
    [InlineData(1, "FORWARD")]
    [InlineData(2, "FORWARD")]
    [InlineData(3, "FORWARD")]
    [InlineData(4, "POSTROUTING")]
    public void A_long_chain_says_what_its_rules_say_in_short_ones(int seed, string hook)
    {
        // A long chain's rules are looked up by link, destination and source; those of short ones are walked one by one.
        const int Length = 40;
        var dice = new Random(seed);
        var table = hook is "FORWARD" ? "filter" : "mangle";
        var rules = Enumerable.Range(0, 400).Select(_ => Rule(dice)).ToList();
        var head = $"*{table}\n:{hook} ACCEPT [0:0]\n";
        var parts = Enumerable.Range(0, rules.Count / Length).ToList();
        var one = WalkHost.Of($"{head}:LONG - [0:0]\n-A {hook} -j LONG\n{string.Concat(rules.Select(static rule => $"-A LONG {rule}\n"))}COMMIT\n");
        var many = WalkHost.Of($"{head}{string.Concat(parts.Select(static part => $":P{part} - [0:0]\n"))}{string.Concat(parts.Select(part => $"-A {hook} -j P{part}\n"))}"
            + $"{string.Concat(rules.Select(static (rule, place) => $"-A P{place / Length} {rule}\n"))}COMMIT\n");
        foreach (var (destination, link, source) in new[] { ("0.0.0.0/0", "docker0", "172.17.0.0/16"), ("0.0.0.0/0", "apps0", "172.18.0.0/16"), ("203.0.113.0/24", "docker0", null), ("172.18.0.0/16", "docker0", "172.17.0.2") })
        {
            var (expected, actual) = (ByVerdict(many.Ask(destination, link: link, source: source)), ByVerdict(one.Ask(destination, link: link, source: source)));
            Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
            Assert.All(expected, pair => Assert.True(pair.Value.SetEquals(actual[pair.Key]), $"{pair.Key} to {destination} from {link}"));
        }

        static Dictionary<Verdict, PacketSet> ByVerdict(IEnumerable<AccessPart> parts) =>
            parts.GroupBy(static part => part.Verdict).ToDictionary(static group => group.Key, static group => group.Select(static part => part.Packets).Aggregate(static (one, other) => one.Union(other)));
    }

    private static string Rule(Random dice)
    {
        string[] links = ["docker0", "apps0", "eth0", "docker+", "ap+"];
        string Not() => dice.Next(6) == 0 ? "! " : "";
        string Maybe(int of, Func<string> text) => dice.Next(of) == 0 ? text() : "";
        return string.Concat(
            Maybe(2, () => $"{Not()}-s 172.{dice.Next(16, 20)}.{dice.Next(4)}.0/{dice.Next(16, 25)} "),
            Maybe(2, () => $"{Not()}-d {(dice.Next(2) == 0 ? $"203.0.113.{dice.Next(16) * 16}/28" : $"172.18.{dice.Next(4)}.0/24")} "),
            Maybe(3, () => $"{Not()}-i {links[dice.Next(links.Length)]} "),
            Maybe(3, () => $"{Not()}-o {links[dice.Next(links.Length)]} "),
            Maybe(3, () => $"-p tcp -m tcp --dport {dice.Next(1, 4)} "),
            Maybe(12, static () => "-m string --algo bm --string x --to 60 "),
            "-j ", dice.Next(3) == 0 ? "DROP" : dice.Next(2) == 0 ? "REJECT" : "ACCEPT");
    }

    [Fact]
    public void Conntrack_has_seen_nothing_yet_in_the_raw_table()
    {
        const string Raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate NEW -j DROP\nCOMMIT\n";
        Assert.Equal(Verdict.Accept, WalkHost.Of(Raw).AskOne("203.0.113.9").Verdict);
        Assert.Equal(Verdict.Drop, WalkHost.Of(Raw.Replace("NEW", "INVALID", StringComparison.Ordinal)).AskOne("203.0.113.9").Verdict);
    }

    [Fact]
    public void An_untracked_packet_is_neither_NEW_nor_redirected()
    {
        var host = WalkHost.Of($"""
            *raw
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j CT --notrack
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -j DNAT --to-destination 10.0.0.9
            COMMIT
            {Head.TrimEnd()}
            -A FORWARD -m conntrack --ctstate NEW -j DROP
            -A FORWARD -m conntrack --ctstate UNTRACKED -j REJECT
            COMMIT

            """);
        var part = host.AskOne("203.0.113.9");
        Assert.Equal((Verdict.Reject, null), (part.Verdict, part.NewDestination));
    }
}
