using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>The fleet lab itself: it is what it says it is, and does not touch the machine.</summary>
[Collection(FleetCollection.Name)]
public sealed class FleetLabTests(FleetLab lab)
{
    private static readonly string[] MachineFiles = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/etc/sudoers", "/proc/sys/kernel/hostname"];

    [FleetFact]
    public async Task A_fleet_leaves_nothing_behind_and_changes_no_file_of_the_machine()
    {
        var before = await MachineAsync();
        var fleet = await LabFleet.RaiseAsync(2, new LabFleetOptions { Docker = false });
        var names = fleet.Hosts.Select(host => host.Name).ToList();
        var ssh = await ProcessRun.RunAsync([fleet.Client.Program, "-T", "-o", "BatchMode=yes", "-l", "ops", names[1], "id -un; uname -n; sudo -n id -u"], CancellationToken.None);
        Assert.EndsWith($"ops\n{names[1]}\n0\n", ssh.OrThrow(), StringComparison.Ordinal);
        Assert.Equal(before, await MachineAsync());
        Assert.All(names, name => Assert.NotEmpty(LabRemains.Processes(name)));
        await fleet.DisposeAsync();
        Assert.Equal(before, await MachineAsync());
        Assert.All(names, name =>
        {
            Assert.False(Directory.Exists("/run/dnh-lab/" + name));
            Assert.False(File.Exists("/run/netns/dnh-" + name + "-host"));
            Assert.Empty(LabRemains.Processes(name));
        });
    }

    [FleetFact]
    public async Task An_sshd_that_is_stopped_refuses_and_started_again_serves_with_the_same_key()
    {
        await using var host = await LabHost.RaiseAsync(new LabOptions { Docker = false });
        var first = await host.StartSshAsync();
        string[] login = [first.Client.Program, "-T", "-o", "BatchMode=yes", first.Alias, "exit 7"];
        Assert.Equal(7, (await ProcessRun.RunAsync(login, CancellationToken.None)).ExitCode);
        await first.StopAsync();
        var refused = await ProcessRun.RunAsync(login, CancellationToken.None);
        Assert.Equal(255, refused.ExitCode);
        Assert.Contains("refused", refused.Errors, StringComparison.Ordinal);
        await host.StartSshAsync(new LabSshOptions { Client = first.Client });
        Assert.Equal(7, (await ProcessRun.RunAsync(login, CancellationToken.None)).ExitCode);
    }

    [FleetFact]
    public void The_hosts_of_a_fleet_are_not_the_same_host()
    {
        Assert.Equal(3, lab.Fleet.Servers.Select(server => server.Address).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(3, File.ReadAllLines(lab.Fleet.Client.KnownHosts).Where(line => line.Contains(',', StringComparison.Ordinal)).Select(line => line.Split(' ')[2]).Distinct(StringComparer.Ordinal).Count());
    }

    private static async Task<string> MachineAsync()
    {
        var texts = await Task.WhenAll(MachineFiles.Where(File.Exists).Select(file => File.ReadAllTextAsync(file)));
        return string.Join('\0', texts) + string.Join('\n', new[] { "/run/sshd", "/run/sudo", "/run/home", "/run/mount/utab" }.Select(path => $"{path} {Path.Exists(path)}"))
            + string.Join('\n', File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).Where(point => !point.StartsWith("/run/", StringComparison.Ordinal)));
    }
}
