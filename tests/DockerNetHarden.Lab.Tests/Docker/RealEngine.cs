using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Text;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Lab.Tests.Docker;

/// <summary>A separate dockerd in its own network namespace: own socket, own folders, gone at the end, even after a failure.</summary>
internal sealed class RealEngine : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder;
    private readonly string _namespace;
    private Process? _daemon;
    private Task _log = Task.CompletedTask;

    private RealEngine()
    {
        // As short as possible: the path of a container's socket inside it has at most 107 bytes.
        _folder = Directory.CreateTempSubdirectory("dnhdk").FullName;
        _namespace = "dnhdk-" + Path.GetFileName(_folder)[5..];
    }

    public string SocketPath => Path.Combine(_folder, "s");

    public DockerEndpoint Endpoint => DockerEndpoint.Parse("unix://" + SocketPath);

    /// <summary>Why no engine can be started here; null if one can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return "needs root on Linux";
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        var missing = new[] { "dockerd", "docker", "ip", "nsenter", "setsid", "umount" }.Where(name => !path.Any(folder => File.Exists(Path.Combine(folder, name)))).ToArray();
        return missing.Length == 0 ? null : "needs " + string.Join(", ", missing);
    }

    public static async Task<RealEngine> StartAsync()
    {
        var engine = new RealEngine();
        try
        {
            await engine.RaiseAsync();
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs the docker command on this engine; returns its output.</summary>
    public Task<string> DockerAsync(params string[] arguments) => RunAsync("docker", arguments);

    /// <summary>Runs a command in the engine's network namespace.</summary>
    public Task<string> InNamespaceAsync(params string[] command) => RunAsync("nsenter", ["--net=/run/netns/" + _namespace, .. command]);

    /// <summary>Runs a container of the image until it is removed.</summary>
    public Task<string> RunContainerAsync(string name, params string[] options) =>
        DockerAsync(["run", "-d", "--name", name, .. options, "-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro", "dnh-test:1", "/usr/bin/sleep", "600"]);

    /// <summary>Kills the daemon as a crash would.</summary>
    public async Task CrashAsync()
    {
        _daemon!.Kill();
        await _daemon.WaitForExitAsync().WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (_daemon is { HasExited: false })
        {
            await TryAsync(async () =>
            {
                var all = (await DockerAsync("ps", "-aq")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                if (all.Length > 0)
                    await DockerAsync(["rm", "-f", .. all]);
            });
            await TryAsync(() => RunAsync("kill", ["-TERM", _daemon.Id.ToString(CultureInfo.InvariantCulture)]));
            await TryAsync(() => _daemon.WaitForExitAsync().WaitAsync(Patience));
            if (!_daemon.HasExited)
                _daemon.Kill(entireProcessTree: true);
        }
        // Left by a killed daemon: its containerd, shims and their containers. All of them name this folder.
        await KillLeftoversAsync();
        await TryAsync(() => _log.WaitAsync(Patience));
        _daemon?.Dispose();
        foreach (var mount in (await File.ReadAllLinesAsync("/proc/self/mounts")).Select(line => line.Split(' ')[1]).Where(mount => mount.StartsWith(_folder + "/", StringComparison.Ordinal)).OrderByDescending(mount => mount.Length))
            await TryAsync(() => RunAsync("umount", ["-l", mount]));
        await TryAsync(() => RunAsync("ip", ["netns", "del", _namespace]));
        RemoveControlGroups();
        Directory.Delete(_folder, recursive: true);
    }

    // A killed daemon leaves its containers' control groups. Only those of this engine's own containers are removed.
    private void RemoveControlGroups()
    {
        var containers = Path.Combine(_folder, "d", "containers");
        if (!Directory.Exists(containers) || !Directory.Exists("/sys/fs/cgroup"))
            return;
        foreach (var id in Directory.EnumerateDirectories(containers).Select(Path.GetFileName))
        {
            foreach (var root in Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            {
                var group = Path.Combine(root, "docker", id!);
                if (Directory.Exists(group))
                    Directory.Delete(group);
            }
        }
    }

    private async Task RaiseAsync()
    {
        await RunAsync("ip", ["netns", "add", _namespace]);
        await InNamespaceAsync("ip", "link", "set", "lo", "up");
        var configuration = Path.Combine(_folder, "daemon.json");
        await File.WriteAllTextAsync(configuration, "{}");
        // nsenter, because "ip netns exec" mounts a new /sys, in which dockerd finds no cgroups.
        _daemon = Start("setsid", ["nsenter", "--net=/run/netns/" + _namespace, "dockerd", "--data-root", Path.Combine(_folder, "d"), "--exec-root", Path.Combine(_folder, "x"),
            "--pidfile", Path.Combine(_folder, "p"), "--config-file", configuration, "-H", "unix://" + SocketPath]);
        _daemon.StandardInput.Close();
        var errors = new StringBuilder();
        _log = Task.WhenAll(_daemon.StandardOutput.ReadToEndAsync(), CollectAsync(_daemon.StandardError, errors));

        await using var docker = HostDocker.At(Endpoint);
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            try
            {
                await docker.GetEngineAsync(CancellationToken.None);
                break;
            }
            catch (DockerNetHarden.Docker.DockerException error) when (clock.Elapsed < Patience && !_daemon.HasExited)
            {
                // Not yet there: its socket comes last.
                _ = error;
            }
            catch (DockerNetHarden.Docker.DockerException error)
            {
                lock (errors)
                    throw new InvalidOperationException($"dockerd did not start: {errors}", error);
            }
        }

        // An image without a registry: an empty tree, into which a container gets the host's programs as read-only mounts.
        var image = Path.Combine(_folder, "image.tar");
        await using (var tar = new TarWriter(File.Create(image)))
        {
            foreach (var name in new[] { "usr", "lib", "lib64", "etc", "proc", "sys", "dev", "tmp" })
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.Directory, name));
        }
        await DockerAsync("import", image, "dnh-test:1");
    }

    private async Task<string> RunAsync(string file, IReadOnlyList<string> arguments)
    {
        using var process = Start(file, arguments);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        try
        {
            process.StandardInput.Close();
            await Task.WhenAll(output, errors, process.WaitForExitAsync()).WaitAsync(Patience);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}{await output}");
        return (await output).Trim();
    }

    private Process Start(string file, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(file) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["DOCKER_HOST"] = "unix://" + SocketPath;
        // A client newer than the engine may not fall back to the engine's version by itself.
        start.Environment["DOCKER_API_VERSION"] = "1.41";
        start.Environment.Remove("DOCKER_CONTEXT");
        return Process.Start(start)!;
    }

    private async Task KillLeftoversAsync()
    {
        for (var round = 0; round < 20; round++)
        {
            var left = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit)).Where(Names).ToArray();
            if (left.Length == 0)
                return;
            foreach (var id in left)
                await TryAsync(() => RunAsync("kill", ["-KILL", id!]));
            await Task.Delay(100);
        }

        bool Names(string? id)
        {
            try
            {
                // A container's process does not name the folder, but its root is an overlay in it: the only line with the mount point "/".
                return File.ReadAllText($"/proc/{id}/cmdline").Contains(_folder + "/", StringComparison.Ordinal)
                    || File.ReadLines($"/proc/{id}/mountinfo").Any(line => line.Split(' ')[4] is "/" && line.Contains($"upperdir={_folder}/", StringComparison.Ordinal));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private static async Task CollectAsync(StreamReader reader, StringBuilder lines)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (lines)
                lines.AppendLine(line);
        }
    }

    // Cleaning goes on if a step fails: the next may still succeed, and Directory.Delete at the end does not hide what is left.
    private static async Task TryAsync(Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception error) when (error is InvalidOperationException or TimeoutException or IOException or System.ComponentModel.Win32Exception)
        {
            await Console.Error.WriteLineAsync(error.Message);
        }
    }
}
