using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>Reading and writing with both backends of the real iptables, in namespaces of their own.</summary>
public sealed class DockerHostLabTests
{
    private const string DockerLike = "*filter\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\nCOMMIT\n";

    internal static string Suffix(IptablesBackend backend) => backend == IptablesBackend.Nft ? "-nft" : "-legacy";

    internal static IptablesTool Tool(IptablesBackend backend) => new(backend, "iptables", "iptables" + Suffix(backend), "ip6tables" + Suffix(backend));

    internal static PlanStep Step(string table, string address, Family family = Family.IPv4) => new(
        family, table,
        $"*{table}\n:DNH-TEST - [0:0]\n-A DNH-TEST -d {address} -m comment --comment \"DockerNetHarden:Custom\" -j DROP\nCOMMIT\n",
        $"*{table}\n:DNH-TEST - [0:0]\n-X DNH-TEST\nCOMMIT\n");

    private static PlanStep Refused() => new(Family.IPv4, "filter", "*filter\n-A INPUT -j NO-SUCH-CHAIN\nCOMMIT\n", "*filter\nCOMMIT\n");

    private static async Task<WriteOutcome> ApplyAsync(HostNamespace space, WriteRequest request)
    {
        await using var shell = space.Open();
        return await new DockerHost(shell).WriteAsync(request, CancellationToken.None);
    }

