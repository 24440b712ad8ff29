using System.Globalization;
using System.Text;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

/// <summary>
/// Takes a lab down, complete or half broken: containers, dockerd, then (only when its process is gone) the mounts under its data root, folders and namespaces.
/// It finds everything by what belongs to this lab alone (its folder, its namespaces, its cgroup), never by a program's name.
/// </summary>
internal static class LabRemains
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>The labs whose owner is gone.</summary>
    public static IReadOnlyList<string> Stale() =>
        [.. LabFolder.All().Where(name => new LabFolder(name).Read() is not { } state || (state.Owner.Pid != 0 && !state.Owner.IsAlive()))];

    public static async Task RemoveAsync(string name)
    {
        var folder = new LabFolder(name);
        var state = folder.Read();
        // First: its sockets hold the containers' namespaces.
        if (state is not null)
            await state.Services.StopAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
        await RemoveContainersAsync(folder).ConfigureAwait(false);
        if (state is not null)
            await state.Dockerd.StopAsync(Patience).ConfigureAwait(false);
        // The kernel ends a PID namespace with its first process, and its mounts with the last process.
        state?.Init.Signal(Native.SigKill);
        await StopLeftoversAsync(name).ConfigureAwait(false);
        Unmount(folder.Path);
        RemoveCgroups(LabFolder.Cgroup(name));
        await LabNetwork.RemoveAsync(name, CancellationToken.None).ConfigureAwait(false);
        folder.Delete();
        // dockerd makes this one, wherever its other folders are.
        if (state is { RunDockerWasThere: false } && LabFolder.All().Count == 0)
            _ = TryRemove("/run/docker/plugins") && TryRemove("/run/docker");
    }

    private static async Task RemoveContainersAsync(LabFolder folder)
    {
        if (!await DockerPing.AnswersAsync(folder.DockerSocket, CancellationToken.None).ConfigureAwait(false))
            return;
        var ids = await ProcessRun.RunAsync(["docker", "-H", folder.DockerHost, "ps", "--all", "--quiet", "--no-trunc"], CancellationToken.None).ConfigureAwait(false);
        var all = ids.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // The cgroup below ends whatever this cannot remove.
        if (all.Length > 0)
            await ProcessRun.RunAsync(["docker", "-H", folder.DockerHost, "rm", "--force", .. all], CancellationToken.None).ConfigureAwait(false);
    }

    private static async Task StopLeftoversAsync(string name)
    {
        for (var signal = Native.SigTerm; ; signal = Native.SigKill)
        {
            var left = Processes(name);
            foreach (var process in left)
                process.Signal(signal);
            var gone = await Task.WhenAll(left.Select(process => process.WaitAsync(TimeSpan.FromSeconds(2)))).ConfigureAwait(false);
            if (Array.TrueForAll(gone, ended => ended) && Processes(name).Count == 0)
                return;
            if (signal == Native.SigKill && !Array.TrueForAll(gone, ended => ended))
                throw new LabException($"Processes of the lab '{name}' do not end: {string.Join(", ", left.Select(process => process.Pid))}.");
        }
    }

    /// <summary>Every process of the lab: in its cgroup, in one of its namespaces, or with a file of its folder among the arguments.</summary>
    internal static IReadOnlyList<ProcessMark> Processes(string name)
    {
        var folder = new LabFolder(name).Path + "/";
        // A namespace that is gone has no identity, and a process that is about to end no namespace. Those two do not belong together.
        var spaces = ((string?[])[NetNamespace.Named(LabFolder.HostNamespace(name)).Identity(), NetNamespace.Named(LabFolder.OutsideNamespace(name)).Identity()]).OfType<string>().ToList();
        var own = OwnLine();
        var pids = Cgroups(LabFolder.Cgroup(name)).SelectMany(CgroupProcesses).ToHashSet();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                continue;
            try
            {
                if (new FileInfo(directory + "/ns/net").LinkTarget is { } space && spaces.Contains(space, StringComparer.Ordinal) || IsLabDaemon(directory, folder))
                    pids.Add(pid);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked at it.
            }
        }
        pids.ExceptWith(own);
        return [.. pids.Select(pid => ProcessMark.Stat(pid) is { } stat ? new ProcessMark(pid, stat.Start) : null).OfType<ProcessMark>().Where(mark => mark.IsAlive())];
    }

    // dockerd, its containerd and the shims carry the lab's paths in their arguments. An editor that shows a log may too, but is not the lab's.
    private static bool IsLabDaemon(string directory, string folder)
    {
        var arguments = Encoding.UTF8.GetString(File.ReadAllBytes(directory + "/cmdline")).Split('\0');
        // The lab's own services run as `dotnet exec dnh-lab.dll serve`, or as dnh-lab itself.
        return (Path.GetFileName(arguments[0]) is "dockerd" or "containerd" or "containerd-shim" or "containerd-shim-runc-v2" or "docker-proxy" or "runc" or "dnh-lab"
                || arguments.Take(3).Any(argument => argument.EndsWith("/dnh-lab.dll", StringComparison.Ordinal)))
            && arguments.Any(argument => argument.Contains(folder, StringComparison.Ordinal));
    }

    // This process and its ancestors: whoever takes a lab down from inside survives.
    private static HashSet<int> OwnLine()
    {
        var line = new HashSet<int>();
        for (var pid = Environment.ProcessId; pid > 0 && line.Add(pid);)
            pid = ProcessMark.Stat(pid)?.Parent ?? 0;
        return line;
    }

    // /sys/fs/cgroup/NAME with cgroup v2, /sys/fs/cgroup/CONTROLLER/NAME with v1 (cgroups(7)).
    private static IEnumerable<string> Cgroups(string name)
    {
        const string Root = "/sys/fs/cgroup";
        if (!Directory.Exists(Root))
            return [];
        var candidates = Directory.EnumerateDirectories(Root).Select(controller => Path.Combine(controller, name)).Prepend(Path.Combine(Root, name));
        return candidates.Where(Directory.Exists).SelectMany(top => Directory.GetDirectories(top, "*", SearchOption.AllDirectories).Append(top)).ToList();
    }

    private static IEnumerable<int> CgroupProcesses(string cgroup)
    {
        try
        {
            return [.. File.ReadAllLines(Path.Combine(cgroup, "cgroup.procs")).Select(line => int.Parse(line, NumberStyles.None, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static void RemoveCgroups(string name)
    {
        foreach (var cgroup in Cgroups(name).OrderByDescending(path => path.Length))
        {
            // The kernel's own files in it vanish with it; a cgroup needs only rmdir(2).
            for (var attempt = 0; !TryRemove(cgroup) && attempt < 50; attempt++)
                Thread.Sleep(10);
        }
    }

    private static void Unmount(string folder)
    {
        // In /proc/self/mountinfo (proc(5)) the fifth field is the mount point; later mounts come later and are removed first.
        var points = File.ReadAllLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).Where(point => point.StartsWith(folder + "/", StringComparison.Ordinal));
        foreach (var point in points.Reverse().ToList())
            _ = Native.Unmount(point, Native.UnmountDetach);
    }

    private static bool TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: false);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
