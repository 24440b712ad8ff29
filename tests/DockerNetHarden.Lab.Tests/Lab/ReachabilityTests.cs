using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests;

[Collection(NftCollection.Name)]
public sealed class ReachabilityOnNft(NftLab lab) : ReachabilityTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class ReachabilityOnLegacy(LegacyLab lab) : ReachabilityTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class ReachabilityOnTrixie(TrixieLab lab) : ReachabilityTests(lab);

[Collection(SidCollection.Name)]
public sealed class ReachabilityOnSid(SidLab lab) : ReachabilityTests(lab);

/// <summary>The lab itself: without rules everything is reachable, and a rule has its proper effect. Otherwise no test of a block proves anything.</summary>
public abstract class ReachabilityTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabTheory]
    [InlineData(LabAddresses.Metadata, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.Metadata, 53, ProbeProtocol.Dns)]
    [InlineData(LabAddresses.Metadata, 53, ProbeProtocol.DnsTcp)]
    [InlineData(LabAddresses.WireServer, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.WireServer, 443, ProbeProtocol.Http)]
    [InlineData(LabAddresses.WireServer, 32526, ProbeProtocol.Http)]
    [InlineData(LabAddresses.WireServer, 53, ProbeProtocol.Dns)]
    [InlineData(LabAddresses.Alibaba, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.OracleStorage, 3260, ProbeProtocol.Tcp)]
    [InlineData(LabAddresses.Internal, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.InternalDns, 53, ProbeProtocol.Dns)]
    [InlineData(LabAddresses.NeighbourSecond, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.Neighbour, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.Web, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.WebSecond, 80, ProbeProtocol.Http)]
    [InlineData(LabAddresses.Web, 587, ProbeProtocol.Tcp)]
    [InlineData(LabAddresses.Host, 53, ProbeProtocol.Dns)]
    [InlineData(LabAddresses.Host, 53, ProbeProtocol.DnsTcp)]
    public async Task Without_rules_a_container_reaches_everything(string address, int port, ProbeProtocol protocol)
    {
        foreach (var container in (string[])["c0", "a1"])
            Assert.Equal(Reach.Open, (await Lab.AskAsync(container, address, port, protocol)).Result);
    }

    [LabFact]
    public async Task Without_rules_a_container_reaches_the_host_on_each_of_its_addresses()
    {
        var addresses = await Lab.HostAddressesAsync();
        Assert.All((string[])[LabAddresses.Host, LabAddresses.HostSecond, "172.17.0.1"], address => Assert.Contains(address, addresses, StringComparer.Ordinal));
        foreach (var address in addresses)
        {
            Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", address, LabAddresses.HostHttpPort, ProbeProtocol.Http)).Result);
            Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", address, LabAddresses.HostEchoPort, ProbeProtocol.Udp)).Result);
        }
        Assert.Equal(Reach.Open, (await Lab.AskAsync("c0", Lab.LinkLocal("docker0"), LabAddresses.HostHttpPort, ProbeProtocol.Http)).Result);
        Assert.Equal(Reach.Open, (await Lab.AskAsync("a1", Lab.LinkLocal("apps0"), LabAddresses.HostHttpPort, ProbeProtocol.Http)).Result);
    }

    [LabFact]
    public async Task The_metadata_service_gives_a_secret_away_and_counts_it()
    {
        var before = await Lab.CountAsync("metadata");
        var answer = await Lab.AskAsync("c0", LabAddresses.Metadata, 80, ProbeProtocol.Http);
        Assert.Contains("secret", answer.Body, StringComparison.Ordinal);
        Assert.Equal(new ServiceCount(before.Connections + 1, before.Requests + 1), await Lab.CountAsync("metadata"));
    }

    [LabFact]
    public async Task Of_a_burst_of_20_mail_connections_all_20_pass()
    {
        var before = (await Lab.CountAsync("mail")).Connections;
        var burst = await Lab.BurstAsync("c0", LabAddresses.Web, 25, 20);
        Assert.Equal(20, burst.Open);
        // A connection exists before the service has accepted it, so its arrival is counted a little later.
        for (var i = 0; i < 100 && (await Lab.CountAsync("mail")).Connections < before + 20; i++)
            await Task.Delay(50);
        Assert.Equal(before + 20, (await Lab.CountAsync("mail")).Connections);
    }

    [LabTheory]
    [InlineData(LabAddresses.Neighbour)]
    [InlineData(LabAddresses.NeighbourSecond)]
    public async Task Clients_behind_the_uplink_reach_the_host(string client)
    {
        Assert.Equal(Reach.Open, (await Lab.AskAsync("net", LabAddresses.Host, LabAddresses.HostHttpPort, ProbeProtocol.Http, source: client)).Result);
    }

    [LabTheory]
    [InlineData(ProbeProtocol.Udp)]
    [InlineData(ProbeProtocol.Tcp)]
    public async Task A_packet_with_a_false_source_arrives_until_its_interface_is_blocked(ProbeProtocol protocol)
    {
        const string Source = LabAddresses.Neighbour;
        Assert.True(await Lab.SpoofedAsync("c0", Source, LabAddresses.Host, protocol));
        await WithRuleAsync(["INPUT", "-i", "docker0", "-j", "DROP"], async () =>
            Assert.False(await Lab.SpoofedAsync("c0", Source, LabAddresses.Host, protocol)));
    }

    [LabFact]
    public async Task A_closed_port_is_refused_and_an_address_nobody_has_times_out_or_is_unreachable()
    {
        Assert.Equal(Reach.Refused, (await Lab.AskAsync("c0", LabAddresses.Web, 81)).Result);
        Assert.Equal(Reach.Refused, (await Lab.AskAsync("c0", LabAddresses.Web, 81, ProbeProtocol.Udp)).Result);
        var nobody = await Lab.AskAsync("c0", "172.31.0.77", 80, patience: TimeSpan.FromSeconds(5));
        Assert.Equal(Reach.Unreachable, nobody.Result);
    }

    [LabFact]
    public async Task A_dropped_packet_times_out()
    {
        var before = await Lab.CountAsync("alibaba");
        await WithRuleAsync(["DOCKER-USER", "-d", LabAddresses.Alibaba, "-j", "DROP"], async () =>
        {
            var result = await Lab.AskAsync("c0", LabAddresses.Alibaba, 80, ProbeProtocol.Http);
            Assert.Equal(Reach.TimedOut, result.Result);
            Assert.InRange(result.Milliseconds, LabHost.DefaultPatience.TotalMilliseconds - 50, 4000);
        });
        Assert.Equal(before, await Lab.CountAsync("alibaba"));
    }

    [LabTheory]
    [InlineData("tcp-reset")]
    [InlineData("icmp-port-unreachable")]
    public async Task A_rejected_packet_is_refused_at_once(string how)
    {
        await WithRuleAsync(["DOCKER-USER", "-p", "tcp", "-d", LabAddresses.Alibaba, "-j", "REJECT", "--reject-with", how], async () =>
        {
            var result = await Lab.AskAsync("c0", LabAddresses.Alibaba, 80, ProbeProtocol.Http);
            Assert.Equal(Reach.Refused, result.Result);
            Assert.InRange(result.Milliseconds, 0, 1400);
        });
    }

    [LabFact]
    public async Task A_connection_kept_alive_serves_a_second_request_until_a_rule_ends_it()
    {
        var untouched = await Lab.KeepAliveAsync("a1", LabAddresses.Metadata, 80, () => Task.CompletedTask);
        Assert.Equal(Reach.Open, untouched.Second.Result);

        string[] rule = ["DOCKER-USER", "-p", "tcp", "-d", LabAddresses.Metadata, "-j", "REJECT", "--reject-with", "tcp-reset"];
        var cut = await Lab.KeepAliveAsync("a1", LabAddresses.Metadata, 80, () => IptablesAsync(["-I", .. rule]));
        await IptablesAsync(["-D", .. rule]);
        Assert.Equal(Reach.Broken, cut.Second.Result);
    }

    [LabFact]
    public async Task A_stream_keeps_its_rate_and_counts_each_request()
    {
        using var until = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        var before = await Lab.CountAsync("metadata");
        var stream = await Lab.StreamAsync("c0", LabAddresses.Metadata, 80, 200, until.Token);
        // A busy machine sends fewer, never more.
        Assert.InRange(stream.Count, 20, 260);
        Assert.Equal(stream.Count, stream.Open);
        Assert.Equal(before.Requests + stream.Count, (await Lab.CountAsync("metadata")).Requests);
    }

    private async Task WithRuleAsync(string[] rule, Func<Task> check)
    {
        await IptablesAsync(["-I", .. rule]);
        try
        {
            await check();
        }
        finally
        {
            await IptablesAsync(["-D", .. rule]);
        }
    }

    private async Task IptablesAsync(IReadOnlyList<string> arguments) => (await Lab.ExecAsync([Lab.Iptables, "--wait", "10", .. arguments])).OrThrow();
}
