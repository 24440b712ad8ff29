using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hosts;
using DockerNetHarden.Lab.Tests.Persistence;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>FORWARD's jump to DOCKER-USER where Docker does not make it: with "iptables": false, and in the ip6tables of engines before 27.</summary>
public sealed class ForwardJumpTests
{
    private const string Jump = "-A FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER";

    // The FORWARD of mangle jumps to our own chains only.
    private static bool IsOfMangle(string line) => line.EndsWith("-FWD", StringComparison.Ordinal);
    private static readonly PlanOptions Create = new() { CreateChain = true };

    [LabFact]
    public async Task With_iptables_false_rules_of_DOCKER_USER_hold_and_everything_goes_again()
    {
        await using var lab = await LabHost.RaiseAsync(new LabOptions { WritesRules = false });
        await Layouts.ForeignLayout.LayInsteadOfDockerAsync(lab, isCareful: false);
        await using var hardening = await Hardening.OfAsync(lab);
        hardening.CompareForeign = false; // the empty chain stays
        var forward = await ForwardAsync(hardening);
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        var error = await Assert.ThrowsAsync<HostException>(() => hardening.ApplyAsync(new MetadataAccess()));
        Assert.Equal(HostFailure.ChainMissing, error.Failure);

        Assert.True((await hardening.ApplyAsync(new MetadataAccess().Rules(), Create)) is { Status: InvocationStatus.Applied, Verified: true });
        // Refused, and not only dropped by the half in mangle.
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Web, 80);
        Assert.Equal((string[])[Jump, .. forward], await ForwardAsync(hardening));
        Assert.True((await hardening.ApplyAsync(new MetadataAccess().Rules(), Create)) is { Status: InvocationStatus.Unchanged, Verified: true });

