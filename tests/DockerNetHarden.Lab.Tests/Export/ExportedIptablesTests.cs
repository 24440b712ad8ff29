using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Rules;
using DockerNetHarden.Export;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Export;

/// <summary>Each export for iptables, applied by its own engine to a bare host, gives the same tables as the module itself; applied again it changes nothing.</summary>
public sealed class ExportedIptablesTests
{
    private static readonly NetworkReference Web = new("web", "web0", [Cidr.Parse("172.18.0.0/16")]);

    // Every control, bound to a known bridge, so that no host has to be read; and custom rules on several hooks.
    private static readonly IReadOnlyList<FirewallRule> Rules =
    [
        .. new MetadataAccess { Log = true }.Rules(), .. new HostAccess { Network = Web, Dns = false }.Rules(), .. new InternalAccess { Network = Web, Dns = false }.Rules(),
        .. new SmtpRate { Network = Web, PerContainer = true }.Rules(), FirewallRule.Parse("""-A DOCKER-USER -p tcp --dport 99 -m comment --comment "it is \"$(id)\" 'x' {{ 7 * 7 }} `x` \\ DNH_RULES" -j DROP"""),
        FirewallRule.Parse("-6 -t raw -A PREROUTING -i web0 -p udp --dport 99 -j DROP"), FirewallRule.Parse("-t mangle -A INPUT -i web0 -j DROP"),
    ];

    public static TheoryData<IptablesBackend> Backends => [IptablesBackend.Nft, IptablesBackend.Legacy];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task The_script_gives_what_the_module_gives_and_again_changes_nothing(IptablesBackend backend)
    {
        var expected = await ExportedSpace.InvokedAsync(backend, Rules);
        Assert.Contains("-j DNH-METADATA", expected, StringComparison.Ordinal);
        using var space = new ExportedSpace(backend);
        var before = space.Save();
        var script = space.File("rules.sh", Single(ExportFormat.Shell, Rules));

        var (code, said) = await space.RunAsync("sh", script, "--check");
        Assert.Equal(1, code);
        Assert.Contains("DNH-SMTP", said, StringComparison.Ordinal);
        Assert.Equal(before, space.Save());

        Assert.Contains("DNH-SMTP", await space.RunOkAsync("sh", script), StringComparison.Ordinal);
        Assert.Equal(expected, space.Save());
        Assert.Equal("", await space.RunOkAsync("sh", script));
        Assert.Equal("", await space.RunOkAsync("sh", script, "--check"));
        Assert.Equal(expected, space.Save());
    }

    [SkippableFact]
    public async Task The_script_works_with_busybox_and_bash_too()
    {
        Skip.IfNot(System.IO.File.Exists("/bin/busybox") || System.IO.File.Exists("/usr/bin/busybox"), "needs busybox");
        Skip.IfNot(System.IO.File.Exists("/bin/bash"), "needs bash");
        var expected = await ExportedSpace.InvokedAsync(IptablesBackend.Nft, Rules);
        foreach (var shell in new[] { new[] { "busybox", "sh" }, ["bash", "--posix"] })
        {
            using var space = new ExportedSpace(IptablesBackend.Nft);
            var script = space.File("rules.sh", Single(ExportFormat.Shell, Rules));
            await space.RunOkAsync([.. shell, script]);
            Assert.Equal(expected, space.Save());
            Assert.Equal("", await space.RunOkAsync([.. shell, script]));
        }
    }

    [SkippableTheory]
    [InlineData("-D DOCKER-USER -m comment --comment DockerNetHarden -j DNH-METADATA")]
    [InlineData("-I DOCKER-USER -j RETURN", "-D DOCKER-USER -j RETURN")]
    [InlineData("-A DOCKER-USER -m comment --comment DockerNetHarden -j DNH-SMTP")]
    [InlineData("-D DNH-METADATA.1 3")]
    [InlineData("-D DNH-METADATA 1")]
    [InlineData("-D DNH-REJECT 2")]
    [InlineData("-I DNH-METADATA -j ACCEPT")]
    public async Task The_script_mends_what_was_changed_and_leaves_what_is_not_ours(string change, string? undo = null)
    {
        using var space = new ExportedSpace(IptablesBackend.Nft);
        var script = space.File("rules.sh", Single(ExportFormat.Shell, Rules));
        await space.RunOkAsync("sh", script);
        await space.RunOkAsync("iptables-nft", "-A", "INPUT", "-s", "192.0.2.7", "-j", "DROP");
        var right = space.Save();
        await space.RunOkAsync(["iptables-nft", .. change.Split(' ')]);
        Assert.NotEqual(right, space.Save());
        Assert.NotEqual("", await space.RunOkAsync("sh", script));
        if (undo is not null)
            await space.RunOkAsync(["iptables-nft", .. undo.Split(' ')]);
        Assert.Equal(right, space.Save());
        Assert.Equal("", await space.RunOkAsync("sh", script));
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task The_restore_texts_give_what_the_module_gives_loaded_as_they_say(IptablesBackend backend)
    {
        var expected = await ExportedSpace.InvokedAsync(backend, Rules);
        using var space = new ExportedSpace(backend);
        foreach (var round in new[] { 1, 2 })
        {
            foreach (var (suffix, text) in FirewallExport.Of(ExportFormat.IptablesRestore, Rules, force: true).Texts)
            {
                var file = space.File("rules" + suffix, text);
                var load = text.Split('\n').Single(line => line.StartsWith("# Load: ", StringComparison.Ordinal))["# Load: ".Length..]
                    .Replace("FILE", file, StringComparison.Ordinal).Replace("iptables", space.Tool, StringComparison.Ordinal);
                await space.RunOkAsync("sh", "-c", load);
            }
            Assert.True(expected == space.Save(), $"Load {round} lacks {Differences(expected, space.Save())} and has {Differences(space.Save(), expected)}");
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public async Task Random_rules_of_the_whole_vocabulary_are_the_same_by_script(IptablesBackend backend)
    {
        var rules = new RandomRules(11).Take(400).Distinct().ToList();
        var expected = await ExportedSpace.InvokedAsync(backend, rules);
        using var space = new ExportedSpace(backend);
        var script = space.File("rules.sh", Single(ExportFormat.Shell, rules));
        await space.RunOkAsync("sh", script);
        Assert.Equal(expected, space.Save());
        var again = await space.RunOkAsync("sh", script);
        Assert.True(again.Length == 0, Differences(again, space.Save()));
    }

    // The lines that the script wants and that the kernel prints differently.
    private static string Differences(string wanted, string there) =>
        string.Join('\n', wanted.Split('\n').Select(line => line.Split("  (")[0]).Where(line => line.StartsWith("-A", StringComparison.Ordinal)).Except(there.Split('\n').Select(line => line.Split("  (")[0]), StringComparer.Ordinal).Take(20));

    private static string Single(ExportFormat format, IReadOnlyList<FirewallRule> rules) => Assert.Single(FirewallExport.Of(format, rules, force: true).Texts).Text;
}
