using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Lab.Tests.Layouts;
using DockerNetHarden.Policy;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Engines;

[Collection(LayoutNftCollection.Name)]
public sealed class LayoutsOnNft(LayoutNftLab lab) : LayoutTests(lab);

[Collection(LayoutLegacyCollection.Name)]
public sealed class LayoutsOnLegacy(LayoutLegacyLab lab) : LayoutTests(lab);

[Collection(LayoutTrixieCollection.Name)]
public sealed class LayoutsOnTrixie(LayoutTrixieLab lab) : LayoutTests(lab);

[Collection(LayoutSidCollection.Name)]
public sealed class LayoutsOnSid(LayoutSidLab lab) : LayoutTests(lab);

/// <summary>Layouts of users' reports: a trace says what real packets meet, mending ends, and then the host passes.</summary>
public abstract class LayoutTests(LayoutLab fixture)
{
    private static readonly string[] Leading = ["span1", "ext1", "web", "main", "sidecar"];

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task A_trace_of_each_container_is_what_its_packets_meet_before_mending_and_after_it_and_then_the_host_passes()
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        foreach (var container in Leading)
            await Lab.ExpectAsync(Reach.Open, container, LabAddresses.Metadata, 80);
        await ProveAsync(hardening);

        var rounds = 0;
        IReadOnlyList<HardeningFinding> findings;
        while ((findings = await FailingAsync(hardening)).Any(finding => finding.Rules.Count > 0))
        {
            Assert.True(++rounds <= 3, "Still failing after three rounds: " + Describe(findings));
            Assert.True((await hardening.ApplyAsync([.. findings.SelectMany(finding => finding.Rules)])).Verified);
        }
        Assert.InRange(rounds, 1, 3);
        Assert.True(findings.Count == 0, Describe(findings));
        foreach (var container in Leading)
        {
            Assert.NotEqual(Reach.Open, (await Lab.AskAsync(container, LabAddresses.Metadata, 80)).Result);
            await Lab.ExpectAsync(Reach.Open, container, LabAddresses.Web, 80);
        }
        await ProveAsync(hardening);
    }

    [LabTheory]
    [InlineData(true)]
    [InlineData(false)] // Docker is asked in the conversation with the host
    public async Task A_containers_networks_are_those_of_the_container_whose_network_it_shares_and_the_bridge_by_which_an_overlay_leaves(bool isLocal)
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        await using var far = DockerHost.Over(new ProcessShell("lab", Lab.Shell[0], [.. Lab.Shell.Skip(1), "env", "DOCKER_HOST=" + Lab.DockerHost, "/bin/sh"]));
        var host = await (isLocal ? hardening.Host : far).ReadAsync(CancellationToken.None);
        string[] Networks(string name) => [.. host.Containers.Single(container => container.Name == name).Addresses.Select(address => address.Network).Order(StringComparer.Ordinal)];
        Assert.Equal(["bridge"], Networks("sidecar"));
        Assert.Equal(["docker_gwbridge", "span"], Networks("span1"));
        Assert.Equal(["shop_back", "shop_front"], Networks("web"));
        Assert.Equal(["main", "sidecar"], host.Networks.Single(network => network.Name is "bridge").Containers);
        Assert.Equal(["span1"], host.Networks.Single(network => network.Name is "docker_gwbridge").Containers);
    }

    [LabFact]
    public async Task A_policy_that_names_the_guides_network_closes_its_own_bridge_and_the_network_keeps_the_profile()
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        var policy = HardeningPolicy.Parse("""{"version": 1, "networks": [{"name": "external", "profile": "ExternalOnly"}]}""", "policy.json");
        await Lab.ExpectAsync(Reach.Open, "ext1", LabAddresses.Host, LabAddresses.HostHttpPort);
        await Lab.ExpectAsync(Reach.Open, "ext1", LabAddresses.Internal, 80);
        var found = await hardening.Host.Docker.FindNetworkAsync("external", CancellationToken.None);
        Assert.Empty(policy.Networks[0].DifferencesFrom(found!));

        Assert.True((await hardening.ApplyAsync(policy.Rules())).Verified);
        foreach (var (address, port) in new[] { (LabAddresses.Host, LabAddresses.HostHttpPort), (LabAddresses.Internal, 80), (LabAddresses.Metadata, 80) })
            await Lab.ExpectAsync(Reach.Refused, "ext1", address, port);
        await Lab.ExpectAsync(Reach.Open, "ext1", LabAddresses.Web, 80);
        await Lab.ExpectAsync(Reach.Open, "web", LabAddresses.Internal, 80);

        // Another command for the same network does not lose the profile, and applying the policy again changes nothing.
        Assert.True((await hardening.ApplyAsync(new HostAccess { Network = new NetworkReference("external") })).Verified);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(policy.Rules())).Status);
        var host = await hardening.Host.ReadWholeAsync(CancellationToken.None);
        Assert.Equal("ExternalOnly", AdoptedProfiles.Of(host)["external"]);
        var kept = Assert.Single(PolicyCapture.Of(host).Networks);
        Assert.Equal(("external", NetworkProfile.ExternalOnly, "docker-external"), (kept.Name, kept.Profile, kept.BridgeName));
        Assert.Equal(FindingStatus.Pass, HardeningAudit.Of(host).Single(finding => finding is { Id: "INTERNAL-ACCESS", Network: "external" }).Status);
        var other = Assert.Throws<PlanException>(() => Plan.From(new HardenedNetwork { Name = "external", Profile = NetworkProfile.Default }.Rules(), host));
        Assert.Contains("Remove-FirewallRule -Network external", other.Message, StringComparison.Ordinal);
    }

    [LabFact]
    public async Task Rules_for_a_bridge_that_is_not_there_change_nothing_but_a_network_that_is_yet_to_be_made_may_have_its_rules_first()
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        hardening.CompareForeign = false; // a network comes and goes
        var before = await hardening.SaveAsync();
        foreach (var text in new[] { "-A DOCKER-USER -i dnh-external -d 10.0.0.0/8 -m comment --comment DockerNetHarden:InternalAccess:external -j DROP", "-A DOCKER-USER -i docker-apps -d 10.0.0.0/8 -j DROP" })
            await Assert.ThrowsAnyAsync<Exception>(() => hardening.ApplyAsync([Rules.FirewallRule.Parse(text)]));
        Assert.Equal(Lines(before), Lines(await hardening.SaveAsync()));

        var network = new HardenedNetwork { Name = "later", Profile = NetworkProfile.ExternalOnly };
        Assert.True((await hardening.ApplyAsync(network.Rules())).Verified);
        Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("'later'", StringComparison.Ordinal));
        await hardening.Host.Docker.CreateNetworkAsync(network.ToSpec(await hardening.Host.Docker.GetEngineAsync(CancellationToken.None)), CancellationToken.None);
        try
        {
            await Lab.RunContainerAsync(new LabContainerOptions("later1") { Network = "later" });
            await Lab.ExpectAsync(Reach.Refused, "later1", LabAddresses.Internal, 80);
            await Lab.ExpectAsync(Reach.Refused, "later1", LabAddresses.Host, LabAddresses.HostHttpPort);
            // Now the network's subnet is known too, and the label keeps the profile.
            Assert.True((await hardening.ApplyAsync(network.Rules())).Verified);
            var rules = await hardening.SaveAsync();
            Assert.Matches(@"-A DNH-INTERNAL\.\d+ -s 1", rules[rules.IndexOf("*mangle", StringComparison.Ordinal)..]);
            Assert.DoesNotContain("profile=", rules, StringComparison.Ordinal);
        }
        finally
        {
            await Lab.RemoveContainerAsync("later1");
            await Lab.RemoveNetworkAsync("later");
        }
    }

    // Another program's block list, in sets, in the chain of the user: a ban for everybody and one for what leaves an overlay network.
    [LabFact]
    public async Task What_a_foreign_block_list_of_sets_closes_is_traced_as_packets_meet_it()
    {
        var saved = await fixture.SaveRulesAsync();
        try
        {
            await ForeignLayout.RunAsync(Lab,
            [
                "ipset create ban hash:ip timeout 0", $"ipset add ban {LabAddresses.Internal} timeout 900", "ipset create ban-links hash:net,iface",
                $"ipset add ban-links {LabAddresses.Metadata},docker_gwbridge", "ipset create bans list:set", "ipset add bans ban", "ipset add bans ban-links",
                $"{Lab.Iptables} -I DOCKER-USER -m set --match-set bans dst,src -j DROP",
            ]);
            await using (var hardening = await Hardening.Hardening.OfAsync(Lab))
            {
                foreach (var container in Leading)
                    await Lab.ExpectAsync(Reach.TimedOut, container, LabAddresses.Internal, 80);
                await Lab.ExpectAsync(Reach.TimedOut, "span1", LabAddresses.Metadata, 80);
                await Lab.ExpectAsync(Reach.Open, "sidecar", LabAddresses.Metadata, 80);
                var host = await hardening.Host.ReadWholeAsync(CancellationToken.None);
                Assert.Equal(["ban", "ban-links", "bans"], host.IpSets.Select(static set => set.Name).Order(StringComparer.Ordinal));
                await ProveAsync(hardening);
            }
        }
        finally
        {
            await fixture.ResetRulesAsync(saved);
            await ForeignLayout.RunAsync(Lab, ["for i in 1 2 3 4 5 6 7 8 9; do ipset flush && ipset destroy && exit; sleep 0.2; done; exit 1"]);
        }
    }

    [LabFact]
    public async Task A_task_of_a_swarm_service_is_traced_at_the_bridge_by_which_it_leaves()
    {
        var mounts = LabHost.MountedFolders.Where(path => Directory.Exists((fixture.Engine.Engine.Root ?? "") + path)).SelectMany(path => (string[])["--mount", $"type=bind,src={path},dst={path},readonly"]);
        (await Lab.ExecAsync(["docker", "service", "create", "--detach", "--no-resolve-image", "--stop-grace-period", "1s", "--name", "task", "--network", "span", .. mounts, LabHost.Image, .. new LabContainerOptions("task").Command])).OrThrow();
        try
        {
            var name = "";
            for (var i = 0; i < 150 && name.Length == 0; i++)
            {
                await Task.Delay(200);
                name = (await Lab.ExecAsync(["docker", "ps", "--filter", "name=task.1", "--filter", "status=running", "--format", "{{.Names}}"])).OrThrow().Trim();
            }
            Assert.NotEmpty(name);
            await using var hardening = await Hardening.Hardening.OfAsync(Lab);
            await Lab.ExpectAsync(Reach.Open, name, LabAddresses.Metadata, 80);
            var container = (await hardening.Host.ReadAsync(CancellationToken.None)).Containers.Single(each => each.Name == name);
            Assert.Equal(["docker_gwbridge", "span"], container.Addresses.Select(static address => address.Network).Order(StringComparer.Ordinal));
            await ProveAsync(hardening, name);
            Assert.True((await hardening.ApplyAsync(new MetadataAccess(), new HostAccess())).Verified);
            await Lab.ExpectAsync(Reach.Refused, name, LabAddresses.Metadata, 80);
            await ProveAsync(hardening, name);
        }
        finally
        {
            (await Lab.ExecAsync(["docker", "service", "rm", "task"])).OrThrow();
            await ForeignLayout.RunAsync(Lab, ["for i in $(seq 150); do [ -n \"$(docker ps -aq --filter name=task.1)\" ] || exit 0; sleep 0.2; done; exit 1"]);
        }
    }

    private async Task ProveAsync(Hardening.Hardening hardening, params string[] more)
    {
        var host = await hardening.Host.ReadWholeAsync(CancellationToken.None);
        var proof = new TraceProof(Lab, host) { Leads = question => question.Network is not "shop_back" };
        string[] targets = [LabAddresses.Metadata, LabAddresses.Internal, LabAddresses.Web, LabAddresses.Host];
        foreach (var request in new[] { new TraceRequest(), new TraceRequest { Containers = [.. Leading, "db", .. more] }, new TraceRequest { Networks = ["span", "external", "shop_front", "shop_back"] } })
        {
            foreach (var port in new[] { "80", "8080" })
                proof.Ask(request.To(targets).With(port, "tcp"));
        }
        var confirmed = await proof.ConfirmAsync();
        Assert.True(confirmed >= 12, $"Only {confirmed} answers were confirmed.");
    }

    // What makes Test-DockerNetworkHardening false. Saving the rules is another command, and other tests'.
    private static async Task<IReadOnlyList<HardeningFinding>> FailingAsync(Hardening.Hardening hardening) =>
        [.. HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)).Where(finding => finding is { Severity: >= Severity.Medium, Id: not "RULES-SAVED" } && finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable))];

    private static string[] Lines(string rules) => [.. rules.Split('\n').Where(line => !line.StartsWith('#')).Select(line => line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..])];

    private static string Describe(IEnumerable<HardeningFinding> findings) => string.Join("\n", findings.Select(finding => $"{finding.Status} {finding.Id} {finding.Network} {finding.Container} {string.Join(' ', finding.Evidence)}"));
}