        // Somebody removes it: the audit says so, does not send anybody to Docker, and brings the rules that put it back.
        (await lab.ExecAsync([lab.Iptables, "-w", "10", "-D", .. Jump.Split(' ').Skip(1)])).OrThrow();
        await lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Metadata, 80);
        var finding = Assert.Single(HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)), finding => finding is { Id: "DOCKER-USER-JUMP", Status: FindingStatus.Fail });
        Assert.DoesNotContain("estart", finding.Remedy, StringComparison.Ordinal);
        Assert.True((await hardening.ApplyAsync(finding.Rules)).Verified);
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);

        await lab.RestartDockerAsync();
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await hardening.RemoveAllAsync();
        Assert.Equal(forward, await ForwardAsync(hardening));
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
    }

    [LabFact]
    public async Task An_IPv6_rule_for_DOCKER_USER_holds_on_an_engine_without_one()
    {
        await using var lab = await LabHost.RaiseAsync(new LabOptions { Ipv6 = true });
        await lab.CreateNetworkAsync("dual", "dual0", ["--ipv6", "--subnet", "fd00:d0a1::/64"]);
        await lab.RouteAsync("fd00:d0a1::/64");
        await lab.RunContainerAsync(new LabContainerOptions("d1") { Network = "dual" });
        await using var hardening = await Hardening.OfAsync(lab);
        hardening.CompareForeign = false; // networks come, and the empty chain stays
        await lab.ExpectAsync(Reach.Open, "d1", LabAddresses.InternalV6, 80);
        IReadOnlyList<FirewallRule> rules = [FirewallRule.Parse($"-A DOCKER-USER -i dual0 -d {LabAddresses.InternalV6} -p tcp -j REJECT --reject-with tcp-reset")];
        Assert.True((await hardening.ApplyAsync(rules, Create)).Verified);
        await lab.ExpectAsync(Reach.Refused, "d1", LabAddresses.InternalV6, 80);
        await lab.ExpectAsync(Reach.Open, "d1", LabAddresses.WebV6, 80);
        // Docker puts its jumps anew when it makes a network, and when it starts.
        await lab.CreateNetworkAsync("later", "later0", ["--ipv6", "--subnet", "fd00:d0a2::/64"]);
        await lab.RestartDockerAsync();
        await lab.ExpectAsync(Reach.Refused, "d1", LabAddresses.InternalV6, 80);
        Assert.True((await hardening.ApplyAsync(rules)).Verified);
        await hardening.RemoveAllAsync();
        Assert.DoesNotContain("DockerNetHarden", await hardening.SaveAsync("ip6"), StringComparison.Ordinal);
        await lab.ExpectAsync(Reach.Open, "d1", LabAddresses.InternalV6, 80);
    }

    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task It_is_saved_loaded_kept_and_gives_way_to_Dockers_own(string tool)
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        // It shows in which iptables Docker writes.
        space.Restore(tool, "*nat\n:DOCKER - [0:0]\nCOMMIT\n");
        var host = new DockerHost(shell);
        Assert.True((await host.ApplyAsync(snapshot => Plan.From(new MetadataAccess().Rules(), snapshot, Create), new CollectingSink(), CancellationToken.None)).Verified);
        await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        Assert.Equal([Jump], Forward());
        foreach (var how in new[] { "load", "keep" })
        {
            space.Run(tool, "-F");
            space.Run(tool, "-X");
            Load(how);
            Load(how);
            Assert.Equal([Jump], Forward());
        }
        // Behind the end of FORWARD no packet comes to a jump: somebody else's does not count, and ours moves.
        const string End = "-A FORWARD -j REJECT --reject-with icmp-port-unreachable";
        foreach (var hidden in new[] { "-A FORWARD -j DOCKER-USER", Jump })
        {
            space.Run(tool, "-F", "FORWARD");
            space.Run([tool, "-w", .. End.Split(' ')]);
            space.Run([tool, "-w", .. hidden.Split(' ')]);
            Load("keep");
            Load("keep");
            Assert.Equal(hidden == Jump ? [Jump, End] : [Jump, End, hidden], Forward().Select(line => line.Replace("\"", "", StringComparison.Ordinal)));
        }
        space.Run(tool, "-F", "FORWARD");
        space.Run(tool, "-A", "FORWARD", "-m", "comment", "--comment", "somebody's \"own\"", "-g", "DOCKER-USER");
        Load("keep");
        Assert.EndsWith("-g DOCKER-USER", Assert.Single(Forward()), StringComparison.Ordinal);
        space.Run(tool, "-F", "FORWARD");
        space.Run(tool, "-I", "FORWARD", "-j", "DOCKER-USER");
        Load("keep");
        Assert.Equal(["-A FORWARD -j DOCKER-USER"], Forward());
        Load("load");
        Assert.Equal(["-A FORWARD -j DOCKER-USER"], Forward());

        string[] Forward() => [.. space.Run(tool + "-save").Split('\n').Where(line => line.StartsWith("-A FORWARD", StringComparison.Ordinal) && !IsOfMangle(line))];
        void Load(string how) => files.Run("/bin/sh", "/etc/docker-net-harden/loader", how);
    }

    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task A_rollback_takes_it_back_and_puts_it_back(string tool)
    {
        using var space = HostNamespace.Make();
        await using var shell = space.Open();
        space.Restore(tool, "*nat\n:DOCKER - [0:0]\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 192.0.2.1/32 -j DROP\nCOMMIT\n");
        var before = Forward();
        await UndoneAsync(snapshot => Plan.From(new MetadataAccess().Rules(), snapshot, Create), [Jump, .. before], before);
        await new DockerHost(shell).ApplyAsync(snapshot => Plan.From(new MetadataAccess().Rules(), snapshot, Create), new CollectingSink(), CancellationToken.None);
        await UndoneAsync(snapshot => Plan.Without(_ => true, snapshot), before, [Jump, .. before]);

        string[] Forward() => [.. space.Run(tool + "-save").Split('\n').Where(line => line.StartsWith("-A FORWARD", StringComparison.Ordinal) && !IsOfMangle(line))];

        async Task UndoneAsync(Func<HostSnapshot, Plan> planner, string[] meanwhile, string[] after)
        {
            var result = await new DockerHost(shell).ApplyAsync(planner, new CollectingSink(), CancellationToken.None, new RollbackOptions(TimeSpan.FromSeconds(3)));
            Assert.Equal(meanwhile, Forward());
            await RollbackHost.UntilAsync(() => !RollbackHost.HasTimer(result.RollbackId!), TimeSpan.FromSeconds(20));
            Assert.Equal(after, Forward());
        }
    }

    private static async Task<string[]> ForwardAsync(Hardening hardening) =>
        [.. (await hardening.SaveAsync()).Split('\n').Where(line => line.Contains("] -A FORWARD ", StringComparison.Ordinal) && !IsOfMangle(line)).Select(line => line[(line.IndexOf(']', StringComparison.Ordinal) + 2)..])];
}
