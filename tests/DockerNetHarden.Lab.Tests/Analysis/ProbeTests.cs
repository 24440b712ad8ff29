using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Analysis;

/// <summary>The product's probes, from inside real containers, against a real packet filter.</summary>
[Collection(NftCollection.Name)]
public sealed class ProbeTests(NftLab lab)
{
    private LabHost Lab => lab.Lab;

    // Each of the tools that a host may have; the first one found is used.
    [LabTheory]
    [InlineData("bash")]
    [InlineData("nc")]
    [InlineData("curl")]
    public async Task A_probe_sees_what_the_filter_does(string tool)
    {
        using var commands = new CommandFolder(tool is "bash" ? [] : tool is "nc" ? ["bash"] : ["bash", "nc"]);
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        await hardening.ApplyAsync([
            .. new MetadataAccess { Provider = "Aws" }.Rules(),
            FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5/32 -j DROP")]);
        var container = (await hardening.Host.ReadAsync(CancellationToken.None)).Containers.Single(static each => each.Name is "c0");
        await using var shell = new ProcessShell("lab", Lab.Shell[0], [.. Lab.Shell.Skip(1), "env", "PATH=" + commands.Path, "/bin/sh"]);

        var results = await ProbeProgram.RunAsync(shell, [
            To(container, LabAddresses.Web, 80), To(container, LabAddresses.Metadata, 80), To(container, "10.0.0.5", 80), To(container, LabAddresses.Web, 9),
        ], CancellationToken.None);

        Assert.Equal([ProbeOutcome.Connected, ProbeOutcome.Refused, ProbeOutcome.TimedOut, ProbeOutcome.Refused], results.Select(static result => result.Outcome));
    }

    [LabFact]
    public async Task Sixty_four_probes_that_time_out_take_as_long_as_four()
    {
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        await hardening.ApplyAsync([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.5/32 -j DROP")]);
        var container = (await hardening.Host.ReadAsync(CancellationToken.None)).Containers.Single(static each => each.Name is "c0");
        await using var shell = new ProcessShell("lab", Lab.Shell[0], [.. Lab.Shell.Skip(1), "/bin/sh"]);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var results = await ProbeProgram.RunAsync(shell, [.. Enumerable.Repeat(To(container, "10.0.0.5", 80), ProbeProgram.MostProbes)], CancellationToken.None);
        Assert.All(results, static result => Assert.Equal(ProbeOutcome.TimedOut, result.Outcome));
        Assert.InRange(clock.Elapsed.TotalSeconds, 7.5, 25);
    }

    [LabFact]
    public async Task A_host_without_any_of_the_tools_says_so()
    {
        using var commands = new CommandFolder(["bash", "nc", "curl"]);
        await using var hardening = await Hardening.Hardening.OfAsync(Lab);
        var container = (await hardening.Host.ReadAsync(CancellationToken.None)).Containers.Single(static each => each.Name is "c0");
        await using var shell = new ProcessShell("lab", Lab.Shell[0], [.. Lab.Shell.Skip(1), "env", "PATH=" + commands.Path, "/bin/sh"]);
        var result = Assert.Single(await ProbeProgram.RunAsync(shell, [To(container, LabAddresses.Web, 80)], CancellationToken.None));
        Assert.Equal(ProbeOutcome.Failed, result.Outcome);
        Assert.Contains("nc, curl", result.Detail, StringComparison.Ordinal);
    }

    private static ConnectionProbe To(DockerContainer container, string address, int port) => new(container.Id, container.Pid, Cidr.Parse(address), port);

    /// <summary>A folder for PATH with this machine's commands except some.</summary>
    private sealed class CommandFolder : IDisposable
    {
        public CommandFolder(string[] without)
        {
            foreach (var command in new[] { "/usr/local/bin", "/usr/bin", "/bin" }.Where(Directory.Exists).SelectMany(Directory.EnumerateFiles))
            {
                var link = System.IO.Path.Combine(Path, System.IO.Path.GetFileName(command));
                if (!without.Contains(System.IO.Path.GetFileName(command)) && !File.Exists(link))
                    File.CreateSymbolicLink(link, command);
            }
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("dnh-probe-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
