using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

/// <summary>
/// A host that really boots: a Debian root whose first process is systemd, which starts Docker and sshd as on any server. Its disk survives from boot to boot; the
/// kernel's tables, bridges and processes are new each time. Outside it are the network and the services of a lab, which count what arrives.
/// </summary>
public sealed class BootedHost : IAsyncDisposable
{
    /// <summary>Its address on the uplink.</summary>
    public const string Address = "172.31.16.4";

    private const string Gateway = "172.31.16.1";

    // No modules, clock, kernel log or audit: those belong to the computer, whose kernel this host shares.
    private const string Capabilities = "-sys_module,-sys_time,-sys_rawio,-syslog,-audit_control";

    // A busy machine takes much longer than the three seconds of an idle one. When it shuts down, Docker gives a container ten seconds to end.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string folder;
    private readonly string root;
    private ProcessMark started = ProcessMark.Nobody;
    private ProcessMark init = ProcessMark.Nobody;

    private BootedHost(LabHost lab, string root)
    {
        (Lab, this.root) = (lab, root);
        folder = Path.Combine(lab.Folder, "machine");
    }

    /// <summary>The lab whose outside this host is connected to. Nothing runs on its own host.</summary>
    public LabHost Lab { get; }

    /// <summary>Whether it is switched on.</summary>
    public bool IsOn => init.IsAlive();

    /// <summary>How long the last boot took, from the first process to a running system.</summary>
    public TimeSpan BootedIn { get; private set; }

