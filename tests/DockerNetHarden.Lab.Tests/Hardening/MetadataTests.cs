using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class MetadataOnNft(NftLab lab) : MetadataTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class MetadataOnLegacy(LegacyLab lab) : MetadataTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class MetadataOnTrixie(TrixieLab lab) : MetadataTests(lab);

[Collection(SidCollection.Name)]
public sealed class MetadataOnSid(SidLab lab) : MetadataTests(lab);

public abstract class MetadataTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task Metadata_is_refused_at_once_on_every_network_including_one_made_later()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        var result = await hardening.ApplyAsync(new MetadataAccess());
        Assert.Equal(InvocationStatus.Applied, result.Status);
        Assert.True(result.Verified);

        foreach (var (address, port) in new[] { (LabAddresses.Metadata, 80), (LabAddresses.WireServer, 80), (LabAddresses.WireServer, 443), (LabAddresses.WireServer, 32526), (LabAddresses.Alibaba, 80), (LabAddresses.OracleStorage, 3260) })
        {
            foreach (var container in new[] { "c0", "a1" })
                await Lab.ExpectAsync(Reach.Refused, container, address, port, ProbeProtocol.Tcp);
        }
        await Lab.CreateNetworkAsync("later");
        await Lab.RunContainerAsync(new LabContainerOptions("l1") { Network = "later" });
        await Lab.ExpectAsync(Reach.Refused, "l1", LabAddresses.Metadata, 80);
        await Lab.RemoveContainerAsync("l1");
        await Lab.RemoveNetworkAsync("later");

        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.WireServer, 53, ProbeProtocol.Dns);
        await Lab.ExpectAsync(Reach.Open, "host", LabAddresses.Metadata, 80);
        hardening.CompareForeign = false; // Docker moved its jump when the network was made
    }

    [LabFact]
    public async Task Gcp_dns_on_the_metadata_address_still_answers()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "Gcp" });
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 53, ProbeProtocol.Dns);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 53, ProbeProtocol.DnsTcp);

        await hardening.ApplyAsync(new MetadataAccess { Provider = "Gcp", Dns = false });
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 53, ProbeProtocol.Dns);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 53, ProbeProtocol.DnsTcp);
    }

    [LabFact]
    public async Task A_second_provider_adds_and_keeps_the_first()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "Aws" });
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.WireServer, 80);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "Azure" });
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.WireServer, 80);
        var save = await hardening.SaveAsync();
        Assert.Contains("MetadataAccess/aws", save, StringComparison.Ordinal);
        Assert.Contains("MetadataAccess/azure", save, StringComparison.Ordinal);
    }

    [LabFact]
    public async Task A_permitted_network_reaches_metadata_while_others_do_not()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess());
        await hardening.ApplyAsync(NetworkProfiles.Rules(NetworkProfile.MetadataAccess, new NetworkReference("apps", "apps0")));
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);

        // Internal ranges, closed for the whole host, include the metadata addresses; the profile's network still reaches them.
        await hardening.ApplyAsync(new InternalAccess());
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Alibaba, 80);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        await hardening.RunAsync(snapshot => DockerNetHarden.Planning.Plan.Without(mark => mark.Control == "InternalAccess", snapshot));

        await hardening.ApplyAsync(new MetadataAccess { ExceptNetworks = ["bridge"] });
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
    }

    [LabFact]
    public async Task A_block_bound_to_a_network_leaves_the_others_alone()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess { Network = new NetworkReference("apps"), Action = DockerNetHarden.Rules.RuleAction.Drop });
        await Lab.ExpectAsync(Reach.TimedOut, "a1", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
    }

    [LabFact]
    public async Task A_keep_alive_that_was_open_before_the_rules_ends_with_them()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var kept = await Lab.KeepAliveAsync("a1", LabAddresses.Metadata, 80, () => hardening.ApplyAsync(new MetadataAccess()));
        Assert.Equal(Reach.Open, kept.First.Result);
        Assert.Equal(Reach.Broken, kept.Second.Result);
    }

    [LabFact]
    public async Task A_logged_block_meets_the_log_line_first_and_the_log_is_limited()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "Aws", Log = true });
        Assert.Equal(60, (await Lab.BurstAsync("c0", LabAddresses.Metadata, 80, 60)).Refused);
        var log = Assert.Single((await hardening.SaveAsync()).Split('\n'), line => line.Contains("-j LOG --log-prefix \"DNH MetadataAccess \"", StringComparison.Ordinal) && !line.Contains("--ctorigdst", StringComparison.Ordinal));
        var packets = int.Parse(log[1..log.IndexOf(':', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(packets, 5, 10); // a burst of five, then ten a minute
    }

    [LabFact]
    public async Task Sixty_parallel_connects_to_a_rejected_address_fail_at_once()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess());
        var burst = await Lab.BurstAsync("c0", LabAddresses.Metadata, 80, 60);
        Assert.Equal(60, burst.Refused);
        Assert.InRange(burst.SlowestMilliseconds, 0, 2500);
    }

    [LabFact]
    public async Task The_backstop_holds_while_the_jump_is_away_and_against_an_accept_before_it()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false; // the jump comes back at the head, wherever Docker had it
        await hardening.ApplyAsync(new MetadataAccess());
        (await Lab.ExecAsync([Lab.Iptables, "-D", "FORWARD", "-j", "DOCKER-USER"])).OrThrow();
        await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Metadata, 80);
        (await Lab.ExecAsync([Lab.Iptables, "-I", "FORWARD", "-j", "DOCKER-USER"])).OrThrow();
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);

        (await Lab.ExecAsync([Lab.Iptables, "-I", "FORWARD", "-i", "docker0", "-j", "ACCEPT"])).OrThrow();
        await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);
        (await Lab.ExecAsync([Lab.Iptables, "-D", "FORWARD", "-i", "docker0", "-j", "ACCEPT"])).OrThrow();
    }

    [LabFact]
    public async Task None_of_many_requests_a_second_gets_through_while_networks_are_made_and_dockerd_restarts()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await hardening.ApplyAsync(new MetadataAccess());
        var before = await Lab.CountAsync("metadata");
        using var until = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var stream = Lab.StreamAsync("a1", LabAddresses.Metadata, 80, 200, until.Token);
        for (var i = 0; i < 10; i++)
            await Lab.CreateNetworkAsync($"made{i}");
        for (var i = 0; i < 3; i++)
            await Lab.RestartDockerAsync();
        await until.CancelAsync();
        var asked = await stream;
        clock.Stop();
        for (var i = 0; i < 10; i++)
            await Lab.RemoveNetworkAsync($"made{i}");
        Assert.True(asked.Count > 20 * clock.Elapsed.TotalSeconds, $"only {asked.Count} requests were sent in {clock.Elapsed.TotalSeconds} s");
        Assert.Equal(0, asked.Open);
        await Task.Delay(500); // an open connection would be counted by now
        Assert.Equal(before, await Lab.CountAsync("metadata"));
        // The rules survived the restarts.
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(new MetadataAccess())).Status);
    }
}
