using System.Text;
using DockerNetHarden.Core.Tests.Docker;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>Code that runs beside a program's sections, so that a host works on both at once.</summary>
[Collection(TimedCollection.Name)]
public sealed class BesideTests
{
    private const string UntilThere = """while ! [ -e "$p" ]; do sleep 0.01; done""";

    public static TheoryData<string> Shells => ShellFacts.Shells();

    // Each waits for the other: one after the other, whichever came first would wait for ever.
    [Theory]
    [MemberData(nameof(Shells))]
    public async Task It_runs_at_the_same_time_as_the_sections(string shell)
    {
        using var folder = new TemporaryFolder();
        var reply = await ShellFacts.RunAsync(shell, new ShellProgram()
            .Section("where", """p=$1; printf '%s' "$p" """, data: [folder["mark"]], subshell: false)
            .Beside(UntilThere + "\n" + """printf seen; : >"$p.too" """, "")
            .Section("mark", """: >"$p"; while ! [ -e "$p.too" ]; do sleep 0.01; done""")
            .Note("known", "V=$p")
            .Section("read", "cat <&8"));
        Assert.Equal(folder["mark"], reply.Find("where")!.Text);
        Assert.Equal(folder["mark"], reply.Find("known")!.Text);
        Assert.Equal("seen", reply.Find("read")!.Text);
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Its_input_and_output_are_its_own(string shell)
    {
        // More than a pipe holds, in both directions.
        var input = string.Concat(Enumerable.Range(0, 40_000).Select(static i => $"line {i} $HOME `x`\n"));
        await using var opened = ShellFacts.Open(shell);
        foreach (var program in new[]
        {
            new ShellProgram().Beside("cat; printf 'lost\n' >&2", input).Section("own", "cat; printf own", input: "mine\n").Section("none", "cat").Section("read", "cat <&8", then: "x=kept").Note("after", "V=$x"),
            new ShellProgram().Section("next", "printf next"),
        })
        {
            var reply = await opened.RunAsync(program.Build(ShellFacts.Patience), CancellationToken.None);
            if (reply.Find("next") is { } next)
            {
                Assert.Equal("next", next.Text);
                continue;
            }
            Assert.Equal(["mine\nown", "", input, "kept"], reply.Sections.Select(static section => section.Text), StringComparer.Ordinal);
            Assert.All(reply.Sections, static section => Assert.Equal("", section.Errors));
        }
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task A_program_with_it_that_is_cut_at_any_byte_does_nothing(string shell)
    {
        using var folder = new TemporaryFolder();
        var bytes = Encoding.UTF8.GetBytes(new ShellProgram().Section("where", "p=$1", data: [folder["mark"]], subshell: false).Beside(""": >"$p" """, "input\n").Section("a", """: >"$p" """).Build(ShellFacts.Patience).Text);
        await Parallel.ForAsync(0, bytes.Length - 1, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (length, _) =>
        {
            var output = await ShellFacts.FeedAsync(shell, bytes.AsMemory(0, length));
            Assert.True(output.Length == 0, $"{shell} printed after {length} of {bytes.Length} bytes: {output}");
        });
        Assert.False(File.Exists(folder["mark"]));
        Assert.Contains("end a 0", await ShellFacts.FeedAsync(shell, bytes), StringComparison.Ordinal);
        Assert.True(File.Exists(folder["mark"]));
    }

    [Fact]
    public void A_program_has_one_at_most() =>
        Assert.Throws<InvalidOperationException>(() => new ShellProgram().Beside("cat", "").Beside("cat", ""));

    // An engine takes longest for its configuration, and iptables-save for itself: neither waits for the other.
    [PerlFact]
    public async Task Docker_is_asked_while_the_host_is_read()
    {
        using var folder = new TemporaryFolder();
        await using var engine = new CancellingEngine();
        await folder.AddProgramAsync("nc", $": >'{folder["asked"]}'\np='{folder["read"]}'\n{UntilThere}\n" + HeldInputTests.HalfCloser + HeldInputTests.Ends);
        await using var opened = new ProcessShell("far", "/usr/bin/env", ["-i", "PATH=" + folder.Path + ":/usr/bin:/bin", "DOCKER_HOST=unix://" + engine.SocketPath, "/bin/sh"]);
        await using var docker = HostDocker.Over(opened);
        var program = new ShellProgram();
        docker.AddOverview(program, rest => rest.Section("rest", $"p=$1\n{UntilThere}\n: >\"$2\"", data: [folder["asked"], folder["read"]]));
        var reply = await opened.RunAsync(program.Build(ShellFacts.Patience), CancellationToken.None);
        Assert.Equal(["rest", "docker-nc"], reply.Sections.Select(static section => section.Name), StringComparer.Ordinal);
        var (said, _, _) = await docker.ReadAsync(reply, CancellationToken.None);
        Assert.Equal("28.0.4", said.Version);
    }

    // One that brings nothing is asked again for its reason, which the error needs; what can follow is tried as before.
    [Fact]
    public async Task What_a_netcat_says_about_its_failure_is_not_lost()
    {
        using var folder = new TemporaryFolder();
        await using var engine = new CancellingEngine();
        foreach (var name in new[] { "cat", "sleep" })
            File.CreateSymbolicLink(folder[name], "/bin/" + name);
        await folder.AddProgramAsync("nc", "echo 'nc: Permission denied' >&2; exit 1");
        await using var opened = new ProcessShell("far", "/usr/bin/env", ["-i", "PATH=" + folder.Path, "DOCKER_HOST=unix://" + engine.SocketPath, "/bin/bash", "--posix"]);
        await using var docker = HostDocker.Over(opened);
        var program = new ShellProgram().Do("PATH=${PATH%%:*}");
        docker.AddOverview(program, static rest => rest.Section("rest", "printf rest"));
        var reply = await opened.RunAsync(program.Build(ShellFacts.Patience), CancellationToken.None);
        Assert.Contains("Permission denied", reply.Find("docker-nc")!.Errors, StringComparison.Ordinal);
        Assert.Equal(DockerFailure.NoPermission, (await Assert.ThrowsAsync<DockerException>(() => docker.ReadAsync(reply, CancellationToken.None))).Failure);
    }
}
