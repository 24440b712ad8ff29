using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Planning;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Persistence;

public sealed class SavedRulesTests
{
    private static readonly IReadOnlyList<FirewallRule> Rules =
        [.. new MetadataAccess { Provider = "Aws" }.Rules(), .. new HostAccess().Rules(), FirewallRule.Parse("-A DOCKER-USER -m set --match-set bad dst -j DROP")];

    internal static HostSnapshot Hardened(IReadOnlyList<FirewallRule>? rules = null)
    {
        var host = Planning.Snapshots.Host();
        return host.After(Plan.From(rules ?? Rules, host).Steps.Select(step => (step.Family, step.Restore)));
    }

    [Fact]
    public void It_holds_our_lines_and_nobody_elses()
    {
        var host = Hardened();
        // Somebody's own line in our chain, and a line with a mark in a chain that is not ours.
        var text = host.Rules[Family.IPv4].ToString().Replace("-A FORWARD -j DOCKER-USER\n", "-A FORWARD -j DOCKER-USER\n-A DNH-CUSTOM -s 10.1.1.1/32 -j RETURN\n-A DOCKER-USER -m comment --comment \"DockerNetHarden:Custom\" -j DROP\n", StringComparison.Ordinal);
        var saved = SavedRules.Of(host with { Rules = new Dictionary<Family, DockerNetHarden.Iptables.Ruleset>(host.Rules) { [Family.IPv4] = DockerNetHarden.Iptables.Ruleset.Parse(Family.IPv4, text) } });
        Assert.Equal(SavedRules.Of(host), saved);
        Assert.DoesNotContain("10.1.1.1", saved.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain("admin", saved.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain("RETURN\n-A DOCKER-USER", saved.ToText(), StringComparison.Ordinal);
        Assert.All(saved.Tables.SelectMany(table => table.Chains), chain => Assert.StartsWith("DNH-", chain.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Mangle_comes_before_filter_and_custom_rules_are_asked_last()
    {
        var saved = SavedRules.Of(Hardened());
        Assert.Equal([(Family.IPv4, "mangle"), (Family.IPv4, "filter"), (Family.IPv6, "mangle"), (Family.IPv6, "filter")], saved.Tables.Select(table => (table.Family, table.Table)));
        var filter = saved.Tables.Single(table => table is { Family: Family.IPv4, Table: "filter" });
        Assert.True(filter.NeedsDockerUser);
        Assert.Equal(["DNH-METADATA", "DNH-CUSTOM"], filter.Jumps.Where(jump => jump.Hook == "DOCKER-USER").Select(jump => jump.Chain));
    }

    [Fact]
    public void The_sets_that_rules_ask_are_known_by_name() => Assert.Equal(["bad"], SavedRules.Of(Hardened()).SetNames);

    [Fact]
    public void Its_text_is_read_back_as_it_was_written()
    {
        var saved = SavedRules.Of(Hardened()) with { SetLines = ["create bad hash:net family inet hashsize 1024 maxelem 65536", "add bad 10.9.0.0/16"] };
        var read = SavedRules.Parse(saved.ToText());
        Assert.Equal(saved, read);
        Assert.Equal(saved.ToText(), read.ToText());
        Assert.Equal(saved.SetLines, read.SetLines);
        Assert.Equal(saved.Count, read.Count);
    }

    [Theory]
    [InlineData("", "begin")]
    [InlineData("# something else\n", "begin")]
    [InlineData("# DockerNetHarden 1: x\n-A DNH-HOST -j DROP\n", "Line 2")]
    [InlineData("# DockerNetHarden 1: x\n[iptables]\n5 iptables\n", "Line 3")]
    [InlineData("# DockerNetHarden 1: x\n[4 filter]\n-A\n", "Line 3")]
    [InlineData("# DockerNetHarden 1: x\n[4 filter]\nrm -rf\n", "Line 3")]
    public void Any_other_text_is_an_error_that_names_the_line(string text, string named) =>
        Assert.Contains(named, Assert.ThrowsAny<FormatException>(() => SavedRules.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_rules_of_ours_it_is_empty()
    {
        var saved = SavedRules.Of(Planning.Snapshots.Host());
        Assert.True(saved.IsEmpty);
        Assert.Empty(saved.Commands);
    }
}
