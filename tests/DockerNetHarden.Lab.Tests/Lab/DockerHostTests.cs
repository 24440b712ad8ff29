using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests;

[Collection(NftCollection.Name)]
public sealed class DockerHostOnNft(NftLab lab) : DockerHostTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class DockerHostOnLegacy(LegacyLab lab) : DockerHostTests(lab);

/// <summary>What tests do to the lab's Docker: containers, networks, published ports, restarts.</summary>
public abstract class DockerHostTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task Docker_writes_with_the_backend_that_was_asked_for_and_with_no_other()
    {
        var other = fixture.Engine.Backend == LabBackend.Nft ? "iptables-legacy-save" : "iptables-nft-save";
        Assert.Contains("-A FORWARD -j DOCKER-USER", (await Lab.ExecAsync([Lab.Iptables + "-save"])).OrThrow(), StringComparison.Ordinal);
        Assert.DoesNotContain("DOCKER", (await Lab.ExecAsync([other])).Output, StringComparison.Ordinal);
    }

    [LabFact]
    public async Task A_published_port_leads_to_the_container_from_outside_and_from_the_host()
    {
        await Lab.RunContainerAsync(new LabContainerOptions("web") { Network = "apps", Publish = ["8081:80", "127.0.0.1:8082:80"] });
        try
        {
            await Lab.ServeAsync("web", "web-in-container", 80);
            Assert.Equal(Reach.Open, (await Lab.AskAsync("net", LabAddresses.Host, 8081, ProbeProtocol.Http, source: LabAddresses.Neighbour)).Result);
            Assert.Equal(Reach.Open, (await Lab.AskAsync("host", "127.0.0.1", 8082, ProbeProtocol.Http)).Result);
            Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", LabAddresses.Host, 8081, ProbeProtocol.Http)).Result);
            Assert.Equal(Reach.Open, (await Lab.AskAsync("a1", (await Lab.ContainerAsync("web")).Address, 80, ProbeProtocol.Http)).Result);
            Assert.Equal(4, (await Lab.CountAsync("web-in-container")).Requests);
        }
        finally
        {
            await Lab.RemoveContainerAsync("web");
        }
    }

    [LabFact]
    public async Task A_container_asks_on_while_networks_are_made_and_dockerd_restarts()
    {
        using var until = new CancellationTokenSource();
        var stream = Lab.StreamAsync("c0", LabAddresses.Metadata, 80, 50, until.Token);
        await Lab.CreateNetworkAsync("later", "later0");
        await Lab.RestartDockerAsync();
        await Lab.RemoveNetworkAsync("later");
        await until.CancelAsync();
        var asked = await stream;
        Assert.True(asked.Count > 20, $"only {asked.Count} requests");
        Assert.Equal(asked.Count, asked.Open);
        Assert.Equal(3, (await Lab.ContainersAsync()).Count);
        Assert.Contains("-A FORWARD -j DOCKER-USER", (await Lab.ExecAsync([Lab.Iptables + "-save"])).OrThrow(), StringComparison.Ordinal);
    }

    [LabFact]
    public async Task With_br_netfilter_a_rule_sees_packets_within_a_bridge_and_without_it_does_not()
    {
        await Lab.ServeAsync("a2", "a2-web", 80);
        var target = (await Lab.ContainerAsync("a2")).Address;
        string[] rule = ["DOCKER-USER", "-d", target, "-p", "tcp", "--dport", "80", "-j", "DROP"];
        (await Lab.ExecAsync([Lab.Iptables, "-I", .. rule])).OrThrow();
        try
        {
            Lab.SetBridgeNetfilter(on: false);
            Assert.Equal(Reach.Open, (await Lab.AskAsync("a1", target, 80, ProbeProtocol.Http)).Result);
            Lab.SetBridgeNetfilter(on: true);
            Assert.Equal(Reach.TimedOut, (await Lab.AskAsync("a1", target, 80, ProbeProtocol.Http)).Result);
        }
        finally
        {
            Lab.SetBridgeNetfilter(on: true);
            (await Lab.ExecAsync([Lab.Iptables, "-D", .. rule])).OrThrow();
        }
    }

    [LabFact]
    public async Task Rules_that_a_test_wrote_are_gone_after_a_reset()
    {
        var saved = await fixture.SaveRulesAsync();
        foreach (var program in (string[])[Lab.Iptables, Lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal)])
            (await Lab.ExecAsync([program, "-I", "INPUT", "-p", "tcp", "--dport", "8080", "-j", "DROP"])).OrThrow();
        Assert.Equal(Reach.TimedOut, (await Lab.AskAsync("c0", LabAddresses.Host, 8080)).Result);
        Assert.Equal(Reach.TimedOut, (await Lab.AskAsync("c0", Lab.LinkLocal("docker0"), 8080)).Result);

        await fixture.ResetRulesAsync(saved);
        Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", LabAddresses.Host, 8080)).Result);
        Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", Lab.LinkLocal("docker0"), 8080)).Result);
        Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", LabAddresses.Metadata, 80)).Result);
    }

    [LabFact]
    public async Task A_command_on_the_host_sees_the_labs_docker_and_its_network()
    {
        Assert.Equal("apps", (await Lab.ExecAsync(["docker", "network", "ls", "--filter", "name=apps", "--format", "{{.Name}}"])).OrThrow().Trim());
        Assert.Contains(LabAddresses.Host, (await Lab.ExecAsync(["ip", "-4", "addr"])).OrThrow(), StringComparison.Ordinal);
        var failed = await Lab.ExecAsync(["/bin/sh", "-c", "cat; echo wrong >&2; exit 3"], "text on standard input");
        Assert.Equal((3, "text on standard input", "wrong\n"), (failed.ExitCode, failed.Output, failed.Errors));
    }
}
