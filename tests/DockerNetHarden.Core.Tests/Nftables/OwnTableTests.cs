using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Planning;
using DockerNetHarden.Export;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Tests;
using HostOnPaper = DockerNetHarden.Core.Tests.Planning.Snapshots;

namespace DockerNetHarden.Core.Tests.Nftables;

/// <summary>
/// Plans for our nftables table. What the kernel makes of it was recorded: <c>own-table.nft</c> loaded with nft 1.0.6 and 1.1.7, and listed as JSON.
/// </summary>
public sealed class OwnTableTests
{
    private static readonly PlanOptions Nft = new() { Backend = FirewallBackend.Nftables, Force = true };

    private static readonly IReadOnlyList<FirewallRule> Rules =
    [
        .. new MetadataAccess { Log = true }.Rules(), .. new HostAccess().Rules(), .. new InternalAccess { Network = new NetworkReference("apps") }.Rules(),
        .. new SmtpRate().Rules(), .. new SmtpRate { Network = new NetworkReference("apps"), PerContainer = true }.Rules(),
        .. Fixture("own-table-custom.txt").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(FirewallRule.Parse),
    ];

    public static TheoryData<string> Versions => ["1.0.6", "1.1.7"];

    [Fact]
    public void The_text_is_the_one_that_was_recorded() => Assert.Equal(Fixture("own-table.nft"), FirewallExport.Of(ExportFormat.Nftables, Rules, Bare(), force: true).Texts[0].Text);

    [Fact]
    public void Where_there_is_no_table_one_transaction_makes_it_and_fails_if_there_is_one()
    {
        var plan = Plan.From(Rules, Bare(), Nft);
        Assert.Empty(plan.Steps);
        Assert.Equal(FirewallBackend.Nftables, plan.Backend);
        Assert.StartsWith("create table inet docker_net_harden\n", plan.Nft!.Text, StringComparison.Ordinal);
        Assert.Equal("", plan.Nft.Premise);
        Assert.All(plan.AddedCommands, line => Assert.StartsWith("nft add rule inet docker_net_harden ", line, StringComparison.Ordinal));
        Assert.Contains("+ nft add rule inet docker_net_harden filter_forward_metadataaccess_ip ", plan.Diff, StringComparison.Ordinal);
        // What is used is declared before.
        var lines = plan.Nft.Text.Split('\n').ToList();
        foreach (var (line, index) in lines.Select((line, index) => (line, index)).Where(each => each.line.Contains(" jump ", StringComparison.Ordinal)))
            Assert.InRange(lines.FindIndex(each => each.StartsWith($"add chain inet docker_net_harden {line.Split(" jump ")[1].Split(' ')[0]}", StringComparison.Ordinal)), 0, index);
    }

