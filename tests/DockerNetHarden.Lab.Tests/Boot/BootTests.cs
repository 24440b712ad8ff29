using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests.Boot;

/// <summary>Saved rules on a host that systemd boots: the order of the units, the guard as a service, and what meanwhile arrives at the metadata service.</summary>
public sealed class BootTests(ITestOutputHelper output)
{
    // A firewall with a name that distributions use, which empties whole tables when it starts, and the loading of our rules both take seconds: an order that holds only
    // by luck on a quick host does not hold here.
    private const string SlowStart = """
        cat >/etc/systemd/system/iptables.service <<'END'
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sh -c 'sleep 3; printf "*mangle\nCOMMIT\n*filter\n:FORWARD ACCEPT\nCOMMIT\n" | iptables-restore'
        [Install]
        WantedBy=multi-user.target
        END
        mkdir /etc/systemd/system/docker-net-harden.service.d
        printf '[Service]\nExecStartPre=/bin/sleep 2\n' >/etc/systemd/system/docker-net-harden.service.d/slow.conf
        systemctl daemon-reload
        systemctl enable iptables.service
        """;

    private static readonly Control[] Controls = [new MetadataAccess(), new HostAccess()];

    public static TheoryData<string> Roots => [.. BootedHost.Roots];

    [BootTheory]
    [MemberData(nameof(Roots))]
    public async Task Saved_rules_are_in_place_before_the_first_container_starts_and_without_them_metadata_is_read(string root)
    {
        await using var host = await BootedHost.MakeAsync(root);
        var asker = new Asker(host);
        await BootAsync(host);
        await asker.StartAsync();
        Assert.NotEqual(0, (await asker.AfterAsync(100)).Answered);
        await ApplyAsync(host, InvocationStatus.Applied);

        // Applied but not saved: nothing of it is left after the next start.
        await host.PowerOffAsync();
        var before = await ArrivedAsync(host);
        await BootAsync(host);
        output.WriteLine("not saved: " + await asker.AfterAsync(200));
        Assert.NotEqual(before, await ArrivedAsync(host));

        await RunAsync(host, "/bin/sh", "-euc", SlowStart);
        await ApplyAsync(host, InvocationStatus.Applied);
        var saved = await WithSaverAsync(host, saver => saver.SaveAsync(PersistenceMethod.Auto, (_, _) => Task.FromResult(true), CancellationToken.None));
        Assert.Equal((PersistenceStatus.Saved, PersistenceMethod.Systemd, true), (saved.Status, saved.Method, saved.Enabled));
        Assert.Equal("", (await host.ExecAsync(["systemd-analyze", "--man=no", "verify", "docker-net-harden.service", "docker-net-harden-guard.service", "docker.service", "multi-user.target"])) switch
        {
            { ExitCode: 0 } verified => verified.Errors,
            var failed => string.Create(CultureInfo.InvariantCulture, $"exit code {failed.ExitCode}: {failed.Errors}"),
        });
        // From here on nothing arrives, not even during shutdown.
        before = await ArrivedAsync(host);
        await host.PowerOffAsync();
        await BootAsync(host);
        var said = await asker.AfterAsync(1000);
        output.WriteLine("saved: " + said);
        Assert.Equal((0, before), (said.Answered, await ArrivedAsync(host)));
        await AssertOrderAsync(host);
        await ApplyAsync(host, InvocationStatus.Unchanged);

        // A power cut is another way to go down.
        await host.CutPowerAsync();
        await BootAsync(host);
        said = await asker.AfterAsync(400);
        output.WriteLine("saved, after a power cut: " + said);
        Assert.Equal((0, before), (said.Answered, await ArrivedAsync(host)));
        await AssertOrderAsync(host);

        var removed = await WithSaverAsync(host, saver => saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None));
        Assert.Equal(PersistenceStatus.Removed, removed.Status);
        // The rules stay until the host is switched off.
        Assert.Equal(before, await ArrivedAsync(host));
        // If ours did not start before Docker, it would start during Docker's start.
        await RunAsync(host, "systemctl", "disable", "iptables.service");
        await host.PowerOffAsync();
        await BootAsync(host);
        output.WriteLine("taken back: " + await asker.AfterAsync(200));
        Assert.NotEqual(before, await ArrivedAsync(host));
        Assert.DoesNotContain("docker-net-harden", await RunAsync(host, "systemctl", "list-units", "--all", "--plain", "--no-legend"), StringComparison.Ordinal);
    }

    [BootTheory]
    [MemberData(nameof(Roots))]
    public async Task The_guard_is_a_service_that_puts_back_what_another_firewall_removes_and_comes_back_itself(string root)
    {
        await using var host = await BootedHost.MakeAsync(root);
        await BootAsync(host);
        await RunAsync(host, "systemctl", "enable", "--now", "nftables.service");
        // nftables.service flushed Docker's tables as well.
        await RunAsync(host, "systemctl", "restart", "docker.service");
        await ApplyAsync(host, InvocationStatus.Applied);
        await WithSaverAsync(host, saver => saver.SaveAsync(PersistenceMethod.Auto, (_, _) => Task.FromResult(true), CancellationToken.None));
        // Saving starts it, and so does a boot.
        await SettledAsync(host);
        await host.PowerOffAsync();
        await BootAsync(host);
        var ours = await OursAsync(host);
        Assert.Contains("-j DNH-METADATA", ours, StringComparison.Ordinal);

        await RunAsync(host, "systemctl", "reload", "nftables.service");
        await BackAsync(host, ours);
        // It reports a round at its end, and the journal is written a little later.
        await UntilAsync(async () => (await JournalAsync(host)).Contains("keep: iptables", StringComparison.Ordinal));
        Assert.Contains("keep: iptables", await JournalAsync(host), StringComparison.Ordinal);

        await RunAsync(host, "systemctl", "kill", "--signal", "KILL", "docker-net-harden-guard.service");
        await RunAsync(host, "systemctl", "reload", "nftables.service");
        await BackAsync(host, ours);
        Assert.Equal("1", await ShowAsync(host, "docker-net-harden-guard.service", "NRestarts"));

        // The engine brings its own rules back, and only ours close the way.
        await RunAsync(host, "systemctl", "restart", "docker.service");
        var asker = new Asker(host);
        var before = await ArrivedAsync(host);
        await asker.StartAsync();
        var said = await asker.AfterAsync(200);
        Assert.Equal((0, before), (said.Answered, await ArrivedAsync(host)));
        await WithSaverAsync(host, saver => saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None));
        await RunAsync(host, "systemctl", "reload", "nftables.service");
        await RunAsync(host, "systemctl", "restart", "docker.service");
        Assert.NotEqual(0, (await asker.AfterAsync(200)).Answered);
    }

    private async Task BootAsync(BootedHost host)
    {
        await host.BootAsync();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"booted in {host.BootedIn.TotalSeconds:0.0} s"));
        Assert.Equal("systemd", (await RunAsync(host, "cat", "/proc/1/comm")).Trim());
        foreach (var unit in (string[])["docker.service", "containerd.service", "ssh.service"])
            Assert.Equal("active", await ShowAsync(host, unit, "ActiveState"));
    }

    // The order that systemd saw: the host's own firewall, ours, Docker.
    private async Task AssertOrderAsync(BootedHost host)
    {
        Assert.Equal(("active", "success"), (await ShowAsync(host, "docker-net-harden.service", "ActiveState"), await ShowAsync(host, "docker-net-harden.service", "Result")));
        Assert.Equal("active", await ShowAsync(host, "docker-net-harden-guard.service", "ActiveState"));
        var firewall = await TimeAsync(host, "iptables.service", "ActiveEnterTimestampMonotonic");
        var begun = await TimeAsync(host, "docker-net-harden.service", "InactiveExitTimestampMonotonic");
        var done = await TimeAsync(host, "docker-net-harden.service", "ActiveEnterTimestampMonotonic");
        var docker = await TimeAsync(host, "docker.service", "InactiveExitTimestampMonotonic");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"iptables.service is done; {(begun - firewall) / 1000} ms later ours begins, {(done - begun) / 1000} ms later it is done, {(docker - done) / 1000} ms later dockerd begins"));
        Assert.True(firewall > 0 && firewall <= begun && begun < done && done <= docker, $"{firewall} {begun} {done} {docker}");
    }

    private static async Task<long> TimeAsync(BootedHost host, string unit, string property) => long.Parse(await ShowAsync(host, unit, property), CultureInfo.InvariantCulture);

    private static async Task<string> ShowAsync(BootedHost host, string unit, string property) => (await RunAsync(host, "systemctl", "show", "--value", "--property", property, unit)).Trim();

    private static async Task<string> RunAsync(BootedHost host, params string[] command) => (await host.ExecAsync(command)).OrThrow();

    private static async Task<long> ArrivedAsync(BootedHost host) => (await host.Lab.CountAsync("metadata")).Connections;

    private static async Task ApplyAsync(BootedHost host, InvocationStatus expected)
    {
        await using var shell = Open(host);
        var result = await DockerHost.Over(shell).ApplyAsync(snapshot => Plan.From([.. Controls.SelectMany(control => control.Rules())], snapshot, null), new CollectingSink(), CancellationToken.None);
        Assert.Equal((expected, true), (result.Status, result.Verified));
    }

    private static async Task<PersistenceResult> WithSaverAsync(BootedHost host, Func<RuleSaver, Task<PersistenceResult>> action)
    {
        await using var shell = Open(host);
        return await action(new RuleSaver(shell));
    }

    private static ProcessShell Open(BootedHost host) => new("booted", host.Shell[0], [.. host.Shell.Skip(1), "/bin/sh"]);

    // Lines of ours and Docker's IPv4 jump, in any order: a restored jump goes to the head. DOCKER-USER of IPv6 holds nothing of ours here.
    private static async Task<string> OursAsync(BootedHost host) => string.Join('\n', (await RunAsync(host, "iptables-save")).Split('\n').Where(line => line == "-A FORWARD -j DOCKER-USER")
        .Concat((await RunAsync(host, "/bin/sh", "-c", "iptables-save; ip6tables-save")).Split('\n').Where(line => line.Contains("DNH-", StringComparison.Ordinal)))
        .Select(line => line.Split(" [")[0]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    private static Task<string> JournalAsync(BootedHost host) => RunAsync(host, "journalctl", "--unit", "docker-net-harden-guard.service", "--boot", "--output", "cat");

    private static async Task SettledAsync(BootedHost host)
    {
        foreach (var unit in (string[])["docker-net-harden.service", "docker-net-harden-guard.service"])
        {
            await UntilAsync(async () => await ShowAsync(host, unit, "ActiveState") == "active");
            Assert.Equal("active", await ShowAsync(host, unit, "ActiveState"));
        }
    }

    private async Task BackAsync(BootedHost host, string ours)
    {
        var clock = Stopwatch.StartNew();
        await UntilAsync(async () => await OursAsync(host) == ours);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"all back {clock.Elapsed.TotalSeconds:0.0} s after the reload"));
        Assert.Equal(ours, await OursAsync(host));
    }

    // It takes a second or two; a machine that runs other tests at the same time may need longer.
    private static async Task UntilAsync(Func<Task<bool>> done)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(20) && !await done())
            await Task.Delay(50);
    }
}