    /// <summary>The arguments that enter the host; a command's arguments follow. They change with each boot.</summary>
    public IReadOnlyList<string> Shell => IsOn
        ? ["nsenter", "--target", init.Pid.ToString(CultureInfo.InvariantCulture), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
            "setpriv", "--bounding-set=" + Capabilities, "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        : throw new LabException($"The host '{Lab.Name}' is switched off.");

    /// <summary>The names of the Debian roots here that can boot: folders of <c>out/engines</c> with systemd and Docker.</summary>
    public static IReadOnlyList<string> Roots => [.. LabEngine.All.Where(engine => engine.Root is { } root && engine.WhyUnavailable() is null && CanBoot(root)).Select(engine => engine.Name)];

    /// <summary>Why no host can be booted on this machine; null if one can.</summary>
    public static string? WhyUnavailable()
    {
        if (LabHost.WhyUnavailable() is { } reason)
            return reason;
        var missing = Array.FindAll(["unshare", "mount", "umount", "pivot_root", "setpriv"], program => LabHost.FindProgram(program) is null);
        return missing.Length > 0 ? "needs " + string.Join(", ", missing)
            : !Array.Exists(["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], path => File.Exists(path + "/cgroup.controllers")) ? "needs cgroup v2 (also beside v1), mounted below /sys/fs/cgroup"
            : Roots.Count == 0 ? "needs a folder in out/engines with systemd and Docker, which ./build.sh engines makes"
            : null;
    }

    /// <summary>Makes a host with an empty disk over one of the roots. It is switched off.</summary>
    /// <param name="name">The name of the root.</param>
    /// <param name="stop">Stops it.</param>
    public static async Task<BootedHost> MakeAsync(string name, CancellationToken stop = default)
    {
        if (WhyUnavailable() is { } reason)
            throw new LabException($"No host can be booted here: it {reason}.");
        if (!Roots.Contains(name, StringComparer.Ordinal))
            throw new LabException($"'{name}' is not a root that can boot; there are {string.Join(", ", Roots)}.");
        var lab = await LabHost.RaiseAsync(new LabOptions { Docker = false, Containers = false }, stop).ConfigureAwait(false);
        var host = new BootedHost(lab, LabEngine.Parse(name).Root!);
        try
        {
            var etc = Path.Combine(host.folder, "disk", "upper", "etc");
            Directory.CreateDirectory(etc);
            await File.WriteAllTextAsync(Path.Combine(etc, "hostname"), lab.Name + "\n", stop).ConfigureAwait(false);
            await LabHost.WriteResourceAsync("boot.sh", host.Script, stop).ConfigureAwait(false);
            return host;
        }
        catch
        {
            await host.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Switches it on and waits until systemd reports that everything has started.</summary>
    /// <exception cref="LabException">It does not boot, or a unit failed; the message says which.</exception>
    public async Task BootAsync(CancellationToken stop = default)
    {
        if (IsOn)
            throw new LabException($"The host '{Lab.Name}' is switched on already.");
        var clock = Stopwatch.StartNew();
        File.Delete(Number);
        string[] arguments = ["/bin/sh", Script, "on", folder, root, Lab.Name, Lab.OutsideNamespace, LabFolder.Cgroup(Lab.Name), Address + "/20", Gateway, Capabilities];
        started = await ProcessRun.StartDetachedAsync(arguments, Log, new Dictionary<string, string>(StringComparer.Ordinal), stop).ConfigureAwait(false);
        await WaitAsync(() => Task.FromResult(File.Exists(Number)), "does not start its first process", stop).ConfigureAwait(false);
        init = ProcessMark.Of(int.Parse(await File.ReadAllTextAsync(Number, stop).ConfigureAwait(false), CultureInfo.InvariantCulture));
        var state = "";
        await WaitAsync(async () => (state = await StateAsync(stop).ConfigureAwait(false)) is "running" or "degraded", "does not finish booting", stop).ConfigureAwait(false);
        if (state == "degraded")
            throw new LabException($"The host '{Lab.Name}' booted, and units failed:\n{(await ExecAsync(["systemctl", "--failed", "--no-pager", "--plain", "--no-legend"], stop: stop).ConfigureAwait(false)).Output}");
        BootedIn = clock.Elapsed;
    }

    /// <summary>Shuts it down cleanly, as <c>systemctl poweroff</c> does.</summary>
    public async Task PowerOffAsync(CancellationToken stop = default)
    {
        // If the host is quicker, the command ends with it and cannot report the result.
        var asked = await ExecAsync(["systemctl", "poweroff"], stop: stop).ConfigureAwait(false);
        await EndAsync($"does not shut down ({asked.Errors.Trim()})").ConfigureAwait(false);
    }

    /// <summary>Ends it without warning, as a power cut does.</summary>
    public async Task CutPowerAsync()
    {
        // The kernel ends a PID namespace's processes together with its first one, which goes last.
        init.Signal(Native.SigKill);
        await EndAsync("does not end").ConfigureAwait(false);
    }

    /// <summary>Runs a command on the host.</summary>
    public Task<CommandResult> ExecAsync(IReadOnlyList<string> arguments, string? input = null, CancellationToken stop = default) =>
        ProcessRun.RunAsync([.. Shell, .. arguments], stop, input);

    /// <summary>Runs a container with the host's own programs mounted read-only, as in every lab.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">Further arguments of <c>docker run</c>.</param>
    /// <param name="command">Its process.</param>
    /// <param name="stop">Stops waiting.</param>
    public async Task RunContainerAsync(string name, IReadOnlyList<string> options, IReadOnlyList<string> command, CancellationToken stop = default)
    {
        const string Import = """
            docker image inspect "$1" >/dev/null 2>&1 && exit 0
            image=$1
            shift
            folder=$(mktemp -d)
            cd "$folder"
            for path; do mkdir ".$path"; done
            tar -c . | docker import - "$image"
            rm -rf "$folder"
            """;
        (await ExecAsync(["/bin/sh", "-euc", Import, "sh", LabHost.Image, .. LabHost.MountedFolders], stop: stop).ConfigureAwait(false)).OrThrow();
        string[] mounts = [.. LabHost.MountedFolders.SelectMany(path => (string[])["--volume", $"{path}:{path}:ro"])];
        (await ExecAsync(["docker", "run", "--detach", "--name", name, .. mounts, .. options, LabHost.Image, .. command], stop: stop).ConfigureAwait(false)).OrThrow();
    }

    public async ValueTask DisposeAsync()
    {
        init.Signal(Native.SigKill);
        // Before there is a first process; afterwards, everything that it started.
        started.Signal(Native.SigKill);
        await init.WaitAsync(Patience).ConfigureAwait(false);
        await Lab.DisposeAsync().ConfigureAwait(false);
    }

    private string Script => Path.Combine(folder, "boot.sh");

    private string Log => Path.Combine(folder, "boot.log");

    private string Number => Path.Combine(folder, "pid");

    private static bool CanBoot(string path) => Array.TrueForAll(["usr/lib/systemd/systemd", "usr/sbin/init", "usr/sbin/dockerd", "usr/bin/docker"], program => File.Exists(Path.Combine(path, program)));

    private async Task<string> StateAsync(CancellationToken stop) => IsOn ? (await ExecAsync(["systemctl", "is-system-running"], stop: stop).ConfigureAwait(false)).Output.Trim() : "";

    private async Task WaitAsync(Func<Task<bool>> ready, string otherwise, CancellationToken stop)
    {
        var until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!await ready().ConfigureAwait(false))
        {
            if (!started.IsAlive() || Environment.TickCount64 > until)
            {
                var jobs = IsOn ? (await ExecAsync(["systemctl", "list-jobs", "--no-pager"], stop: stop).ConfigureAwait(false)).Output : "";
                var last = File.Exists(Log) ? string.Join('\n', File.ReadLines(Log).TakeLast(8)) : "";
                throw new LabException($"The host '{Lab.Name}' {otherwise}{(started.IsAlive() ? string.Create(CultureInfo.InvariantCulture, $" within {Patience.TotalSeconds:0} s") : ": it ended")}.\n{jobs}{last}");
            }
            await Task.Delay(50, stop).ConfigureAwait(false);
        }
    }

    private async Task EndAsync(string otherwise)
    {
        if (!await started.WaitAsync(Patience).ConfigureAwait(false) || !await init.WaitAsync(Patience).ConfigureAwait(false))
            throw new LabException($"The host '{Lab.Name}' {otherwise} within {Patience.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} s.");
        init = started = ProcessMark.Nobody;
        // Its network namespace outlives its last process for a while, and the cable with it. Removed here, so that the next boot can make its own.
        await ProcessRun.RunAsync(["ip", "-n", Lab.OutsideNamespace, "link", "delete", "boot0"], CancellationToken.None).ConfigureAwait(false);
    }
}
