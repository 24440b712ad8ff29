using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class HostAccessOnNft(NftLab lab) : HostAccessTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class HostAccessOnLegacy(LegacyLab lab) : HostAccessTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class HostAccessOnTrixie(TrixieLab lab) : HostAccessTests(lab);

[Collection(SidCollection.Name)]
public sealed class HostAccessOnSid(SidLab lab) : HostAccessTests(lab);

public abstract class HostAccessTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task The_host_is_refused_on_every_address_of_both_families()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new HostAccess());
        foreach (var address in await Lab.HostAddressesAsync())
        {
            await Lab.ExpectAsync(Reach.Refused, "c0", address, LabAddresses.HostHttpPort);
            await Lab.ExpectAsync(Reach.Refused, "a1", address, LabAddresses.HostEchoPort, ProbeProtocol.Udp);
        }
        await Lab.ExpectAsync(Reach.Refused, "c0", Lab.LinkLocal("docker0"), LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Refused, "a1", Lab.LinkLocal("apps0"), LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);
        // The resolver that the daemon gives to containers runs on the host.
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, 53, ProbeProtocol.Dns);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, 53, ProbeProtocol.DnsTcp);

        await hardening.ApplyAsync(new HostAccess { Dns = false, Action = RuleAction.Drop });
        await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Host, 53, ProbeProtocol.Dns);
        await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
    }

    [LabFact]
    public async Task A_network_made_later_is_covered_too()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await hardening.ApplyAsync(new HostAccess());
        await Lab.CreateNetworkAsync("later");
        var container = await Lab.RunContainerAsync(new LabContainerOptions("l1") { Network = "later" });
        await Lab.ExpectAsync(Reach.Refused, "l1", container.Gateway, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Refused, "l1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.RemoveContainerAsync("l1");
        await Lab.RemoveNetworkAsync("later");
    }

    [LabFact]
    public async Task Another_bridge_of_the_form_br_is_not_taken_for_dockers()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        (await Lab.ExecAsync(["ip", "link", "add", "br-lan", "type", "bridge"])).OrThrow();
        await hardening.ApplyAsync(new HostAccess());
        Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("br-lan", StringComparison.Ordinal));
        Assert.DoesNotContain("br-+", await hardening.SaveAsync(), StringComparison.Ordinal);
        (await Lab.ExecAsync(["ip", "link", "del", "br-lan"])).OrThrow();
    }

    [LabTheory]
    [InlineData(ProbeProtocol.Udp)]
    [InlineData(ProbeProtocol.Tcp)]
    public async Task A_spoofed_source_does_not_help(ProbeProtocol protocol)
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        Assert.True(await Lab.SpoofedAsync("c0", LabAddresses.Neighbour, LabAddresses.Host, protocol));
        await hardening.ApplyAsync(new HostAccess());
        Assert.False(await Lab.SpoofedAsync("c0", LabAddresses.Neighbour, LabAddresses.Host, protocol));
    }

    [LabFact]
    public async Task Clients_behind_the_uplink_still_reach_the_host()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new HostAccess());
        foreach (var source in new[] { LabAddresses.Neighbour, LabAddresses.NeighbourSecond })
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, LabAddresses.HostHttpPort, source: source);
    }

    [LabFact]
    public async Task An_allowed_port_answers_and_the_admins_later_rules_still_decide()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new HostAccess { AllowPorts = PortSpec.ParseAll(["8080/tcp"]) });
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Host, LabAddresses.HostEchoPort, ProbeProtocol.Udp);

        // Like ufw: the administrator's rules come later, and what none of them lets in is dropped. Our allow does not mean their accept.
        (await Lab.ExecAsync([Lab.Iptables, "-A", "INPUT", "-i", "docker0", "-j", "DROP"])).OrThrow();
        await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        (await Lab.ExecAsync([Lab.Iptables, "-D", "INPUT", "-i", "docker0", "-j", "DROP"])).OrThrow();
    }

    [LabFact]
    public async Task The_hosts_own_published_ports_are_reached_only_where_allowed()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.RunContainerAsync(new LabContainerOptions("pub") { Publish = ["8443:80"] });
        await Lab.ServeAsync("pub", "published", 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, 8443);

        await hardening.ApplyAsync(new HostAccess());
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, 8443);
        await hardening.ApplyAsync(new HostAccess { AllowPublishedPorts = true });
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, 8443);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.RemoveContainerAsync("pub");
    }

    [LabFact]
    public async Task Only_the_named_host_addresses_are_closed_where_some_are_named()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new HostAccess { HostAddresses = [Cidr.Parse(LabAddresses.Host)] });
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.HostSecond, LabAddresses.HostHttpPort);
    }

    [LabFact]
    public async Task A_network_that_is_excepted_or_not_named_reaches_the_host()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new HostAccess { ExceptNetworks = ["apps"] });
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, "a1", Lab.LinkLocal("apps0"), LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);

        // The narrower mark decides first: the network's own block holds, even against an exception for the whole host.
        await hardening.ApplyAsync(new HostAccess { Network = new NetworkReference("apps") });
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
    }

    // The audit's own rules for a network, then an exception for the whole host: the warning's command is what opens the port.
    [LabFact]
    public async Task An_exception_behind_a_mended_network_is_warned_about_and_the_command_of_the_warning_opens_it()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        var findings = HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None));
        await hardening.ApplyAsync([.. findings.Where(finding => finding.Id is "HOST-ACCESS").SelectMany(finding => finding.Rules)]);
        var open = new HostAccess { AllowPorts = PortSpec.ParseAll(["8080/tcp"]) };
        Assert.True((await hardening.ApplyAsync(open)).Verified);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("Block-ContainerHostAccess -Network apps -AllowPort 8080/tcp | Invoke-FirewallRule", StringComparison.Ordinal));

        await hardening.ApplyAsync(open with { Network = new NetworkReference("apps") });
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        var ineffective = HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)).Where(finding => finding.Id is "RULE-INEFFECTIVE");
        Assert.All(ineffective, finding => Assert.True(finding.Status == FindingStatus.Pass, string.Join('\n', finding.Evidence)));
        // The other command: the rules for all networks decide.
        hardening.Sink.Warnings.Clear();
        await hardening.RunAsync(snapshot => DockerNetHarden.Planning.Plan.Without(mark => mark is { Control: "HostAccess", Network: "bridge" }, snapshot));
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        await hardening.ApplyAsync(open);
        Assert.Empty(hardening.Sink.Warnings);
    }

    [LabFact]
    public async Task A_rule_in_input_without_a_containers_interface_needs_force()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var before = await hardening.SaveAsync();
        foreach (var text in new[] { "-A INPUT -s 172.16.0.0/12 -j DROP", "-A INPUT -i up0 -j DROP", "-A INPUT ! -i docker0 -j REJECT" })
        {
            var error = await Assert.ThrowsAsync<HostException>(() => hardening.ApplyAsync([FirewallRule.Parse(text)]));
            Assert.Equal(HostFailure.NeedsForce, error.Failure);
            Assert.Contains("-Force", error.Message, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("DNH-", await hardening.SaveAsync(), StringComparison.Ordinal);
        Assert.NotEmpty(before);
        var forced = await hardening.ApplyAsync([FirewallRule.Parse("-A INPUT -i up0 -p udp --dport 9 -j DROP")], new DockerNetHarden.Planning.PlanOptions { Force = true });
        Assert.True(forced.Verified);
    }
}
