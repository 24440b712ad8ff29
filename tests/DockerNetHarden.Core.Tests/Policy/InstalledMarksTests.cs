using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Policy;

/// <summary>Whether a host has exactly some rules is decided without a plan, and as a plan would decide it.</summary>
public sealed class InstalledMarksTests
{
    private static readonly FirewallRule[] Profile = [.. NetworkProfiles.Rules(NetworkProfile.ExternalOnly, new NetworkReference("plain"))];
    private static readonly FirewallRule[] Mail = [.. new SmtpRate { Network = new NetworkReference("quiet") }.Rules()];
    private static readonly HostSnapshot Applied = FixtureHost.Docker20.Applied([.. Profile, .. Mail]);

    public static TheoryData<string, HostSnapshot> Hosts => new()
    {
        { "as applied", Applied },
        { "nothing of ours", FixtureHost.Docker20 },
        { "without one of our jumps", Changed("filter", Hook.DockerUser, lines => lines.Where(line => line.Target is not "DNH-INTERNAL")) },
        { "a rule of the profile is gone", Changed("filter", "DNH-INTERNAL", lines => lines.Skip(1)) },
        { "a rule of mail is gone", Changed("filter", "DNH-SMTP", lines => lines.Skip(1)) },
        { "a rule of mail twice", Changed("filter", "DNH-SMTP", lines => [.. lines, lines[^1]]) },
        { "mail in another order", Changed("filter", "DNH-SMTP", lines => lines.Reverse()) },
        { "the profile in another order", Changed("filter", "DNH-INTERNAL", lines => lines.Reverse()) },
        { "a line of mail that is not a rule of ours", Changed("filter", "DNH-SMTP", lines => [new RuleLine(lines[0].Family, "filter", "DNH-SMTP", [.. lines[0].Tokens.Take(lines[0].Tokens.Count - 2), "-m", "string", "--string", "x", "-j", "DROP"]), .. lines.Skip(1)]) },
        { "somebody else's line between ours", Changed("filter", "DNH-INTERNAL", lines => [.. lines.Take(2), new RuleLine(lines[0].Family, "filter", "DNH-INTERNAL", ["-s", "10.0.0.1/32", "-j", "DROP"]), .. lines.Skip(2)]) },
        { "somebody else's line before ours", Changed("filter", "DNH-INTERNAL", lines => [new RuleLine(lines[0].Family, "filter", "DNH-INTERNAL", ["-s", "10.0.0.1/32", "-j", "DROP"]), .. lines]) },
        { "the half in mangle is gone", Changed("mangle", "DNH-METADATA", _ => []) },
        { "another network moved", Applied.WithNetwork("quiet", network => network with { Bridge = "other0" }) },
        { "the network moved", Applied.WithNetwork("plain", network => network with { Bridge = "other0" }) },
        { "the network is labelled", Applied.WithNetwork("plain", network => network.WithProfile("ExternalOnly")) },
        { "the network is gone", Applied with { Networks = [.. Applied.Networks.Where(network => network.Name is not "plain")] } },
        { "no IPv6 tables", Applied with { Rules = Applied.Rules.Where(pair => pair.Key == Addresses.Family.IPv4).ToDictionary(pair => pair.Key, pair => pair.Value) } },
    };

    [Theory]
    [MemberData(nameof(Hosts))]
    public void Rules_are_there_exactly_if_a_plan_with_them_is_empty(string what, HostSnapshot host)
    {
        var installed = new InstalledMarks(host);
        FirewallRule[][] candidates =
        [
            Profile, Mail, [.. Profile, .. Mail], [.. Enumerable.Reverse(Profile)], [.. Profile.Skip(1)], [.. Mail, Mail[0]], [.. NetworkProfiles.Rules(NetworkProfile.Default, new NetworkReference("plain"))],
            [.. new InternalAccess { Network = new NetworkReference("plain"), Action = RuleAction.Drop }.Rules()], [.. new SmtpRate { Network = new NetworkReference("quiet"), PerMinute = 9 }.Rules()], [.. new MetadataAccess().Rules()],
            [.. new HardenedNetwork { Name = "plain", Profile = NetworkProfile.ExternalOnly, BridgeName = "plain0" }.Rules()],
        ];
        Assert.Equal(candidates.Select(rules => IsPlanEmpty(rules, host)), candidates.Select(installed.AreExactly));
        Assert.True(what is not "as applied" || installed.AreExactly(Profile));
    }

    [Fact]
    public void The_rules_that_come_with_a_network_name_its_bridge_and_are_those_of_its_profile()
    {
        var network = FixtureHost.Docker20.Networks.Single(network => network.Name is "plain");
        Assert.DoesNotContain(Addresses.Family.IPv6, network.Families);
        var rules = new HardenedNetwork { Name = network.Name, Profile = NetworkProfile.ExternalOnly }.RulesOn(network);
        Assert.All(rules.Where(rule => rule.InInterface is not null), rule => Assert.Equal(network.Bridge, rule.InInterface));
        Assert.True(new InstalledMarks(FixtureHost.Docker20.Applied(rules)).AreExactly(Profile));
    }

    private static bool IsPlanEmpty(FirewallRule[] rules, HostSnapshot host)
    {
        try
        {
            return Plan.From(rules, host, new PlanOptions { Force = true }).IsEmpty;
        }
        catch (PlanException)
        {
            return false;
        }
    }

    private static HostSnapshot Changed(string table, string chain, Func<IReadOnlyList<RuleLine>, IEnumerable<RuleLine>> change)
    {
        var rules = Applied.Rules.ToDictionary(pair => pair.Key, pair => pair.Value);
        rules[Addresses.Family.IPv4] = rules[Addresses.Family.IPv4].WithRules(table, chain, [.. change(rules[Addresses.Family.IPv4][table, chain])]);
        return Applied with { Rules = rules };
    }
}
