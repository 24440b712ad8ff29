using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>The shape of the programs; their effect is tested on a real kernel.</summary>
public sealed class RollbackTests
{
    private static readonly IptablesTool Tool = new(IptablesBackend.Nft, "iptables v1.8.9 (nf_tables)", "iptables", "ip6tables");

    private static Plan Changes() => Plan.From(
        [FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.9 -j DROP"), FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5000 -j DROP")],
        new HostSnapshot
        {
            HostName = "tested",
            TakenAt = DateTimeOffset.UnixEpoch,
            Iptables = Tool,
            Rules = new Dictionary<Family, Ruleset>
            {
                [Family.IPv4] = Ruleset.Parse(Family.IPv4, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\nCOMMIT\n"),
                [Family.IPv6] = Ruleset.Parse(Family.IPv6, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\nCOMMIT\n"),
            },
        },
        new PlanOptions { Force = true });

    [Fact]
    public void It_names_the_chains_that_the_plan_changes()
    {
        var plan = Changes();
        var arm = RollbackArm.For(plan, new RollbackOptions(TimeSpan.FromSeconds(30)));
        Assert.Matches("^[0-9a-f]{32}$", arm.Id);
        Assert.NotEqual(arm.Id, RollbackArm.For(plan, new RollbackOptions(TimeSpan.FromSeconds(30))).Id);
        var chains = plan.Steps.SelectMany(static step => Regex.Matches(step.Restore, "(?<=-A |-I .*|-F )DNH-[A-Z-]*[A-Z]", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(match => $"{(step.Family == Family.IPv4 ? 4 : 6)} {step.Table} {match.Value}")).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(chains, arm.Targets.Split('\n').SelectMany(static line => line.Split(' ')[2..].Select(chain => string.Join(' ', [.. line.Split(' ')[..2], chain]))).Order(StringComparer.Ordinal));
        Assert.NotEmpty(arm.Targets);
    }

    [Fact]
    public void A_further_write_tells_the_timer_only_what_it_does_not_know()
    {
        var first = RollbackArm.For(Changes(), new RollbackOptions(TimeSpan.FromSeconds(30)));
        Assert.Equal("", first.More);
        Assert.Equal(("", first.Targets), (first.With(Changes()).More, first.With(Changes()).Targets));
        var plan = Changes();
        var second = first.With(new Plan(plan.Before) { Added = [], Premises = [], Unchanged = 0, Steps = [.. plan.Steps, new PlanStep(Family.IPv4, "mangle", "*mangle\n:DNH-METADATA - [0:0]\nCOMMIT\n", "*mangle\nCOMMIT\n")] });
        Assert.Equal((first.Id, "4 mangle DNH-METADATA"), (second.Id, second.More));
        Assert.Equal(first.Targets + "\n4 mangle DNH-METADATA", second.Targets);
    }

    [Fact]
    public void Nothing_of_it_stands_in_code()
    {
        var plan = Changes();
        var arm = RollbackArm.For(plan, new RollbackOptions(TimeSpan.FromSeconds(4711)));
        var script = WritingProgram.Of(new WriteRequest { Tool = Tool with { Prefix4 = "iptables-marked" }, Steps = plan.Steps, Rollback = arm }, TimeSpan.FromSeconds(1));
        var delimiter = Regex.Match(script.Text, "(?<=<<')[0-9a-f]{32}(?=')", RegexOptions.None, TimeSpan.FromSeconds(1)).Value;
        var code = Regex.Replace(script.Text, $"<<'{delimiter}'\n.*?\n{delimiter}\n", "", RegexOptions.Singleline, TimeSpan.FromSeconds(5));
        foreach (var value in new[] { arm.Id, "4711", "iptables-marked", "DNH-CUSTOM", "put_back" })
        {
            Assert.Contains(value, script.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(value, code, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_timer_is_armed_after_the_premises_and_before_the_first_write()
    {
        var plan = Changes();
        var text = WritingProgram.Of(
            new WriteRequest { Tool = Tool, Steps = plan.Steps, Premises = plan.Premises, NewChains = [new NewChain(Family.IPv4, "filter", "X")], Rollback = RollbackArm.For(plan, new RollbackOptions(TimeSpan.FromSeconds(5))) },
            TimeSpan.FromSeconds(1)).Text;
        int[] places = [.. new[] { "begin premise-", "begin arm", "begin create-1", "begin step-1", "begin disarm", "begin save4" }.Select(section => text.IndexOf(section, StringComparison.Ordinal))];
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
    }

    [Theory]
    [InlineData(1.9)]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(86401)]
    public void A_time_that_cannot_be_is_refused(double seconds) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RollbackOptions(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_part_of_a_second_counts_as_one() => Assert.Equal(TimeSpan.FromSeconds(3), new RollbackOptions(TimeSpan.FromSeconds(2.1)).After);

    [Theory]
    [InlineData("")]
    [InlineData("../0123456789abcdef0123456789abc")]
    [InlineData("0123456789ABCDEF0123456789ABCDEF")]
    public async Task An_id_that_is_none_reaches_no_host(string id)
    {
        await using var shell = new ProcessShell("tested", "/nonexistent", []);
        await Assert.ThrowsAsync<ArgumentException>(() => RollbackConfirmation.ConfirmAsync(shell, id, CancellationToken.None));
    }

    [Fact]
    public async Task A_rollback_that_the_host_does_not_have_is_unknown()
    {
        await using var shell = ShellFacts.Open("/bin/sh");
        var error = await Assert.ThrowsAsync<HostException>(() => RollbackConfirmation.ConfirmAsync(shell, new string('0', 32), CancellationToken.None));
        Assert.Equal(HostFailure.RollbackUnknown, error.Failure);
    }

    [Theory]
    [MemberData(nameof(ShellFacts.Shells), MemberType = typeof(ShellFacts))]
    public async Task Every_shell_can_read_the_timer(string shell)
    {
        var read = await ShellFacts.FeedAsync(shell, System.Text.Encoding.UTF8.GetBytes("if false; then\n" + RollbackTimer.Code.ReplaceLineEndings("\n") + "\nfi\necho parsed\n"));
        Assert.Equal("parsed\n", read);
    }
}
