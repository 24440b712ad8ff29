using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>A pwsh with the staged module, in which commands run as a user types them. It is started once, to measure the command and not PowerShell's start.</summary>
internal sealed class PwshSession : IAsyncDisposable
{
    /// <summary>The four controls with their defaults, applied to this machine; -HostName can be appended.</summary>
    public const string Harden = "& { Block-ContainerMetadataAccess; Block-ContainerHostAccess; Block-ContainerInternalAccess; Set-SmtpRateLimit } | Invoke-FirewallRule";

    // One command per line, and one line with its result. Invoke-Sh runs a program of sh as the module does: in a process of its own, given on standard input.
    private const string Loop = """
        $ErrorActionPreference = 'Stop'
        Import-Module $env:DNH_BENCH_MODULE
        function Invoke-Sh([string] $program) {
            $start = [Diagnostics.ProcessStartInfo]::new('/bin/sh')
            $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
            $sh = [Diagnostics.Process]::Start($start)
            $sh.StandardInput.Write($program)
            $sh.StandardInput.Close()
            $null = $sh.StandardOutput.ReadToEnd()
            $sh.WaitForExit()
            if ($sh.ExitCode) { throw "sh ended with exit code $($sh.ExitCode)" }
        }
        [Console]::Out.WriteLine($PID)
        while ($null -ne ($line = [Console]::In.ReadLine())) {
            try {
                if ($line[0] -eq '?') { [Console]::Out.WriteLine("value " + (& ([scriptblock]::Create($line.Substring(1))))) }
                else { $null = . ([scriptblock]::Create($line)); [Console]::Out.WriteLine('done') }
            }
            catch { [Console]::Out.WriteLine(("failed: $_" -replace '\s+', ' ')) }
        }
        """;

    private readonly Process process;

    private PwshSession(Process process) => this.process = process;

    /// <summary>The pwsh itself: as a .NET tool it is a child of the started process.</summary>
    public int ProcessId { get; private set; }

    /// <summary>Starts one.</summary>
    /// <param name="place">The arguments that enter a namespace; pwsh's follow.</param>
    /// <param name="environment">What is added to its environment.</param>
    /// <exception cref="LabException">There is no pwsh or no staged module.</exception>
    public static async Task<PwshSession> StartAsync(IReadOnlyList<string> place, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        string[] command = [.. place, Pwsh(), "-NoProfile", "-NonInteractive", "-Command", Loop];
        start.FileName = command[0];
        foreach (var argument in command.Skip(1))
            start.ArgumentList.Add(argument);
        start.Environment["DNH_BENCH_MODULE"] = Module();
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var session = new PwshSession(Process.Start(start)!);
        session.ProcessId = int.Parse(await session.ReadAsync().ConfigureAwait(false), CultureInfo.InvariantCulture);
        return session;
    }

    /// <summary>Runs a command to its end; an error is thrown, because its time would mean nothing.</summary>
    public async Task RunAsync(string command)
    {
        await process.StandardInput.WriteLineAsync(command).ConfigureAwait(false);
        await process.StandardInput.FlushAsync().ConfigureAwait(false);
        if (await ReadAsync().ConfigureAwait(false) is not "done" and var said)
            throw new LabException($"{command}: {said}");
    }

    /// <summary>Runs a command and returns what it emitted, as text.</summary>
    public async Task<string> AskAsync(string command)
    {
        await process.StandardInput.WriteLineAsync("?" + command).ConfigureAwait(false);
        await process.StandardInput.FlushAsync().ConfigureAwait(false);
        var said = await ReadAsync().ConfigureAwait(false);
        return said.StartsWith("value ", StringComparison.Ordinal) ? said[6..] : throw new LabException($"{command}: {said}");
    }

    /// <summary>The most memory that it has used since <see cref="ForgetPeak"/>, in MB.</summary>
    public double Peak() => ProcessMemory.Peak(ProcessId);

    /// <summary>Starts a new measurement of <see cref="Peak"/>.</summary>
    public void ForgetPeak() => ProcessMemory.ForgetPeak(ProcessId);

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync().ConfigureAwait(false);
        process.Dispose();
    }

    private async Task<string> ReadAsync() => await process.StandardOutput.ReadLineAsync().ConfigureAwait(false) ?? throw new LabException("pwsh has ended; its errors are above.");

    /// <summary>The pwsh that is measured; null if there is none.</summary>
    public static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append(Path.Combine(Root(), "out", "tools")).Select(static folder => Path.Combine(folder, "pwsh")).FirstOrDefault(File.Exists);

    /// <summary>The pwsh that is measured.</summary>
    public static string Pwsh() => Find() ?? throw new LabException("There is no pwsh on the PATH and none in out/tools. Run ./build.sh test once, or install PowerShell 7.4 or later.");

    /// <summary>The manifest of the staged module.</summary>
    public static string Module() => Directory.EnumerateFiles(Path.Combine(Root(), "out", "DockerNetHarden"), "DockerNetHarden.psd1", SearchOption.AllDirectories).Order(StringComparer.Ordinal).LastOrDefault()
        ?? throw new LabException("The module is not staged. Build it: dotnet build -c Release src/DockerNetHarden.");

    /// <summary>The folder of the sources.</summary>
    public static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "DockerNetHarden.sln")))
                return folder.FullName;
        }
        throw new LabException("This program is not in its source tree, where the staged module is.");
    }
}
