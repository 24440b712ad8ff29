using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Engines;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Lab.Tests.Layouts;

[Collection(NftCollection.Name)]
public sealed class ForeignLayoutsOnNft(NftLab lab) : ForeignLayoutTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class ForeignLayoutsOnLegacy(LegacyLab lab) : ForeignLayoutTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class ForeignLayoutsOnTrixie(TrixieLab lab) : ForeignLayoutTests(lab);

[Collection(SidCollection.Name)]
public sealed class ForeignLayoutsOnSid(SidLab lab) : ForeignLayoutTests(lab);

/// <summary>Hosts with another program's firewall beside Docker's: the trace is what packets meet, what the audit offers mends the host, and the audit then has nothing left to say.</summary>
public abstract class ForeignLayoutTests(LabFixture fixture)
{
    [LabTheory]
    [InlineData("ufw")]
    [InlineData("ufw-docker")]
    [InlineData("CrowdSec")]
    [InlineData("mailcow")]
    [InlineData("k3s")]
    [InlineData("Tailscale")]
    public async Task A_host_with_another_firewall_is_traced_mended_and_then_passes(string name)
    {
        var saved = await fixture.SaveRulesAsync();
        var layout = ForeignLayout.Of(name);
        try
        {
            await layout.LayAsync(fixture.Lab);
            await MendAsync(fixture.Lab, isMadeHere: false);
        }
        finally
        {
            await fixture.ResetRulesAsync(saved);
            await ForeignLayout.RunAsync(fixture.Lab, layout.After);
        }
    }

    [LabFact]
    public async Task A_host_whose_networks_have_foreign_address_pools_is_traced_mended_and_then_passes()
    {
        await using var lab = await LabHost.RaiseAsync(fixture.Engine.Options with { AddressPools = ["198.18.5.0/24", "100.72.0.0/16"] });
        Assert.StartsWith("100.72.", (await lab.ContainerAsync("a1")).Address, StringComparison.Ordinal);
        await MendAsync(lab, isMadeHere: false);
    }

    [LabTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_host_whose_Docker_writes_no_rules_is_traced_mended_and_then_passes(bool createChain)
    {
        await using var lab = await LabHost.RaiseAsync(fixture.Engine.Options with { WritesRules = false });
        await ForeignLayout.LayInsteadOfDockerAsync(lab, isCareful: createChain);
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        await MendAsync(lab, createChain);
    }

    // isMadeHere: with rules in a DOCKER-USER that Docker did not make.
    private static async Task MendAsync(LabHost lab, bool isMadeHere)
    {
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        if (isMadeHere)
        {
            hardening.CompareForeign = false; // the chain stays
            Assert.True((await hardening.ApplyAsync(new Controls.MetadataAccess().Rules(), new PlanOptions { CreateChain = true })).Verified, string.Join('\n', hardening.Sink.Warnings));
        }
        await TracedAsync();
        IReadOnlyList<HardeningFinding> findings;
        for (var round = 0; (findings = Failing(await AuditAsync())).Any(finding => finding.Rules.Count > 0); round++)
        {
            Assert.True(round < 3, "Still failing after three rounds: " + Describe(findings));
            var result = await hardening.ApplyAsync([.. findings.SelectMany(finding => finding.Rules)]);
            Assert.True(result.Verified, string.Join('\n', hardening.Sink.Warnings));
        }
        // As Test-DockerNetworkHardening -Exclude RULES-SAVED counts: saving needs the host's own disk.
        Assert.True(findings.Count == 0, Describe(findings));
        await TracedAsync();
        foreach (var container in new[] { "c0", "a1" })
        {
            Assert.Contains((await lab.AskAsync(container, LabAddresses.Metadata, 80)).Result, (Reach[])[Reach.Refused, Reach.TimedOut]);
            Assert.Contains((await lab.AskAsync(container, LabAddresses.Host, LabAddresses.HostHttpPort)).Result, (Reach[])[Reach.Refused, Reach.TimedOut]);
            await lab.ExpectAsync(Reach.Open, container, LabAddresses.Web, 80);
        }

        async Task<IReadOnlyList<HardeningFinding>> AuditAsync() => HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None));

        async Task TracedAsync()
        {
            var host = await hardening.Host.ReadWholeAsync(CancellationToken.None);
            string[] targets =
            [
                LabAddresses.Metadata, LabAddresses.WireServer, LabAddresses.Internal, LabAddresses.Web, LabAddresses.WebSecond, LabAddresses.Host, LabAddresses.HostSecond, LabAddresses.Neighbour,
                .. host.Networks.SelectMany(network => network.Gateways).Where(gateway => gateway.Family == Addresses.Family.IPv4).Select(gateway => gateway.ToShortString()),
                .. host.Containers.SelectMany(container => container.Addresses).Select(address => address.IPv4?.ToShortString()).OfType<string>(),
            ];
            var proof = new TraceProof(lab, host);
            foreach (var port in new[] { "80", "8080" })
                proof.Ask(new TraceRequest().To(targets).With(port, "tcp"));
            var confirmed = await proof.ConfirmAsync();
            Assert.True(confirmed > 10, $"Only {confirmed} answers were confirmed.");
        }
    }

    private static IReadOnlyList<HardeningFinding> Failing(IReadOnlyList<HardeningFinding> findings) =>
        [.. findings.Where(finding => finding.Severity >= Severity.Medium && finding.Id is not "RULES-SAVED" && finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable))];

    private static string Describe(IEnumerable<HardeningFinding> findings) =>
        string.Join('\n', findings.Select(finding => $"{finding.Status} {finding.Id} {finding.Network} ({finding.Rules.Count} rules): {string.Join(' ', finding.Evidence)}"));
}
