using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Engines;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(RichNftCollection.Name)]
public sealed class IPv6OnNft(RichNftLab lab) : IPv6Tests(lab);

[Collection(RichLegacyCollection.Name)]
public sealed class IPv6OnLegacy(RichLegacyLab lab) : IPv6Tests(lab);

[Collection(RichTrixieCollection.Name)]
public sealed class IPv6OnTrixie(RichTrixieLab lab) : IPv6Tests(lab);

[Collection(RichSidCollection.Name)]
public sealed class IPv6OnSid(RichSidLab lab) : IPv6Tests(lab);

[Collection(RichNftCollection.Name)]
public sealed class IPv6InTableOnNft(RichNftLab lab) : IPv6Tests(lab, FirewallBackend.Nftables);

[Collection(RichLegacyCollection.Name)]
public sealed class IPv6InTableOnLegacy(RichLegacyLab lab) : IPv6Tests(lab, FirewallBackend.Nftables);

[Collection(RichTrixieCollection.Name)]
public sealed class IPv6InTableOnTrixie(RichTrixieLab lab) : IPv6Tests(lab, FirewallBackend.Nftables);

[Collection(RichSidCollection.Name)]
public sealed class IPv6InTableOnSid(RichSidLab lab) : IPv6Tests(lab, FirewallBackend.Nftables);

/// <summary>The controls in IPv6, on a network with both families: in ip6tables, and in our table of nftables.</summary>
public abstract class IPv6Tests(RichLab fixture, FirewallBackend place = FirewallBackend.Iptables)
{
    private const string Asker = "dual1";
    private const string LaterSubnet = "fd00:d0a2::/64";

    private LabHost Lab => fixture.Lab;

    // Engines before 27 write no IPv6 rules unless they are told to, and have no DOCKER-USER in ip6tables: there the rules stand in mangle, which cannot reject. In our own table, every rule has its place.
    private Reach Closed => place == FirewallBackend.Nftables || fixture.Version.Major >= 27 ? Reach.Refused : Reach.TimedOut;

