using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>FORWARD's jump to DOCKER-USER where Docker does not make it.</summary>
public sealed class ForwardJumpTests
{
    private const string Ours = "-A FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER";
    private const string Empty = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    private const string Made = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n#\nCOMMIT\n";

    private static readonly PlanOptions Create = new() { CreateChain = true };
    private static readonly IReadOnlyList<FirewallRule> Rules = [FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5 -j DROP")];
    private static readonly IReadOnlyList<FirewallRule> Rules6 = [FirewallRule.Parse("-A DOCKER-USER -d fd00::5 -j DROP")];

    // "iptables": false: Docker answers and has no chain.
    private static HostSnapshot Unmanaged(string forward = "") => Snapshots.Host(Made.Replace("#\n", forward, StringComparison.Ordinal));

    [Fact]
    public void It_is_made_with_the_chain_once_and_goes_with_the_last_rule()
    {
        var host = Snapshots.Host(Empty);
        var error = Assert.Throws<PlanException>(() => Plan.From(Rules, host));
        Assert.Contains("-CreateChain", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Start Docker", error.Message, StringComparison.Ordinal);

        var plan = Plan.From(Rules, host, Create);
        Assert.Equal(new NewChain(Family.IPv4, "filter", "DOCKER-USER"), Assert.Single(plan.NewChains));
        Assert.Contains("+ iptables -I FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER", plan.Diff, StringComparison.Ordinal);
        var after = Apply(Unmanaged(), plan);
        Assert.Equal([Ours], Forward(after));
        Assert.True(Plan.From(Rules, after, Create) is { IsEmpty: true, Problems.Count: 0 });
        // Rules elsewhere leave it alone.
        Assert.Equal([Ours], Forward(Apply(after, Plan.From(new HostAccess().Rules(), after))));
        Assert.Empty(Forward(Apply(after, Plan.Without(_ => true, after))));
    }

    [Fact]
    public void It_is_repaired_without_the_switch_where_Docker_runs_and_does_not_make_it()
    {
        var after = Apply(Unmanaged(), Plan.From(Rules, Unmanaged()));
        Assert.Equal([Ours], Forward(after));
        // Behind a line that ends FORWARD it decides nothing, and twice is once too often.
        foreach (var lines in new[] { $"-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n{Ours}\n", $"{Ours}\n{Ours}\n" })
        {
            var rules = after.Rules[Family.IPv4];
            var broken = With(after, rules.WithRules("filter", "FORWARD", Unmanaged(lines).Rules[Family.IPv4]["filter", "FORWARD"]));
            var repaired = Forward(Apply(broken, Plan.From(Rules, broken)));
            Assert.Equal(Ours, repaired[0]);
            Assert.Single(repaired, line => line == Ours);
        }
    }

    // A jump behind the end of FORWARD is not one: ours stays, and nothing is left to do.
    [Theory]
    [InlineData("-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n-A FORWARD -j DOCKER-USER\n", false)]
    [InlineData("-A FORWARD -g OTHER\n-A FORWARD -m comment --comment x -g DOCKER-USER\n", false)]
    [InlineData("-A FORWARD -i eth0 -j ACCEPT\n-A FORWARD -j DOCKER-USER\n", true)]
    [InlineData("-A FORWARD -m comment --comment \"somebody's own\" -j DOCKER-USER\n", true)]
    [InlineData("-A FORWARD -g DOCKER-USER\n", true)]
    [InlineData("-A FORWARD -m comment --comment x -g DOCKER-USER\n-A FORWARD -j DROP\n", true)]
    public void Only_a_jump_that_packets_reach_counts(string others, bool isReached)
    {
        var after = Apply(Unmanaged(), Plan.From(Rules, Unmanaged()));
        foreach (var lines in new[] { Ours + "\n" + others, others })
        {
            var host = With(after, after.Rules[Family.IPv4].WithRules("filter", "FORWARD", Unmanaged(":OTHER - [0:0]\n" + lines).Rules[Family.IPv4]["filter", "FORWARD"]));
            var mended = Apply(host, Plan.From(Rules, host));
            Assert.Equal(!isReached, Forward(mended).Contains(Ours));
            Assert.True(Plan.From(Rules, mended) is { IsEmpty: true, Problems.Count: 0 });
        }
        // The file of iptables-services means the same.
        var text = Empty.Replace("COMMIT", ":DOCKER-USER - [0:0]\n:OTHER - [0:0]\n" + others + "COMMIT", StringComparison.Ordinal);
        var saved = SysconfigText.With(Family.IPv4, text, SavedRules.Of(Apply(Snapshots.Host(), Plan.From(Rules, Snapshots.Host()))));
        Assert.Equal(!isReached, saved.Split('\n').First(line => line.StartsWith("-A FORWARD", StringComparison.Ordinal)) is "-A FORWARD -j DOCKER-USER" && !others.StartsWith("-A FORWARD -j DOCKER-USER", StringComparison.Ordinal));
        Assert.Contains("-j DNH-CUSTOM", saved, StringComparison.Ordinal);
        var without = SysconfigText.With(Family.IPv4, saved, SavedRules.FromLines([], after.Iptables));
        Assert.Equal(without.Contains(" DOCKER-USER\n", StringComparison.Ordinal), without.Contains(":DOCKER-USER ", StringComparison.Ordinal));
    }

    [Fact]
    public void What_was_read_back_shows_whether_the_jump_stands()
    {
        var plan = Plan.From(Rules, Unmanaged());
        var filter = Assert.Single(plan.Steps, step => step.Table == "filter");
        var after = Apply(Unmanaged(), plan).Rules;
        Assert.Contains(Ours, filter.OursIn(after));
        var without = new Dictionary<Family, Ruleset>(after) { [Family.IPv4] = after[Family.IPv4].WithRules("filter", "FORWARD", []) };
        Assert.NotEqual(filter.OursIn(after), filter.OursIn(without));
    }

    [Fact]
    public void Before_Dockers_first_start_it_needs_the_switch_and_it_goes_when_Docker_has_made_its_own()
    {
        var before = Unmanaged() with { Engine = null };
        Assert.Contains(Plan.From(Rules, Apply(before, Plan.From(Rules, before))).Problems, problem => problem.Contains("is Docker running?", StringComparison.Ordinal));
        var made = Apply(before, Plan.From(Rules, before, Create));
        Assert.Equal([Ours], Forward(made));
        var rules = made.Rules[Family.IPv4];
        var started = With(Snapshots.Host(), rules.WithRules("filter", "FORWARD", [.. Snapshots.Host().Rules[Family.IPv4]["filter", "FORWARD"], .. rules["filter", "FORWARD"]]).WithRules("filter", "DOCKER", []));
        Assert.Equal(["-A FORWARD -j DOCKER-USER"], Forward(Apply(started, Plan.From(Rules, started))));
    }

    [Fact]
    public void Docker_that_makes_its_own_jump_is_left_alone_while_the_jump_is_away()
    {
        var away = Snapshots.Host(Snapshots.Save.ReplaceLineEndings("\n").Replace("[0:0] -A FORWARD -j DOCKER-USER\n", "", StringComparison.Ordinal));
        Assert.Empty(Forward(Apply(away, Plan.From(Rules, away, Create))));
    }

    [Fact]
    public void In_IPv6_the_switch_makes_chain_and_jump_unless_Docker_writes_there_without_one()
    {
        var host = Snapshots.Host();
        Assert.Contains("+ ip6tables -t mangle -A DNH-CUSTOM-FWD -d fd00::5/128", Plan.From(Rules6, host).Diff, StringComparison.Ordinal);
        var plan = Plan.From(Rules6, host, Create);
        Assert.Equal(new NewChain(Family.IPv6, "filter", "DOCKER-USER"), Assert.Single(plan.NewChains));
        Assert.Contains("+ ip6tables -I FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER", plan.Diff, StringComparison.Ordinal);

        var writing = Snapshots.Host(save6: Snapshots.Save6.ReplaceLineEndings("\n").Replace(":OUTPUT ACCEPT [0:0]\n", ":OUTPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n", StringComparison.Ordinal));
        Assert.Contains("+ ip6tables -t mangle -A DNH-CUSTOM-FWD -d fd00::5/128", Plan.From(Rules6, writing, Create).Diff, StringComparison.Ordinal);
        // A chain of table filter cannot be jumped to from mangle.
        var error = Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse("-6 -A DOCKER-USER -j MINE")], host));
        Assert.Contains("mangle", error.Message, StringComparison.Ordinal);
        Assert.Contains("-CreateChain", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_saved_with_the_rules_and_read_again()
    {
        var host = Apply(Unmanaged(), Plan.From(Rules, Unmanaged()));
        var saved = SavedRules.Of(host);
        Assert.Contains("-I FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER\n", saved.ToText(), StringComparison.Ordinal);
        Assert.Equal(saved, SavedRules.Parse(saved.ToText()));
        // Among the lines of iptables-services: there once, and gone with ours.
        var text = SysconfigText.With(Family.IPv4, Empty, saved);
        Assert.Single(text.Split('\n'), line => line.Contains("-j DOCKER-USER", StringComparison.Ordinal));
        Assert.Equal(text, SysconfigText.With(Family.IPv4, text, saved));
        Assert.DoesNotContain("DOCKER-USER", SysconfigText.With(Family.IPv4, text, SavedRules.FromLines([], host.Iptables)), StringComparison.Ordinal);
    }

    private static HostSnapshot With(HostSnapshot host, Ruleset rules) => host with { Rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = rules, [Family.IPv6] = host.Rules[Family.IPv6] } };

    private static string[] Forward(HostSnapshot host) => [.. host.Rules[Family.IPv4]["filter", "FORWARD"].Select(line => line.Text)];

    private static HostSnapshot Apply(HostSnapshot host, Plan plan) => host.After(plan.Steps.Select(step => (step.Family, step.Restore)));
}
