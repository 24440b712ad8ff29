using System.Diagnostics;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts.Ssh;

/// <summary>What is made of ssh's words and exit codes. A script plays ssh with words that OpenSSH 9.2 was seen to print.</summary>
[Collection(TimedCollection.Name)]
public sealed class SshShellTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("Host key verification failed.", HostFailure.UnknownHostKey, "ssh -p 2222 root@web1")]
    [InlineData("No ED25519 host key is known for [web1]:2222 and you have requested strict checking.\nHost key verification failed.", HostFailure.UnknownHostKey, "fingerprint")]
    [InlineData("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key for web1 has changed and you have requested strict checking.\nHost key verification failed.", HostFailure.ChangedHostKey, "ssh-keygen -R '[web1]:2222'")]
    // ssh ends its own lines with CR and LF; a host's words can hold anything.
    [InlineData("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nThe fingerprint is\r\n\u001b[2Jtrust me\rok\u0085\r\nHost key verification failed.\r", HostFailure.ChangedHostKey, "@; The fingerprint is; \\u001b[2Jtrust me; ok\\u0085; Host key verification failed.")]
    [InlineData("root@web1: Permission denied (publickey,password).", HostFailure.AuthenticationFailed, "-KeyFilePath")]
    [InlineData("Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures", HostFailure.AuthenticationFailed, "ssh-agent")]
    [InlineData("ssh: Could not resolve hostname web1: Name or service not known", HostFailure.CannotResolve, "DNS")]
    [InlineData("ssh: connect to host web1 port 2222: Connection refused", HostFailure.Unreachable, "sshd listens")]
    [InlineData("ssh: connect to host web1 port 2222: Connection timed out", HostFailure.Unreachable, "sshd listens")]
    [InlineData("ssh: connect to host web1 port 2222: Network is unreachable", HostFailure.Unreachable, "sshd listens")]
    [InlineData("Connection timed out during banner exchange", HostFailure.Unreachable, "sshd listens")]
    [InlineData("kex_exchange_identification: read: Connection reset by peer", HostFailure.Unreachable, "sshd listens")]
    [InlineData("command-line: line 0: Bad configuration option: foo", HostFailure.CannotStart, "ssh_config")]
    [InlineData("something else", HostFailure.Unreachable, "ssh -v")]
    public async Task What_ssh_says_becomes_a_failure_with_the_way_out(string said, HostFailure failure, string wayOut)
    {
        await File.WriteAllTextAsync(folder["said"], said + "\n");
        var error = await FailsAsync($"cat '{folder["said"]}' >&2; exit 255");
        Assert.Equal(failure, error.Failure);
        Assert.Equal(255, error.ExitCode);
        Assert.Equal("root@web1:2222", error.Host);
        Assert.Contains(wayOut, error.Message, StringComparison.Ordinal);
        Assert.Contains(said.Split('\r', '\n')[0], error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.DoesNotContain(error.Errors!, static letter => char.IsControl(letter) && letter is not '\n');
    }

    [Theory]
    [InlineData("echo 'This account is not available.' >&2; exit 1", "This account is not available.")]
    [InlineData("echo 'only backups here'; exit 0", "only backups here")]
    [InlineData("echo err >&2; printf 'line 1\\nline 2\\033[2J\\n'; exit 2", "It said: err; line 1; line 2\\u001b[2J.")]
    [InlineData("exit 127", "It printed no reason.")]
    public async Task A_forced_command_is_no_shell_and_what_it_said_is_shown(string command, string said)
    {
        var error = await FailsAsync(command);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.Equal(HostFailure.NoPosixShell, error.Failure);
        Assert.Contains("authorized_keys", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_says_nothing_is_given_up_in_the_time_to_connect()
    {
        var watch = Stopwatch.StartNew();
        var error = await FailsAsync("exec sleep 60", TimeSpan.FromSeconds(1));
        Assert.Equal(HostFailure.Unreachable, error.Failure);
        Assert.Contains("within 1 seconds", error.Message, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_slow_program_is_no_slow_connection()
    {
        await using var shell = await OpenAsync("exec /bin/sh", TimeSpan.FromMilliseconds(100));
        var reply = await shell.RunAsync(new ShellProgram().Section("slow", "sleep 2; echo done").Build(ShellFacts.Patience), CancellationToken.None);
        Assert.Equal("done\n", reply.Find("slow")!.Text);
    }

    [Fact]
    public async Task An_end_within_the_conversation_is_a_lost_connection_whatever_was_said()
    {
        await using var shell = await OpenAsync("sh; echo 'Timeout, server web1 not responding. Connection refused' >&2; exit 255");
        var error = await Assert.ThrowsAsync<HostException>(() => shell.RunAsync(new ShellProgram().Section("only", "kill -9 $$").Build(ShellFacts.Patience), CancellationToken.None));
        Assert.Equal(HostFailure.ConnectionLost, error.Failure);
    }

    [Fact]
    public async Task A_machine_without_ssh_is_told_so()
    {
        await using var shell = ProcessShell.BySsh(SshTarget.Parse("web1"), executable: folder["no-ssh"]);
        var error = await Assert.ThrowsAsync<HostException>(() => shell.RunAsync(new ShellProgram().Section("only", "true").Build(ShellFacts.Patience), CancellationToken.None));
        Assert.Equal(HostFailure.CannotStart, error.Failure);
        Assert.Contains("OpenSSH", error.Message, StringComparison.Ordinal);
        Assert.Contains("No such file or directory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ssh_gets_the_arguments_one_by_one()
    {
        var target = SshTarget.Parse("root@web1:2222", options: [new("User", "a 'b' $c")]);
        await using var shell = await OpenAsync($"for a; do printf '%s\\n' \"$a\"; done >'{folder["arguments"]}'; exec /bin/sh", target: target);
        await shell.RunAsync(new ShellProgram().Section("only", "true").Build(ShellFacts.Patience), CancellationToken.None);
        Assert.Equal(target.Arguments, await File.ReadAllLinesAsync(folder["arguments"]));
    }

    private async Task<HostException> FailsAsync(string script, TimeSpan? connectTimeout = null)
    {
        await using var shell = await OpenAsync(script, connectTimeout);
        return await Assert.ThrowsAsync<HostException>(() => shell.RunAsync(new ShellProgram().Section("only", "true").Build(ShellFacts.Patience), CancellationToken.None));
    }

    private async Task<ProcessShell> OpenAsync(string script, TimeSpan? connectTimeout = null, SshTarget? target = null)
    {
        var program = await folder.AddProgramAsync("ssh", script);
        return ProcessShell.BySsh(target ?? SshTarget.Parse("root@web1:2222", connectTimeout: connectTimeout), executable: program);
    }
}
