using System.Text;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Rules;
using DockerNetHarden.Export;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Nftables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class OwnTableOnNft(NftLab lab) : OwnTableTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class OwnTableOnLegacy(LegacyLab lab) : OwnTableTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class OwnTableOnTrixie(TrixieLab lab) : OwnTableTests(lab);

[Collection(SidCollection.Name)]
public sealed class OwnTableOnSid(SidLab lab) : OwnTableTests(lab);

/// <summary>Our nftables table beside a running Docker that writes with iptables: applied, read back, changed and removed, with packets.</summary>
public abstract class OwnTableTests(LabFixture fixture)
{
    private static readonly PlanOptions Nft = new() { Backend = FirewallBackend.Nftables };

    private static readonly Control[] Controls = [new MetadataAccess { Log = true }, new HostAccess(), new InternalAccess { Network = new NetworkReference("apps") }, new SmtpRate()];

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task Rules_go_into_the_table_decide_packets_and_leave_nothing_behind()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        IReadOnlyList<FirewallRule> rules = [.. Controls.SelectMany(control => control.Rules())];
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
        Assert.DoesNotContain("docker_net_harden", await TablesAsync(), StringComparison.Ordinal);

        var applied = await hardening.ApplyAsync(rules, Nft);
        Assert.Equal((InvocationStatus.Applied, true, FirewallBackend.Nftables), (applied.Status, applied.Verified, applied.Backend));
        Assert.All(applied.Added, line => Assert.StartsWith("nft add rule inet docker_net_harden ", line, StringComparison.Ordinal));
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(rules, Nft)).Status);
        await Lab.ExpectProtectedAsync();
        // Every rule is read back as it was given, and counts.
        var there = InstalledRule.ReadAll(await hardening.Host.ReadAsync(CancellationToken.None)).Where(rule => rule.IsOurs).ToList();
        Assert.All(there, rule => Assert.Equal(FirewallBackend.Nftables, rule.Backend));
        Assert.All(there, rule => Assert.NotNull(rule.Rule));
        Assert.Contains(there, rule => rule is { Rule: { Control: "MetadataAccess", Action: RuleAction.Reject, Table: "filter" }, Packets: > 0 });

        // What stays keeps its counter and its rate; what is new is there at once, and so is what goes.
        var before = await ListAsync();
        var more = await hardening.ApplyAsync(new HostAccess { AllowPorts = [.. PortSpec.ParseAll([FormattableString.Invariant($"{LabAddresses.HostHttpPort}/tcp")])] }.Rules(), Nft);
        Assert.True(more.Verified);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        var counted = before.Split('\n').Where(line => line.Contains("MetadataAccess", StringComparison.Ordinal) && line.Contains("opened_reject", StringComparison.Ordinal) && !line.Contains("packets 0 ", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(counted);
        var after = await ListAsync();
        Assert.All(counted, line => Assert.Contains(line.Split("bytes")[0], after, StringComparison.Ordinal));
        Assert.True((await hardening.ApplyAsync(rules, Nft)).Verified);

        // A network that is made later is covered, and its published ports and replies work.
        await Lab.ExpectLaterProtectedAsync();
        hardening.CompareForeign = false;

        var removed = await hardening.RemoveAllAsync();
        Assert.True(removed.Verified);
        Assert.DoesNotContain("docker_net_harden", await TablesAsync(), StringComparison.Ordinal);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
    }

    [LabFact]
    public async Task What_the_export_loads_and_what_is_applied_are_the_same_table()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        IReadOnlyList<FirewallRule> rules = [.. Controls.SelectMany(control => control.Rules())];
        var text = Assert.Single(FirewallExport.Of(ExportFormat.Nftables, rules, await hardening.Host.ReadAsync(CancellationToken.None)).Texts).Text;
        (await Lab.ExecAsync(["nft", "-f", "-"], text)).OrThrow();
        var loaded = await ListAsync(counters: false);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(rules, Nft)).Status);
        Assert.True((await hardening.RemoveAllAsync()).Verified);
        Assert.True((await hardening.ApplyAsync(rules, Nft)).Verified);
        Assert.Equal(Sorted(loaded), Sorted(await ListAsync(counters: false)));
    }

    [LabFact]
    public async Task A_mark_stands_in_one_backend_and_one_command_moves_it()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var rules = new MetadataAccess().Rules();
        var empty = await hardening.SaveAsync();
        Assert.True((await hardening.ApplyAsync(rules)).Verified);
        Assert.True((await hardening.ApplyAsync(rules, Nft)).Verified);
        Assert.DoesNotContain("DNH-", await hardening.SaveAsync(), StringComparison.Ordinal);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.True((await hardening.ApplyAsync(rules)).Verified);
        Assert.DoesNotContain("docker_net_harden", await TablesAsync(), StringComparison.Ordinal);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.DoesNotContain("DNH-", empty, StringComparison.Ordinal);
    }

    [LabFact]
    public async Task What_somebody_changes_in_the_table_is_found_and_mended_and_their_own_rules_stay()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var rules = new MetadataAccess().Rules();
        Assert.True((await hardening.ApplyAsync(rules, Nft)).Verified);
        async Task BrokenAsync(params string[] command)
        {
            (await Lab.ExecAsync(["nft", .. command])).OrThrow();
            Assert.NotEmpty(RulePresence.Problems(rules, await hardening.Host.ReadAsync(CancellationToken.None)));
            Assert.True((await hardening.ApplyAsync(rules, Nft)).Verified);
            Assert.Empty(RulePresence.Problems(rules, await hardening.Host.ReadAsync(CancellationToken.None)));
            await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        }
        await BrokenAsync("flush", "chain", "inet", "docker_net_harden", "filter_forward");
        await BrokenAsync("flush", "chain", "inet", "docker_net_harden", "opened_reject");
        await BrokenAsync("flush", "chain", "inet", "docker_net_harden", "filter_forward_metadataaccess_ip");
        await BrokenAsync("insert", "rule", "inet", "docker_net_harden", "opened_reject", "counter", "return", "comment", "\"DockerNetHarden\"");
        var set = (await ListAsync()).Split('\n').First(line => line.TrimStart().StartsWith("set ip_", StringComparison.Ordinal)).Trim().Split(' ')[1];
        await BrokenAsync("delete", "element", "inet", "docker_net_harden", set, "{", "169.254.169.254", "}");

        (await Lab.ExecAsync(["nft", "add", "rule", "inet", "docker_net_harden", "filter_forward", "ip", "daddr", "203.0.113.99", "counter", "drop"])).OrThrow();
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(rules, Nft)).Status);
        Assert.True((await hardening.RemoveAllAsync()).Verified);
        Assert.Contains("203.0.113.99", await ListAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("MetadataAccess", await ListAsync(), StringComparison.Ordinal);
        (await Lab.ExecAsync(["nft", "delete", "table", "inet", "docker_net_harden"])).OrThrow();
    }

    [LabTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mail_is_limited_and_the_rate_survives_another_change(bool perContainer)
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        Assert.True((await hardening.ApplyAsync(new SmtpRate { PerMinute = 5, Burst = 5, PerContainer = perContainer }.Rules(), Nft)).Verified);
        Assert.InRange((await Lab.BurstAsync("a1", LabAddresses.Web, 25, 12, 12)).Open, 5, 6);
        // The other rules of the table change, and the same tokens are still used up.
        Assert.True((await hardening.ApplyAsync(new MetadataAccess().Rules(), Nft)).Verified);
        Assert.InRange((await Lab.BurstAsync("a1", LabAddresses.Web, 25, 12, 12)).Open, 0, 1);
        Assert.InRange((await Lab.BurstAsync("a2", LabAddresses.Web, 25, 12, 12)).Open, perContainer ? 5 : 0, perContainer ? 6 : 1);
    }

    [LabFact]
    public async Task The_whole_vocabulary_comes_back_from_the_kernel_as_it_was_given()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var taken = new List<FirewallRule>();
        foreach (var rule in new RandomRules(11).Take(1200).Select(NftTables.Canonical).Distinct())
        {
            try
            {
                NftRenderer.Render([rule]);
                taken.Add(rule);
            }
            catch (NftException)
            {
                // It is refused by name.
            }
        }
        var load = await Lab.ExecAsync(["nft", "-f", "-"], NftRenderer.Render(taken));
        Assert.True(load.ExitCode == 0, load.Errors.Length > 4000 ? load.Errors[..4000] : load.Errors);
        var json = (await Lab.ExecAsync(["nft", "-j", "list", "table", "inet", "docker_net_harden"])).OrThrow();
        (await Lab.ExecAsync(["nft", "delete", "table", "inet", "docker_net_harden"])).OrThrow();
        var read = NftReader.Read(NftText.Parse(Encoding.UTF8.GetBytes(json)));
        Assert.Empty(read.Foreign);
        foreach (var chain in taken.GroupBy(rule => (rule.Hook, rule.Control, rule.Family)))
        {
            var there = read.Chains.Single(each => (each.Hook, each.Control, each.Family) == chain.Key);
            var lost = chain.Select(rule => rule.ToString()).Except(there.Rules.Select(rule => rule.Rule?.ToString()), StringComparer.Ordinal).ToList();
            Assert.True(lost.Count == 0, $"{string.Join('\n', lost.Take(3))}\ncame back as\n{string.Join('\n', there.Rules.Where(rule => rule.Rule is null).Take(6).Select(rule => rule.Lines[0].Match))}");
            Assert.Equal(chain.Select(rule => rule.ToString()), there.Rules.Select(rule => rule.Rule!.ToString()));
        }
        Assert.Null(NftDiff.Of(read, NftTables.Of(taken.GroupBy(rule => (rule.Hook, rule.Control, rule.Family)).Select(chain => new NftControl(chain.Key.Hook, chain.Key.Control, chain.Key.Family, [.. chain.Select(rule => (rule, 0L, 0L))])))));
    }

    private async Task<string> TablesAsync() => (await Lab.ExecAsync(["nft", "list", "tables"])).OrThrow();

    private async Task<string> ListAsync(bool counters = true) => (await Lab.ExecAsync(counters ? ["nft", "list", "table", "inet", "docker_net_harden"] : ["nft", "-s", "list", "table", "inet", "docker_net_harden"])).OrThrow();

    // Objects and chains are listed in the order in which they were made.
    private static IEnumerable<string> Sorted(string text) => text.Split("\n\t").Select(line => line.Trim()).Where(line => line.Length > 0).Order(StringComparer.Ordinal);
}
