using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Engines;

[Collection(NftCollection.Name)]
public sealed class AccessOnNft(NftLab lab) : AccessTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class AccessOnTrixie(TrixieLab lab) : AccessTests(lab);

[Collection(SidCollection.Name)]
public sealed class AccessOnSid(SidLab lab) : AccessTests(lab);

/// <summary>The ways in which users reach a host. Each is used for everything once: read, harden, make a network, try a connection, take it back.</summary>
public abstract class AccessTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabTheory]
    [InlineData("local")]
    [InlineData("root")]
    [InlineData("ops")]
    [InlineData("ops, neither nc nor curl")]
    [InlineData("root, neither nc nor curl")]
    public async Task A_host_is_read_hardened_probed_and_given_a_network(string way)
    {
        ArgumentNullException.ThrowIfNull(way);
        var ssh = way is "local" ? null : await fixture.SshAsync();
        var hidden = way.EndsWith("curl", StringComparison.Ordinal);
        if (hidden)
            await ssh!.HideAsync(["nc", "curl"], true);
        try
        {
            await using var host = Open(way.Split(',')[0], ssh);
            await WorkAsync(host);
        }
        finally
        {
            if (hidden)
                await ssh!.HideAsync(["nc", "curl"], false);
        }
    }

    private DockerHost Open(string user, LabSsh? ssh) => ssh is null
        ? DockerHost.Over(new ProcessShell("lab", Lab.Shell[0], [.. Lab.Shell.Skip(1), "env", "DOCKER_HOST=" + Lab.DockerHost, "/bin/sh"]))
        : DockerHost.Over(ProcessShell.BySsh(SshTarget.Parse(ssh.Alias, user, connectTimeout: TimeSpan.FromSeconds(10)), ssh.Client.Program), sudo: true);

    private async Task WorkAsync(DockerHost host)
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        hardening.CompareForeign = false; // Docker moves its jump when the network is made
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);
        var sink = new CollectingSink();
        IReadOnlyList<FirewallRule> rules = [.. new MetadataAccess().Rules(), .. new HostAccess().Rules()];
        Assert.True(await host.ApplyAsync(snapshot => Plan.From(rules, snapshot), sink, CancellationToken.None) is { Status: InvocationStatus.Applied, Verified: true });
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Metadata, 80);

        var snapshot = await host.ReadWholeAsync(CancellationToken.None);
        Assert.Null(snapshot.DockerError);
        var asker = snapshot.Containers.Single(container => container.Name is "a1");
        Assert.Equal("apps", Assert.Single(asker.Addresses).Network);
        var probes = await host.ProbeAsync([To(asker, LabAddresses.Metadata), To(asker, LabAddresses.Web)], CancellationToken.None);
        Assert.Equal([ProbeOutcome.Refused, ProbeOutcome.Connected], probes.Select(result => result.Outcome));

        var engine = await host.Docker.GetEngineAsync(CancellationToken.None);
        Assert.Equal((await Lab.ExecAsync(["docker", "version", "--format", "{{.Server.Version}}"])).OrThrow().Trim(), engine.Version);
        var made = await host.Docker.CreateNetworkAsync(new NetworkSpec("made", "made0", [Cidr.Parse("10.77.1.0/24")]), CancellationToken.None);
        try
        {
            Assert.Equal(("made", "made0"), (made.Name, made.Bridge));
            Assert.Contains(await host.Docker.ListNetworksAsync(CancellationToken.None), network => network.Id == made.Id);
            var again = await Assert.ThrowsAsync<DockerException>(() => host.Docker.CreateNetworkAsync(new NetworkSpec("made", "made0"), CancellationToken.None));
            Assert.Equal(DockerFailure.Conflict, again.Failure);
        }
        finally
        {
            await Lab.RemoveNetworkAsync("made");
        }

        Assert.True(await host.ApplyAsync(read => Plan.Without(_ => true, read), sink, CancellationToken.None) is { Status: InvocationStatus.Applied, Verified: true });
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);
    }

    private static ConnectionProbe To(DockerContainer container, string address) => new(container.Id, container.Pid, Cidr.Parse(address), 80);
}
