using System.Diagnostics;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>The shells of this machine that the tests run against, and what they share.</summary>
internal static class ShellFacts
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>/bin/sh always; dash, bash (as sh) and busybox if they exist.</summary>
    public static TheoryData<string> Shells()
    {
        var shells = new TheoryData<string> { "/bin/sh" };
        foreach (var shell in new[] { "/bin/dash", "/bin/bash", "/bin/busybox" })
        {
            if (File.Exists(shell))
                shells.Add(shell);
        }
        return shells;
    }

    internal static bool Lives(int pid) => File.Exists($"/proc/{pid}/stat")
        && !File.ReadAllText($"/proc/{pid}/stat").Split(')')[^1].StartsWith(" Z", StringComparison.Ordinal);

    internal static ProcessShell Open(string shell) => new("tested", shell, Arguments(shell));

    internal static string[] Arguments(string shell) => shell switch
    {
        "/bin/busybox" => ["sh"],
        "/bin/bash" => ["--posix"],
        _ => [],
    };

    internal static async Task<ShellReply> RunAsync(string shell, ShellProgram program)
    {
        await using var opened = Open(shell);
        return await opened.RunAsync(program.Build(Patience), CancellationToken.None);
    }

    /// <summary>Gives a shell exactly these bytes and then the end of its input, like a dying connection.</summary>
    internal static async Task<string> FeedAsync(string shell, ReadOnlyMemory<byte> bytes)
    {
        var start = new ProcessStartInfo(shell) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in Arguments(shell))
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(bytes);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The shell gave up before its input ended.
        }
        var output = await process.StandardOutput.ReadToEndAsync();
        await errors;
        await process.WaitForExitAsync();
        return output;
    }
}

/// <summary>Tests that measure time run one by one after the others: beside them a continuation can wait seconds for a thread.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TimedCollection
{
    public const string Name = "timed";
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("dnh-hosts-").FullName;

    internal string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Adds an sh program. A child writes it: a file that this process wrote would be open for writing in whatever another test starts at that moment,
    /// and the kernel does not run such a file (ETXTBSY, execve(2)).</summary>
    /// <returns>Its path.</returns>
    internal async Task<string> AddProgramAsync(string name, string script)
    {
        var text = this[name + ".txt"];
        await File.WriteAllTextAsync(text, "#!/bin/sh\n" + script + "\n");
        using var install = Process.Start("install", ["-m", "700", text, this[name]]);
        await install.WaitForExitAsync();
        Assert.Equal(0, install.ExitCode);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
