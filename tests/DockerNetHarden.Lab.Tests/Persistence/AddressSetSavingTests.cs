using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hosts;
using DockerNetHarden.Persistence;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using static DockerNetHarden.Lab.Tests.Persistence.SavingTests;

namespace DockerNetHarden.Lab.Tests.Persistence;

/// <summary>Rules that ask a set of ours, saved with it and loaded again.</summary>
public sealed class AddressSetSavingTests
{
    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task Address_sets_are_loaded_before_the_lines_that_ask_them_and_kept_whole(string tool)
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        space.Restore(tool, SavingTests.Docker);
        Skip.IfNot(files.RunFor("ipset", "list", "-n").Code == 0, "needs ipset");
        // Of IPv4, whose rules stand where the test wrote Docker's chains.
        IReadOnlyList<FirewallRule> List(int count) =>
            [.. new InternalAccess { Network = new NetworkReference("apps", "apps0", [Cidr.Parse("172.18.0.0/16")]), Ranges = [.. Enumerable.Range(0, count).Select(index => Cidr.Parse(FormattableString.Invariant($"10.0.{2 * index}.0/24")))] }.Rules().Where(rule => rule.Family == Family.IPv4)];
        string Sets() => string.Join('\n', files.Run("ipset", "save").Split('\n').Where(line => line.StartsWith("add DNH-", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        await ApplyAsync(shell, List(20));
        var saver = new RuleSaver(shell);
        Assert.Equal(PersistenceStatus.Saved, (await SaveAsync(saver, PersistenceMethod.Systemd)).Status);
        var (rules, sets) = (Ours(space, tool), Sets());
        Assert.Equal(20, sets.Split('\n').Length);
        // The same list again, in sets that were made anew: nothing to write.
        await ApplyAsync(shell, List(5));
        Assert.Equal("", Sets());
        await ApplyAsync(shell, List(20));
        Assert.Equal(PersistenceStatus.Unchanged, (await SaveAsync(saver, PersistenceMethod.Systemd)).Status);

        var load = files.CommandOf("docker-net-harden.service");
        Flush(space, files, tool);
        files.Run(load);
        Assert.Equal((rules, sets), (Ours(space, tool), Sets()));
        Assert.Equal(InvocationStatus.Unchanged, (await ApplyAsync(shell, List(20))).Status);
        // What somebody took out of a set comes back, and the set of another list goes.
        files.Run("ipset", "del", sets.Split(' ')[1], sets.Split('\n')[0].Split(' ')[2]);
        files.Run(load);
        Assert.Equal(sets, Sets());
        await ApplyAsync(shell, List(30));
        files.Run(load);
        Assert.Equal((rules, sets), (Ours(space, tool), Sets()));

        var guard = files.Background(files.CommandOf("docker-net-harden-guard.service"));
        await Task.Delay(2500);
        files.Run("ipset", "flush", sets.Split(' ')[1]);
        for (var look = 0; Sets() != sets; look++)
        {
            Assert.True(look < 50, "The guard did not fill the set.");
            await Task.Delay(200);
        }
        Flush(space, files, tool);
        for (var look = 0; Sets() != sets || Ours(space, tool) != rules; look++)
        {
            Assert.True(look < 50, "The guard did not put back rules and sets.");
            await Task.Delay(200);
        }
        PrivateFiles.Stop(guard);
        // iptables.service could not make them.
        files.Shell("mkdir -p /etc/sysconfig; printf '*filter\\nCOMMIT\\n' >/etc/sysconfig/iptables");
        Assert.Contains("-Method Systemd", (await Assert.ThrowsAsync<HostException>(() => SaveAsync(saver, PersistenceMethod.IptablesServices))).Message, StringComparison.Ordinal);
    }
}
