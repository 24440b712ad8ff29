using System.Text;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>What is made of replies; the replies are written here, no command is run.</summary>
public sealed class DockerHostTests
{
    private const string Nft = "iptables v1.8.9 (nf_tables)";
    private const string Legacy = "iptables v1.8.9 (legacy)";
    private const string Empty = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    private const string Docker = "*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n[1:2] -A FORWARD -j DOCKER-USER\nCOMMIT\n";

    private static ShellSection Section(string name, string text = "", int exitCode = 0, string errors = "") => new(name, exitCode, Encoding.UTF8.GetBytes(text), errors);

    private static ShellSection Tools(params (string Name, string Version)[] tools) =>
        Section("tools", string.Concat(tools.Select(static tool => $"{tool.Name}\t/usr/sbin/{tool.Name}\t{tool.Version}\n")));

    private static Task<HostSnapshot> ReadAsync(IDockerSource? docker, params ShellSection[] sections) =>
        new DockerHost(new Replies([Section("id", "1000\n"), .. sections]), docker).ReadAsync(CancellationToken.None);

    private static async Task<HostException> ReadFailsAsync(params ShellSection[] sections) =>
        await Assert.ThrowsAsync<HostException>(() => ReadAsync(null, sections));

    [Fact]
    public async Task A_snapshot_holds_what_the_sections_say()
    {
        var container = new DockerContainer { Id = "c", Name = "c", Dns = [Cidr.Parse("10.0.0.9")] };
        var docker = new Source(() => (new DockerEngine { Version = "20.10.24", ApiVersion = "1.41" }, [], [container]));
        var snapshot = await ReadAsync(
            docker, Tools(("iptables", Nft), ("ip6tables", Nft), ("iptables-nft", Nft), ("iptables-legacy", Legacy)), Section("save4", Docker), Section("save6", Empty), Section("save4-legacy", ""),
            Section("links", " lo: 0\neth0: 0\n"), Section("addresses", "2: eth0    inet 10.0.0.5/24 scope global\n"), Section("resolv", "nameserver 127.0.0.53\n"),
            Section("resolv-systemd", "nameserver 10.0.0.2\n"), Section("daemon", "{\"dns\":[\"10.0.0.8\"]}"), Section("session", "192.0.2.7 5 10.0.0.5 22\n192.0.2.7 dev eth0\n"));
        Assert.Equal("tested", snapshot.HostName, StringComparer.Ordinal);
        Assert.Equal(new IptablesTool(IptablesBackend.Nft, Nft, "iptables", "ip6tables"), snapshot.Iptables);
        Assert.Equal([Family.IPv4, Family.IPv6], snapshot.Rules.Keys.Order());
        Assert.True(snapshot.Rules[Family.IPv4].HasChain("filter", "DOCKER-USER"));
        Assert.Equal(["lo", "eth0"], snapshot.Links, StringComparer.Ordinal);
        Assert.Equal([new HostAddress("eth0", Cidr.Parse("10.0.0.5"))], snapshot.Addresses);
        Assert.Equal([Cidr.Parse("10.0.0.8"), Cidr.Parse("10.0.0.9"), Cidr.Parse("10.0.0.2")], snapshot.Resolvers);
        Assert.Equal("eth0", snapshot.Session!.Link, StringComparer.Ordinal);
        Assert.Equal("20.10.24", snapshot.Engine!.Version, StringComparer.Ordinal);
        Assert.Empty(snapshot.Warnings);
    }

    [Fact]
    public async Task Docker_in_the_other_implementation_is_found_and_its_command_used()
    {
        var snapshot = await ReadAsync(
            null, Tools(("iptables", Nft), ("iptables-nft", Nft), ("iptables-legacy", Legacy), ("ip6tables", Nft), ("ip6tables-legacy", Legacy)),
            Section("save4", Empty), Section("save6", Empty), Section("save4-legacy", Docker), Section("save6-legacy", Docker));
        Assert.Equal(new IptablesTool(IptablesBackend.Legacy, Legacy, "iptables-legacy", "ip6tables-legacy"), snapshot.Iptables);
        Assert.True(snapshot.Rules[Family.IPv4].HasChain("filter", "DOCKER-USER"));
    }

    [Fact]
    public async Task A_host_without_IPv6_has_no_such_rules()
    {
        var snapshot = await ReadAsync(null, Tools(("iptables", Legacy)), Section("save4", Docker));
        Assert.Null(snapshot.Iptables.Prefix6);
        Assert.Equal(Family.IPv4, Assert.Single(snapshot.Rules).Key);
    }

    [Fact]
    public async Task Docker_that_cannot_be_asked_is_said_in_the_snapshot()
    {
        var error = new DockerException(DockerFailure.DaemonDown, "nobody answers");
        var snapshot = await ReadAsync(new Source(() => throw error), Tools(("iptables", Nft)), Section("save4", Empty));
        Assert.Same(error, snapshot.DockerError);
        Assert.Null(snapshot.Engine);
    }

