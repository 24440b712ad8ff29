using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class ServedMetadataOnNft(NftLab lab) : ServedMetadataTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class ServedMetadataOnLegacy(LegacyLab lab) : ServedMetadataTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class ServedMetadataOnTrixie(TrixieLab lab) : ServedMetadataTests(lab);

[Collection(SidCollection.Name)]
public sealed class ServedMetadataOnSid(SidLab lab) : ServedMetadataTests(lab);

/// <summary>
/// Metadata and credentials that the host serves or redirects, as ECS and GKE do it: the host's own HTTP service stands for the agent. A rule about the address in DOCKER-USER never sees these packets.
/// </summary>
public abstract class ServedMetadataTests(LabFixture fixture)
{
    private const string EcsTask = "169.254.170.2";
    private const string EksAgent = "169.254.170.23";
    private const string GkeNode = "169.254.169.252";
    private const int Introspection = 51678;

    // The agent, on every address of the host.
    private const string Agent = "8080";

    // amazon-ecs-agent, ecs-init/exec/iptables: the same rules with the agent's port 51679.
    private static readonly string[] EcsToAgent = ["PREROUTING", "-d", EcsTask, "-p", "tcp", "--dport", "80", "-j", "DNAT", "--to-destination", "127.0.0.1:" + Agent];
    private static readonly string[] EcsOfHost = ["OUTPUT", "-d", EcsTask, "-p", "tcp", "--dport", "80", "-j", "REDIRECT", "--to-ports", Agent];
    private static readonly string[] GkeToAgent = ["PREROUTING", "-d", LabAddresses.Metadata, "-p", "tcp", "--dport", "80", "-j", "DNAT", "--to-destination", $"{GkeNode}:{Agent}"];
    private static readonly string[] GkeDirect = ["PREROUTING", "-d", GkeNode, "-p", "tcp", "--dport", "988", "-j", "REDIRECT", "--to-ports", Agent];
    private static readonly string[] EksDirect = ["PREROUTING", "-d", EksAgent, "-p", "tcp", "--dport", "80", "-j", "REDIRECT", "--to-ports", Agent];
    private static readonly string[] EcsElsewhere = ["PREROUTING", "-d", EcsTask, "-p", "tcp", "--dport", "80", "-j", "DNAT", "--to-destination", LabAddresses.Neighbour + ":80"];

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task Task_credentials_that_are_redirected_to_the_agent_are_refused_but_to_the_excepted_network_and_the_host()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await using var ecs = await Served.OfAsync(Lab, [], EcsToAgent, EcsOfHost);
        foreach (var from in new[] { "c0", "a1", "host" })
            await Lab.ExpectAsync(Reach.Open, from, EcsTask, 80);
        // The packet reaches the host, where nobody listens.
        await Lab.ExpectAsync(Reach.Refused, "c0", "172.17.0.1", Introspection, ProbeProtocol.Tcp);

