using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;
using Xunit.Abstractions;
using static DockerNetHarden.Lab.Tests.Hosts.RollbackHost;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>Sets of addresses on a real kernel: made before the lines that ask them, changed, taken back, and gone with the last of them.</summary>
public sealed class AddressSetTests(ITestOutputHelper output)
{
    private static readonly NetworkReference Apps = new("apps", "apps0", [Cidr.Parse("172.18.0.0/16"), Cidr.Parse("fd01::/64")]);

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft, true)]
    [InlineData(IptablesBackend.Nft, false)]
    [InlineData(IptablesBackend.Legacy, true)]
    [InlineData(IptablesBackend.Legacy, false)]
    public async Task A_list_becomes_one_set_and_reads_back_as_the_rules_that_were_given(IptablesBackend backend, bool isControl)
    {
        using var space = Make(backend);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        var before = NotOurs(space, backend);
        // Sets of others, one with a name that begins like ours.
        space.Run("ipset", "create", "DNH-mine", "hash:ip");
        space.Run("ipset", "create", "crowdsec-blacklists-0", "hash:net", "timeout", "300");
        var list = Prefixes(20);
        var applied = await ApplyAsync(host, Rules(isControl, list), null);
        Assert.Equal((InvocationStatus.Applied, true), (applied.Status, applied.Verified));
        var first = Assert.Single(Sets(space), set => set.StartsWith("DNH-4-", StringComparison.Ordinal));
        Assert.Equal(20, space.Run("ipset", "save", first).Split('\n').Count(line => line.StartsWith("add ", StringComparison.Ordinal)));
        Assert.DoesNotContain(Ours(space, backend), line => line.Contains(list[3].ToString(), StringComparison.Ordinal));
        Assert.Equal((InvocationStatus.Unchanged, true), await Status(ApplyAsync(host, Rules(isControl, list), null)));
        await ReadsBackAsync(host, isControl, list);

        // One address less is another set; the old one goes.
        Assert.Equal((InvocationStatus.Applied, true), await Status(ApplyAsync(host, Rules(isControl, list[..19]), null)));
        Assert.DoesNotContain(first, Sets(space));
        await ReadsBackAsync(host, isControl, list[..19]);

        // A short list is lines again, and with the last rule nothing is left.
        Assert.Equal((InvocationStatus.Applied, true), await Status(ApplyAsync(host, Rules(isControl, list[..5]), null)));
        Assert.Empty(Sets(space));
        Assert.Equal((InvocationStatus.Applied, true), await Status(ApplyAsync(host, Rules(isControl, list), null)));
        Assert.Equal((InvocationStatus.Applied, true), await Status(host.ApplyAsync(snapshot => Plan.Without(_ => true, snapshot), new CollectingSink(), CancellationToken.None)));
        Assert.Empty(Sets(space));
        Assert.Empty(Ours(space, backend));
        Assert.Equal(before, NotOurs(space, backend));
        Assert.Equal(["DNH-mine", "crowdsec-blacklists-0"], space.Run("ipset", "list", "-n").Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_somebody_does_to_a_set_is_seen_and_mended(bool isControl)
    {
        using var space = Make(IptablesBackend.Nft);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        var list = Prefixes(20);
        await ApplyAsync(host, Rules(isControl, list), null);
        var set = Sets(space).First(name => name.StartsWith("DNH-4-", StringComparison.Ordinal));
        foreach (var damage in new[] { new[] { "ipset", "del", set, list[3].ToShortString() }, ["ipset", "add", set, "203.0.113.7"], ["ipset", "flush", set] })
        {
            space.Run(damage);
            var mended = await ApplyAsync(host, Rules(isControl, list), null);
            Assert.Equal((InvocationStatus.Applied, true), (mended.Status, mended.Verified));
            Assert.NotEmpty(mended.Added.Concat(mended.Removed));
            await ReadsBackAsync(host, isControl, list);
        }
        // Another rule does not take over what cannot be known.
        space.Run("ipset", "flush", set);
        Assert.Equal(HostFailure.UnreadableRules, (await Assert.ThrowsAsync<HostException>(() => ApplyAsync(host, [.. new SmtpRate { Network = Apps }.Rules(), FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.9 -j DROP").With(spec => spec.Subject = "other"), .. new InternalAccess { Network = new NetworkReference("more", "more0", [Cidr.Parse("172.20.0.0/16")]) }.Rules()], null))).Failure);
        Assert.True((await host.ApplyAsync(snapshot => Plan.Without(_ => true, snapshot), new CollectingSink(), CancellationToken.None)).Verified);
        Assert.Empty(Sets(space));
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task Not_confirmed_the_old_list_comes_back_with_its_set(IptablesBackend backend)
    {
        using var space = Make(backend);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        await ApplyAsync(host, Rules(true, Prefixes(20)), null);
        var (rules, sets) = (Ours(space, backend), Sets(space));
        var result = await ApplyAsync(host, Rules(true, Prefixes(40)), 3);
        Assert.Equal(InvocationStatus.AwaitingConfirmation, result.Status);
        Assert.NotEqual(sets, Sets(space));
        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(20));
        Assert.Equal(rules, Ours(space, backend));
        Assert.Equal(sets, Sets(space));
        Assert.Equal((InvocationStatus.Unchanged, true), await Status(ApplyAsync(host, Rules(true, Prefixes(20)), null)));
    }

    [SkippableFact]
    public async Task Without_a_list_before_nothing_is_left_of_one_that_was_not_confirmed()
    {
        using var space = Make(IptablesBackend.Nft);
        await using var shell = space.Open();
        var result = await ApplyAsync(new DockerHost(shell), Rules(true, Prefixes(20)), 3);
        Assert.NotEmpty(Sets(space));
        await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(20));
        Assert.Empty(Sets(space));
        Assert.Empty(Ours(space, IptablesBackend.Nft));
    }

    [SkippableFact]
    public async Task A_write_that_fails_leaves_no_set_and_one_that_makes_none_gets_lines()
    {
        using var space = Make(IptablesBackend.Nft);
        await using var shell = space.Open();
        // A program that refuses stands in for a kernel without ip_set.
        var folder = Directory.CreateTempSubdirectory("dnh-no-ipset-");
        try
        {
            var path = Path.Combine(folder.FullName, "ipset");
            File.WriteAllText(path, "#!/bin/sh\ncase $1 in restore) echo 'ipset v7.17: Cannot open session to kernel.' >&2; exit 1 ;; esac\nexec /usr/sbin/ipset \"$@\"\n");
            space.Run("chmod", "755", folder.FullName, path);
            await using var without = new ProcessShell(space.Name, "ip", ["netns", "exec", space.Name, "/usr/bin/env", $"PATH={folder.FullName}:/usr/sbin:/usr/bin:/sbin:/bin", "/bin/sh"]);
            var sink = new CollectingSink();
            var result = await new DockerHost(without).ApplyAsync(snapshot => Plan.From(Rules(true, Prefixes(20)), snapshot, new PlanOptions { Force = true }), sink, CancellationToken.None);
            Assert.Equal((InvocationStatus.Applied, true), (result.Status, result.Verified));
            Assert.Contains(sink.Warnings, warning => warning.Contains("Cannot open session to kernel", StringComparison.Ordinal));
            Assert.Empty(Sets(space));
            Assert.Contains(Ours(space, IptablesBackend.Nft), line => line.Contains(Prefixes(20)[3].ToString(), StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        // With ipset the same rules move into sets.
        Assert.Equal((InvocationStatus.Applied, true), await Status(ApplyAsync(new DockerHost(shell), Rules(true, Prefixes(20)), null)));
        Assert.NotEmpty(Sets(space));
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft, true)]
    [InlineData(IptablesBackend.Nft, false)]
    [InlineData(IptablesBackend.Legacy, true)]
    [InlineData(IptablesBackend.Legacy, false)]
    public async Task Ten_thousand_prefixes_are_applied_and_removed(IptablesBackend backend, bool isControl)
    {
        using var space = Make(backend);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        var rules = Rules(isControl, Prefixes(10_000));
        var watch = Stopwatch.StartNew();
        Assert.Equal((InvocationStatus.Applied, true), await Status(ApplyAsync(host, rules, null)));
        output.WriteLine($"applied: {watch.ElapsedMilliseconds} ms");
        Assert.InRange(Ours(space, backend).Length, 3, 40);
        watch.Restart();
        Assert.Equal((InvocationStatus.Unchanged, true), await Status(ApplyAsync(host, rules, null)));
        output.WriteLine($"again: {watch.ElapsedMilliseconds} ms");
        watch.Restart();
        Assert.True((await host.ApplyAsync(snapshot => Plan.Without(_ => true, snapshot), new CollectingSink(), CancellationToken.None)).Verified);
        output.WriteLine($"removed: {watch.ElapsedMilliseconds} ms");
        Assert.Empty(Sets(space));
    }

    [SkippableFact]
    public async Task In_nftables_a_persons_own_list_is_named_sets_and_reads_back_as_the_rules_that_were_given()
    {
        using var space = HostNamespace.Make();
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        // Whole prefixes, their halves, and neighbours that are no halves of one: one set with intervals would put them together.
        List<Cidr> list = [.. Enumerable.Range(0, 40).SelectMany(index => new[] { $"10.7.{index}.0/24", $"10.7.{index}.0/25", $"10.7.{index}.128/25" }).Select(Cidr.Parse)];
        string Table() => space.Run("nft", "list", "table", "inet", "docker_net_harden");
        async Task<InvocationResult> SendAsync(IReadOnlyList<Cidr> prefixes) =>
            await host.ApplyAsync(snapshot => Plan.From(Rules(false, prefixes), snapshot, new PlanOptions { Backend = FirewallBackend.Nftables }), new CollectingSink(), CancellationToken.None);
        foreach (var part in new[] { list, list[..90], [.. list.AsEnumerable().Reverse().Skip(3)] })
        {
            var applied = await SendAsync(part);
            Assert.Equal((InvocationStatus.Applied, true), (applied.Status, applied.Verified));
            Assert.Equal(InvocationStatus.Unchanged, (await SendAsync(part)).Status);
            Assert.InRange(Table().Split('\n').Count(line => line.Contains("DockerNetHarden:Custom", StringComparison.Ordinal)), 2, 18);
            await ReadsBackAsync(host, false, part);
        }
        // A short list is lines again.
        Assert.True((await SendAsync(list[..5])).Verified);
        Assert.DoesNotContain("set ip_", Table(), StringComparison.Ordinal);
        Assert.True((await SendAsync(list)).Verified);
        var set = Table().Split('\n').First(line => line.Contains("set ip_", StringComparison.Ordinal)).Trim().Split(' ')[1];
        space.Run("nft", "flush", "set", "inet", "docker_net_harden", set);
        Assert.NotEmpty(RulePresence.Problems(Rules(false, list), await host.ReadAsync(CancellationToken.None)));
        Assert.True((await SendAsync(list)).Verified);
        await ReadsBackAsync(host, false, list);
        Assert.True((await host.ApplyAsync(snapshot => Plan.Without(_ => true, snapshot), new CollectingSink(), CancellationToken.None)).Verified);
        Assert.DoesNotContain("docker_net_harden", space.Run("nft", "list", "tables"), StringComparison.Ordinal);
    }

    private static HostNamespace Make(IptablesBackend backend)
    {
        var space = HostNamespace.Make();
        Skip.IfNot(File.Exists("/usr/sbin/ipset"), "needs ipset");
        space.Restore(Tool(backend), Foreign);
        return space;
    }

    // No two of them can be put together.
    private static List<Cidr> Prefixes(int count) => [.. Enumerable.Range(0, count).Select(index => Cidr.Parse(FormattableString.Invariant($"10.{index / 100}.{index % 100 * 2}.0/{(index % 3 == 0 ? 32 : 24)}")))];

    private static IReadOnlyList<FirewallRule> Rules(bool isControl, IReadOnlyList<Cidr> list) => isControl ? new InternalAccess { Network = Apps, Ranges = list, Dns = false }.Rules()
        : [.. list.Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -d {prefix} -j DROP"))];

    private static async Task ReadsBackAsync(DockerHost host, bool isControl, IReadOnlyList<Cidr> list)
    {
        var snapshot = await host.ReadAsync(CancellationToken.None);
        var there = InstalledRule.ReadAll(snapshot).Where(rule => rule is { IsOurs: true, Family: Family.IPv4 }).Select(rule => rule.Rule?.ToString()).ToHashSet();
        Assert.Equal(Rules(isControl, list).Where(rule => rule.Family == Family.IPv4).Select(rule => (string?)rule.ToString()).ToHashSet(), there);
        Assert.DoesNotContain(RulePresence.Problems(Rules(isControl, list), snapshot), problem => problem.Contains("is not there", StringComparison.Ordinal));
    }

    private static async Task<(InvocationStatus Status, bool Verified)> Status(Task<InvocationResult> result) => ((await result).Status, (await result).Verified);

    private static List<string> Sets(HostNamespace space) => [.. space.Run("ipset", "list", "-n").Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(AddressSet.IsOurs).Order(StringComparer.Ordinal)];
}