    private static string[] Texts(WriteOutcome outcome, string table, Family family = Family.IPv4) =>
        [.. outcome.Rules[family][table, "DNH-TEST"].Select(static rule => string.Join(' ', rule.Tokens))];

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task Reading_finds_the_implementation_with_Dockers_chains_and_changes_nothing(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        space.Run("ip", "link", "set", "lo", "up");
        space.Run("ip", "link", "add", "docker0", "type", "bridge");
        space.Run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0");
        space.Restore("iptables" + Suffix(backend), DockerLike);
        await using var shell = space.Open();
        var snapshot = await new DockerHost(shell).ReadAsync(CancellationToken.None);
        Assert.Equal(backend, snapshot.Iptables.Backend);
        var plainIs = space.Run("iptables", "--version").Contains("nf_tables", StringComparison.Ordinal) ? IptablesBackend.Nft : IptablesBackend.Legacy;
        Assert.Equal(backend == plainIs ? "iptables" : "iptables" + Suffix(backend), snapshot.Iptables.Prefix4);
        Assert.Single(snapshot.Rules[Family.IPv4]["filter", "DOCKER-USER"]);
        Assert.True(snapshot.Rules.ContainsKey(Family.IPv6));
        Assert.Contains("docker0", snapshot.Links, StringComparer.Ordinal);
        Assert.Contains(new HostAddress("docker0", Cidr.Parse("172.17.0.1")), snapshot.Addresses);
        // Reading must not make tables: the unused backend still has nothing.
        Assert.Equal(backend == IptablesBackend.Legacy, space.Run("nft", "list", "ruleset").Length == 0);
        Assert.Equal(backend == IptablesBackend.Nft, space.Run("cat", "/proc/net/ip_tables_names").Length == 0);
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task Native_nft_rules_in_a_table_of_iptables_are_an_error(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        space.Restore("iptables" + Suffix(backend), DockerLike);
        space.Run("iptables-nft", "-N", "NATIVE");
        space.Run("nft", "add", "rule", "ip", "filter", "NATIVE", "ct", "state", "established", "accept");
        await using var shell = space.Open();
        var read = () => new DockerHost(shell).ReadAsync(CancellationToken.None);
        if (backend == IptablesBackend.Nft)
        {
            Assert.Equal(HostFailure.UnreadableRules, (await Assert.ThrowsAsync<HostException>(read)).Failure);
            return;
        }
        // Docker is known to use the other backend: its rules are read, and the warning says what was not.
        var snapshot = await read();
        Assert.Equal(IptablesBackend.Legacy, snapshot.Iptables.Backend);
        Assert.Contains("nft list ruleset", Assert.Single(snapshot.Warnings), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task Interrupts_do_not_stop_a_write_between_its_tables(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        await using var shell = space.Open();
        var reply = await shell.RunAsync(new ShellProgram().Section("pid", "echo $$").Build(TimeSpan.FromSeconds(10)), CancellationToken.None);
        var pid = reply.Find("pid")!.Text.Trim();
        var applied = new DockerHost(shell).WriteAsync(
            new WriteRequest { Tool = Tool(backend), Steps = [.. Enumerable.Range(0, 40).Select(i => Step(i % 2 == 0 ? "filter" : "mangle", $"192.0.2.{i}/32"))] }, CancellationToken.None);
        var sent = 0;
        while (!applied.IsCompleted)
        {
            await Task.Delay(5);
            // The signals of a terminal's Ctrl-C and of the end of a connection; before the program's first line they would still end the shell.
            if (!space.Run("iptables" + Suffix(backend) + "-save").Contains("DNH-TEST", StringComparison.Ordinal))
                continue;
            space.Run("kill", "-INT", pid);
            sent++;
        }
        Assert.Equal(WriteStatus.Written, (await applied).Status);
        Assert.True(sent > 0, "No signal was sent while the program ran.");
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task Steps_of_both_families_are_written_and_read_back(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        var outcome = await ApplyAsync(space, new WriteRequest
        {
            Tool = Tool(backend),
            Premises = [new PlanPremise(Family.IPv4, "filter", ""), new PlanPremise(Family.IPv4, "mangle", ""), new PlanPremise(Family.IPv6, "filter", "")],
            NewChains = [new NewChain(Family.IPv4, "filter", "DOCKER-USER"), new NewChain(Family.IPv4, "filter", "INPUT")],
            Steps = [Step("filter", "192.0.2.1/32"), Step("mangle", "192.0.2.2/32"), Step("filter", "2001:db8::1/128", Family.IPv6)],
        });
        Assert.Equal(WriteStatus.Written, outcome.Status);
        Assert.Equal(["-d 192.0.2.1/32 -m comment --comment DockerNetHarden:Custom -j DROP"], Texts(outcome, "filter"));
        Assert.Single(Texts(outcome, "mangle"));
        Assert.Single(Texts(outcome, "filter", Family.IPv6));
        Assert.True(outcome.Rules[Family.IPv4].HasChain("filter", "DOCKER-USER"));
        Assert.Equal("", outcome.Errors);
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task The_premise_is_what_was_read_and_a_stale_one_writes_nothing(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        var tool = "iptables" + Suffix(backend);
        space.Restore(tool, DockerLike + Step("filter", "192.0.2.1/32").Restore + "*filter\n-I DOCKER-USER -m comment --comment \"DockerNetHarden\" -j DNH-TEST\nCOMMIT\n");
        var lines = string.Concat(space.Run(tool + "-save", "-t", "filter").Split('\n').Where(static line => line.Contains("DNH-", StringComparison.Ordinal)).Select(static line => line + "\n"));
        Assert.Equal(3, lines.Count(static c => c == '\n'));
        var request = new WriteRequest
        {
            Tool = Tool(backend),
            Premises = [new PlanPremise(Family.IPv4, "mangle", ""), new PlanPremise(Family.IPv4, "filter", lines)],
            NewChains = [new NewChain(Family.IPv4, "filter", "MADE-BY-US")],
            Steps = [Step("filter", "192.0.2.9/32")],
        };
        foreach (var stale in new[] { "", lines + ":DNH-X - [0:0]\n", lines[..^1], "\n" + lines })
        {
            var before = space.Run(tool + "-save", "-c");
            var outcome = await ApplyAsync(space, request with { Premises = [new PlanPremise(Family.IPv4, "mangle", ""), new PlanPremise(Family.IPv4, "filter", stale)] });
            Assert.Equal(WriteStatus.Stale, outcome.Status);
            Assert.Contains("192.0.2.1/32", Texts(outcome, "filter")[0], StringComparison.Ordinal);
            Assert.Equal(WithoutTimes(before), WithoutTimes(space.Run(tool + "-save", "-c")));
        }
        Assert.Equal(WriteStatus.Written, (await ApplyAsync(space, request)).Status);
        Assert.Contains("192.0.2.9/32", space.Run(tool + "-save"), StringComparison.Ordinal);
        if (backend == IptablesBackend.Legacy)
            Assert.DoesNotContain("mangle", space.Run("cat", "/proc/net/ip_tables_names"), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task A_step_that_is_refused_takes_those_before_it_back(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        var outcome = await ApplyAsync(space, new WriteRequest
        {
            Tool = Tool(backend),
            Steps = [Step("filter", "192.0.2.1/32"), Step("mangle", "192.0.2.2/32"), Refused(), Step("nat", "192.0.2.3/32")],
        });
        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Equal(2, outcome.FailedStep);
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains("NO-SUCH-CHAIN", outcome.Errors, StringComparison.Ordinal);
        Assert.False(outcome.UndoFailed);
        Assert.False(outcome.IsTransient);
        Assert.All(new[] { "filter", "mangle", "nat" }, table => Assert.False(outcome.Rules[Family.IPv4].HasChain(table, "DNH-TEST")));
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task A_step_that_cannot_be_taken_back_is_said(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        var outcome = await ApplyAsync(space, new WriteRequest
        {
            Tool = Tool(backend),
            Steps = [Step("filter", "192.0.2.1/32"), Step("mangle", "192.0.2.2/32") with { Inverse = "*mangle\n-X NO-SUCH-CHAIN-EITHER\nCOMMIT\n" }, Refused()],
        });
        Assert.True(outcome.UndoFailed);
        // The one before it was taken back all the same.
        Assert.False(outcome.Rules[Family.IPv4].HasChain("filter", "DNH-TEST"));
        Assert.True(outcome.Rules[Family.IPv4].HasChain("mangle", "DNH-TEST"));
    }

    private static string[] WithoutTimes(string save) => [.. save.Split('\n').Where(static line => !line.StartsWith('#'))];
}
