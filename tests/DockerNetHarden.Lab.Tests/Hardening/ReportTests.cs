using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class ReportOnNft(NftLab lab) : ReportTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class ReportOnLegacy(LegacyLab lab) : ReportTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class ReportOnTrixie(TrixieLab lab) : ReportTests(lab);

[Collection(SidCollection.Name)]
public sealed class ReportOnSid(SidLab lab) : ReportTests(lab);

/// <summary>Controls that only report: with real packets, counters and the kernel log.</summary>
public abstract class ReportTests(LabFixture fixture)
{
    // A lab is a network namespace, and the kernel logs for the first one only unless it is told to log for all.
    private const string LogsEverywhere = "/proc/sys/net/netfilter/nf_log_all_netns";
    private const int Requests = 20;

    // All labs write into one kernel log, and their containers have the same addresses.
    private static readonly SemaphoreSlim s_oneLog = new(1, 1);

    private LabHost Lab => fixture.Lab;

    [LabTheory]
    [InlineData(FirewallBackend.Iptables)]
    [InlineData(FirewallBackend.Nftables)]
    public async Task What_would_be_blocked_passes_and_is_counted_by_container_until_the_control_is_turned_on(FirewallBackend backend)
    {
        await s_oneLog.WaitAsync();
        var before = await File.ReadAllTextAsync(LogsEverywhere);
        await File.WriteAllTextAsync(LogsEverywhere, "1");
        try
        {
            await using var hardening = await Hardening.OfAsync(Lab, backend);
            var reporting = new MetadataAccess { ReportOnly = true };
            Assert.Equal((InvocationStatus.Applied, true), Ended(await hardening.ApplyAsync(reporting)));
            Assert.Equal((InvocationStatus.Unchanged, true), Ended(await hardening.ApplyAsync(reporting)));
            Assert.Equal(Requests, (await Lab.BurstAsync("a1", LabAddresses.Metadata, 80, Requests, parallel: 5, ProbeProtocol.Http)).Open);
            await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 53, ProbeProtocol.Dns);
            await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);

            var (host, met) = await hardening.Host.ReadBlockedAsync(CancellationToken.None);
            var reported = Assert.Single(met);
            Assert.Equal(
                ("a1", "apps", LabAddresses.Metadata, "80", "tcp", "MetadataAccess", true, (long)Requests, (string?)null),
                (reported.Container, reported.Network, reported.Destination, reported.Port, reported.Protocol, reported.Control, reported.ReportOnly, reported.Count, reported.Note));
            Assert.InRange(reported.LastSeen!.Value, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
            Assert.All(InstalledRule.ReadAll(host).Where(static rule => rule.IsOurs), static rule => Assert.True(rule.ReportOnly));
            var captured = Assert.Single(PolicyCapture.Of(host).Controls);
            Assert.Equal((typeof(MetadataAccess), true), (captured.GetType(), captured.ReportOnly));
            await OpenToTheAuditAsync(hardening);

            var enforced = await hardening.ApplyAsync(new MetadataAccess());
            Assert.Equal((InvocationStatus.Applied, true), Ended(enforced));
            Assert.Equal(Requests, (await Lab.BurstAsync("a1", LabAddresses.Metadata, 80, Requests, parallel: 5, ProbeProtocol.Http)).Refused);
            var blocked = Assert.Single((await hardening.Host.ReadBlockedAsync(CancellationToken.None)).Met);
            Assert.Equal((false, (string?)null, "MetadataAccess"), (blocked.ReportOnly, blocked.Container, blocked.Control));
            Assert.InRange(blocked.Count, Requests, 10 * Requests);
            Assert.Contains("-ReportOnly", blocked.Note, StringComparison.Ordinal);

            // Back again: explicit, but not in silence.
            Assert.DoesNotContain(hardening.Sink.Warnings, static warning => warning.Contains("only reports", StringComparison.Ordinal));
            Assert.Equal((InvocationStatus.Applied, true), Ended(await hardening.ApplyAsync(reporting)));
            Assert.Contains(hardening.Sink.Warnings, static warning => warning.Contains("MetadataAccess blocks on", StringComparison.Ordinal) && warning.Contains("only reports after this", StringComparison.Ordinal));
            await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);
        }
        finally
        {
            await File.WriteAllTextAsync(LogsEverywhere, before);
            s_oneLog.Release();
        }
    }

    [LabTheory]
    [InlineData(FirewallBackend.Iptables)]
    [InlineData(FirewallBackend.Nftables)]
    public async Task A_report_opens_nothing_that_another_control_closes(FirewallBackend backend)
    {
        await using var hardening = await Hardening.OfAsync(Lab, backend);
        // The narrower mark, with exceptions, only reports: neither its place nor its exceptions may lead past the wider one, which blocks.
        Assert.True((await hardening.ApplyAsync(new InternalAccess(), new InternalAccess { Network = new NetworkReference("apps"), AllowAddresses = [Addresses.Cidr.Parse(LabAddresses.Internal)], ReportOnly = true }, new HostAccess { ReportOnly = true }, new SmtpRate { ReportOnly = true })).Verified);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Web, 80);
        // Without the kernel's leave to log in a namespace, the counts are there and the containers are not.
        var met = (await hardening.Host.ReadBlockedAsync(CancellationToken.None)).Met.Where(static each => each.ReportOnly).ToList();
        Assert.Contains(met, static each => each.Control == "HostAccess" && each.Count >= 1);
        Assert.DoesNotContain(met, static each => each.Control == "InternalAccess:apps");
    }

    private static (InvocationStatus, bool) Ended(InvocationResult result) => (result.Status, result.Verified);

    private static async Task OpenToTheAuditAsync(Hardening hardening)
    {
        var host = await hardening.Host.ReadWholeAsync(CancellationToken.None);
        Assert.Contains(HardeningAudit.Of(host), static finding => finding.Status == FindingStatus.Fail && finding.Network == "apps" && finding.Id.Contains("METADATA", StringComparison.OrdinalIgnoreCase));
        Assert.NotEmpty(RuleEffect.Problems([.. new MetadataAccess { ReportOnly = true }.Rules().Where(static rule => rule.Action == RuleAction.Report)], new Walking.PacketWalk(host)));
    }
}