    [LabFact]
    public async Task Metadata_and_the_host_are_closed_also_on_a_network_made_later_and_after_dockerd_restarts()
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        hardening.CompareForeign = false; // Docker moves its jumps when a network is made
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.MetadataV6, 80);
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.HostV6, LabAddresses.HostHttpPort);
        Assert.True(await hardening.ApplyAsync(new MetadataAccess(), new HostAccess()) is { Status: InvocationStatus.Applied, Verified: true });
        var arrived = await Lab.CountAsync("metadata-v6");
        await Lab.ExpectAsync(Closed, Asker, LabAddresses.MetadataV6, 80);
        await Lab.ExpectAsync(Reach.Refused, Asker, LabAddresses.Metadata, 80);
        await Lab.CreateNetworkAsync("later", arguments: ["--ipv6", "--subnet", LaterSubnet]);
        await Lab.RouteAsync(LaterSubnet);
        await Lab.RunContainerAsync(new LabContainerOptions("later1") { Network = "later" });
        try
        {
            // What it may reach comes first: its new address takes a moment to be usable.
            await Lab.ExpectAsync(Reach.Open, "later1", LabAddresses.WebV6, 80);
            await ClosedAsync();
            await Lab.RestartDockerAsync();
            await ClosedAsync();
            Assert.True(await hardening.ApplyAsync(new MetadataAccess()) is { Status: InvocationStatus.Unchanged, Verified: true });
        }
        finally
        {
            await Lab.RemoveContainerAsync("later1");
            await Lab.RemoveNetworkAsync("later");
        }
        Assert.Equal(arrived, await Lab.CountAsync("metadata-v6"));
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.InternalV6, 80);
        await Lab.ExpectAsync(Reach.Open, "host", LabAddresses.MetadataV6, 80);
        await hardening.RemoveAllAsync();
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.MetadataV6, 80);

        async Task ClosedAsync()
        {
            foreach (var container in new[] { Asker, "later1" })
            {
                await Lab.ExpectAsync(Closed, container, LabAddresses.MetadataV6, 80);
                await Lab.ExpectAsync(Reach.Refused, container, LabAddresses.HostV6, LabAddresses.HostHttpPort);
                await Lab.ExpectAsync(Reach.Open, container, LabAddresses.WebV6, 80);
            }
        }
    }

    // As the EKS Pod Identity agent does it, at an address of the host. The host's own HTTP service stands for it.
    [LabFact]
    public async Task Credentials_that_the_host_serves_are_refused_but_to_the_excepted_network()
    {
        const string Agent = "fd00:ec2::23";
        var ip6tables = Lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal);
        string[] redirect = ["PREROUTING", "-d", Agent, "-p", "tcp", "--dport", "80", "-j", "REDIRECT", "--to-ports", $"{LabAddresses.HostHttpPort}"];
        await using var hardening = await Hardening.OfAsync(Lab, place);
        hardening.CompareForeign = false; // the table nat
        (await Lab.ExecAsync(["ip", "address", "add", Agent + "/128", "dev", "lo", "nodad"])).OrThrow();
        (await Lab.ExecAsync([ip6tables, "-t", "nat", "-I", .. redirect])).OrThrow();
        try
        {
            await Lab.ExpectAsync(Reach.Open, Asker, Agent, 80);
            Assert.True((await hardening.ApplyAsync(new MetadataAccess())).Verified);
            // A client hears of an ICMP error that comes while it still sends its first packet only when it sends the second, a second later.
            Assert.Equal(Reach.Refused, (await Lab.AskAsync(Asker, Agent, 80, ProbeProtocol.Http)).Result);
            await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.HostV6, LabAddresses.HostHttpPort);
            Assert.True((await hardening.ApplyAsync(new MetadataAccess { ExceptNetworks = ["dual"] })).Verified);
            await Lab.ExpectAsync(Reach.Open, Asker, Agent, 80);
        }
        finally
        {
            (await Lab.ExecAsync([ip6tables, "-t", "nat", "-D", .. redirect])).OrThrow();
            (await Lab.ExecAsync(["ip", "address", "del", Agent + "/128", "dev", "lo"])).OrThrow();
        }
    }

    [LabFact]
    public async Task Internal_hosts_are_closed_directly_and_through_NAT64_and_their_own_connections_are_answered()
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        string[] inside = [LabAddresses.InternalV6, LabAddresses.InternalNat64, LabAddresses.MetadataV6];
        foreach (var address in inside)
            await Lab.ExpectAsync(Reach.Open, Asker, address, 80);
        foreach (var control in new[] { new InternalAccess(), new InternalAccess { Network = new NetworkReference("dual") } })
        {
            Assert.True((await hardening.ApplyAsync(control)).Verified);
            foreach (var address in inside)
                await Lab.ExpectAsync(Closed, Asker, address, 80);
            await Lab.ExpectAsync(Reach.Refused, Asker, LabAddresses.Internal, 80);
            await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.WebV6, 80);
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.HostV6, 8084, source: LabAddresses.InternalV6);
            await hardening.RemoveAllAsync();
        }
        await hardening.ApplyAsync(new InternalAccess { AllowAddresses = [Cidr.Parse(LabAddresses.InternalV6)] });
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.InternalV6, 80);
        await Lab.ExpectAsync(Closed, Asker, LabAddresses.InternalNat64, 80);
    }

    [LabFact]
    public async Task The_host_is_closed_at_each_of_its_addresses_and_neighbours_are_still_found()
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        string[] host = [LabAddresses.HostV6, "fd00:d0a1::1", Lab.LinkLocal("dual0")];
        var container = (await Lab.ExecAsync(["docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}", Asker])).OrThrow().Trim();
        foreach (var address in host)
            await Lab.ExpectAsync(Reach.Open, Asker, address, LabAddresses.HostHttpPort);
        Assert.True((await hardening.ApplyAsync(new HostAccess())).Verified);
        // Nobody knows his neighbours any more, and packets of neighbour discovery are of no connection.
        (await Lab.ExecAsync(["ip", "-6", "neigh", "flush", "dev", "dual0"])).OrThrow();
        await NarrowPath.InContainerAsync((await Lab.ContainerAsync(Asker)).Pid, "-6", "neigh", "flush", "dev", "eth0");
        foreach (var address in host)
            await Lab.ExpectAsync(Reach.Refused, Asker, address, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.WebV6, 80);
        await Lab.ExpectAsync(Reach.Open, "host", container, 80);
    }

    [LabTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mail_is_limited_in_each_family_by_itself(bool perContainer)
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        Assert.Equal(20, (await Lab.BurstAsync(Asker, LabAddresses.WebV6, 25, 20)).Open);
        Assert.True((await hardening.ApplyAsync(new SmtpRate { PerContainer = perContainer })).Verified);
        Assert.Equal(5, (await Lab.BurstAsync(Asker, LabAddresses.WebV6, 25, 20)).Open);
        Assert.Equal(5, (await Lab.BurstAsync(Asker, LabAddresses.Web, 25, 20)).Open);
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.WebV6, 80);
    }

    [LabFact]
    public async Task A_rule_of_the_administrators_own_holds_where_its_chain_is_missing()
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        Assert.True((await hardening.ApplyAsync([FirewallRule.Parse($"-A DOCKER-USER -i dual0 -d {LabAddresses.InternalV6} -p tcp -j REJECT --reject-with tcp-reset")])).Verified);
        await Lab.ExpectAsync(Closed, Asker, LabAddresses.InternalV6, 80);
        await Lab.ExpectAsync(Reach.Open, Asker, LabAddresses.WebV6, 80);
        Assert.Equal(Closed == Reach.TimedOut, hardening.Sink.Warnings.Any(warning => warning.Contains("it drops instead of rejecting", StringComparison.Ordinal)));
    }

    [LabFact]
    public async Task The_remedy_of_a_finding_is_the_control_and_clears_it()
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        var finding = Assert.Single(HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)), IsMetadata);
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.All(finding.Rules, rule => Assert.Equal(nameof(MetadataAccess), rule.Control));
        Assert.True((await hardening.ApplyAsync(finding.Rules)).Verified);
        await Lab.ExpectAsync(Closed, Asker, LabAddresses.MetadataV6, 80);
        var after = Assert.Single(HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)), IsMetadata);
        Assert.True(after.Status == FindingStatus.Pass, $"{after.Status}: {string.Join("; ", after.Evidence)}");

        static bool IsMetadata(HardeningFinding finding) => finding is { Id: not "METADATA-OTHER-CLOUD", Network: "dual" } && finding.Id.StartsWith("METADATA-", StringComparison.Ordinal);
    }

    // Behind the container is a network with a smaller MTU: the container tells the sender, which is internal, that its packets are too big. The exception is for a port, and this is no packet to a port.
    [LabFact]
    public async Task A_connection_over_a_smaller_path_MTU_goes_on_under_a_block()
    {
        await using var hardening = await Hardening.OfAsync(Lab, place);
        await using var path = await NarrowPath.BehindAsync(Lab, Asker, "dual0");
        Assert.Equal(NarrowPath.Size, await path.DownloadAsync());
        Assert.True((await hardening.ApplyAsync(new InternalAccess
        {
            Network = new NetworkReference("dual"), AllowAddresses = [Cidr.Parse(LabAddresses.InternalV6)], AllowPorts = PortSpec.ParseAll([$"{NarrowPath.Port}/tcp"]),
        })).Verified);
        await path.ForgetAsync();
        Assert.Equal(NarrowPath.Size, await path.DownloadAsync());
        var snapshot = await hardening.Host.ReadWholeAsync(CancellationToken.None);
        var passed = place == FirewallBackend.Nftables
            ? (await Lab.ExecAsync(["nft", "list", "table", "inet", "docker_net_harden"])).OrThrow().Split('\n').Any(line => line.Contains("icmpv6 type", StringComparison.Ordinal) && !line.Contains("packets 0 ", StringComparison.Ordinal))
            : snapshot.Rules[Family.IPv6].AllRules.Any(line => line.Chain.StartsWith("DNH-", StringComparison.Ordinal) && line.Tokens.Contains("icmp6") && line.Tokens.Contains("2") && line.Packets > 0);
        Assert.True(passed, "No packet-too-big met the block: this test proves nothing.");
    }
}

