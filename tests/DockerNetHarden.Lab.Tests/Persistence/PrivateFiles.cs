using System.Diagnostics;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Persistence;

/// <summary>A host with its own files, and what tests do there: commands, a conversation, programs that run until the end.</summary>
internal sealed class PrivateFiles : IDisposable
{
    private readonly OwnFiles _own;
    private readonly List<Process> _started = [];

    private PrivateFiles(OwnFiles own) => _own = own;

    internal static PrivateFiles Of(string networkNamespace)
    {
        try
        {
            return new PrivateFiles(OwnFiles.Of(networkNamespace));
        }
        catch (LabException error)
        {
            Skip.If(true, error.Message);
            throw;
        }
    }

    /// <summary>Opens a conversation with the sh there.</summary>
    /// <param name="through">What starts the sh; nothing starts it directly.</param>
    internal ProcessShell Open(params string[] through) => new("saved-host", _own.Shell[0], [.. _own.Shell.Skip(1), .. through, "/bin/sh"]);

    internal string Run(params string[] command) => RunFor(command) switch
    {
        (0, var output, _) => output,
        var (code, output, errors) => throw new InvalidOperationException($"{string.Join(' ', command)}: {code} {errors}{output}"),
    };

    internal (int Code, string Output, string Errors) RunFor(params string[] command)
    {
        using var process = Start(command);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    internal string Shell(string code) => Run("/bin/sh", "-c", code);

    /// <summary>The words of a unit's command: what systemd would run.</summary>
    internal string[] CommandOf(string unit) =>
        Run("cat", "/etc/systemd/system/" + unit).Split('\n').Single(line => line.StartsWith("ExecStart=", StringComparison.Ordinal))["ExecStart=".Length..].Split(' ');

    /// <summary>Starts a command that runs until it is stopped or the test ends.</summary>
    internal Process Background(params string[] command)
    {
        var process = Start(command);
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        _started.Add(process);
        return process;
    }

    internal static void Stop(Process process)
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
    }

    public void Dispose()
    {
        foreach (var process in _started)
        {
            Stop(process);
            process.Dispose();
        }
        _own.Dispose();
    }

    private Process Start(string[] command) =>
        Process.Start(new ProcessStartInfo(_own.Shell[0], [.. _own.Shell.Skip(1), .. command]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
}
