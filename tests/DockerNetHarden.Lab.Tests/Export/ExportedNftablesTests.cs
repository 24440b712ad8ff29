using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Rules;
using DockerNetHarden.Export;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Nftables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Export;

[Collection(NftCollection.Name)]
public sealed class ExportedNftablesOnNft(NftLab lab) : ExportedNftablesTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class ExportedNftablesOnLegacy(LegacyLab lab) : ExportedNftablesTests(lab);

/// <summary>The nftables table, tested with packets: it decides the same as the module's own rules, beside either iptables.</summary>
public abstract class ExportedNftablesTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task The_table_decides_what_the_rules_of_iptables_decide()
    {
        var rules = new Control[] { new MetadataAccess(), new HostAccess(), new InternalAccess { Network = new NetworkReference("apps", "apps0") }, new SmtpRate() }.SelectMany(control => control.Rules()).ToList();
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        var text = Text(rules, await hardening.Host.ReadAsync(CancellationToken.None));
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        await LoadAsync(text);
        try
        {
            await Lab.ExpectProtectedAsync();
            // Docker's own changes do not affect it, and a network made later is covered.
            await Lab.ExpectLaterProtectedAsync();
            hardening.CompareForeign = false;

            // Loaded again it is the same table.
            var once = await ListAsync();
            await LoadAsync(text);
            Assert.Equal(once, await ListAsync());
        }
        finally
        {
            (await Lab.ExecAsync(["nft", "delete", "table", "inet", "docker_net_harden"])).OrThrow();
        }
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
    }

    [LabTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mail_is_limited_for_all_together_or_for_each(bool perContainer)
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        var rules = new SmtpRate { PerMinute = 5, Burst = 5, PerContainer = perContainer }.Rules();
        await LoadAsync(Text(rules, await hardening.Host.ReadAsync(CancellationToken.None)));
        try
        {
            var first = await Lab.BurstAsync("a1", LabAddresses.Web, 25, 12, 12);
            var second = await Lab.BurstAsync("a2", LabAddresses.Web, 25, 12, 12);
            Assert.InRange(first.Open, 5, 6);
            Assert.InRange(second.Open, perContainer ? 5 : 0, perContainer ? 6 : 1);
        }
        finally
        {
            (await Lab.ExecAsync(["nft", "delete", "table", "inet", "docker_net_harden"])).OrThrow();
        }
    }

    [LabFact]
    public async Task Nft_accepts_the_whole_vocabulary_or_the_export_refuses_it_by_name()
    {
        var (taken, refused) = (new List<FirewallRule>(), 0);
        foreach (var rule in new RandomRules(5).Take(1500).Distinct())
        {
            try
            {
                NftRenderer.Render([rule]);
                taken.Add(rule);
            }
            catch (NftException error)
            {
                Assert.Contains(NftTables.Canonical(rule).ToString(), error.Message, StringComparison.Ordinal);
                refused++;
            }
        }
        // Mostly original ports without a protocol.
        Assert.InRange(refused, 1, taken.Count / 4);
        var check = await Lab.ExecAsync(["nft", "-c", "-f", "-"], NftRenderer.Render(taken));
        Assert.True(check.ExitCode == 0, check.Errors.Length > 4000 ? check.Errors[..4000] : check.Errors);
    }

    private static string Text(IReadOnlyList<FirewallRule> rules, DockerNetHarden.Snapshots.HostSnapshot host) => Assert.Single(FirewallExport.Of(ExportFormat.Nftables, rules, host).Texts).Text;

    private async Task LoadAsync(string text) => (await Lab.ExecAsync(["nft", "-f", "-"], text)).OrThrow();

    private async Task<string> ListAsync() => (await Lab.ExecAsync(["nft", "-s", "list", "table", "inet", "docker_net_harden"])).OrThrow();
}
