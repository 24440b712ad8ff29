using System.Formats.Tar;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

public sealed partial class LabHost
{
    /// <summary>The image of every container: an empty root, over which the machine's own programs are mounted read-only. No registry is needed.</summary>
    public const string Image = "dnh-lab";

    // As with `docker run --volume`: a symbolic link (/bin) is mounted as the folder that it points to.
    internal static readonly string[] MountedFolders = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc"];

    public async Task<LabContainer> RunContainerAsync(LabContainerOptions options, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> arguments = ["run", "--detach", "--name", options.Name, "--network", options.Network];
        // A container that shares another's network shares its host name too.
        if (!options.Network.StartsWith("container:", StringComparison.Ordinal))
            arguments.AddRange(["--hostname", options.Name]);
        arguments.AddRange(MountedFolders.Where(path => Directory.Exists(OnHost(path))).SelectMany(path => (string[])["--volume", $"{path}:{path}:ro"]));
        arguments.AddRange(options.Publish.SelectMany(port => (string[])["--publish", port]));
        arguments.AddRange(options.Dns.SelectMany(server => (string[])["--dns", server]));
        arguments.AddRange(options.AddCapabilities.SelectMany(capability => (string[])["--cap-add", capability]));
        arguments.AddRange(options.Arguments);
        await DockerAsync([.. arguments, Image, .. options.Command], stop).ConfigureAwait(false);
        var container = await ContainerAsync(options.Name, stop).ConfigureAwait(false);
        if (options.LinkLocal && container.Address.Length > 0)
            EnableLinkLocal(container);
        return container;
    }

    public Task RemoveContainerAsync(string name, CancellationToken stop = default) => DockerAsync(["rm", "--force", name], stop);

    /// <summary>Makes a bridge network; further arguments are passed to <c>docker network create</c>.</summary>
    public Task CreateNetworkAsync(string name, string? bridge = null, IReadOnlyList<string>? arguments = null, CancellationToken stop = default) =>
        DockerAsync(["network", "create", .. bridge is null ? (string[])[] : ["--opt", "com.docker.network.bridge.name=" + bridge], .. arguments ?? [], name], stop);

    public Task RemoveNetworkAsync(string name, CancellationToken stop = default) => DockerAsync(["network", "rm", name], stop);

    /// <summary>Gives the outside a route to a subnet behind the host, as the network around a host with routed containers has.</summary>
    public Task RouteAsync(string subnet, CancellationToken stop = default) => LabNetwork.RouteAsync(Name, subnet, stop);

    public async Task<LabContainer> ContainerAsync(string name, CancellationToken stop = default) =>
        (await InspectAsync([name], stop).ConfigureAwait(false))[0];

