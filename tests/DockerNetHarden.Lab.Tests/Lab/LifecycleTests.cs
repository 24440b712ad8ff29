using System.Diagnostics;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests;

/// <summary>Labs come, run side by side and go, without a trace. These tests raise their own, one after the other.</summary>
[Collection(NftCollection.Name)]
public sealed class LifecycleTests(NftLab fixture)
{
    private const int Stop = 19; // SIGSTOP, signal(7)

    [LabTheory]
    [InlineData(LabBackend.Nft)]
    [InlineData(LabBackend.Legacy)]
    public async Task A_lab_leaves_nothing_behind(LabBackend backend)
    {
        var etc = Directory.Exists("/etc/docker") ? Directory.GetFileSystemEntries("/etc/docker") : [];
        var lab = await LabHost.RaiseAsync(new LabOptions { Backend = backend });
        Assert.NotEmpty(Traces(lab.Name));
        await lab.DisposeAsync();
        Assert.Empty(Traces(lab.Name));
        Assert.Equal(etc, Directory.Exists("/etc/docker") ? Directory.GetFileSystemEntries("/etc/docker") : []);
    }

    [LabFact]
    public async Task Two_labs_stand_side_by_side_and_know_nothing_of_each_other()
    {
        var first = fixture.Lab;
        var before = await first.CountAsync("metadata");
        await using var second = await LabHost.RaiseAsync(new LabOptions { Containers = false });
        await second.RunContainerAsync(new LabContainerOptions("c0"));
        Assert.NotEqual(first.Name, second.Name, StringComparer.Ordinal);
        Assert.Equal(Reach.Open, (await second.AskAsync("c0", LabAddresses.Metadata, 80, ProbeProtocol.Http)).Result);
        Assert.Equal(1, (await second.CountAsync("metadata")).Requests);
        Assert.Equal(before, await first.CountAsync("metadata"));
        Assert.Equal("c0", Assert.Single(await second.ContainersAsync()).Name);
    }

    [LabFact]
    public async Task The_remains_of_a_killed_owner_are_cleared_by_the_next_lab()
    {
        // A lab of another process, with a container; its owner is then killed without a chance to clean up.
        using var owner = Process.Start("/bin/sleep", "600");
        var name = "stale" + owner.Id;
        var abandoned = await LabHost.RaiseAsync(new LabOptions { Name = name, Owner = owner.Id });
        Assert.Equal(name, LabHost.Open(name).Name);

        await using (await LabHost.RaiseAsync(new LabOptions { Containers = false }))
            Assert.NotEmpty(Traces(name));
        owner.Kill();
        await owner.WaitForExitAsync();
        await using (await LabHost.RaiseAsync(new LabOptions { Containers = false }))
            Assert.Empty(Traces(name));
        Assert.Contains(name, Assert.Throws<LabException>(() => LabHost.Open(name)).Message, StringComparison.Ordinal);
        await abandoned.DisposeAsync();
    }

    [LabFact]
    public async Task A_process_that_is_about_to_end_belongs_to_no_lab_that_is_gone()
    {
        // The first process of a PID namespace, killed, has no namespace any more, and is not dead until its last child is waited for (pid_namespaces(7)).
        using var unshare = Process.Start("unshare", ["--pid", "--fork", "sleep", "600"]);
        var init = (await ProcessMark.Of(unshare.Id).ChildAsync(default))!;
        using var nsenter = Process.Start("nsenter", ["--target", $"{init.Pid}", "--pid", "sleep", "600"]);
        var child = (await ProcessMark.Of(nsenter.Id).ChildAsync(default))!;
        ProcessMark.Of(nsenter.Id).Signal(Stop);
        while (ProcessMark.Stat(nsenter.Id) is not { State: 'T' })
            await Task.Delay(5);
        init.Signal(Native.SigKill);
        Assert.True(await child.WaitAsync(TimeSpan.FromSeconds(10)));
        try
        {
            Assert.True(init.IsAlive());
            Assert.Empty(LabRemains.Processes("never-was"));
        }
        finally
        {
            nsenter.Kill();
            await Task.WhenAll(nsenter.WaitForExitAsync(), unshare.WaitForExitAsync());
        }
    }

    [LabFact]
    public async Task A_folder_that_two_delete_is_gone_when_either_returns()
    {
        for (var round = 0; round < 20; round++)
        {
            var folder = new LabFolder("twice" + round);
            folder.Create();
            foreach (var part in Enumerable.Range(0, 40))
                Directory.CreateDirectory(Path.Combine(folder.Path, $"{part}", "a", "b"));
            Directory.Move(folder.Path, Path.Combine(LabFolder.Root, ".twice" + round));
            await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                folder.Delete();
                Assert.Empty(Traces(".twice" + round));
            })));
        }
    }

    [LabFact]
    public async Task A_lab_in_ruins_is_cleared_too()
    {
        using var owner = Process.Start("/bin/sleep", "600");
        var name = "ruin" + owner.Id;
        await LabHost.RaiseAsync(new LabOptions { Name = name, Owner = owner.Id });
        // Everything that could clean up in order dies first: the owner, dockerd, the shims; containers and mounts are left.
        owner.Kill();
        await owner.WaitForExitAsync();
        foreach (var process in LabRemains.Processes(name).Where(process => File.ReadAllText($"/proc/{process.Pid}/comm").Trim() != "sleep"))
            process.Signal(9);
        File.WriteAllText($"/run/dnh-lab/{name}/state.json", "{");

        await using (await LabHost.RaiseAsync(new LabOptions { Containers = false }))
            Assert.Empty(Traces(name));
    }

    [LabTheory]
    [InlineData("")]
    [InlineData("Lab")]
    [InlineData("1lab")]
    [InlineData("../etc")]
    [InlineData("a name")]
    [InlineData("a-name-that-is-too-long-for-it")]
    public async Task An_invalid_name_is_refused(string name)
    {
        var error = await Assert.ThrowsAsync<LabException>(() => LabHost.RaiseAsync(new LabOptions { Name = name }));
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
    }

    [LabFact]
    public async Task A_taken_name_is_refused()
    {
        var error = await Assert.ThrowsAsync<LabException>(() => LabHost.RaiseAsync(new LabOptions { Name = fixture.Lab.Name }));
        Assert.Contains("dnh-lab down --name " + fixture.Lab.Name, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(await fixture.Lab.ContainersAsync());
    }

    // Everything that a lab has on the machine, by its name.
    private static string[] Traces(string name)
    {
        var cgroups = Directory.EnumerateDirectories("/sys/fs/cgroup", "dnh-lab-*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Where(path => path.EndsWith("/dnh-lab-" + name, StringComparison.Ordinal));
        var mounts = File.ReadAllLines("/proc/self/mountinfo").Where(line => line.Contains($"/dnh-lab/{name}/", StringComparison.Ordinal) || line.Contains($"/dnh-{name}-", StringComparison.Ordinal));
        var spaces = Directory.Exists("/run/netns") ? Directory.GetFiles("/run/netns", $"dnh-{name}-*") : [];
        var folders = Directory.Exists("/run/dnh-lab") ? Directory.GetDirectories("/run/dnh-lab", "*" + name) : [];
        return [.. cgroups, .. mounts, .. spaces, .. folders, .. LabRemains.Processes(name).Select(process => $"process {process.Pid}")];
    }
}
