using System.Globalization;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Persistence;

/// <summary>
/// A host after a restart: its tables are empty, its bridges gone, and a container with a restart policy asks for metadata from its first moment.
/// </summary>
public sealed class RebootTests
{
    // Some 200 connections a second, none of which waits for another; it reports after every 50 how many it has begun.
    private const string Asker = """
        use IO::Socket::INET; use IO::Select; $| = 1;
        my ($n, @open) = (0);
        while (1) {
            my $s = IO::Socket::INET->new(PeerAddr => '169.254.169.254', PeerPort => 80, Proto => 'tcp', Blocking => 0);
            $n++;
            push @open, $s if $s;
            syswrite $_, "GET / HTTP/1.1\r\nHost: x\r\n\r\n" for IO::Select->new(@open)->can_write(0);
            shift @open while @open > 300;
            print "$n\n" if $n % 50 == 0;
            select undef, undef, undef, 0.005;
        }
        """;

    private static readonly Control[] Controls = [new MetadataAccess(), new HostAccess()];

    [SkippableTheory]
    [InlineData(LabBackend.Nft, FirewallBackend.Iptables)]
    [InlineData(LabBackend.Legacy, FirewallBackend.Iptables)]
    [InlineData(LabBackend.Nft, FirewallBackend.Nftables)]
    [InlineData(LabBackend.Legacy, FirewallBackend.Nftables)]
    public async Task After_a_start_no_request_of_a_restarted_container_gets_through(LabBackend backend, FirewallBackend place)
    {
        var options = new PlanOptions { Backend = place };
        IReadOnlyList<FirewallRule> rules = [.. Controls.SelectMany(control => control.Rules())];
        Skip.IfNot(File.Exists("/usr/bin/perl"), "needs perl");
        await using var lab = await RaiseAsync(new LabOptions { Backend = backend, LiveRestore = false, Containers = false });
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        hardening.CompareForeign = false;
        using var files = PrivateFiles.Of(lab.HostNamespace);
        await using var shell = files.Open();
        await hardening.ApplyAsync(rules, options);
        var saved = await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        Assert.Equal(PersistenceStatus.Saved, saved.Status);
        await lab.RunContainerAsync(new LabContainerOptions("asker") { Arguments = ["--restart", "always"], Command = ["/usr/bin/perl", "-e", Asker] });
        Assert.Equal(0, await MetadataAsync(lab));

        // What systemd runs, in that order: our unit, docker.service, the guard.
        await ShutDownAsync(lab);
        files.Run(files.CommandOf("docker-net-harden.service"));
        await lab.StartDockerAsync();
        var guard = files.Background(files.CommandOf("docker-net-harden-guard.service"));
        var asked = await AskingAsync(lab, 400);
        Assert.True(asked >= 400, $"The container asked only {asked} times.");
        Assert.Equal(0, await MetadataAsync(lab));
        var again = await hardening.ApplyAsync(rules, options);
        Assert.Equal((InvocationStatus.Unchanged, true), (again.Status, again.Verified));

        // The same without the units: the container's first requests get through.
        PrivateFiles.Stop(guard);
        await ShutDownAsync(lab);
        await lab.StartDockerAsync();
        await AskingAsync(lab, 50);
        Assert.NotEqual(0, await MetadataAsync(lab));
    }

    [SkippableTheory]
    [InlineData(LabBackend.Nft)]
    [InlineData(LabBackend.Legacy)]
    public async Task With_the_guard_dockerd_restarts_and_networks_come_and_go_without_a_request_getting_through(LabBackend backend)
    {
        await using var lab = await RaiseAsync(new LabOptions { Backend = backend });
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        hardening.CompareForeign = false;
        using var files = PrivateFiles.Of(lab.HostNamespace);
        await using var shell = files.Open();
        await hardening.ApplyAsync(new MetadataAccess());
        await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        files.Background(files.CommandOf("docker-net-harden-guard.service"));
        using var end = new CancellationTokenSource();
        var stream = lab.StreamAsync("c0", LabAddresses.Metadata, 80, 200, end.Token);
        for (var i = 0; i < 3; i++)
        {
            await lab.CreateNetworkAsync("made");
            await lab.RemoveNetworkAsync("made");
        }
        await lab.RestartDockerAsync();
        await end.CancelAsync();
        var result = await stream;
        Assert.True(result.Open == 0, result.ToString());
        Assert.Equal(0, await MetadataAsync(lab));
        Assert.Equal((InvocationStatus.Unchanged, true), await StateAsync(hardening));
    }

    [SkippableFact]
    public async Task The_guard_puts_back_what_is_missing_and_nothing_else()
    {
        await using var lab = await RaiseAsync(new LabOptions());
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        hardening.CompareForeign = false;
        using var files = PrivateFiles.Of(lab.HostNamespace);
        await using var shell = files.Open();
        await hardening.ApplyAsync(Controls);
        await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        // Applied but not saved: that decision belongs to whoever applied it.
        await hardening.ApplyAsync(new MetadataAccess { Provider = "Aws" }, new InternalAccess());
        var applied = await hardening.SaveAsync();
        files.Background(files.CommandOf("docker-net-harden-guard.service"));
        await Task.Delay(1500);
        Assert.Equal(Lines(applied), Lines(await hardening.SaveAsync()));
        // A jump of ours, and Docker's own.
        foreach (var arguments in new string[][] { ["-D", "FORWARD", "-j", "DOCKER-USER"], ["-D", "INPUT", "-m", "comment", "--comment", "DockerNetHarden", "-j", "DNH-HOST"] })
            (await lab.ExecAsync([lab.Iptables, .. arguments])).OrThrow();
        for (var i = 0; i < 40 && Lines(await hardening.SaveAsync()) != Lines(applied); i++)
            await Task.Delay(100);
        Assert.Equal(Lines(applied), Lines(await hardening.SaveAsync()));
    }

