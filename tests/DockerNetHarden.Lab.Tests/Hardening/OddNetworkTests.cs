using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class OddNetworksOnNft(NftLab lab) : OddNetworkTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class OddNetworksOnLegacy(LegacyLab lab) : OddNetworkTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class OddNetworksOnTrixie(TrixieLab lab) : OddNetworkTests(lab);

[Collection(SidCollection.Name)]
public sealed class OddNetworksOnSid(SidLab lab) : OddNetworkTests(lab);

/// <summary>Networks that engines make and rules cannot name, made on real engines.</summary>
public abstract class OddNetworkTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabTheory]
    [InlineData("my net", "")]
    [InlineData("red\\u001b[31mname", "")]
    [InlineData("plusnet", "br+")]
    [InlineData("quotenet", "q\\\"0")]
    public async Task An_odd_network_is_checked_like_the_others_and_covered_by_controls_for_all(string name, string bridge)
    {
        var id = await CreateAsync(name, bridge);
        Assert.NotNull(id);
        try
        {
            await using var hardening = await Hardening.OfAsync(Lab);
            hardening.CompareForeign = false;
            await Lab.RunContainerAsync(new LabContainerOptions("odd1") { Network = id });
            await Lab.ExpectAsync(Reach.Open, "odd1", LabAddresses.Metadata, 80);
            var findings = await AuditAsync(hardening);
            var odd = Assert.Single(findings, finding => finding is { Id: "NETWORK-NAME", Status: FindingStatus.Fail });
            Assert.Contains(id, odd.Remedy!, StringComparison.Ordinal);
            Assert.DoesNotContain(odd.Network!, char.IsControl);
            Assert.Contains(findings, finding => IsMetadata(finding) && finding is { Network: "bridge", Status: FindingStatus.Fail, Rules.Count: > 0 });
            Assert.Contains(findings, finding => IsMetadata(finding) && finding.Network == odd.Network && finding is { Status: FindingStatus.Fail, Rules.Count: 0 });

            var result = await hardening.ApplyAsync(new MetadataAccess(), new HostAccess());
            Assert.True(result.Verified);
            await Lab.ExpectAsync(Reach.Refused, "odd1", LabAddresses.Metadata, 80);
            await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
            if (bridge.Length > 0)
            {
                Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("is not covered", StringComparison.Ordinal));
                await Lab.ExpectAsync(Reach.Open, "odd1", LabAddresses.Host, LabAddresses.HostHttpPort);
                Assert.Contains(await AuditAsync(hardening), finding => finding.Id == "HOST-ACCESS" && finding.Network == name && finding.Status == FindingStatus.Fail);
            }
            else
            {
                await Lab.ExpectAsync(Reach.Refused, "odd1", LabAddresses.Host, LabAddresses.HostHttpPort);
                Assert.Contains(await AuditAsync(hardening), finding => finding.Id == "HOST-ACCESS" && finding.Network == odd.Network && finding.Status == FindingStatus.Pass);
            }
        }
        finally
        {
            await RemoveAsync(id, "odd1");
        }
    }

    [LabFact]
    public async Task Rules_for_a_name_close_every_network_of_that_name()
    {
        var first = await CreateAsync("twin", "twin0");
        Assert.NotNull(first);
        // Once there is a second one, docker run refuses even the ids.
        await Lab.RunContainerAsync(new LabContainerOptions("odd1") { Network = first });
        var second = await CreateAsync("twin", "twin1");
        try
        {
            // From engine 25 on a name is unique, whatever the API is told.
            var version = (await Lab.ExecAsync(["docker", "-H", Lab.DockerHost, "version", "--format", "{{.Server.Version}}"])).OrThrow();
            Assert.Equal(int.Parse(version.Split('.')[0], System.Globalization.CultureInfo.InvariantCulture) < 25, second is not null);
            if (second is null)
                return;
            await using var hardening = await Hardening.OfAsync(Lab);
            hardening.CompareForeign = false;
            await Lab.RunContainerAsync(new LabContainerOptions("odd2"));
            foreach (var step in new[] { (string[])["network", "connect", second, "odd2"], ["network", "disconnect", "bridge", "odd2"] })
                (await Lab.ExecAsync(["docker", "-H", Lab.DockerHost, .. step])).OrThrow();
            foreach (var container in new[] { "odd1", "odd2" })
                await Lab.ExpectAsync(Reach.Open, container, LabAddresses.Host, LabAddresses.HostHttpPort);
            var findings = await AuditAsync(hardening);
            Assert.Equal(2, Assert.Single(findings, finding => finding is { Id: "NETWORK-NAME", Network: "twin" }).Evidence.Count);

            var result = await hardening.ApplyAsync(new HostAccess { Network = new NetworkReference("twin") });
            Assert.Equal((InvocationStatus.Applied, true), (result.Status, result.Verified));
            Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("2 networks are called 'twin'", StringComparison.Ordinal));
            foreach (var container in new[] { "odd1", "odd2" })
                await Lab.ExpectAsync(Reach.Refused, container, LabAddresses.Host, LabAddresses.HostHttpPort);
            await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);

            var metadata = Assert.Single(await AuditAsync(hardening), finding => IsMetadata(finding) && finding.Network is "twin");
            Assert.True((await hardening.ApplyAsync(metadata.Rules)).Verified);
            foreach (var container in new[] { "odd1", "odd2" })
                await Lab.ExpectAsync(Reach.Refused, container, LabAddresses.Metadata, 80);
        }
        finally
        {
            await RemoveAsync(first, "odd1");
            await RemoveAsync(second, "odd2");
        }
    }

    // Which cloud the machine is in decides the rest of the id.
    private static bool IsMetadata(HardeningFinding finding) => finding.Id.StartsWith("METADATA-", StringComparison.Ordinal);

    private static async Task<IReadOnlyList<HardeningFinding>> AuditAsync(Hardening hardening) => HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None));

    // The API as a program would use it; null if the engine refuses.
    private async Task<string?> CreateAsync(string name, string bridge)
    {
        var options = bridge.Length == 0 ? "" : ",\"Options\":{\"com.docker.network.bridge.name\":\"" + bridge + "\"}";
        var reply = (await Lab.ExecAsync(["curl", "-s", "--unix-socket", Lab.DockerSocket, "-H", "Content-Type: application/json", "-d", $$"""{"Name":"{{name}}"{{options}}}""", "http://docker/networks/create"])).OrThrow();
        return System.Text.Json.JsonDocument.Parse(reply).RootElement.TryGetProperty("Id", out var id) ? id.GetString() : null;
    }

    private async Task RemoveAsync(string? network, string container)
    {
        if (network is null)
            return;
        await Lab.ExecAsync(["docker", "-H", Lab.DockerHost, "rm", "--force", container]);
        await Lab.RemoveNetworkAsync(network);
    }
}