    [Fact]
    public void The_backend_is_Dockers_unless_somebody_names_one()
    {
        var nftables = Bare() with { Engine = Bare().Engine! with { FirewallBackend = "nftables" } };
        Assert.Equal(FirewallBackend.Nftables, Plan.From(Rules, nftables, new PlanOptions { Force = true }).Backend);
        Assert.Equal(FirewallBackend.Iptables, Plan.From(new SmtpRate().Rules(), Bare()).Backend);
        var down = Bare() with { Engine = null, DaemonSettings = new Dictionary<string, string> { ["firewall-backend"] = "nftables" } };
        Assert.Equal(FirewallBackend.Nftables, Plan.From([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5 -j DROP")], down).Backend);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void What_the_kernel_lists_is_read_as_the_rules_that_were_given(string version)
    {
        var host = Recorded(version);
        var given = Plan.From(Rules, Bare(), Nft);
        var there = InstalledRule.ReadAll(host).Where(rule => rule.Backend == FirewallBackend.Nftables).ToList();
        Assert.All(there, rule => Assert.True(rule is { IsOurs: true, Rule: not null }, rule.Text));
        // Metadata, host and the rest: as many rules as were given, each of them as text too.
        Assert.Equal(given.AddedCommands.Count(line => !line.EndsWith(" +\"", StringComparison.Ordinal)), there.Count);
        Assert.All(there, rule => Assert.Equal(rule.Rule, FirewallRule.Parse(rule.Text)));
        Assert.True(Plan.From(Rules, host, Nft).IsEmpty, Plan.From(Rules, host, Nft).Nft?.Text);
        Assert.True(Plan.From(Rules, host, Nft with { Prune = true }).IsEmpty);
        Assert.Empty(RulePresence.Problems(Rules, host));
        Assert.NotEmpty(RulePresence.Problems(new MetadataAccess { Network = new NetworkReference("apps") }.Rules(), host));
        // A backup of what is there brings the same rules back.
        var bags = there.Select(rule => InstalledRule.FromProperties(typeof(InstalledRule).GetProperties().ToDictionary(property => property.Name, property => property.GetValue(rule), StringComparer.Ordinal)));
        Assert.Equal(there.Select(rule => rule.Rule!.ToString()), bags.Select(rule => rule.ToString()));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void A_networks_rules_come_back_into_the_table_and_go_from_it(string version)
    {
        var host = Recorded(version);
        var back = NetworkRules.Restored("apps", host, Bare());
        Assert.Equal(FirewallBackend.Nftables, back.Backend);
        Assert.NotEmpty(back.Nft!.Added);
        Assert.All(back.Nft.Added, line => Assert.Contains(":apps", line, StringComparison.Ordinal));
        var gone = NetworkRules.Restored("apps", Bare(), host);
        Assert.Empty(gone.AddedCommands);
        Assert.NotEmpty(gone.Nft!.Removed);
        Assert.All(gone.Nft.Removed, line => Assert.Contains(":apps", line, StringComparison.Ordinal));
        Assert.True(NetworkRules.Restored("apps", host, host).IsEmpty);
        // As JSON keeps it: a number.
        var one = InstalledRule.ReadAll(host).First(rule => rule.Backend == FirewallBackend.Nftables);
        var bag = typeof(InstalledRule).GetProperties().ToDictionary(property => property.Name, property => property.GetValue(one), StringComparer.Ordinal);
        bag[nameof(InstalledRule.Backend)] = (long)FirewallBackend.Nftables;
        Assert.Equal(one.Rule, InstalledRule.FromProperties(bag));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void A_snapshot_file_knows_the_table(string version)
    {
        using var file = new MemoryStream();
        SnapshotFile.Write(Recorded(version) with { OwnTable = null, Nft = NftText.Parse(System.Text.Encoding.UTF8.GetBytes(Fixture($"own-table-{version}.json"))) }, file);
        var read = SnapshotFile.Read(file.ToArray());
        Assert.True(Plan.From(Rules, read, Nft).IsEmpty);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void A_change_touches_nothing_else(string version)
    {
        var host = Recorded(version);
        var plan = Plan.From(new HostAccess { AllowPorts = PortSpec.ParseAll(["8080/tcp"]) }.Rules(), host, Nft);
        Assert.Equal(Handles(host), plan.Nft!.Premise);
        Assert.Empty(plan.RemovedCommands);
        Assert.All(plan.Nft.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries), line =>
        {
            Assert.StartsWith("insert rule inet docker_net_harden filter_input_hostaccess_ip", line, StringComparison.Ordinal);
            Assert.Contains("tcp dport 8080 counter return", line, StringComparison.Ordinal);
        });

        // Another rate is another object; the old one goes with its rule.
        var slower = Plan.From(new SmtpRate { PerMinute = 2 }.Rules(), host, Nft).Nft!.Text;
        Assert.Contains("add limit inet docker_net_harden rate_", slower, StringComparison.Ordinal);
        Assert.Contains("delete limit inet docker_net_harden rate_", slower, StringComparison.Ordinal);
        Assert.DoesNotContain("metadata", slower, StringComparison.Ordinal);
        Assert.DoesNotContain("flush", slower, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void What_is_removed_takes_its_chain_its_jump_and_its_sets_along_and_the_last_rule_the_table(string version)
    {
        var host = Recorded(version);
        var text = Plan.Without(mark => mark.Control == "MetadataAccess", host).Nft!.Text;
        Assert.Contains("delete chain inet docker_net_harden filter_forward_metadataaccess_ip\n", text, StringComparison.Ordinal);
        Assert.Contains("delete set inet docker_net_harden ip_", text, StringComparison.Ordinal);
        Assert.DoesNotContain("hostaccess", text, StringComparison.Ordinal);
        Assert.Equal("delete table inet docker_net_harden\n", Plan.Without(_ => true, host).Nft!.Text);
        var single = InstalledRule.ReadAll(host).First(rule => rule.Rule is { Control: "Custom", Subject: "redirected" }).Rule!;
        Assert.Equal(2, Plan.WithoutRules([single], host).Nft!.Text.Split('\n').Count(line => line.StartsWith("delete rule", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("opened_reject")] // what decides for all blocks
    [InlineData("filter_forward")] // what brings packets there
    [InlineData("filter_forward_metadataaccess_ip")]
    public void What_somebody_took_out_is_missed_and_put_back(string chain)
    {
        var host = Recorded("1.0.6");
        var torn = host with { OwnTable = host.OwnTable! with { Rules = [.. host.OwnTable.Rules.Where(rule => rule.Chain != chain)] } };
        Assert.NotEmpty(RulePresence.Problems(new MetadataAccess { Log = true }.Rules(), torn));
        Assert.Contains($"rule inet docker_net_harden {chain} ", Plan.From(new MetadataAccess { Log = true }.Rules(), torn, Nft).Nft!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_with_more_than_its_rule_is_no_rule_and_a_set_with_less_is_filled_again()
    {
        var host = Recorded("1.0.6");
        var other = NftText.Parse("""{"nftables":[{"rule":{"family":"inet","table":"docker_net_harden","chain":"c","handle":1,"expr":[{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":7}}]}}]}"""u8.ToArray()).Rules[0].Expressions[0];
        var narrowed = host with { OwnTable = host.OwnTable! with { Rules = [.. host.OwnTable.Rules.Select(rule => rule.Chain is "filter_forward_metadataaccess_ip" ? rule with { Expressions = [other, .. rule.Expressions] } : rule)] } };
        Assert.All(InstalledRule.ReadAll(narrowed).Where(rule => rule.Chain is "filter_forward_metadataaccess_ip"), rule => Assert.Null(rule.Rule));
        Assert.Contains("delete rule", Plan.From(new MetadataAccess { Log = true }.Rules(), narrowed, Nft).Nft!.Text, StringComparison.Ordinal);

        var emptied = host with { OwnTable = host.OwnTable with { Sets = [.. host.OwnTable.Sets.Select(set => set.Timeout is null && set.Type is "ipv4_addr" ? set with { Elements = [.. set.Elements.Skip(1)] } : set)] } };
        var text = Plan.From(Rules, emptied, Nft).Nft!.Text;
        Assert.Contains("flush set inet docker_net_harden ip_", text, StringComparison.Ordinal);
        Assert.Contains("add element inet docker_net_harden ip_", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Somebody_elses_rule_stays_and_keeps_the_table()
    {
        var host = Recorded("1.0.6");
        var foreign = host.OwnTable!.Rules[0] with { Chain = "filter_forward", Handle = 9999, Comment = null };
        var shared = host with { OwnTable = host.OwnTable with { Rules = [.. host.OwnTable.Rules, foreign] } };
        Assert.True(Plan.From(Rules, shared, Nft).IsEmpty);
        var text = Plan.Without(_ => true, shared).Nft!.Text;
        Assert.DoesNotContain("delete table", text, StringComparison.Ordinal);
        Assert.DoesNotContain("9999", text, StringComparison.Ordinal);
        Assert.DoesNotContain("delete chain inet docker_net_harden filter_forward\n", text, StringComparison.Ordinal);
        Assert.Contains("delete chain inet docker_net_harden filter_forward_metadataaccess_ip\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mark_moves_from_one_backend_to_the_other()
    {
        var rules = new SmtpRate().Rules();
        var iptables = HostOnPaper.Host();
        iptables = iptables.After(Plan.From(rules, iptables).Steps.Select(step => (step.Family, step.Restore))) with { OwnTable = new NftRuleset([], [], []) };
        var there = Plan.From(rules, iptables, Nft);
        Assert.True(there.Nft!.IsFirst);
        Assert.Contains(there.RemovedCommands, line => line.StartsWith("iptables -A DNH-SMTP", StringComparison.Ordinal));
        Assert.Contains(there.AddedCommands, line => line.StartsWith("nft add rule", StringComparison.Ordinal));
        // Back: the rules of iptables are there before the table goes.
        var back = Plan.From(Rules, Recorded("1.0.6"), new PlanOptions { Backend = FirewallBackend.Iptables, Force = true });
        Assert.NotEmpty(back.Steps);
        Assert.False(back.Nft!.IsFirst);
        Assert.Equal("delete table inet docker_net_harden\n", back.Nft.Text);
    }

    [Theory]
    [InlineData("-A DOCKER-USER -m set --match-set bad dst -j DROP", "ipset")]
    [InlineData("-A DOCKER-USER -j ADMIN", "ADMIN")]
    public void What_nft_cannot_say_changes_nothing_and_is_named(string rule, string reason)
    {
        var error = Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse(rule)], Bare(), Nft));
        Assert.Equal(PlanFailure.NotInNftables, error.Failure);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_is_saved_and_compared_with_what_is_applied()
    {
        var host = Recorded("1.1.7");
        var saved = SavedRules.Of(host);
        Assert.Equal(InstalledRule.ReadAll(host).Count(rule => rule.IsOurs), saved.Count);
        Assert.Equal(saved, SavedRules.Parse(saved.ToText()));
        Assert.StartsWith("table inet docker_net_harden\ndelete table inet docker_net_harden\n", saved.NftText, StringComparison.Ordinal);
        var files = new SavedFiles { Texts = PersistencePlan.Keep(saved, new SavedFiles { Texts = new Dictionary<string, string>(), Systems = ["systemd"] }, PersistenceMethod.Auto).Write.ToDictionary(file => file.Path, file => file.Text, StringComparer.Ordinal), Links = [.. PersistencePaths.Links] };
        Assert.True(SavedComparison.Of(host with { Saved = files })!.IsSame);
        Assert.NotEmpty(SavedComparison.Of(Bare() with { Saved = files })!.NotApplied);
        Assert.Throws<PersistenceException>(() => PersistencePlan.Keep(saved, new SavedFiles { Texts = new Dictionary<string, string>(), Systems = ["iptables-services"] }, PersistenceMethod.IptablesServices));
    }

    [Fact]
    public void A_policy_is_read_back_from_the_table()
    {
        var host = Recorded("1.0.6");
        Assert.Contains(PolicyCapture.Of(host).Controls, control => control is MetadataAccess { Log: true });
    }

    // The host on paper with nft and without a table.
    private static HostSnapshot Bare() => HostOnPaper.Host() with { OwnTable = new NftRuleset([], [], []) };

    private static HostSnapshot Recorded(string version) => Bare() with { OwnTable = NftText.Parse(System.Text.Encoding.UTF8.GetBytes(Fixture($"own-table-{version}.json"))) };

    private static string Handles(HostSnapshot host) => string.Join('\n', host.OwnTable!.Handles);

    private static string Fixture(string name) => File.ReadAllText(Path.Combine(ProjectRoot.Path, "tests", "DockerNetHarden.Core.Tests", "Nftables", name));
}
