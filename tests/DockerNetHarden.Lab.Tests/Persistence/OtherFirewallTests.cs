using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Persistence;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests.Persistence;

/// <summary>ufw and firewalld on a hardened host: what their reloads remove, and how long it takes until the guard has put it back.</summary>
public sealed class OtherFirewallTests(ITestOutputHelper output) : IDisposable
{
    // The documentation says two seconds. A machine that runs other tests at the same time may need much longer.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private readonly string _folder = Directory.CreateTempSubdirectory("dnh-bus-").FullName;
    private Process? _bus;

    public void Dispose()
    {
        if (_bus is { HasExited: false })
            _bus.Kill();
        _bus?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [SkippableFact]
    public async Task Ufw_reload_removes_nothing_of_ours()
    {
        await using var lab = await RaiseAsync("ufw", null);
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        using var files = await SavedAsync(lab, hardening);
        files.Run("ufw", "--force", "enable");
        var before = (await RebootTests.MetadataAsync(lab), await StreamAsync(lab, async () => await Task.Run(() => files.Run("ufw", "reload"))));
        Assert.Equal(0, before.Item2.Open);
        // No guard runs here, and there was nothing to put back.
        await AuditedAsync(hardening);
    }

    [SkippableFact]
    public async Task Ufw_that_manages_the_builtin_chains_flushes_them_and_the_guard_puts_ours_back()
    {
        await using var lab = await RaiseAsync("ufw", null);
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        using var files = await SavedAsync(lab, hardening);
        files.Shell("sed -i 's/^MANAGE_BUILTINS=.*/MANAGE_BUILTINS=yes/' /etc/default/ufw");
        files.Run("ufw", "--force", "enable");
        files.Background(files.CommandOf("docker-net-harden-guard.service"));
        await SettledAsync(hardening);
        await MeasureAsync("ufw reload, MANAGE_BUILTINS=yes", lab, hardening, () => files.Run("ufw", "reload"));
    }

    [SkippableTheory]
    [InlineData("nftables")]
    [InlineData("iptables")]
    public async Task Firewalld_flushes_all_of_iptables_and_the_guard_puts_ours_back(string backend)
    {
        Skip.IfNot(File.Exists("/usr/bin/firewall-cmd") && File.Exists("/usr/bin/dbus-daemon"), "needs firewalld and dbus-daemon");
        var bus = StartBus();
        await using var lab = await RaiseAsync("firewall-cmd", bus);
        await using var hardening = await Hardening.Hardening.OfAsync(lab);
        using var files = await SavedAsync(lab, hardening);
        files.Shell($"sed -i 's/^FirewallBackend=.*/FirewallBackend={backend}/' /etc/firewalld/firewalld.conf");
        files.Background("env", "DBUS_SYSTEM_BUS_ADDRESS=" + bus, "firewalld", "--nofork", "--nopid");
        string[] ask = ["env", "DBUS_SYSTEM_BUS_ADDRESS=" + bus, "firewall-cmd"];
        for (var i = 0; i < 200 && files.RunFor([.. ask, "--state"]).Code != 0; i++)
            await Task.Delay(100);
        files.Run([.. ask, "--state"]);
        // When Docker starts it finds firewalld, puts its bridges into the zone docker, and sets up its chains again at each reload.
        await lab.RestartDockerAsync();
        await lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Metadata, 80);
        files.Background(files.CommandOf("docker-net-harden-guard.service"));
        await SettledAsync(hardening);
        await MeasureAsync("firewall-cmd --reload, FirewallBackend=" + backend, lab, hardening, () => files.Run([.. ask, "--reload"]));
    }

    private static async Task<LabHost> RaiseAsync(string program, string? bus)
    {
        Skip.If(LabHost.WhyUnavailable() is not null, LabHost.WhyUnavailable() ?? "");
        Skip.IfNot(new[] { "/usr/sbin/", "/usr/bin/" }.Any(folder => File.Exists(folder + program)), "needs " + program);
        // If containers live on, Docker 20.10 does not set up DOCKER-USER when it starts.
        return await LabHost.RaiseAsync(new LabOptions { SystemBus = bus, LiveRestore = bus is null });
    }

    private static async Task<PrivateFiles> SavedAsync(LabHost lab, Hardening.Hardening hardening)
    {
        var files = PrivateFiles.Of(lab.HostNamespace);
        // The other firewall's own changes are not compared.
        hardening.CompareForeign = false;
        await hardening.ApplyAsync(new MetadataAccess());
        await using var shell = files.Open();
        await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(true), CancellationToken.None);
        return files;
    }

    private static async Task SettledAsync(Hardening.Hardening hardening)
    {
        var clock = Stopwatch.StartNew();
        while (!await HoldsAsync(hardening))
        {
            Assert.True(clock.Elapsed < Longest, $"After {clock.Elapsed} the rules were not back.");
            await Task.Delay(50);
        }
    }

    private static async Task<bool> HoldsAsync(Hardening.Hardening hardening)
    {
        var snapshot = await hardening.Host.ReadAsync(CancellationToken.None);
        return snapshot.DockerError is null && DockerNetHarden.Planning.RulePresence.Problems(new MetadataAccess().Rules(), snapshot).Count == 0;
    }

    private static async Task<BurstResult> StreamAsync(LabHost lab, Func<Task> meanwhile)
    {
        using var end = new CancellationTokenSource();
        var stream = lab.StreamAsync("c0", LabAddresses.Metadata, 80, 200, end.Token);
        await meanwhile();
        await end.CancelAsync();
        return await stream;
    }

    private async Task MeasureAsync(string what, LabHost lab, Hardening.Hardening hardening, Action reload)
    {
        var clock = new Stopwatch();
        var result = await StreamAsync(lab, async () =>
        {
            await Task.Run(reload);
            clock.Start();
            await SettledAsync(hardening);
            clock.Stop();
            await Task.Delay(300);
        });
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {result}; rules back {clock.Elapsed.TotalMilliseconds:0} ms after it ended; open for about {result.Open * 5} ms"));
        Assert.True(result.Open * 5 < Longest.TotalMilliseconds, result.ToString());
        await lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await AuditedAsync(hardening);
    }

    // Judged by what happens to packets, not by which lines are there.
    private static async Task AuditedAsync(Hardening.Hardening hardening)
    {
        Assert.Equal((InvocationStatus.Unchanged, true), await RebootTests.StateAsync(hardening));
        var findings = HardeningAudit.Of(await hardening.Host.ReadWholeAsync(CancellationToken.None)).Where(finding => finding.Id.StartsWith("METADATA-", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(findings);
        Assert.All(findings, finding => Assert.True(finding.Status is FindingStatus.Pass or FindingStatus.NotApplicable or FindingStatus.Warning, $"{finding.Id} {finding.Network}: {finding.Status}: {string.Join('\n', finding.Evidence)}"));
    }

    private string StartBus()
    {
        var address = "unix:path=" + Path.Combine(_folder, "bus");
        var file = Path.Combine(_folder, "bus.conf");
        File.WriteAllText(file, $"""
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig><type>system</type><listen>{address}</listen><auth>EXTERNAL</auth>
            <policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
            <allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
            <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>
            """);
        _bus = Process.Start(new ProcessStartInfo("dbus-daemon", ["--config-file=" + file, "--nofork", "--nopidfile"]) { RedirectStandardError = true, UseShellExecute = false })!;
        _bus.BeginErrorReadLine();
        return address;
    }
}
