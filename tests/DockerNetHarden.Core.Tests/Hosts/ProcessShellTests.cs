using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

[Collection(TimedCollection.Name)]
public sealed class ProcessShellTests
{
    public static TheoryData<string> Shells => ShellFacts.Shells();

    private static ShellScript Script([System.Diagnostics.CodeAnalysis.ConstantExpected] string code, double seconds = 30, params string[] data) =>
        new ShellProgram().Section("only", code, data: data).Build(TimeSpan.FromSeconds(seconds));

    private static ProcessShell Sh([System.Diagnostics.CodeAnalysis.ConstantExpected] string command) => new("tested", "/bin/sh", ["-c", command]);

    private static async Task<HostException> FailsAsync(IShell shell, ShellScript script) =>
        await Assert.ThrowsAsync<HostException>(() => shell.RunAsync(script, CancellationToken.None));

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Output_comes_back_byte_for_byte(string shell)
    {
        var reply = await ShellFacts.RunAsync(shell, new ShellProgram()
            .Section("newline", "echo line")
            .Section("none", "printf 'no newline'; printf 'error without newline' >&2")
            .Section("empty", ":")
            .Section("newlines", """printf '\n\n\n'""")
            .Section("binary", """printf '\000\001\377\376\r\n\200@\n@ end x 0\n'"""));
        Assert.Equal("line\n", reply.Find("newline")!.Text);
        Assert.Equal("no newline", reply.Find("none")!.Text);
        Assert.Equal("error without newline", reply.Find("none")!.Errors);
        Assert.Equal(0, reply.Find("empty")!.Output.Length);
        Assert.Equal("\n\n\n", reply.Find("newlines")!.Text);
        Assert.Equal([0, 1, 255, 254, 13, 10, 128, .. "@\n@ end x 0\n"u8], reply.Find("binary")!.Output.ToArray());
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Five_megabytes_go_in_and_come_back_on_both_streams(string shell)
    {
        var line = new string('r', 99) + "\n";
        var text = string.Concat(Enumerable.Repeat(line, 50_000));
        var reply = await ShellFacts.RunAsync(shell, new ShellProgram().Section("echo", "tee /dev/fd/2", input: text).Section("after", "echo still here"));
        Assert.Equal(text, reply.Find("echo")!.Text);
        Assert.Equal(text, reply.Find("echo")!.Errors);
        Assert.Equal("still here\n", reply.Find("after")!.Text);
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Programs_follow_one_another_in_one_process(string shell)
    {
        await using var opened = ShellFacts.Open(shell);
        var pids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            // cat must not swallow the next program on the shell's own input.
            var number = i.ToString(CultureInfo.InvariantCulture);
            var reply = await opened.RunAsync(Script("cat; echo $$; echo \"$1\"", data: number), CancellationToken.None);
            var lines = reply.Find("only")!.Text.Split('\n');
            pids.Add(lines[0]);
            Assert.Equal(number, lines[1]);
        }
        Assert.Single(pids.Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Programs_that_are_asked_for_at_once_take_turns()
    {
        await using var opened = ShellFacts.Open("/bin/sh");
        var replies = await Task.WhenAll(Enumerable.Range(0, 10).Select(i =>
            opened.RunAsync(Script("echo \"$1\"", data: i.ToString(CultureInfo.InvariantCulture)), CancellationToken.None)));
        Assert.Equal(Enumerable.Range(0, 10).Select(static i => $"{i}\n"), replies.Select(static reply => reply.Find("only")!.Text), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Forty_conversations_wait_side_by_side()
    {
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 40).Select(static async _ =>
        {
            await using var opened = ShellFacts.Open("/bin/sh");
            await opened.RunAsync(Script("sleep 1"), CancellationToken.None);
        }));
        // One after another they would take 40 seconds.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"It took {watch.Elapsed}.");
    }

    [Fact]
    public async Task Noise_around_the_frames_is_ignored()
    {
        await using var shell = Sh("""printf 'Welcome!\nno newline at the end'; printf 'motd' >&2; exec /bin/sh""");
        var reply = await shell.RunAsync(Script("echo mine; (sleep 0.2; echo late) &"), CancellationToken.None);
        Assert.Equal("mine\n", reply.Find("only")!.Text);
        Assert.Equal("", reply.Find("only")!.Errors);
        await Task.Delay(400);
        Assert.Equal("again\n", (await shell.RunAsync(Script("echo again"), CancellationToken.None)).Find("only")!.Text);
    }

    [Theory]
    [InlineData("-CommandTimeout", "i=0; while [ $i -lt 300 ]; do echo x; sleep 0.1; i=$((i + 1)); done", false)]
    [InlineData("-CommandTimeout", "i=0; while [ $i -lt 300 ]; do echo x; sleep 0.1; i=$((i + 1)); done", true)]
    [InlineData("-IdleTimeout", "echo begun; sleep 30", false)]
    [InlineData("-IdleTimeout", "echo begun; sleep 30", true)]
    public async Task What_takes_too_long_is_ended_and_the_parameter_that_allows_more_is_named(string parameter, string code, bool changes)
    {
        var watch = Stopwatch.StartNew();
        var time = TimeSpan.FromSeconds(1.5);
        await using var shell = new ProcessShell("tested", "/bin/sh", []) { Timeouts = parameter is "-IdleTimeout" ? new ShellTimeouts { Idle = time } : new ShellTimeouts { Command = time, Idle = time } };
        var error = await FailsAsync(shell, new ShellProgram().Section("only", """eval "$1" """, data: [code]).Build(TimeSpan.FromSeconds(60), changes));
        Assert.Equal(HostFailure.Timeout, error.Failure);
        // Nobody knows whether a change that was sent was made.
        Assert.Equal(changes, error.Remedy.Contains("Whether the work there was done is unknown", StringComparison.Ordinal));
        Assert.Contains("within 1.5 seconds", error.Message, StringComparison.Ordinal);
        Assert.Contains(parameter, error.Message, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1.4), TimeSpan.FromSeconds(15));
        // The next program begins a new conversation.
        Assert.Equal("again\n", (await shell.RunAsync(Script("echo again"), CancellationToken.None)).Find("only")!.Text);
    }

    [Fact]
    public async Task Silence_counts_from_the_last_byte_and_a_time_of_the_users_replaces_the_programs()
    {
        await using var shell = new ProcessShell("tested", "/bin/sh", []) { Timeouts = new ShellTimeouts { Command = TimeSpan.FromSeconds(30), Idle = TimeSpan.FromSeconds(2) } };
        var reply = await shell.RunAsync(Script("for i in 1 2 3 4 5; do echo $i; sleep 0.7; done", seconds: 1), CancellationToken.None);
        Assert.Equal("1\n2\n3\n4\n5\n", reply.Find("only")!.Text);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData(86401)]
    public void A_time_that_cannot_be_kept_is_refused(double seconds)
    {
        Assert.Contains("-CommandTimeout", Assert.Throws<ArgumentOutOfRangeException>(() => new ShellTimeouts { Command = TimeSpan.FromSeconds(seconds) }).Message, StringComparison.Ordinal);
        Assert.Contains("-IdleTimeout", Assert.Throws<ArgumentOutOfRangeException>(() => new ShellTimeouts { Idle = TimeSpan.FromSeconds(seconds) }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_executable_is_named()
    {
        await using var shell = new ProcessShell("web1", "/nonexistent/ssh", []);
        var error = await FailsAsync(shell, Script("true"));
        Assert.Equal(HostFailure.CannotStart, error.Failure);
        Assert.Contains("/nonexistent/ssh", error.Message, StringComparison.Ordinal);
        Assert.Equal("web1", error.Host);
    }

    [Fact]
    public async Task What_is_no_shell_is_said_with_what_it_printed()
    {
        await using var shell = Sh("echo 'This account is not available.'; echo reason >&2; exit 3");
        var error = await FailsAsync(shell, Script("true"));
        Assert.Equal(HostFailure.NoPosixShell, error.Failure);
        Assert.Equal(3, error.ExitCode);
        Assert.Equal("reason", error.Errors);
        Assert.Contains("This account is not available.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_reads_but_never_runs_is_no_shell()
    {
        await using var shell = new ProcessShell("tested", "/bin/cat", []);
        var error = await FailsAsync(shell, Script("true", 0.5));
        Assert.Equal(HostFailure.Timeout, error.Failure);
    }

    [Fact]
    public async Task A_shell_that_dies_in_a_section_is_a_lost_connection()
    {
        await using var shell = ShellFacts.Open("/bin/sh");
        var error = await FailsAsync(shell, Script("echo half; echo why >&2; kill -9 $$; sleep 5"));
        Assert.Equal(HostFailure.ConnectionLost, error.Failure);
        Assert.Contains("section 'only'", error.Message, StringComparison.Ordinal);
        Assert.Contains("half", error.Message, StringComparison.Ordinal);
        Assert.Equal(137, error.ExitCode);
        // The next program starts a new conversation.
        Assert.Equal("again\n", (await shell.RunAsync(Script("echo again"), CancellationToken.None)).Find("only")!.Text);
    }

    [Fact]
    public async Task A_shell_that_ends_before_it_read_a_long_program_is_reported_at_once()
    {
        await using var shell = Sh("exit 9");
        var watch = Stopwatch.StartNew();
        var error = await FailsAsync(shell, Script("true", data: new string('x', 3_000_000)));
        Assert.Equal(HostFailure.NoPosixShell, error.Failure);
        Assert.Equal(9, error.ExitCode);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(12), $"It took {watch.Elapsed}.");
    }

    [Fact]
    public async Task A_grandchild_that_holds_the_streams_delays_the_end_by_seconds_only()
    {
        await using var shell = ShellFacts.Open("/bin/sh");
        var watch = Stopwatch.StartNew();
        var error = await FailsAsync(shell, Script("sleep 20 & kill -9 $$"));
        Assert.Equal(HostFailure.ConnectionLost, error.Failure);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), $"It took {watch.Elapsed}.");
    }

    [Fact]
    public async Task A_program_that_hangs_is_stopped_with_its_children()
    {
        using var folder = new TemporaryFolder();
        await using var shell = ShellFacts.Open("/bin/sh");
        var watch = Stopwatch.StartNew();
        var error = await FailsAsync(shell, Script("sleep 60 & echo $! > \"$1\"; wait", 0.7, folder["pid"]));
        Assert.Equal(HostFailure.Timeout, error.Failure);
        Assert.Contains("section 'only'", error.Message, StringComparison.Ordinal);
        Assert.Contains("0.7 seconds", error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(12), $"It took {watch.Elapsed}.");
        Assert.False(ShellFacts.Lives(int.Parse(await File.ReadAllTextAsync(folder["pid"]), CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Cancellation_kills_the_children_at_once()
    {
        using var folder = new TemporaryFolder();
        await using var shell = ShellFacts.Open("/bin/sh");
        using var stop = new CancellationTokenSource();
        var running = shell.RunAsync(Script("sleep 61 & echo $! > \"$1.new\"; mv \"$1.new\" \"$1\"; wait", 60, folder["pid"]), stop.Token);
        while (!File.Exists(folder["pid"]))
            await Task.Delay(10);
        var pid = int.Parse(await File.ReadAllTextAsync(folder["pid"]), CultureInfo.InvariantCulture);
        Assert.True(ShellFacts.Lives(pid));
        var watch = Stopwatch.StartNew();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(8), $"It took {watch.Elapsed}.");
        Assert.False(ShellFacts.Lives(pid));
    }

    [Fact]
    public async Task Disposing_ends_the_shell()
    {
        var shell = ShellFacts.Open("/bin/sh");
        var reply = await shell.RunAsync(Script("echo $$"), CancellationToken.None);
        var pid = int.Parse(reply.Find("only")!.Text, CultureInfo.InvariantCulture);
        Assert.True(ShellFacts.Lives(pid));
        await shell.DisposeAsync();
        Assert.False(ShellFacts.Lives(pid));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => shell.RunAsync(Script("true"), CancellationToken.None));
    }
}
