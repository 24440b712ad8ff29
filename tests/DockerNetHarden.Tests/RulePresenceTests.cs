using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Tests;

public sealed class RulePresenceTests
{
    private const string Mark = "-m comment --comment \"DockerNetHarden:Custom/x\"";
    private const string First = "-A DNH-CUSTOM -d 10.0.0.5/32 " + Mark + " -j DROP";
    private const string Second = "-A DNH-CUSTOM -d 10.0.0.6/32 " + Mark + " -j DROP";
    private const string Jump = "-A DOCKER-USER -m comment --comment DockerNetHarden -j DNH-CUSTOM";
    private const string DockersJump = "-A FORWARD -j DOCKER-USER";

    private static readonly FirewallRule[] Rules =
        [FirewallRule.Parse($"-A DOCKER-USER -d 10.0.0.5/32 {Mark} -j DROP"), FirewallRule.Parse($"-A DOCKER-USER -d 10.0.0.6/32 {Mark} -j DROP")];

    [Fact]
    public void Rules_that_stand_jumped_to_have_no_problem() => Assert.Empty(RulePresence.Problems(Rules, Host(DockersJump, Jump, First, Second)));

    [Fact]
    public void A_part_of_what_stands_has_no_problem() => Assert.Empty(RulePresence.Problems(Rules[1..], Host(DockersJump, Jump, First, Second)));

    public static TheoryData<string, string[], string> Broken => new()
    {
        { "one is missing", [DockersJump, Jump, First], "is not there" },
        { "all are missing", [DockersJump], "is not there" },
        { "our jump is missing", [DockersJump, First, Second], "does not jump to DNH-CUSTOM" },
        { "the chain ends before our jump", [DockersJump, "-A DOCKER-USER -j RETURN", Jump, First, Second], "does not jump to DNH-CUSTOM" },
        { "Docker's jump is missing", [Jump, First, Second], "FORWARD does not jump" },
        { "FORWARD ends before Docker's jump", ["-A FORWARD -j ACCEPT", DockersJump, Jump, First, Second], "FORWARD does not jump" },
        { "our chain ends before them", [DockersJump, Jump, "-A DNH-CUSTOM -j RETURN", First, Second], "DNH-CUSTOM ends before them" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void What_keeps_them_from_acting_is_said(string what, string[] lines, string problem) =>
        Assert.True(RulePresence.Problems(Rules, Host(lines)).Any(text => text.Contains(problem, StringComparison.Ordinal)), what);

    [Fact]
    public void An_exception_behind_its_block_is_a_problem()
    {
        const string Comment = "-m comment --comment \"DockerNetHarden:MetadataAccess/gcp\"";
        const string Block = "-d 169.254.169.254/32 " + Comment + " -j DROP";
        const string Exception = "-d 169.254.169.254/32 -p udp -m udp --dport 53 " + Comment + " -j RETURN";
        const string MetadataJump = "-A DOCKER-USER -m comment --comment DockerNetHarden -j DNH-METADATA";
        FirewallRule[] rules = [FirewallRule.Parse("-A DOCKER-USER " + Exception), FirewallRule.Parse("-A DOCKER-USER " + Block)];
        Assert.Empty(RulePresence.Problems(rules, Host(DockersJump, MetadataJump, "-A DNH-METADATA " + Exception, "-A DNH-METADATA " + Block)));
        Assert.Contains("wrong order", Assert.Single(RulePresence.Problems(rules, Host(DockersJump, MetadataJump, "-A DNH-METADATA " + Block, "-A DNH-METADATA " + Exception))), StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_the_host_does_not_have_is_an_error() =>
        Assert.Throws<PlanException>(() => RulePresence.Problems([FirewallRule.Parse("-A DOCKER-USER -i network:web -j DROP")], Host(DockersJump)));

    [Fact]
    public void An_installed_rule_is_ours_by_its_mark_in_our_chain_only()
    {
        var typed = $"-A DOCKER-USER -d 10.0.0.9/32 {Mark} -j DROP";
        var installed = InstalledRule.ReadAll(Host(DockersJump, Jump, typed, First, "-A DNH-CUSTOM -j RETURN"));
        var ours = Assert.Single(installed, rule => rule.IsOurs);
        Assert.Equal(("DNH-CUSTOM", 1, "Custom", "x", Rules[0]), (ours.Chain, ours.Position, ours.Control, ours.Subject, ours.Rule));
        Assert.Equal("iptables " + First, ours.Text);
        Assert.Equal(5, installed.Count);
    }

    [Fact]
    public void A_custom_rule_can_be_named_and_another_controls_cannot()
    {
        Assert.Equal("mine", Rules[0].Named("mine").Subject);
        Assert.Equal("10.0.0.5/32", Rules[0].Named("mine").Destination);
        Assert.Throws<RefusedValueException>(() => FirewallRule.Parse("-A DOCKER-USER -m comment --comment DockerNetHarden:SmtpRate -j DROP").Named("mine"));
    }

    private static HostSnapshot Host(params string[] lines) => new()
    {
        HostName = "localhost",
        TakenAt = DateTimeOffset.UnixEpoch,
        Iptables = new IptablesTool(IptablesBackend.Nft, "iptables v1.8.9 (nf_tables)", "iptables", null),
        Rules = new Dictionary<Family, Ruleset>
        {
            [Family.IPv4] = Ruleset.Parse(Family.IPv4, $"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n:DNH-CUSTOM - [0:0]\n:DNH-METADATA - [0:0]\n{string.Join('\n', lines)}\nCOMMIT\n"),
        },
    };
}