    [Fact]
    public async Task What_is_not_needed_for_every_task_is_a_warning()
    {
        var snapshot = await ReadAsync(
            null, Tools(("iptables", Nft), ("iptables-legacy", Legacy)), Section("save4", Docker), Section("daemon", "{oops"), Section("save4-legacy", "", 1, "modprobe: not found"));
        Assert.Equal(2, snapshot.Warnings.Count);
        Assert.Contains("iptables-legacy", snapshot.Warnings[0], StringComparison.Ordinal);
        Assert.Contains("daemon.json", snapshot.Warnings[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_iptables_is_said() => Assert.Equal(HostFailure.IptablesMissing, (await ReadFailsAsync(Tools())).Failure);

    [Theory]
    [InlineData("sudo: a password is required\n", 1)]
    [InlineData("sudo: a terminal is required to read the password; either use ...\n", 1)]
    [InlineData("/bin/sh: 1: sudo: not found\n", 127)]
    [InlineData("iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n", 4)]
    public async Task No_right_is_said_with_the_way_out(string errors, int exitCode)
    {
        var error = await ReadFailsAsync(Tools(("iptables", Nft)), Section("save4", "", exitCode, errors));
        Assert.Equal(HostFailure.NoPermission, error.Failure);
        Assert.Equal(exitCode, error.ExitCode);
        Assert.Contains("user id 1000", error.Message, StringComparison.Ordinal);
        Assert.Contains("NOPASSWD", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 1, "boom", "boom")]
    [InlineData("# Table `filter' is incompatible, use 'nft' tool.\n", 0, "", "nft list ruleset")]
    [InlineData("*filter\n:INPUT ACCEPT [0:0]\nnonsense\nCOMMIT\n", 0, "", "nonsense")]
    public async Task Rules_that_cannot_be_read_are_an_error_never_an_empty_rule_set(string text, int exitCode, string errors, string said)
    {
        foreach (var section in new[] { "save4", "save6" })
        {
            var error = await ReadFailsAsync(
                Tools(("iptables", Nft), ("ip6tables", Nft)), Section("save4", string.Equals(section, "save4", StringComparison.Ordinal) ? text : Empty, section is "save4" ? exitCode : 0, errors),
                Section("save6", section is "save6" ? text : Empty, section is "save6" ? exitCode : 0, errors));
            Assert.Equal(HostFailure.UnreadableRules, error.Failure);
            Assert.Contains(said, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_comment_that_says_incompatible_is_a_comment()
    {
        var rules = "*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -m comment --comment \"this is incompatible\" -j ACCEPT\nCOMMIT\n";
        Assert.Single((await ReadAsync(null, Tools(("iptables", Nft)), Section("save4", rules))).Rules[Family.IPv4]["filter", "INPUT"]);
    }

    [Theory]
    [InlineData(4, "iptables-nft-restore v1.8.9 (nf_tables): \nline 4: CHAIN_ADD failed (Device or resource busy): chain X", true)]
    [InlineData(1, "iptables-restore: Bad rule (does a matching rule exist in that chain?).", true)]
    [InlineData(4, "Another app is currently holding the xtables lock; waited 10s but it is still there.", true)]
    [InlineData(1, "iptables: Resource temporarily unavailable.", true)]
    [InlineData(2, "Chain 'NOPE' does not exist", false)]
    public async Task A_refused_step_says_whether_to_try_again(int exitCode, string errors, bool transient)
    {
        var outcome = await ApplyAsync(Section("step-1"), Section("step-2", "", exitCode, errors), Section("undo-1"), Section("save4", Empty));
        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Equal((1, exitCode, errors, transient, false), (outcome.FailedStep!.Value, outcome.ExitCode!.Value, outcome.Errors, outcome.IsTransient, outcome.UndoFailed));
    }

    [Fact]
    public async Task An_undo_that_failed_is_said_and_not_tried_again()
    {
        var outcome = await ApplyAsync(Section("step-1"), Section("step-2", "", 4, "busy"), Section("undo-1", "", 1, "gone"), Section("save4", Empty));
        Assert.True(outcome.UndoFailed);
        Assert.False(outcome.IsTransient);
        Assert.Equal("busy\ngone", outcome.Errors, StringComparer.Ordinal);
    }

    [Fact]
    public async Task No_right_to_write_is_an_error_of_its_own()
    {
        var error = await Assert.ThrowsAsync<HostException>(() =>
            ApplyAsync(Section("step-1", "", 4, "Could not fetch rule set generation id: Permission denied (you must be root)"), Section("save4", Empty)));
        Assert.Equal(HostFailure.NoPermission, error.Failure);
    }

    [Fact]
    public async Task What_was_written_but_not_read_back_is_not_verified()
    {
        var error = await Assert.ThrowsAsync<HostException>(() => ApplyAsync(Section("step-1"), Section("step-2"), Section("save4", "", 1, "boom")));
        Assert.Equal(HostFailure.NotVerified, error.Failure);
        Assert.Contains("every step was written", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IPv6_steps_need_ip6tables() =>
        await Assert.ThrowsAsync<ArgumentException>(() => new DockerHost(new Replies([])).ApplyAsync(
            new WriteRequest { Tool = new IptablesTool(IptablesBackend.Nft, Nft, "iptables", null), Steps = [new PlanStep(Family.IPv6, "filter", "x", "y")] }, CancellationToken.None));

    private static Task<WriteOutcome> ApplyAsync(params ShellSection[] sections) => new DockerHost(new Replies(sections)).ApplyAsync(
        new WriteRequest
        {
            Tool = new IptablesTool(IptablesBackend.Nft, Nft, "iptables", null),
            Steps = [new PlanStep(Family.IPv4, "filter", "a", "b"), new PlanStep(Family.IPv4, "mangle", "c", "d")],
        },
        CancellationToken.None);

    private sealed class Replies(IReadOnlyList<ShellSection> sections) : IShell
    {
        public string HostName => "tested";

        public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop) => Task.FromResult(new ShellReply(sections));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Source(Func<(DockerEngine, IReadOnlyList<DockerNetwork>, IReadOnlyList<DockerContainer>)> answer) : IDockerSource
    {
        public async Task<(DockerEngine Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers)> ReadAsync(CancellationToken stop)
        {
            await Task.Yield();
            return answer();
        }
    }
}