    [SkippableFact]
    public async Task In_nftables_the_guard_puts_back_the_chains_that_are_missing_and_nothing_else()
    {
        await using var lab = await RaiseAsync(new LabOptions());
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        hardening.CompareForeign = false;
        using var files = PrivateFiles.Of(lab.HostNamespace);
        await using var shell = files.Open();
        var options = new PlanOptions { Backend = FirewallBackend.Nftables };
        await hardening.ApplyAsync([.. Controls.SelectMany(control => control.Rules())], options);
        await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        // Applied but not saved, and somebody else's rule in our table.
        await hardening.ApplyAsync(new InternalAccess().Rules(), options);
        (await lab.ExecAsync(["nft", "add", "rule", "inet", "docker_net_harden", "filter_forward", "ip", "daddr", "203.0.113.99", "counter", "drop"])).OrThrow();
        var all = await TableAsync(lab);
        Assert.Contains("internalaccess", all, StringComparison.Ordinal);
        files.Background(files.CommandOf("docker-net-harden-guard.service"));
        await Task.Delay(1500);
        Assert.Equal(all, await TableAsync(lab));

        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        (await lab.ExecAsync(["nft", "flush", "chain", "inet", "docker_net_harden", "filter_forward_metadataaccess_ip"])).OrThrow();
        await BackAsync(all);
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);

        // Another firewall empties everything: what was saved comes back, and what was not is its owner's to apply again.
        (await lab.ExecAsync(["nft", "delete", "table", "inet", "docker_net_harden"])).OrThrow();
        for (var i = 0; i < 60 && !(await TableAsync(lab)).Contains("metadataaccess", StringComparison.Ordinal); i++)
            await Task.Delay(100);
        Assert.DoesNotContain("internalaccess", await TableAsync(lab), StringComparison.Ordinal);
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Host, LabAddresses.HostHttpPort);
        var again = await hardening.ApplyAsync([.. Controls.SelectMany(control => control.Rules())], options);
        Assert.Equal((InvocationStatus.Unchanged, true), (again.Status, again.Verified));

        async Task BackAsync(string what)
        {
            for (var i = 0; i < 60 && await TableAsync(lab) != what; i++)
                await Task.Delay(100);
            Assert.Equal(what, await TableAsync(lab));
        }
    }

    private static async Task<string> TableAsync(LabHost lab) => await lab.ExecAsync(["nft", "-s", "list", "table", "inet", "docker_net_harden"]) is { ExitCode: 0 } listed
        ? string.Join('\n', listed.Output.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).Order(StringComparer.Ordinal)) : "";

    private static Task<LabHost> RaiseAsync(LabOptions options)
    {
        Skip.If(LabHost.WhyUnavailable() is not null, LabHost.WhyUnavailable() ?? "");
        return LabHost.RaiseAsync(options);
    }

    internal static async Task<(InvocationStatus Status, bool Verified)> StateAsync(Hardening.Hardening hardening)
    {
        var result = await hardening.ApplyAsync(new MetadataAccess());
        return (result.Status, result.Verified);
    }

    internal static async Task<long> MetadataAsync(LabHost lab) => (await lab.CountAsync("metadata")).Connections;

    // Lines of ours and Docker's jump, in any order: a restored jump goes to the head.
    private static string Lines(string save) => string.Join('\n', save.Split('\n').Select(line => line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..])
        .Where(line => line.Contains("DNH-", StringComparison.Ordinal) || line.EndsWith("-A FORWARD -j DOCKER-USER", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    private static async Task<int> AskingAsync(LabHost lab, int times)
    {
        var before = await SaidAsync(lab);
        for (var i = 0; i < 150; i++)
        {
            // The count begins again with each start of the container.
            var said = await SaidAsync(lab);
            if (said.Count > before.Count && said[^1] >= times)
                return said[^1];
            await Task.Delay(100);
        }
        return 0;
    }

    private static async Task<List<int>> SaidAsync(LabHost lab) => [.. (await lab.ExecAsync(["docker", "logs", "asker"])).OrThrow()
        .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => int.Parse(line, CultureInfo.InvariantCulture))];

    // A host after a shutdown: no container, no dockerd, no bridge, empty tables in both implementations.
    private static async Task ShutDownAsync(LabHost lab)
    {
        await lab.StopDockerAsync();
        await lab.ExecAsync(["ip", "link", "delete", "docker0"]);
        await lab.ExecAsync(["nft", "delete", "table", "inet", "docker_net_harden"]);
        foreach (var command in (string[])["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"])
        {
            foreach (var table in (string[])["filter", "nat", "mangle", "raw"])
            {
                await lab.ExecAsync([command, "-t", table, "-F"]);
                await lab.ExecAsync([command, "-t", table, "-X"]);
            }
            foreach (var chain in (string[])["INPUT", "FORWARD", "OUTPUT"])
                await lab.ExecAsync([command, "-P", chain, "ACCEPT"]);
        }
        foreach (var command in (string[])["iptables-nft-save", "iptables-legacy-save", "ip6tables-nft-save", "ip6tables-legacy-save"])
            Assert.DoesNotContain("\n-A ", (await lab.ExecAsync([command])).OrThrow(), StringComparison.Ordinal);
    }
}