        var result = await hardening.ApplyAsync(new MetadataAccess());
        Assert.True(result is { Status: InvocationStatus.Applied, Verified: true }, string.Join('\n', hardening.Sink.Failures));
        await Lab.ExpectAsync(Reach.Refused, "c0", EcsTask, 80);
        await Lab.ExpectAsync(Reach.Refused, "a1", EcsTask, 80);
        await Lab.ExpectAsync(Reach.Open, "host", EcsTask, 80);
        await Lab.ExpectAsync(Reach.TimedOut, "c0", "172.17.0.1", Introspection, ProbeProtocol.Tcp);
        // Nothing else of the host is closed, and the agent's port is no secret.
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);

        await hardening.ApplyAsync(new MetadataAccess { ExceptNetworks = ["apps"] });
        await Lab.ExpectAsync(Reach.Open, "a1", EcsTask, 80);
        await Lab.ExpectAsync(Reach.Refused, "c0", EcsTask, 80);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(new MetadataAccess { ExceptNetworks = ["apps"] })).Status);
    }

    [LabFact]
    public async Task A_metadata_address_that_is_redirected_to_the_node_is_refused_but_to_the_network_with_the_profile()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await using var gke = await Served.OfAsync(Lab, [GkeNode], GkeToAgent, GkeDirect);
        foreach (var (address, port) in new[] { (LabAddresses.Metadata, 80), (GkeNode, 988) })
            await Lab.ExpectAsync(Reach.Open, "c0", address, port);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "gcp" });
        foreach (var (address, port) in new[] { (LabAddresses.Metadata, 80), (GkeNode, 988) })
        {
            await Lab.ExpectAsync(Reach.Refused, "c0", address, port);
            await Lab.ExpectAsync(Reach.Refused, "a1", address, port);
        }
        // The address still serves DNS, which is not redirected.
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 53, ProbeProtocol.DnsTcp);

        // The profile closes the host, but not for the metadata that it serves.
        await hardening.ApplyAsync([.. new MetadataAccess { Provider = "gcp" }.Rules(), .. NetworkProfiles.Rules(NetworkProfile.MetadataAccess, new NetworkReference("apps", "apps0"))]);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", GkeNode, 988);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
    }

    [LabFact]
    public async Task An_agent_at_an_address_of_the_host_is_refused_to_one_network_and_open_to_another()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await using var eks = await Served.OfAsync(Lab, [EksAgent], EksDirect);
        await Lab.ExpectAsync(Reach.Open, "a1", EksAgent, 80);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "aws", Network = new NetworkReference("apps") });
        await Lab.ExpectAsync(Reach.Refused, "a1", EksAgent, 80);
        await Lab.ExpectAsync(Reach.Open, "c0", EksAgent, 80);
    }

    [LabFact]
    public async Task A_table_of_our_own_refuses_the_same()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await using var ecs = await Served.OfAsync(Lab, [], EcsToAgent, EcsOfHost);
        await Lab.ExpectAsync(Reach.Open, "c0", EcsTask, 80);
        await hardening.ApplyAsync(new MetadataAccess { ExceptNetworks = ["apps"] }.Rules(), new PlanOptions { Backend = FirewallBackend.Nftables });
        await Lab.ExpectAsync(Reach.Refused, "c0", EcsTask, 80);
        await Lab.ExpectAsync(Reach.TimedOut, "c0", "172.17.0.1", Introspection, ProbeProtocol.Tcp);
        await Lab.ExpectAsync(Reach.Open, "a1", EcsTask, 80);
        await Lab.ExpectAsync(Reach.Open, "host", EcsTask, 80);
    }

    [LabFact]
    public async Task Credentials_that_another_machine_serves_are_dropped_on_the_way_there()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await using var elsewhere = await Served.OfAsync(Lab, [], EcsElsewhere);
        await Lab.ExpectAsync(Reach.Open, "c0", EcsTask, 80);
        await hardening.ApplyAsync(new MetadataAccess { ExceptNetworks = ["apps"] });
        await Lab.ExpectAsync(Reach.TimedOut, "c0", EcsTask, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", EcsTask, 80);
        // What is not redirected goes there as before.
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Neighbour, 80);
    }

    [LabFact]
    public async Task The_audit_reports_what_is_redirected_and_only_that()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess { AllowAddresses = [Cidr.Parse(EcsTask)] });
        Assert.Equal(FindingStatus.Pass, (await MetadataOfAppsAsync(hardening)).Status);
        await using var ecs = await Served.OfAsync(Lab, [], EcsToAgent);
        var finding = await MetadataOfAppsAsync(hardening);
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(finding.Evidence, line => line.Contains(EcsTask, StringComparison.Ordinal));
        await hardening.ApplyAsync(finding.Rules);
        Assert.Equal(FindingStatus.Pass, (await MetadataOfAppsAsync(hardening)).Status);
        await Lab.ExpectAsync(Reach.Refused, "a1", EcsTask, 80);
    }

    // Enough rules for gates by original destination, which the kernel's tools print in their own form.
    [LabFact]
    public async Task With_rules_for_several_networks_the_same_holds_and_everything_else_stays_open()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.RunContainerAsync(new LabContainerOptions("web") { Network = "apps", Publish = ["8081:80"] });
        await Lab.ServeAsync("web", "web-inner", 80);
        await using (var served = await Served.OfAsync(Lab, [EksAgent], EcsToAgent, EcsOfHost, EksDirect))
        {
            await AllOpenAsync();
            Control[] controls = [new MetadataAccess { ExceptNetworks = ["apps"] }, new MetadataAccess { Network = new NetworkReference("bridge") }];
            Assert.True(await hardening.ApplyAsync(controls) is { Status: InvocationStatus.Applied, Verified: true }, string.Join('\n', hardening.Sink.Failures));
            Assert.Contains("--ctorigdst 169.254.170.2 -m comment --comment DockerNetHarden -g DNH-METADATA-IN.", await hardening.SaveAsync(), StringComparison.Ordinal);
            Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(controls)).Status);
            foreach (var address in new[] { EcsTask, EksAgent })
            {
                await Lab.ExpectAsync(Reach.Refused, "c0", address, 80);
                await Lab.ExpectAsync(Reach.Open, "a1", address, 80);
            }
            await AllOpenAsync();
            await hardening.RemoveAllAsync();
            await Lab.ExpectAsync(Reach.Open, "c0", EcsTask, 80);
        }
        await Lab.RemoveContainerAsync("web");

        async Task AllOpenAsync()
        {
            await Lab.ExpectAsync(Reach.Open, "host", EcsTask, 80);
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, 8081, source: LabAddresses.Internal);
            await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, LabAddresses.HostHttpPort);
            await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
            await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);
            await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.InternalDns, 53, ProbeProtocol.Dns);
        }
    }

    private static async Task<HardeningFinding> MetadataOfAppsAsync(Hardening hardening)
    {
        var snapshot = await hardening.Host.ReadWholeAsync(CancellationToken.None);
        return HardeningAudit.Of(snapshot).Single(finding => finding.Network is "apps" && finding.Id.StartsWith("METADATA-", StringComparison.Ordinal));
    }

    /// <summary>What makes a host serve metadata: addresses on lo, rules in nat, and packets to 127.0.0.1 let in from bridges. All of it goes at the end.</summary>
    private sealed class Served : IAsyncDisposable
    {
        private readonly LabHost _lab;
        private readonly List<string[]> _undo = [];

        private Served(LabHost lab) => _lab = lab;

        public static async Task<Served> OfAsync(LabHost lab, string[] addresses, params string[][] nat)
        {
            var served = new Served(lab);
            await served.DoAsync(["sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=1"], ["sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=0"]);
            foreach (var address in addresses)
                await served.DoAsync(["ip", "address", "add", address + "/32", "dev", "lo"], ["ip", "address", "del", address + "/32", "dev", "lo"]);
            foreach (var rule in nat)
                await served.DoAsync([lab.Iptables, "-t", "nat", "-I", .. rule], [lab.Iptables, "-t", "nat", "-D", .. rule]);
            return served;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var command in Enumerable.Reverse(_undo))
                (await _lab.ExecAsync(command)).OrThrow();
        }

        private async Task DoAsync(string[] command, string[] undo)
        {
            (await _lab.ExecAsync(command)).OrThrow();
            _undo.Add(undo);
        }
    }
}