/// <summary>Engines before 27 that are told to write IPv6 rules. 20.10 has no DOCKER-USER there: when a network is made, it puts rules that accept at the head of FORWARD.</summary>
public sealed class IPv6RulesOfOldEnginesTests
{
    [SkippableTheory]
    [InlineData("machine")]
    [InlineData("trixie")]
    public async Task Controls_hold_when_networks_are_made_and_dockerd_restarts(string name)
    {
        var engine = LabEngine.Parse(name);
        Skip.If((LabHost.WhyUnavailable() ?? engine.WhyUnavailable()) is not null, LabHost.WhyUnavailable() ?? engine.WhyUnavailable());
        await using var lab = await LabHost.RaiseAsync(new LabOptions { Engine = engine, Ipv6 = true, WritesIPv6Rules = true, Containers = false });
        await lab.CreateNetworkAsync("dual", "dual0", ["--ipv6", "--subnet", "fd00:d0a1::/64"]);
        await lab.RunContainerAsync(new LabContainerOptions("dual1") { Network = "dual" });
        await using var hardening = await Hardening.OfAsync(lab);
        hardening.CompareForeign = false;
        var save = await hardening.SaveAsync("ip6");
        Assert.Contains(":DOCKER ", save, StringComparison.Ordinal);
        var closed = save.Contains(":DOCKER-USER ", StringComparison.Ordinal) ? Reach.Refused : Reach.TimedOut;
        foreach (var address in new[] { LabAddresses.MetadataV6, LabAddresses.InternalV6, LabAddresses.WebV6 })
            await lab.ExpectAsync(Reach.Open, "dual1", address, 80);

        Assert.True((await hardening.ApplyAsync(new MetadataAccess(), new InternalAccess(), new SmtpRate())).Verified);
        await ClosedAsync();
        await lab.CreateNetworkAsync("later", "later0", ["--ipv6", "--subnet", "fd00:d0a2::/64"]);
        await ClosedAsync();
        await lab.RestartDockerAsync();
        await ClosedAsync();

        async Task ClosedAsync()
        {
            await lab.ExpectAsync(Reach.Open, "dual1", LabAddresses.WebV6, 80);
            foreach (var address in new[] { LabAddresses.MetadataV6, LabAddresses.InternalV6 })
                await lab.ExpectAsync(closed, "dual1", address, 80);
            Assert.InRange((await lab.BurstAsync("dual1", LabAddresses.WebV6, 25, 20)).Open, 0, 5);
        }
    }
}
