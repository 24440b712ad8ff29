using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>If the second family cannot be written, the first one is taken back, and the error says so.</summary>
public sealed class PartialFamilyTests
{
    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task A_second_family_that_fails_takes_the_first_one_back(string tool)
    {
        using var space = HostNamespace.Make();
        IReadOnlyList<FirewallRule> rules = [FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5000 -j DROP"), FirewallRule.Parse("-6 -A INPUT -i docker0 -p tcp --dport 5000 -j DROP")];
        var error = await TakenBackAsync(space, tool, snapshot =>
        {
            var plan = Plan.From(rules, snapshot, new PlanOptions { Force = true });
            Assert.Equal([Family.IPv4, Family.IPv6], plan.Steps.Select(static step => step.Family));
            return Broken(plan, rules, snapshot);
        });
        Assert.Contains("IPv6", error.Message, StringComparison.Ordinal);
        Assert.Contains("IPv4 filter", error.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task A_control_that_cannot_be_written_in_IPv6_leaves_nothing_in_IPv4(string tool)
    {
        using var space = HostNamespace.Make();
        await TakenBackAsync(space, tool, snapshot =>
        {
            var plan = Plan.From(new MetadataAccess().Rules(), snapshot);
            Assert.Equal(["IPv4 mangle", "IPv4 filter", "IPv6 mangle", "IPv6 filter"], plan.Steps.Select(static step => $"{step.Family} {step.Table}"));
            var broken = plan.Steps[2] with { Restore = plan.Steps[2].Restore.Replace("-j DNH-DROP", "-m nosuchmatch -j DNH-DROP", StringComparison.Ordinal) };
            return new Plan(snapshot) { Added = plan.Added, Premises = plan.Premises, Steps = [plan.Steps[0], plan.Steps[1], broken] };
        });
        await using var shell = space.Open();
        Assert.True((await new DockerHost(shell).ApplyAsync(snapshot => Plan.From(new MetadataAccess().Rules(), snapshot), new CollectingSink(), CancellationToken.None)).Verified);
    }

    private static async Task<HostException> TakenBackAsync(HostNamespace space, string tool, Func<HostSnapshot, Plan> plan)
    {
        space.Restore(tool, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n");
        await using var shell = space.Open();
        var before = Rules(space, tool);
        var error = await Assert.ThrowsAsync<HostException>(() => new DockerHost(shell).ApplyAsync(plan, new CollectingSink(), CancellationToken.None));
        Assert.Equal(HostFailure.RestoreFailed, error.Failure);
        Assert.Contains("taken back", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Rules(space, tool));
        return error;
    }

    // A normal plan, but its IPv6 half names a match that this kernel does not have.
    private static Plan Broken(Plan plan, IReadOnlyList<FirewallRule> rules, HostSnapshot snapshot) =>
        new(snapshot) { Added = plan.Added, Premises = plan.Premises, Steps = [plan.Steps[0], plan.Steps[1] with { Restore = plan.Steps[1].Restore.Replace("-p tcp", "-m nosuchmatch -p tcp", StringComparison.Ordinal) }], Unchanged = rules.Count };

    private static string Rules(HostNamespace space, string tool) =>
        string.Join('\n', (space.Run(tool + "-save") + space.Run(tool.Replace("ip", "ip6", StringComparison.Ordinal) + "-save")).Split('\n').Where(static line => line.StartsWith('-') || line.StartsWith(":D", StringComparison.Ordinal)));
}
