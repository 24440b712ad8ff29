using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>An iptables-restore that is killed, before or after its commit: what the error says is what stands on the host.</summary>
public sealed class KilledRestoreTests
{
    private const string Docker = "*filter\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n";

    // Kills itself at the rules for one table: $2 is where in the first call, $3 where in the calls after it, the undo.
    private const string Wrapper = """
        f=$(mktemp); cat >"$f"
        w=never
        if grep -q '^\*TABLE$' "$f" && grep -q DNH- "$f"; then
        if [ -e "$0.fired" ]; then w=LATER; else w=FIRST; : >"$0.fired"; fi
        fi
        [ "$w" != before ] || kill -9 $$
        REAL "$@" <"$f"; r=$?
        rm -f "$f"
        [ "$w" != after ] || kill -9 $$
        exit "$r"
        """;

    [SkippableTheory]
    [InlineData("nft", "filter", "before", "never")]
    [InlineData("nft", "filter", "after", "never")]
    [InlineData("nft", "mangle", "before", "never")]
    [InlineData("nft", "mangle", "after", "never")]
    [InlineData("nft", "mangle", "after", "before")]
    [InlineData("nft", "filter", "after", "after")]
    [InlineData("legacy", "filter", "before", "never")]
    [InlineData("legacy", "filter", "after", "never")]
    [InlineData("legacy", "mangle", "after", "never")]
    [InlineData("legacy", "mangle", "after", "before")]
    public async Task What_the_error_says_is_what_stands(string backend, string table, string first, string later)
    {
        using var space = HostNamespace.Make();
        var tool = "iptables-" + backend;
        space.Restore(tool, Docker);
        var folder = await WrapAsync(space, tool, backend, table, first, later);
        static IReadOnlyList<FirewallRule> Own(int last) => [FirewallRule.Parse($"-A DOCKER-USER -d 10.9.9.{last} -j DROP"), FirewallRule.Parse($"-t mangle -A POSTROUTING -d 10.9.9.{last} -j DROP")];
        // On a host without rules of ours, and on one that has some.
        foreach (var more in new[] { false, true })
        {
            if (more)
            {
                await using var plain = space.Open();
                await ApplyAsync(plain, Own(1));
                foreach (var fired in Directory.GetFiles(folder, "*.fired"))
                    File.Delete(fired);
            }
            var before = Ours(space, tool);
            await using var shell = Through(space, folder);
            try
            {
                var result = await ApplyAsync(shell, [.. new MetadataAccess().Rules(), .. more ? Own(2) : []]);
                Assert.Equal(InvocationStatus.Applied, result.Status);
                Assert.NotEqual(before, Ours(space, tool));
            }
            catch (HostException error)
            {
                Assert.Contains("killed by signal 9", error.Message, StringComparison.Ordinal);
                Assert.Equal(error.Message.Contains("the host is as it was", StringComparison.Ordinal), before == Ours(space, tool));
                Assert.Equal(error.Failure == HostFailure.UndoFailed, before != Ours(space, tool));
                Assert.Equal(error.Failure == HostFailure.UndoFailed, error.Message.Contains($"IPv4 {table} is not as it was", StringComparison.Ordinal));
            }
            Assert.NotEmpty(Directory.GetFiles(folder, "*.fired"));
            // What was committed is taken back, unless that is killed as well.
            Assert.Equal(later == "before", before != Ours(space, tool));
            if (!more)
            {
                await using var plain = space.Open();
                await new DockerHost(plain).ApplyAsync(static snapshot => Plan.Without(static _ => true, snapshot), new CollectingSink(), CancellationToken.None);
            }
        }
        Directory.Delete(folder, recursive: true);
    }

    // The inverse of a removal inserts jumps: it must not run if the removal was not committed.
    [SkippableTheory]
    [InlineData("nft", "filter", "before")]
    [InlineData("nft", "filter", "after")]
    [InlineData("nft", "mangle", "before")]
    [InlineData("nft", "mangle", "after")]
    [InlineData("legacy", "filter", "before")]
    [InlineData("legacy", "filter", "after")]
    [InlineData("legacy", "mangle", "before")]
    [InlineData("legacy", "mangle", "after")]
    public async Task A_removal_that_is_killed_leaves_every_rule_and_each_jump_once(string backend, string table, string first)
    {
        using var space = HostNamespace.Make();
        var tool = "iptables-" + backend;
        space.Restore(tool, Docker);
        await using var plain = space.Open();
        await ApplyAsync(plain, [.. new MetadataAccess().Rules(), FirewallRule.Parse("-t mangle -A POSTROUTING -d 10.9.9.1 -j DROP")]);
        var before = Ours(space, tool);
        var folder = await WrapAsync(space, tool, backend, table, first, "never");
        await using var shell = Through(space, folder);
        var error = await Assert.ThrowsAsync<HostException>(() => new DockerHost(shell).ApplyAsync(static snapshot => Plan.Without(static _ => true, snapshot), new CollectingSink(), CancellationToken.None));
        Assert.Contains("the host is as it was", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Ours(space, tool));
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<string> WrapAsync(HostNamespace space, string tool, string backend, string table, string first, string later)
    {
        var folder = Directory.CreateTempSubdirectory("dnh-killed-").FullName;
        // Both names: the host's iptables may be either.
        foreach (var name in new[] { "iptables-restore", tool + "-restore" })
        {
            var real = name == tool + "-restore" || File.ResolveLinkTarget("/usr/sbin/iptables", returnFinalTarget: true)!.Name.Contains(backend, StringComparison.Ordinal) ? "/usr/sbin/" + name : null;
            if (real is null)
                continue;
            await File.WriteAllTextAsync(Path.Combine(folder, name), "#!/bin/sh\n" + Wrapper.Replace("TABLE", table, StringComparison.Ordinal).Replace("LATER", later, StringComparison.Ordinal)
                .Replace("FIRST", first, StringComparison.Ordinal).Replace("REAL", real, StringComparison.Ordinal) + "\n");
            space.Run("chmod", "755", Path.Combine(folder, name));
        }
        return folder;
    }

    private static ProcessShell Through(HostNamespace space, string folder) =>
        new(space.Name, "ip", ["netns", "exec", space.Name, "env", $"PATH={folder}:/usr/sbin:/usr/bin:/sbin:/bin", "/bin/sh"]);

    private static Task<InvocationResult> ApplyAsync(IShell shell, IReadOnlyList<FirewallRule> rules) => new DockerHost(shell).ApplyAsync(
        snapshot => Plan.From([.. rules.Where(static rule => rule.Family != Family.IPv6)], snapshot, new PlanOptions { Force = true }), new CollectingSink(), CancellationToken.None);

    private static string Ours(HostNamespace space, string tool) =>
        string.Join('\n', space.Run(tool + "-save").Split('\n').Where(static line => line.Contains("DNH-", StringComparison.Ordinal)));
}
