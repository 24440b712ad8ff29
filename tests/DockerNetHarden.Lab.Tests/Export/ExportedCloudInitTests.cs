using DockerNetHarden.Controls;
using DockerNetHarden.Export;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Export;

/// <summary>User data that cloud-init accepts, and whose early command hardens a host before Docker has left anything on it.</summary>
public sealed class ExportedCloudInitTests
{
    private static readonly IReadOnlyList<FirewallRule> Rules = [.. new MetadataAccess().Rules(), FirewallRule.Parse("""-A DOCKER-USER -p tcp --dport 99 -m comment --comment "it is {{ x }} 'y' \"z\" # a: b" -j DROP""")];

    [SkippableFact]
    public async Task Cloud_init_accepts_the_user_data()
    {
        Skip.IfNot(File.Exists("/usr/bin/cloud-init"), "needs Debian's package cloud-init");
        using var space = new ExportedSpace(IptablesBackend.Nft);
        var file = space.File("user-data", Text());
        Assert.Contains("Valid", await space.RunOkAsync("cloud-init", "schema", "--config-file", file), StringComparison.OrdinalIgnoreCase);
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task Its_early_command_hardens_a_bare_host(IptablesBackend backend)
    {
        var expected = await ExportedSpace.InvokedAsync(backend, Rules);
        using var space = new ExportedSpace(backend);
        var command = BootCommand(Text()).Replace("/etc/", space.Folder + "/etc/", StringComparison.Ordinal).Replace("/var/lib/cloud/instance/", space.Folder + "/", StringComparison.Ordinal);
        if (backend == IptablesBackend.Legacy)
            command = command.Replace("\n4 iptables\n", "\n4 iptables-legacy\n", StringComparison.Ordinal);
        var script = space.File("bootcmd", command);
        await space.RunOkAsync("sh", script);
        Assert.Equal(expected, space.Save());
        Assert.Equal("600\n", await space.RunOkAsync("stat", "-c", "%a", space.Folder + "/etc/docker-net-harden/saved"));
        // On the next boot of the same instance, the unit does the work.
        await space.RunOkAsync("iptables-nft", "-t", "mangle", "-F");
        var changed = space.Save();
        await space.RunOkAsync("sh", script);
        Assert.Equal(changed, space.Save());
    }

    private static string Text() => Assert.Single(FirewallExport.Of(ExportFormat.CloudInit, Rules).Texts).Text;

    // The literal block under bootcmd, as a YAML reader reads it.
    private static string BootCommand(string text)
    {
        var lines = text.Split('\n').SkipWhile(line => line is not "bootcmd:").Skip(2).TakeWhile(line => line.Length == 0 || line.StartsWith("    ", StringComparison.Ordinal));
        return string.Join('\n', lines.Select(line => line.Length == 0 ? "" : line[4..])) + "\n";
    }
}