    public async Task<IReadOnlyList<LabContainer>> ContainersAsync(CancellationToken stop = default)
    {
        var names = (await DockerAsync(["ps", "--format", "{{.Names}}"], stop).ConfigureAwait(false)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return names.Length == 0 ? [] : await InspectAsync([.. names.Order(StringComparer.Ordinal)], stop).ConfigureAwait(false);
    }

    /// <summary>
    /// Stops dockerd and starts it again, as <c>systemctl restart docker</c> does. With live-restore the containers stay; without it they are started again afterwards.
    /// </summary>
    public async Task RestartDockerAsync(CancellationToken stop = default)
    {
        var running = state.LiveRestore ? [] : await ContainersAsync(stop).ConfigureAwait(false);
        await StopDockerAsync().ConfigureAwait(false);
        await StartDockerAsync(stop).ConfigureAwait(false);
        if (running.Count > 0)
            await DockerAsync(["start", .. running.Select(container => container.Name)], stop).ConfigureAwait(false);
    }

    /// <summary>Stops dockerd: the state of a host before docker.service starts.</summary>
    public Task StopDockerAsync() => state.Dockerd.StopAsync(TimeSpan.FromSeconds(20));

    /// <summary>The processor time of dockerd and of the programs that it ran.</summary>
    public TimeSpan DockerProcessorTime() => state.Dockerd.ProcessorTime();

    /// <summary>Starts dockerd and waits until it answers.</summary>
    public async Task StartDockerAsync(CancellationToken stop = default)
    {
        string[] arguments = ["dockerd", "--config-file", folder.In("daemon.json"),
            "--containerd-namespace", "dnh-" + Name, "--containerd-plugins-namespace", "dnh-" + Name + "-plugins"];
        // dockerd looks for iptables on its PATH; the host's own keeps the distribution's choice.
        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        if (SystemBus is not null)
            environment["DBUS_SYSTEM_BUS_ADDRESS"] = SystemBus;
        if (Backend == LabBackend.Legacy)
            environment["PATH"] = LegacyPrograms() + ":" + System.Environment.GetEnvironmentVariable("PATH");
        Save(state with { Dockerd = await StartOnHostAsync(arguments, folder.DockerLog, environment, stop).ConfigureAwait(false) });
        await WaitAsync("dockerd", token => DockerPing.AnswersAsync(DockerSocket, token), folder.DockerLog, () => state.Dockerd, stop).ConfigureAwait(false);
    }

    private async Task<string> DockerAsync(IReadOnlyList<string> arguments, CancellationToken stop) =>
        (await ProcessRun.RunAsync([.. DockerCommand, .. arguments], stop).ConfigureAwait(false)).OrThrow().Trim();

    // The docker command of the engine's own release knows the engine's features.
    private IReadOnlyList<string> DockerCommand => state.Init == ProcessMark.Nobody ? ["docker", "-H", DockerHost] : [.. Shell, "docker", "-H", DockerHost];

    /// <summary>The path of a host's file on this machine.</summary>
    private string OnHost(string path) => (Engine.Root ?? "") + path;

    private async Task ConfigureDockerAsync(LabOptions options, CancellationToken stop)
    {
        // Everything is its own, so that it meets no other Docker of the machine: folders, socket, containerd's namespaces, and a cgroup to find its processes.
        var settings = new JsonObject
        {
            ["data-root"] = folder.In("data"),
            ["exec-root"] = folder.In("exec"),
            ["pidfile"] = folder.In("docker.pid"),
            ["hosts"] = new JsonArray(DockerHost),
            ["cgroup-parent"] = "/" + LabFolder.Cgroup(Name),
            ["exec-opts"] = new JsonArray("native.cgroupdriver=cgroupfs"),
            ["storage-driver"] = "vfs",
            ["live-restore"] = options.LiveRestore,
            ["userland-proxy"] = options.UserlandProxy,
            ["iptables"] = options.WritesRules,
            ["dns"] = new JsonArray([.. options.Dns.Select(address => JsonValue.Create(address))]),
        };
        if (options.WritesIPv6Rules is { } writes)
            (settings["ip6tables"], settings["experimental"]) = (writes, writes);
        if (options.AddressPools.Count > 0)
            settings["default-address-pools"] = new JsonArray([.. options.AddressPools.Select(pool => new JsonObject { ["base"] = pool, ["size"] = 24 })]);
        // Engines up to 23 keep a key in /etc/docker unless told otherwise; later ones have none and refuse the setting.
        var version = (await ExecAsync(["dockerd", "--version"], stop: stop).ConfigureAwait(false)).OrThrow();
        if (DockerVersion().Match(version) is { Success: true } match && int.Parse(match.Groups["major"].ValueSpan, CultureInfo.InvariantCulture) <= 23)
            settings["deprecated-key-path"] = folder.In("key.json");
        await File.WriteAllTextAsync(folder.In("daemon.json"), settings.ToJsonString(), stop).ConfigureAwait(false);
    }

    private string LegacyPrograms()
    {
        var programs = folder.In("legacy");
        if (Directory.Exists(programs))
            return programs;
        Directory.CreateDirectory(programs);
        foreach (var name in (string[])["iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"])
        {
            var legacy = name.Replace("tables", "tables-legacy", StringComparison.Ordinal);
            File.CreateSymbolicLink(Path.Combine(programs, name), FindProgram(legacy, Engine.Root) ?? throw new LabException($"{legacy} is missing; Debian's package iptables has it."));
        }
        return programs;
    }

    private async Task ImportImageAsync(CancellationToken stop)
    {
        var archive = folder.In("root.tar");
        var tar = new TarWriter(File.Create(archive));
        await using (tar.ConfigureAwait(false))
        {
            foreach (var path in MountedFolders)
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, path.TrimStart('/') + "/"), stop).ConfigureAwait(false);
        }
        await DockerAsync(["import", archive, Image], stop).ConfigureAwait(false);
    }

    private async Task RunDefaultContainersAsync(CancellationToken stop)
    {
        var first = RunContainerAsync(new LabContainerOptions("c0"), stop);
        await CreateNetworkAsync("apps", "apps0", null, stop).ConfigureAwait(false);
        await Task.WhenAll(first, RunContainerAsync(new LabContainerOptions("a1") { Network = "apps" }, stop),
            RunContainerAsync(new LabContainerOptions("a2") { Network = "apps" }, stop)).ConfigureAwait(false);
    }

    private static void EnableLinkLocal(LabContainer container)
    {
        var inside = NetNamespace.Of(container.Pid);
        // eth0 before all: its address is made as soon as it is allowed, and is then usable at once.
        inside.Write("/proc/sys/net/ipv6/conf/eth0/accept_dad", "0");
        inside.Write("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
        inside.Write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "0");
    }

    [GeneratedRegex("version (?<major>[0-9]+)\\.", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex DockerVersion();

    // Docker reports a number of the host's own PID namespace.
    private int OnMachine(int pid) => pid == 0 || state.Init == ProcessMark.Nobody ? pid : ProcessMark.Inside(state.Init, pid)?.Pid ?? 0;

    private async Task<IReadOnlyList<LabContainer>> InspectAsync(IReadOnlyList<string> names, CancellationToken stop)
    {
        const string Format = "{{.Name}}\t{{.State.Pid}}{{range $name, $network := .NetworkSettings.Networks}}\t{{$name}},{{$network.IPAddress}},{{$network.Gateway}}{{end}}";
        var lines = (await DockerAsync(["inspect", "--type", "container", "--format", Format, .. names], stop).ConfigureAwait(false)).Split('\n');
        return [.. lines.Select(line => line.Split('\t')).Select(parts =>
        {
            var network = parts.Length > 2 ? parts[2].Split(',') : ["none", "", ""];
            return new LabContainer(parts[0].TrimStart('/'), OnMachine(int.Parse(parts[1], CultureInfo.InvariantCulture)), network[0], network[1], network[2]);
        })];
    }
}
