using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

/// <summary>
/// A throwaway Docker host in two network namespaces: one with dockerd and the firewall under test, one with everything outside. Raised in about a second,
/// asked with real packets, and gone without a trace when it is disposed or, if its owner crashed, when the next lab is raised.
/// </summary>
public sealed partial class LabHost : IAsyncDisposable
{
    private static readonly Dictionary<string, string> NoVariables = new(StringComparer.Ordinal);

    private readonly LabFolder folder;
    private readonly bool owned;
    private LabState state;

    private LabHost(LabState state, bool owned) => (this.state, this.owned, folder) = (state, owned, new LabFolder(state.Name));

    // Only for callers that raise a lab and start its dockerd themselves.
    private string? SystemBus { get; init; }

    public string Name => state.Name;

    public LabBackend Backend => state.Backend;

    /// <summary>The command for the tables that this lab's Docker uses: <c>iptables-nft</c> or <c>iptables-legacy</c>. Append <c>-save</c> or <c>-restore</c>.</summary>
    public string Iptables => Backend == LabBackend.Nft ? "iptables-nft" : "iptables-legacy";

    /// <summary>The root-only folder with the lab's state, its logs and its Docker data.</summary>
    public string Folder => folder.Path;

    public string HostNamespace => LabFolder.HostNamespace(Name);

    public string OutsideNamespace => LabFolder.OutsideNamespace(Name);

    public string DockerSocket => folder.DockerSocket;

    /// <summary>The value of DOCKER_HOST for this lab.</summary>
    public string DockerHost => folder.DockerHost;

    /// <summary>The engine of the host, and its userland.</summary>
    public LabEngine Engine => LabEngine.Parse(state.Engine);

    /// <summary>The arguments that enter the host: its network namespace and its own userland, if it has one. A command's arguments follow.</summary>
    public IReadOnlyList<string> Shell => state.Init == ProcessMark.Nobody
        ? ["nsenter", "--net=/run/netns/" + HostNamespace, "--"]
        : ["nsenter", "--net=/run/netns/" + HostNamespace, "--target", state.Init.Pid.ToString(CultureInfo.InvariantCulture), "--mount", "--uts", "--pid", "--"];

    /// <summary>How long it took to raise the lab; zero if another process raised it.</summary>
    public TimeSpan RaisedIn { get; private set; }

    /// <summary>Why no lab can be raised on this machine; null if one can.</summary>
    public static string? WhyUnavailable()
    {
        if (!OperatingSystem.IsLinux())
            return "needs Linux";
        if (Native.EffectiveUser() != 0)
            return "needs root";
        var missing = Array.FindAll(["dockerd", "docker", "ip", "nsenter", "setsid", "iptables-nft", "iptables-legacy"], program => FindProgram(program) is null);
        return missing.Length == 0 ? null : "needs " + string.Join(", ", missing);
    }

