using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Lab.Tests.Persistence;

/// <summary>
/// A network namespace with an /etc and a /usr/share of its own: what is written there is seen by nobody else and gone at the end. A lab's host shares the
/// files of this machine, and those must not change.
/// </summary>
internal sealed class PrivateFiles : IDisposable
{
    private const string Hold = """
        set -e
        mount -t tmpfs tmpfs "$1"
        for d in etc usr/share; do
        mkdir -p "$1/up/$d" "$1/work/$d"
        mount -t overlay overlay -o "lowerdir=/$d,upperdir=$1/up/$d,workdir=$1/work/$d" "/$d"
        done
        # A host that is started by systemd: nobody knows here, so that no command asks the systemd of this machine.
        if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
        rm -rf /etc/docker-net-harden
        echo ready
        exec sleep 600
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("dnh-files-").FullName;
    private readonly Process _holder;
    private readonly List<Process> _started = [];
    private readonly string[] _enter;

    private PrivateFiles(string networkNamespace)
    {
        _holder = Start("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", Hold, "sh", _folder);
        var ready = _holder.StandardOutput.ReadLine();
        if (ready is not "ready")
        {
            var reason = _holder.StandardError.ReadToEnd();
            Dispose();
            Skip.If(true, "needs mount namespaces and overlayfs: " + reason);
        }
        _enter = ["--net=/run/netns/" + networkNamespace, string.Create(CultureInfo.InvariantCulture, $"--mount=/proc/{_holder.Id}/ns/mnt"), "--"];
    }

    internal static PrivateFiles Of(string networkNamespace) => new(networkNamespace);

    internal ProcessShell Open() => new("saved-host", "nsenter", [.. _enter, "/bin/sh"]);

    internal string Run(params string[] command) => RunFor(command) is (0, var output, _) ? output : throw new InvalidOperationException($"{string.Join(' ', command)}: {RunFor(command)}");

    internal (int Code, string Output, string Errors) RunFor(params string[] command)
    {
        using var process = Start("nsenter", [.. _enter, .. command]);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    internal string Shell(string code) => Run("/bin/sh", "-c", code);

    /// <summary>The words of a unit's command: what systemd would run.</summary>
    internal string[] CommandOf(string unit) =>
        Run("cat", "/etc/systemd/system/" + unit).Split('\n').Single(line => line.StartsWith("ExecStart=", StringComparison.Ordinal))["ExecStart=".Length..].Split(' ');

    /// <summary>Starts a command that runs until the end of the test.</summary>
    internal Process Background(params string[] command)
    {
        var process = Start("nsenter", [.. _enter, .. command]);
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        _started.Add(process);
        return process;
    }

    public void Dispose()
    {
        foreach (var process in (Process[])[.. _started, _holder])
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }

    private static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
}
