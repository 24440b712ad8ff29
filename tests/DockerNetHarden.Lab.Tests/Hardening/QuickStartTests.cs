using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab.Tests.Persistence;
using DockerNetHarden.Persistence;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>A host that is hardened by the README's commands, and nothing else, passes the checks that Test-DockerNetworkHardening makes by itself.</summary>
public sealed class QuickStartTests
{
    public static TheoryData<string, LabBackend> Hosts => new() { { "machine", LabBackend.Nft }, { "machine", LabBackend.Legacy }, { "trixie", LabBackend.Nft }, { "sid", LabBackend.Nft } };

    [SkippableTheory]
    [MemberData(nameof(Hosts))]
    public async Task Its_commands_leave_nothing_to_mend(string name, LabBackend backend)
    {
        var engine = LabEngine.Parse(name);
        Skip.If((LabHost.WhyUnavailable() ?? engine.WhyUnavailable()) is not null, LabHost.WhyUnavailable() ?? engine.WhyUnavailable());
        await using var lab = await LabHost.RaiseAsync(new LabOptions { Engine = engine, Backend = backend });
        using var files = PrivateFiles.Of(lab.HostNamespace);
        await using var host = DockerHost.Beside(files.Open(), DockerEndpoint.Parse(lab.DockerHost));
        Assert.NotEmpty(await NotPassedAsync(host));

        await using var hardening = await Hardening.OfAsync(lab);
        Assert.True((await hardening.ApplyAsync(new MetadataAccess(), new HostAccess(), new SmtpRate())).Verified);
        await using (var shell = files.Open())
            await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        Assert.Equal([], await NotPassedAsync(host));
    }

    // Medium is what the command asks for if it is told nothing.
    private static async Task<IReadOnlyList<string>> NotPassedAsync(DockerHost host) =>
        [.. HardeningAudit.Of(await host.ReadWholeAsync(CancellationToken.None)).Where(finding => finding.Severity >= Severity.Medium && finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable))
            .Select(finding => $"{finding.Status} {finding.Id} {finding.Network}: {string.Join("; ", finding.Evidence)}")];
}
