using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace DockerNetHarden.Lab.Tests.Iptables;

/// <summary>A separate network namespace with the real iptables: nobody else sees what is written there.</summary>
internal sealed class FirewallNamespace : IDisposable
{
    private static int s_count;

    private readonly string _name;

    private FirewallNamespace(string name) => _name = name;

    internal static FirewallNamespace Create(string backend)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root on Linux: a network namespace has to be made");
        foreach (var tool in new[] { "ip", $"iptables-{backend}-restore", $"iptables-{backend}-save" })
            Skip.IfNot(IsThere(tool), $"{tool} is missing: install iproute2 and iptables");
        var space = new FirewallNamespace(string.Create(CultureInfo.InvariantCulture, $"dnhipt{Environment.ProcessId}x{Interlocked.Increment(ref s_count)}"));
        var made = Start("", "ip", "netns", "add", space._name);
        Skip.IfNot(made.ExitCode == 0, $"no network namespace can be made here: {made.Errors}");
        try
        {
            // A kernel without this backend or without the matches used here.
            var probe = space.Run($"iptables-{backend}-restore", "*filter\n:X - [0:0]\n-A X -m comment --comment x -j RETURN\nCOMMIT\n");
            Skip.IfNot(probe.ExitCode == 0, $"iptables-{backend} does not work on this kernel: {probe.Errors}");
        }
        catch
        {
            space.Dispose();
            throw;
        }
        return space;
    }

    internal (int ExitCode, string Output, string Errors) Run(string command, string input, params string[] arguments) =>
        Start(input, "ip", ["netns", "exec", _name, command, .. arguments]);

    public void Dispose() => Start("", "ip", "netns", "del", _name);

    private static bool IsThere(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, tool)));

    private static (int ExitCode, string Output, string Errors) Start(string input, string command, params string[] arguments)
    {
        // Latin-1 both ways: the bytes are compared, whatever they mean.
        var start = new ProcessStartInfo(command, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Encoding.Latin1,
            StandardOutputEncoding = Encoding.Latin1,
            StandardErrorEncoding = Encoding.Latin1,
        };
        using var process = Process.Start(start) ?? throw new Win32Exception($"{command} did not start");
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(TimeSpan.FromSeconds(30)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} {string.Join(' ', arguments)} did not end in 30 seconds");
        }
        return (process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }
}
