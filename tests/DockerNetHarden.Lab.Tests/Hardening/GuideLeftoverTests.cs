using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class GuideLeftoversOnNft(NftLab lab) : GuideLeftoverTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class GuideLeftoversOnLegacy(LegacyLab lab) : GuideLeftoverTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class GuideLeftoversOnTrixie(TrixieLab lab) : GuideLeftoverTests(lab);

[Collection(SidCollection.Name)]
public sealed class GuideLeftoversOnSid(SidLab lab) : GuideLeftoverTests(lab);

/// <summary>A host on which somebody pasted the guide's commands years ago: what they break, how the audit names them, and what its commands leave.</summary>
public abstract class GuideLeftoverTests(LabFixture fixture)
{
    private const int Published = 8095;

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task Pasted_rules_are_named_and_removed_behind_the_controls_and_everything_holds()
    {
        var saved = await fixture.SaveRulesAsync();
        await Lab.CreateNetworkAsync("external", "docker-external");
        await Lab.RunContainerAsync(new LabContainerOptions("page") { Network = "external", Publish = [$"{Published}:80"], Arguments = ["--cap-drop", "NET_RAW"] });
        try
        {
            await Lab.ServeAsync("page", "page-web", 80);
            await Lab.ServeAsync("c0", "c0-leftover", 8096);
            var c0 = (await Lab.ContainerAsync("c0")).Address;
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, LabAddresses.HostHttpPort, source: LabAddresses.Neighbour);
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, Published, source: LabAddresses.Internal);
            await Lab.ExpectAsync(Reach.Open, "host", c0, 8096);

            await PasteAsync();
            // The harm that they do: a client of the VPC, a client of 10/8, and the host itself.
            await Lab.ExpectAsync(Reach.TimedOut, "net", LabAddresses.Host, LabAddresses.HostHttpPort, source: LabAddresses.Neighbour);
            await Lab.ExpectAsync(Reach.TimedOut, "net", LabAddresses.Host, Published, source: LabAddresses.Internal);
            await Lab.ExpectAsync(Reach.TimedOut, "host", c0, 8096);
            // And what they do not cover.
            await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);

            await using var hardening = await Hardening.OfAsync(Lab);
            hardening.CompareForeign = false;
            var finding = await FindAsync(hardening);
            Assert.Equal(FindingStatus.Fail, finding.Status);
            Assert.Equal(9, finding.Evidence.Count);
            Assert.StartsWith("First apply the controls", finding.Remedy, StringComparison.Ordinal);

            var result = await hardening.ApplyAsync(new MetadataAccess(), new HostAccess(), new InternalAccess { Network = new NetworkReference("external") }, new SmtpRate());
            Assert.True(result.Verified);
            finding = await FindAsync(hardening);
            Assert.StartsWith("The controls that replace these rules stand.", finding.Remedy, StringComparison.Ordinal);
            // As a person would: the lines of commands into a shell.
            var commands = finding.Remedy!.Split('\n').Where(line => line.StartsWith(Lab.Iptables + " -D ", StringComparison.Ordinal) || line.StartsWith("iptables -D ", StringComparison.Ordinal)).ToList();
            Assert.Equal(9, commands.Count);
            (await Lab.ExecAsync(["sh", "-e", "-c", string.Join('\n', commands)])).OrThrow();

            Assert.Equal(FindingStatus.Pass, (await FindAsync(hardening)).Status);
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, LabAddresses.HostHttpPort, source: LabAddresses.Neighbour);
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, Published, source: LabAddresses.Internal);
            await Lab.ExpectAsync(Reach.Open, "host", c0, 8096);
            foreach (var container in new[] { "c0", "a1", "page" })
            {
                await Lab.ExpectAsync(Reach.Refused, container, LabAddresses.Metadata, 80);
                await Lab.ExpectAsync(Reach.Refused, container, LabAddresses.Host, LabAddresses.HostHttpPort);
                await Lab.ExpectAsync(Reach.Open, container, LabAddresses.Web, 80);
            }
            await Lab.ExpectAsync(Reach.Refused, "page", LabAddresses.Internal, 80);
            await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);

            // What Test-DockerNetworkHardening counts, but for the files of the machine that the lab runs on.
            var bad = HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None))
                .Where(each => each is { Status: not (FindingStatus.Pass or FindingStatus.NotApplicable), Severity: >= Severity.Medium } && each.Id is not "RULES-SAVED");
            Assert.Empty(bad.Select(each => $"{each.Id} {each.Network} {each.Container} {each.Status}: {string.Join("; ", each.Evidence)}"));
        }
        finally
        {
            await Lab.RemoveContainerAsync("page");
            await Lab.RemoveNetworkAsync("external");
            await fixture.ResetRulesAsync(saved);
        }
    }

    // The guide's own lines and the mail article's, with this host's addresses; each -I goes to the head, so exceptions come last.
    private async Task PasteAsync()
    {
        var gateway = (await Lab.ContainerAsync("c0")).Gateway;
        var script = $"""
            iptables -I INPUT -s 172.16.0.0/12 -d {LabAddresses.Host} -j DROP
            iptables -I INPUT -i docker0 -d {gateway}/32 -j DROP
            iptables -I DOCKER-USER -i docker0 -d 169.254.169.254/32 -j DROP
            iptables -I DOCKER-USER -i docker0 -d 169.254.169.254/32 -p udp --dport 53 -j ACCEPT
            iptables -I DOCKER-USER -i docker-external -d 10.0.0.0/8 -j DROP
            iptables -I DOCKER-USER -i docker-external -d 172.16.0.0/12 -j DROP
            iptables -I DOCKER-USER -i docker-external -d 192.168.0.0/16 -j DROP
            iptables -I DOCKER-USER -p tcp --syn -m multiport --dports 25,465,587 -j DROP
            iptables -I DOCKER-USER -p tcp --syn -m multiport --dports 25,465,587 -m limit --limit 5/minute -j RETURN
            """;
        (await Lab.ExecAsync(["sh", "-e", "-c", script.Replace("iptables ", Lab.Iptables + " ", StringComparison.Ordinal)])).OrThrow();
    }

    private static async Task<HardeningFinding> FindAsync(Hardening hardening) =>
        Assert.Single(HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)), finding => finding.Id == "HAND-MADE-RULE");
}
