using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>Whoever logs in, with whatever shell, rc files and ssh_config: it works, or fails with a reason; never with an empty rule set.</summary>
[Collection(FleetCollection.Name)]
public sealed class LoginTests(FleetLab lab) : IAsyncLifetime
{
    public static TheoryData<string> Shells => [.. LabUser.Usual.Select(user => user.Name).Where(name => name.StartsWith("in-", StringComparison.Ordinal))];

    private LabHost Host => lab.Fleet.Hosts[0];

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => lab.ResetAsync();

    [FleetTheory]
    [MemberData(nameof(Shells))]
    public async Task Every_login_shell_with_noisy_rc_files_serves(string user)
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(Host.Name, user)], new HostAccess());
        Assert.True(run.Sink.SingleResult() is { Status: InvocationStatus.Applied, Verified: true });
        // Resolved with Docker's answers, which came by sudo.
        Assert.Contains("-i apps1 ", (await HostState.OursAsync(Host))["ip filter"], StringComparison.Ordinal);
    }

    [FleetFact]
    public async Task A_user_of_sudo_is_as_good_as_root()
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open("ops@" + Host.Name)], new MetadataAccess());
        Assert.Equal(InvocationStatus.Applied, run.Sink.SingleResult().Status);
        var asOps = await HostState.OursAsync(Host);
        await using var again = new FleetRun(lab.Fleet);
        await again.ApplyAsync([again.Open(Host.Name)], new MetadataAccess());
        Assert.Equal(InvocationStatus.Unchanged, again.Sink.SingleResult().Status);
        Assert.Equal(asOps, await HostState.OursAsync(Host));
    }

    [FleetFact]
    public async Task A_user_whose_sudo_wants_a_password_is_told_so_and_nothing_hangs()
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(Host.Name, "asks")], new MetadataAccess());
        var failure = run.Sink.SingleFailure();
        Assert.Equal(HostFailure.NoPermission, failure.Failure);
        Assert.Contains("password", failure.Message, StringComparison.Ordinal);
        Assert.Empty(await HostState.OursAsync(Host));
    }

    [FleetFact]
    public async Task A_forced_command_is_no_shell_and_the_error_shows_what_it_said()
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(Host.Name, "forced")], new MetadataAccess());
        var failure = run.Sink.SingleFailure();
        Assert.Equal(HostFailure.NoPosixShell, failure.Failure);
        Assert.Contains("forced command", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Only backups are taken here.", failure.Message, StringComparison.Ordinal);
        Assert.Empty(await HostState.OursAsync(Host));
    }

    [FleetFact]
    public async Task A_user_without_a_key_is_told_that_the_login_failed()
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(Host.Name, "nobody")], new MetadataAccess());
        Assert.Equal(HostFailure.AuthenticationFailed, run.Sink.SingleFailure().Failure);
    }

    [FleetTheory]
    [InlineData("remotecommand", "    RemoteCommand uptime")]
    [InlineData("tty", "    RequestTTY force")]
    [InlineData("forward", "    LocalForward 127.0.0.1:22222 127.0.0.1:80\n    ExitOnForwardFailure yes")]
    [InlineData("all", "    RemoteCommand uptime\n    RequestTTY force\n    LocalForward 127.0.0.1:22222 127.0.0.1:80\n    LogLevel DEBUG1\n    SendEnv *\n    VisualHostKey yes")]
    public async Task A_users_ssh_config_does_not_break_the_conversation(string name, string lines)
    {
        await using var run = new FleetRun(lab.Fleet, await lab.Fleet.Client.VariantAsync(name, lines, CancellationToken.None));
        await run.ApplyAsync([run.Open(Host.Name)], new MetadataAccess());
        Assert.Equal(InvocationStatus.Applied, run.Sink.SingleResult().Status);
        Assert.NotEmpty(await HostState.OursAsync(Host));
    }
}
