using System.Globalization;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>Far ends that send what no program prints, do not read, or die where nobody expects it.</summary>
[Collection(TimedCollection.Name)]
public sealed class HostileShellTests
{
    private static ShellScript Script([System.Diagnostics.CodeAnalysis.ConstantExpected] string code) => new ShellProgram().Section("only", code).Build(ShellFacts.Patience);

    private static async Task<HostException> FailsAsync(IShell shell, ShellScript script) =>
        await Assert.ThrowsAsync<HostException>(() => shell.RunAsync(script, CancellationToken.None));

    [Fact]
    public async Task A_host_that_sends_without_end_is_stopped()
    {
        await using var shell = new ProcessShell("tested", "/bin/sh", []) { ReplyLimit = 1_000_000 };
        var error = await FailsAsync(shell, Script("cat /dev/zero"));
        Assert.Equal(HostFailure.BadReply, error.Failure);
        Assert.Contains("1000000 bytes", error.Message, StringComparison.Ordinal);
        Assert.Equal("again\n", (await shell.RunAsync(Script("echo again"), CancellationToken.None)).Find("only")!.Text);
    }

    [Theory]
    [InlineData("frame done", "'only' must still come")]
    [InlineData("frame 'begin only'; frame 'end only 0'; frame 'begin more'; frame 'end more 0'; frame done", "or they differ")]
    public async Task A_reply_that_is_not_the_programs_is_refused(string output, string reason)
    {
        // Answers in the program's place, with its nonce.
        await using var shell = new ProcessShell("tested", "/bin/sh", ["-c", """
            IFS= read -r first; n=${first#dnh_}; n=${n%%(*}
            frame() { printf '\n@%s %s\n' "$n" "$1"; }
            eval "$0"
            { frame 'begin only'; frame 'end only 0'; frame done; } >&2
            cat >/dev/null
            """, output]);
        var error = await FailsAsync(shell, new ShellProgram().Section("only", "true").Section("more", "true", when: "false").Build(ShellFacts.Patience));
        Assert.Equal(HostFailure.BadReply, error.Failure);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shell_that_is_killed_before_its_first_frame_is_a_lost_connection()
    {
        await using var shell = new ProcessShell("tested", "/bin/sh", ["-c", "kill -9 $$"]);
        var error = await FailsAsync(shell, Script("true"));
        Assert.Equal(HostFailure.ConnectionLost, error.Failure);
        Assert.Contains("killed by signal 9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shell_that_ends_between_two_programs_was_a_shell_all_the_same()
    {
        await using var shell = ShellFacts.Open("/bin/sh");
        await shell.RunAsync(Script("true"), CancellationToken.None);
        await shell.RunAsync(new ShellProgram().Section("only", "true").Do("(sleep 0.1; kill -9 $$) &").Build(ShellFacts.Patience), CancellationToken.None);
        await Task.Delay(500);
        Assert.Equal(HostFailure.ConnectionLost, (await FailsAsync(shell, Script("true"))).Failure);
    }

    [Theory]
    [InlineData("-CommandTimeout", false)]
    [InlineData("-CommandTimeout", true)]
    [InlineData("-IdleTimeout", true)]
    [InlineData("stop", false)]
    [InlineData("stop", true)]
    public async Task A_far_end_that_does_not_read_a_long_program_is_given_up(string how, bool changes)
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var time = TimeSpan.FromSeconds(1);
        await using var shell = new ProcessShell("tested", "/bin/sh", ["-c", "sleep 300 & echo $! >\"$0.new\"; mv \"$0.new\" \"$0\"; wait", folder["pid"]])
        {
            Timeouts = how switch { "-CommandTimeout" => new ShellTimeouts { Command = time }, "-IdleTimeout" => new ShellTimeouts { Idle = time }, _ => ShellTimeouts.None },
        };
        var script = new ShellProgram().Section("only", "true", data: [new string('x', 8_000_000)]).Build(TimeSpan.FromMinutes(5), changes);
        var running = shell.RunAsync(script, stop.Token);
        while (!File.Exists(folder["pid"]))
            await Task.Delay(10);
        if (how is "stop")
        {
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(TimeSpan.FromSeconds(30)));
        }
        else
        {
            var error = await Assert.ThrowsAsync<HostException>(() => running.WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Equal(HostFailure.Timeout, error.Failure);
            Assert.Contains("did not read all of the program", error.Message, StringComparison.Ordinal);
            Assert.Contains(how, error.Message, StringComparison.Ordinal);
        }
        Assert.False(ShellFacts.Lives(int.Parse(await File.ReadAllTextAsync(folder["pid"]), CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task A_change_that_was_sent_is_brought_to_its_end()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        await using var shell = ShellFacts.Open("/bin/sh");
        var running = shell.RunAsync(new ShellProgram().Section("only", "echo >\"$1\"; sleep 1; echo done", data: [folder["begun"]]).Build(ShellFacts.Patience, changes: true), stop.Token);
        while (!File.Exists(folder["begun"]))
            await Task.Delay(10);
        await stop.CancelAsync();
        Assert.Equal("done\n", (await running).Find("only")!.Text);
    }
}