    public static async Task<LabHost> RaiseAsync(LabOptions options, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if ((WhyUnavailable() ?? options.Engine.WhyUnavailable()) is { } reason)
            throw new LabException($"A lab cannot be raised here: it {reason}. Run as root on Linux with Debian's docker.io, iptables, iproute2 and util-linux, or their like.");
        var clock = Stopwatch.StartNew();
        var lab = new LabHost(await ClaimAsync(options, stop).ConfigureAwait(false), owned: true) { SystemBus = options.SystemBus };
        try
        {
            await lab.BuildAsync(options, stop).ConfigureAwait(false);
            lab.RaisedIn = clock.Elapsed;
            return lab;
        }
        catch
        {
            await lab.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A lab that another process raised. Disposing it leaves the lab running. Without a name: the only one there is.</summary>
    public static LabHost Open(string? name)
    {
        var all = LabFolder.All();
        if (name is null && all.Count != 1)
            throw new LabException(all.Count == 0 ? "There is no lab. Raise one: dnh-lab up." : $"There are several labs ({string.Join(", ", all)}): choose one with --name.");
        name = CheckName(name ?? all[0]);
        var found = new LabFolder(name).Read()
            ?? throw new LabException($"There is no lab '{name}'. {(all.Count == 0 ? "Raise one: dnh-lab up." : $"There are: {string.Join(", ", all)}.")}");
        return new LabHost(found, owned: false);
    }

    /// <summary>Takes labs down, whoever raised them: one by name, or all. Returns their names.</summary>
    public static async Task<IReadOnlyList<string>> RemoveAsync(string? name, bool all = false)
    {
        IReadOnlyList<string> names = all ? LabFolder.All() : [Open(name).Name];
        foreach (var each in names)
            await LabRemains.RemoveAsync(each).ConfigureAwait(false);
        return names;
    }

    public async ValueTask DisposeAsync()
    {
        if (owned)
            await LabRemains.RemoveAsync(Name).ConfigureAwait(false);
    }

    /// <summary>Runs a command on the lab's host: in its namespace, with DOCKER_HOST set.</summary>
    public Task<CommandResult> ExecAsync(IReadOnlyList<string> arguments, string? input = null, CancellationToken stop = default) =>
        ProcessRun.RunAsync([.. Shell, .. arguments], stop, input, Environment());

    /// <summary>The same, on the caller's own terminal.</summary>
    public Task<int> ExecHereAsync(IReadOnlyList<string> arguments, CancellationToken stop = default) => ProcessRun.RunHereAsync([.. Shell, .. arguments], Environment(), stop);

    /// <summary>Whether packets between containers of one bridge pass iptables.</summary>
    public void SetBridgeNetfilter(bool on) => LabNetwork.SetBridgeNetfilter(Name, on);

    private Dictionary<string, string> Environment() => new(StringComparer.Ordinal) { ["DOCKER_HOST"] = DockerHost };

    private static async Task<LabState> ClaimAsync(LabOptions options, CancellationToken stop)
    {
        var name = CheckName(options.Name ?? "lab" + RandomNumberGenerator.GetHexString(6, lowercase: true));
        var owner = ProcessMark.Of(options.Owner ?? System.Environment.ProcessId);
        using var held = await LabFolder.LockAsync(stop).ConfigureAwait(false);
        LabFolder.DeleteRenamed();
        foreach (var stale in LabRemains.Stale())
            await LabRemains.RemoveAsync(stale).ConfigureAwait(false);
        var claimed = new LabFolder(name);
        if (Directory.Exists(claimed.Path))
            throw new LabException($"There is a lab '{name}' already. Take it down (dnh-lab down --name {name}), or give this one another name.");
        var initial = new LabState(name, options.Backend, options.Engine.Name, owner, ProcessMark.Nobody, ProcessMark.Nobody, ProcessMark.Nobody, options.LiveRestore, Directory.Exists("/run/docker"));
        claimed.Create();
        claimed.Write(initial);
        return initial;
    }

    private async Task BuildAsync(LabOptions options, CancellationToken stop)
    {
        await LabNetwork.RaiseAsync(Name, options, stop).ConfigureAwait(false);
        if (Engine.Root is { } root)
            await StartUserlandAsync(root, stop).ConfigureAwait(false);
        await ConfigureDockerAsync(options, stop).ConfigureAwait(false);
        await StartServicesAsync(options.Ipv6, stop).ConfigureAwait(false);
        if (options.Docker)
        {
            await StartDockerAsync(stop).ConfigureAwait(false);
            await ImportImageAsync(stop).ConfigureAwait(false);
            if (options.Containers)
                await RunDefaultContainersAsync(stop).ConfigureAwait(false);
        }
        await WaitAsync("the lab's services", new ServiceClient(folder.ServiceSocket).IsReadyAsync, folder.ServiceLog, () => state.Services, stop).ConfigureAwait(false);
    }

    // A mount, a PID and a UTS namespace with the engine's Debian as the root. Paths that the lab knows (its folder) stay the same inside.
    private async Task StartUserlandAsync(string root, CancellationToken stop)
    {
        var script = folder.In("engine.sh");
        await WriteResourceAsync("engine.sh", script, stop).ConfigureAwait(false);
        var log = folder.In("engine.log");
        string[] arguments = ["nsenter", "--net=/run/netns/" + HostNamespace, "--", "unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--", "/bin/sh", script, Folder, root, Name];
        var started = await ProcessRun.StartDetachedAsync(arguments, log, NoVariables, stop).ConfigureAwait(false);
        if (await started.ChildAsync(stop).ConfigureAwait(false) is { } init)
            Save(state with { Init = init });
        await WaitAsync("the host's userland", _ => Task.FromResult(File.Exists(folder.In("root.ready"))), log, () => started, stop).ConfigureAwait(false);
    }

    // A daemon of the host, by its own number: nsenter stays as its parent when it enters a PID namespace, and passes no signals on.
    private async Task<ProcessMark> StartOnHostAsync(IReadOnlyList<string> arguments, string log, Dictionary<string, string> environment, CancellationToken stop)
    {
        var started = await ProcessRun.StartDetachedAsync([.. Shell, .. arguments], log, environment, stop).ConfigureAwait(false);
        return state.Init == ProcessMark.Nobody ? started : await started.ChildAsync(stop).ConfigureAwait(false) ?? started;
    }

    internal static async Task WriteResourceAsync(string name, string file, CancellationToken stop)
    {
        using var reader = new StreamReader(typeof(LabHost).Assembly.GetManifestResourceStream(name)!);
        await File.WriteAllTextAsync(file, await reader.ReadToEndAsync(stop).ConfigureAwait(false), stop).ConfigureAwait(false);
    }

    private async Task StartServicesAsync(bool ipv6, CancellationToken stop)
    {
        string[] arguments = [.. OwnProgram(), "serve", "--host", HostNamespace, "--outside", OutsideNamespace, "--control", folder.ServiceSocket, .. ipv6 ? (string[])["--ipv6"] : []];
        Dictionary<string, string> environment = new(StringComparer.Ordinal) { ["DOTNET_gcServer"] = "0" };
        Save(state with { Services = await ProcessRun.StartDetachedAsync(arguments, folder.ServiceLog, environment, stop).ConfigureAwait(false) });
    }

    // The assembly is also a library of the tests, so it names its own file, not the running program.
    private static string[] OwnProgram()
    {
        var assembly = typeof(LabHost).Assembly.Location;
        return System.Environment.ProcessPath is { } running && Path.GetFileNameWithoutExtension(running) is "dotnet"
            ? [running, "exec", assembly]
            : Path.ChangeExtension(assembly, null) is var program && File.Exists(program) ? [program]
            : throw new LabException($"The program of the lab's services is missing: {program}. Build DockerNetHarden.Lab, or run the lab with 'dotnet'.");
    }

    private void Save(LabState next)
    {
        state = next;
        folder.Write(next);
    }

    private static async Task WaitAsync(string what, Func<CancellationToken, Task<bool>> ready, string log, Func<ProcessMark> process, CancellationToken stop)
    {
        var until = System.Environment.TickCount64 + 30_000;
        while (!await ready(stop).ConfigureAwait(false))
        {
            var ended = !process().IsAlive();
            if (ended || System.Environment.TickCount64 > until)
            {
                var last = File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(8)) : "(nothing)";
                throw new LabException($"{what} {(ended ? "ended at once" : "did not answer within 30 s")}. The end of {log}:\n{last}");
            }
            await Task.Delay(10, stop).ConfigureAwait(false);
        }
    }

    // Part of the names of namespaces, cgroups and paths; the path of a Unix socket has at most 107 bytes.
    private static string CheckName(string name) => NameForm().IsMatch(name)
        ? name
        : throw new LabException($"'{name}' is not a name for a lab: 1 to 20 of the characters a to z, 0 to 9 and '-', a letter first.");

    /// <summary>The path of a program, on this machine or in the root of an engine; null if it does not exist.</summary>
    internal static string? FindProgram(string name, string? root = null) =>
        (System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin").Split(':').Select(part => Path.Combine(part, name)).FirstOrDefault(path => File.Exists(root + path));

    [GeneratedRegex("^[a-z][a-z0-9-]{0,19}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex NameForm();
}
