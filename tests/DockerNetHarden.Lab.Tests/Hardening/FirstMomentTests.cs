using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class FirstMomentOnNft(NftLab lab) : FirstMomentTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class FirstMomentOnLegacy(LegacyLab lab) : FirstMomentTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class FirstMomentOnTrixie(TrixieLab lab) : FirstMomentTests(lab);

[Collection(SidCollection.Name)]
public sealed class FirstMomentOnSid(SidLab lab) : FirstMomentTests(lab);

/// <summary>A network with a profile has its rules from the moment it exists; without them it does not exist.</summary>
public abstract class FirstMomentTests(LabFixture fixture)
{
    private const string Eager = "eager";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly HardenedNetwork Web = new() { Name = "web", Profile = NetworkProfile.ExternalOnly };

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task A_container_that_waits_for_the_network_never_reaches_metadata()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false; // Docker moves its jump when a network is made
        // A network without a way out: until it is on another one, the container reaches nothing. It asks for metadata all the time.
        await Lab.CreateNetworkAsync("quiet", "quiet0", ["--internal"]);
        await Lab.RunContainerAsync(new LabContainerOptions(Eager)
        {
            Network = "quiet",
            Command = ["/bin/sh", "-c", $"while :; do curl -s -m 1 -o /dev/null http://{LabAddresses.Metadata}/ && echo reached; sleep 0.02; done"],
        });
        try
        {
            foreach (var (network, backend) in new[] { (Web, FirewallBackend.Iptables), (Web, FirewallBackend.Nftables), (Web with { Subnets = [Cidr.Parse("10.77.9.0/24")] }, FirewallBackend.Iptables) })
            {
                foreach (var isFar in new[] { false, true })
                {
                    await using var host = Open(isFar);
                    var attached = AttachAsync(network.Name);
                    var made = await MakeAsync(host, network, backend);
                    Assert.True(made.Verified);
                    Assert.Equal(network.Subnets.Count == 0 ? 2 : 1, made.Writes.Count);
                    await attached.WaitAsync(Patience);
                    await Lab.ExpectAsync(Reach.Open, Eager, LabAddresses.Web, 80);
                    await Lab.ExpectAsync(Reach.Refused, Eager, LabAddresses.Metadata, 80);
                    Assert.DoesNotContain("reached", await SaidAsync(), StringComparison.Ordinal);

                    // The second time nothing changes.
                    var plan = network.PlanOn(await host.ReadAsync(CancellationToken.None), new PlanOptions { Backend = backend });
                    Assert.True(plan.IsEmpty, plan.Diff);
                    Assert.Empty(plan.Problems);
                    await DockerAsync("network", "disconnect", network.Name, Eager);
                    await Lab.RemoveNetworkAsync(network.Name);
                    await hardening.RemoveAllAsync();
                }
            }

            // It would have reached it.
            var without = AttachAsync("plain");
            await Lab.CreateNetworkAsync("plain");
            await without.WaitAsync(Patience);
            for (var end = DateTimeOffset.UtcNow + Patience; !(await SaidAsync()).Contains("reached", StringComparison.Ordinal); await Task.Delay(50))
                Assert.True(DateTimeOffset.UtcNow < end, "The container never reached metadata without rules either.");
        }
        finally
        {
            await Lab.RemoveContainerAsync(Eager);
            foreach (var network in new[] { "quiet", "plain", "web" })
                await Lab.ExecAsync(["docker", "network", "rm", network]);
        }
    }

    [LabFact]
    public async Task A_write_that_fails_leaves_neither_a_network_nor_rules()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await hardening.ApplyAsync(new HostAccess());
        var before = await OursAsync(hardening);
        // The first write, whose rules name the bridge; and the second, whose rules name the subnet, in mangle.
        foreach (var (refused, said) in new[] { ("*dnh-web*", "was not made: its rules come first"), ("*'*mangle'*' -s '*:web*", "which had just been made, was removed again. The rules that were written for it were taken back") })
        {
            foreach (var isFar in new[] { false, true })
            {
                var folder = await StandInAsync(refused);
                try
                {
                    await using var host = Open(isFar, folder);
                    var error = await Assert.ThrowsAsync<HostException>(() => MakeAsync(host, Web));
                    Assert.Equal(HostFailure.RestoreFailed, error.Failure);
                    Assert.Contains("stand-in: refused", error.Message, StringComparison.Ordinal);
                    Assert.Contains(said, error.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain("web", (await DockerAsync("network", "ls", "--format", "{{.Name}}")).Split('\n'));
                    Assert.Equal(before, await OursAsync(hardening));
                }
                finally
                {
                    await Lab.ExecAsync(["rm", "-r", folder]);
                }
            }
        }
    }

    [LabFact]
    public async Task A_network_that_Docker_refuses_leaves_no_rules()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.CreateNetworkAsync("other", "other0", ["--subnet", "10.77.8.0/24"]);
        try
        {
            foreach (var isFar in new[] { false, true })
            {
                await using var host = Open(isFar);
                var error = await Assert.ThrowsAsync<DockerException>(() => MakeAsync(host, Web with { Subnets = [Cidr.Parse("10.77.8.0/24")] }));
                Assert.NotNull(error.Status);
                Assert.Contains("The rules that were written for it were taken back", error.Message, StringComparison.Ordinal);
                Assert.Equal("", await OursAsync(hardening));
            }
        }
        finally
        {
            await Lab.RemoveNetworkAsync("other");
        }
    }

    // Docker at its socket, and in the conversation as with a host by ssh.
    private DockerHost Open(bool isFar, string? first = null)
    {
        string[] environment = ["env", "DOCKER_HOST=" + Lab.DockerHost, .. first is null ? (string[])[] : [$"PATH={first}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]];
        var shell = new ProcessShell("lab", Lab.Shell[0], [.. Lab.Shell.Skip(1), .. environment, "/bin/sh"]);
        return isFar ? DockerHost.Over(shell) : DockerHost.Beside(shell, DockerEndpoint.Parse(Lab.DockerHost));
    }

    private static async Task<CreatedNetwork> MakeAsync(DockerHost host, HardenedNetwork network, FirewallBackend backend = FirewallBackend.Iptables) => await NetworkCreation.RunAsync(
        host, network.ToSpec(await host.Docker.GetEngineAsync(CancellationToken.None)), snapshot => network.PlanOn(snapshot, new PlanOptions { Backend = backend }), new CollectingSink(), force: false, CancellationToken.None);

    // As soon as Docker knows the network.
    private Task AttachAsync(string network) => Lab.ExecAsync(
    [
        "sh", "-c", """
        until [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$1" -H 'Content-Type: application/json' -d "{\"Container\":\"$2\"}" "http://docker/networks/$3/connect")" = 200 ]; do :; done
        """, "attach", Lab.DockerSocket, Eager, network,
    ]);

    // An iptables-restore that refuses what a pattern of sh matches and leaves the rest to the real one, in a folder for the head of PATH.
    private async Task<string> StandInAsync(string refused)
    {
        var folder = $"/tmp/dnh-stand-in-{Guid.NewGuid():N}";
        (await Lab.ExecAsync(["mkdir", folder])).OrThrow();
        (await Lab.ExecAsync(["sh", "-c", "cat >\"$1/all\" && chmod +x \"$1/all\" && for t in iptables ip6tables; do for k in '' -nft -legacy; do ln -s all \"$1/$t$k-restore\" || exit; done; done", "write", folder], $$"""
            #!/bin/sh
            PATH=${PATH#*:}
            t=$(cat)
            case $t in {{refused}}) echo 'stand-in: refused' >&2; exit 2 ;; esac
            printf '%s\n' "$t" | "${0##*/}" "$@"

            """)).OrThrow();
        return folder;
    }

    private async Task<string> SaidAsync() => await DockerAsync("logs", Eager);

    private async Task<string> DockerAsync(params string[] arguments) => (await Lab.ExecAsync(["docker", .. arguments])).OrThrow();

    private static async Task<string> OursAsync(Hardening hardening) => string.Join('\n', (await hardening.SaveAsync() + await hardening.SaveAsync("ip6")).Split('\n')
        .Where(static line => line.Contains("-A ", StringComparison.Ordinal) && line.Contains("DockerNetHarden", StringComparison.Ordinal)).Select(static line => line[line.IndexOf("-A ", StringComparison.Ordinal)..]).Order(StringComparer.Ordinal));
}
