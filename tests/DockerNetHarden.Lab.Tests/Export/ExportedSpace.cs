using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Lab.Tests.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Export;

/// <summary>A bare host, a network namespace and a folder: the result of an export there, compared with what the module itself does on another such host.</summary>
internal sealed class ExportedSpace : IDisposable
{
    private const string Docker = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n";

    private readonly HostNamespace space;
    private readonly IptablesBackend backend;

    public ExportedSpace(IptablesBackend backend)
    {
        (this.backend, space) = (backend, HostNamespace.Make());
        Folder = Directory.CreateTempSubdirectory("dnh-export-").FullName;
        // The export has to detect the implementation that is not the machine's default.
        space.Restore(Tool, Docker);
    }

    public string Folder { get; }

    public string Tool => backend == IptablesBackend.Nft ? "iptables-nft" : "iptables-legacy";

    /// <summary>The tables after the module itself has applied the rules.</summary>
    public static async Task<string> InvokedAsync(IptablesBackend backend, IReadOnlyList<FirewallRule> rules)
    {
        using var host = new ExportedSpace(backend);
        await using var shell = host.space.Open();
        await new DockerHost(shell).ApplyAsync(before => Plan.From(rules, before, new PlanOptions { CreateChain = true, Force = true }), new CollectingSink(), CancellationToken.None);
        return host.Save();
    }

    public string File(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    /// <summary>All rules and our chains of both families and implementations, each with its table.</summary>
    public string Save() => string.Join('\n', new[] { "iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy" }.SelectMany(Lines));

    private IEnumerable<string> Lines(string tool)
    {
        var table = "";
        foreach (var line in space.Run(tool + "-save").Split('\n'))
        {
            if (line.StartsWith('*'))
                table = line;
            else if (line.StartsWith("-A", StringComparison.Ordinal) || line.StartsWith(":DNH", StringComparison.Ordinal))
                yield return $"{line.Split(" [")[0]}  ({tool} {table})";
        }
    }

    /// <summary>Runs a command inside; returns its output and its exit code.</summary>
    public async Task<(int ExitCode, string Said)> RunAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", space.Name, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }

    public async Task<string> RunOkAsync(params string[] command)
    {
        var (code, said) = await RunAsync(command);
        Assert.True(code == 0, string.Create(CultureInfo.InvariantCulture, $"{string.Join(' ', command)}: {code} {said}"));
        return said;
    }

    public void Dispose()
    {
        space.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
