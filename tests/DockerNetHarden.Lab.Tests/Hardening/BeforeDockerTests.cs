using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>
/// A host whose Docker has not started. Each test has its own lab, without live-restore: with containers that live on, Docker 20.10 does not set up
/// DOCKER-USER at its start at all.
/// </summary>
public sealed class BeforeDockerTests
{
    [LabTheory]
    [InlineData(LabBackend.Nft)]
    [InlineData(LabBackend.Legacy)]
    public async Task The_chain_is_missing_and_create_chain_makes_it_for_docker_to_find(LabBackend backend)
    {
        await using var lab = await LabHost.RaiseAsync(new LabOptions { Backend = backend, LiveRestore = false });
        await using var hardening = await Hardening.OfAsync(lab);
        hardening.CompareForeign = false;
        await lab.StopDockerAsync();
        // As after a boot: Docker's chains are gone. One of them is left, to show in which iptables Docker writes.
        foreach (var arguments in new string[][] { ["-F", "FORWARD"], ["-F", "DOCKER-USER"], ["-X", "DOCKER-USER"] })
            (await lab.ExecAsync([lab.Iptables, .. arguments])).OrThrow();

        var error = await Assert.ThrowsAsync<HostException>(() => hardening.ApplyAsync(new MetadataAccess()));
        Assert.Equal(HostFailure.ChainMissing, error.Failure);
        Assert.Contains("-CreateChain", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("DNH-", await hardening.SaveAsync(), StringComparison.Ordinal);

        var unresolved = await Assert.ThrowsAsync<HostException>(() => hardening.ApplyAsync(new HostAccess()));
        Assert.Equal(HostFailure.UnresolvedOperand, unresolved.Failure);

        Assert.True(await hardening.ApplyAsync(new MetadataAccess().Rules(), new PlanOptions { CreateChain = true }) is { Status: InvocationStatus.Applied, Verified: true });
        await lab.StartDockerAsync();
        (await lab.ExecAsync(["docker", "-H", lab.DockerHost, "start", "c0"])).OrThrow();
        // Docker kept the chain and added its jump: the rules were in place before the first container could start.
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);
        // And ours, which stood in for it, goes.
        Assert.Contains("FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER", await hardening.SaveAsync(), StringComparison.Ordinal);
        Assert.True((await hardening.ApplyAsync(new MetadataAccess())).Verified);
        Assert.DoesNotContain("FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER", await hardening.SaveAsync(), StringComparison.Ordinal);
    }
}
