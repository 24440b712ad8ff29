using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>The test's own network namespace with its own tables: nothing outside it is changed.</summary>
internal sealed class HostNamespace : IDisposable
{
    private static int count;

    private HostNamespace(string name) => Name = name;

    internal string Name { get; }

    /// <summary>Makes one, or skips the test with the reason.</summary>
    internal static HostNamespace Make()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && string.Equals(Environment.UserName, "root", StringComparison.Ordinal), "needs root on Linux");
        Skip.IfNot(new[] { "iptables-nft", "iptables-legacy" }.All(static tool => File.Exists("/usr/sbin/" + tool)), "needs iptables-nft and iptables-legacy");
        Skip.IfNot(File.Exists("/usr/sbin/ip") || File.Exists("/sbin/ip"), "needs iproute2");
        var name = string.Create(CultureInfo.InvariantCulture, $"dnhhost-{Environment.ProcessId}-{Interlocked.Increment(ref count)}");
        Exec("ip", "netns", "add", name);
        return new HostNamespace(name);
    }

    /// <summary>A conversation with a sh inside.</summary>
    internal ProcessShell Open() => new(Name, "ip", ["netns", "exec", Name, "/bin/sh"]);

    /// <summary>A command inside.</summary>
    internal string Run(params string[] command) => Exec("ip", ["netns", "exec", Name, .. command]);

    /// <summary>Loads a restore text with a command inside.</summary>
    internal void Restore(string tool, string text) => Exec("ip", ["netns", "exec", Name, "/bin/sh", "-c", "printf '%s' \"$2\" | \"$1-restore\" --noflush", "sh", tool, text]);

    public void Dispose() => Exec("ip", "netns", "del", Name);

    /// <summary>What a program of the machine prints.</summary>
    internal static string Exec(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {process.ExitCode} {errors.Result}");
    }
}
