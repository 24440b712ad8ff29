using System.Globalization;
using System.Runtime.InteropServices;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>The machine and the versions of everything that takes part.</summary>
internal sealed record MachineFacts(int Cores, string Processor, double MemoryGigabytes, string Kernel, IReadOnlyDictionary<string, string> Versions)
{
    // A command that prints a version, and the name under which it stands.
    private static readonly (string Name, string[] Command)[] Programs =
    [
        ("Debian", ["cat", "/etc/debian_version"]), ("iptables-nft", ["iptables-nft", "--version"]), ("iptables-legacy", ["iptables-legacy", "--version"]), ("nft", ["nft", "--version"]),
        ("ipset", ["ipset", "--version"]), ("Docker", ["dockerd", "--version"]), ("OpenSSH", ["ssh", "-V"]), ("Ansible", ["ansible-playbook", "--version"]),
    ];

    public static async Task<MachineFacts> ReadAsync()
    {
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal) { [".NET"] = Environment.Version.ToString() };
        foreach (var (name, command) in Programs)
        {
            if (await FirstLineAsync(command).ConfigureAwait(false) is { Length: > 0 } line)
                versions[name] = line;
        }
        if (PwshSession.Find() is { } pwsh && await FirstLineAsync([pwsh, "--version"]).ConfigureAwait(false) is { Length: > 0 } version)
            versions["pwsh"] = version;
        return new MachineFacts(Environment.ProcessorCount, Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Math.Round(double.Parse((Field("/proc/meminfo", "MemTotal") ?? "0 kB").Split(' ')[0], CultureInfo.InvariantCulture) / (1 << 20), 1),
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), versions);
    }

    /// <summary>The commit that was measured, with a sign if the tree had changes; empty outside a repository.</summary>
    public static async Task<string> CommitAsync()
    {
        var root = PwshSession.Root();
        var commit = await FirstLineAsync(["git", "-C", root, "rev-parse", "--short", "HEAD"]).ConfigureAwait(false);
        // What the page itself is made of changes with every run.
        var changes = await FirstLineAsync(["git", "-C", root, "status", "--porcelain", "--", ":!docs/benchmarks", ":!docs/benchmarks.md"]).ConfigureAwait(false);
        return commit + (changes is { Length: > 0 } ? " with changes" : "");
    }

    private static async Task<string?> FirstLineAsync(string[] command)
    {
        try
        {
            var output = await Commands.RunAsync(command, withErrors: true).ConfigureAwait(false);
            return output.Split('\n')[0].Trim();
        }
        catch (Exception error) when (error is LabException or System.ComponentModel.Win32Exception)
        {
            // A program that is missing takes no part.
            return null;
        }
    }

    private static string? Field(string file, string name) => File.ReadLines(file)
        .Where(line => line.StartsWith(name, StringComparison.Ordinal)).Select(static line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()).FirstOrDefault();
}
