using System.Globalization;

namespace DockerNetHarden.Lab.Tests.Boot;

/// <summary>A host that boots keeps its disk, loses everything else, and leaves nothing on the machine.</summary>
public sealed class BootedHostTests
{
    public static TheoryData<string> Roots => [.. BootedHost.Roots.Take(1)];

    [BootTheory]
    [MemberData(nameof(Roots))]
    public async Task The_disk_survives_a_boot_and_the_kernels_tables_do_not(string root)
    {
        await using var host = await BootedHost.MakeAsync(root);
        await host.BootAsync();
        Assert.Equal(host.Lab.Name + "\n", (await host.ExecAsync(["hostname"])).OrThrow());
        (await host.ExecAsync(["/bin/sh", "-c", "echo kept >/etc/kept; iptables -N LOST; sync"])).OrThrow();
        await host.RunContainerAsync("kept", [], ["/bin/true"]);
        await host.PowerOffAsync();
        Assert.Throws<LabException>(() => host.Shell);

        await host.BootAsync();
        Assert.Equal("kept\n", (await host.ExecAsync(["cat", "/etc/kept"])).OrThrow());
        Assert.Equal("kept\n", (await host.ExecAsync(["docker", "ps", "--all", "--format", "{{.Names}}"])).OrThrow());
        Assert.DoesNotContain("LOST", (await host.ExecAsync(["iptables-save"])).OrThrow(), StringComparison.Ordinal);
        Assert.False(File.Exists("/etc/kept"));
    }

    [BootTheory]
    [MemberData(nameof(Roots))]
    public async Task It_cannot_change_what_belongs_to_the_computer(string root)
    {
        await using var host = await BootedHost.MakeAsync(root);
        await host.BootAsync();
        // Writes the current value: if this succeeded, nothing would change.
        Assert.NotEqual(0, (await host.ExecAsync(["/bin/sh", "-c", "cat /proc/sys/kernel/panic >/proc/sys/kernel/panic"])).ExitCode);
        Assert.Equal(0, (await host.ExecAsync(["/bin/sh", "-c", "cat /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv4/ip_forward"])).ExitCode);
        // Modules (16) and the clock (25); see capabilities(7). For systemd, and for a command that runs there.
        foreach (var line in (await host.ExecAsync(["grep", "--no-filename", "CapBnd", "/proc/1/status", "/proc/self/status"])).OrThrow().Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Assert.Equal(0, long.Parse(line.Split('\t')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) & ((1L << 16) | (1L << 25)));
    }

    [BootTheory]
    [MemberData(nameof(Roots))]
    public async Task It_leaves_nothing_behind_whatever_state_it_is_in(string root)
    {
        var off = await BootedHost.MakeAsync(root);
        var on = await BootedHost.MakeAsync(root);
        var booting = await BootedHost.MakeAsync(root);
        await on.BootAsync();
        await on.RunContainerAsync("c0", [], ["/bin/sleep", "infinity"]);
        using var stop = new CancellationTokenSource();
        var boot = booting.BootAsync(stop.Token);
        await Task.Delay(300);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => boot);
        // Taken down by another process, as `dnh-lab down` and the next lab do with leftovers.
        var abandoned = await BootedHost.MakeAsync(root);
        await abandoned.BootAsync();
        Assert.NotEmpty(Traces(abandoned.Lab.Name));
        await LabHost.RemoveAsync(abandoned.Lab.Name);
        Assert.False(abandoned.IsOn);
        foreach (var host in (BootedHost[])[off, on, booting])
        {
            Assert.NotEmpty(Traces(host.Lab.Name));
            await host.DisposeAsync();
            Assert.Empty(Traces(host.Lab.Name));
        }
        Assert.Empty(Traces(abandoned.Lab.Name));
    }

    private static string[] Traces(string name)
    {
        var cgroups = Directory.EnumerateDirectories("/sys/fs/cgroup", "dnh-lab-*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Where(path => path.EndsWith("/dnh-lab-" + name, StringComparison.Ordinal));
        var mounts = File.ReadAllLines("/proc/self/mountinfo").Where(line => line.Contains($"/dnh-lab/{name}/", StringComparison.Ordinal));
        var spaces = Directory.GetFiles("/run/netns", $"dnh-{name}-*");
        var folders = Directory.Exists("/run/dnh-lab") ? Directory.GetDirectories("/run/dnh-lab", "*" + name) : [];
        return [.. cgroups, .. mounts, .. spaces, .. folders, .. LabRemains.Processes(name).Select(process => $"process {process.Pid}")];
    }
}
