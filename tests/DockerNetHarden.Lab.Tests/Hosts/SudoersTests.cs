using System.Diagnostics;
using System.Text.RegularExpressions;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>The sudoers file of docs/guides/sudoers.md, with a real sudo and a real user: enough for everything that is done, and no more.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class SudoersTests : IDisposable
{
    private static readonly IReadOnlyList<FirewallRule> Old = [FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5000 -j DROP")];
    private static readonly IReadOnlyList<FirewallRule> New = [FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5001 -j DROP"), FirewallRule.Parse("-6 -A INPUT -i docker0 -p tcp --dport 5001 -j DROP")];

    private readonly string _folder = Directory.CreateTempSubdirectory("dnh-sudoers-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task With_it_a_user_can_do_all_of_it(string tool)
    {
        using var space = HostNamespace.Make();
        // No DOCKER-USER: -CreateChain makes it. Docker's nat chain shows which backend Docker uses.
        space.Restore(tool, "*nat\n:DOCKER - [0:0]\nCOMMIT\n");
        await using var shell = Open(space, Guide());
        await ApplyAsync(new DockerHost(shell), [.. Old, FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.9 -j DROP")], null);
        Assert.Contains(":DOCKER-USER", space.Run(tool + "-save"), StringComparison.Ordinal);

        var confirmed = await ApplyAsync(new DockerHost(shell, reconnect: () => Open(space, Guide())), New, 60);
        Assert.Equal(InvocationStatus.Confirmed, confirmed.Status);
        // Docker has no IPv6 chains here: those rules go to the default backend.
        Assert.Contains("--dport 5001", space.Run("ip6tables-save"), StringComparison.Ordinal);

        var waits = await ApplyAsync(new DockerHost(shell), Old, 2);
        Assert.Equal(InvocationStatus.AwaitingConfirmation, waits.Status);
        Assert.Contains("--dport 5000", space.Run(tool + "-save"), StringComparison.Ordinal);
        for (var watch = Stopwatch.StartNew(); space.Run(tool + "-save").Contains("--dport 5000", StringComparison.Ordinal); await Task.Delay(100))
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), "The user's timer did not take the change back.");
        Assert.Contains("--dport 5001", space.Run(tool + "-save"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task With_it_a_user_can_read_all_that_an_analysis_needs()
    {
        using var space = HostNamespace.Make();
        space.Run("iptables-nft", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT");
        await using var shell = Open(space, Guide());
        var whole = await new DockerHost(shell).ReadWholeAsync(CancellationToken.None);
        // No dockerd runs in this namespace and Docker was not asked: everything else is there. This user may not see whose dockerd another one is.
        Assert.Equal(["Connections"], whole.Unread.Keys.Where(part => part is not "DaemonSettings"), StringComparer.Ordinal);
        Assert.Contains("Docker", whole.Unread["Connections"], StringComparison.Ordinal);
        Assert.NotEmpty(whole.Nft!.Rules);
    }

    [SkippableFact]
    public async Task It_allows_nothing_else()
    {
        using var space = HostNamespace.Make();
        await using var shell = Open(space, Guide());
        var reply = await shell.RunAsync(new ShellProgram().Section("others", """
            id -u
            for c in 'iptables -F' 'iptables-save -t nat' 'iptables-restore' 'iptables-save -c -M /tmp/x' 'cat /etc/shadow' 'sh' 'iptables -w 10 -t filter -N OTHER' 'nft flush ruleset' 'nft list ruleset' 'ipset flush' 'conntrack -F'; do
            sudo -n $c </dev/null && echo "allowed: $c"
            done
            :
            """).Build(TimeSpan.FromSeconds(30)), CancellationToken.None);
        Assert.Equal("65534\n", reply.Find("others")!.Text);
        Assert.Equal(11, Regex.Count(reply.Find("others")!.Errors, "password is required|not allowed", RegexOptions.None, TimeSpan.FromSeconds(1)));
    }

    [SkippableFact]
    public async Task A_sudo_that_wants_a_password_is_an_error_that_says_so()
    {
        using var space = HostNamespace.Make();
        await using var shell = Open(space, "nobody ALL = (root) ALL\n");
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<HostException>(() => new DockerHost(shell).ReadAsync(CancellationToken.None));
        Assert.Equal(HostFailure.NoPermission, error.Failure);
        Assert.Contains("NOPASSWD", error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"It took {watch.Elapsed}.");
    }

    private static string Guide()
    {
        var text = DockerNetHarden.Tests.ProjectRoot.Read("docs", "guides", "sudoers.md");
        return Regex.Match(text, "(?<=^```sudoers\n).*?(?=^```$)", RegexOptions.Multiline | RegexOptions.Singleline, TimeSpan.FromSeconds(1)).Value.Replace("deploy", "nobody", StringComparison.Ordinal);
    }

    // An sh of the user nobody with another sudoers file, only in a mount namespace of its own.
    private ProcessShell Open(HostNamespace space, string sudoers)
    {
        Skip.IfNot(new[] { "/usr/bin/sudo", "/usr/sbin/visudo", "/usr/bin/setpriv", "/usr/bin/unshare" }.All(File.Exists), "needs sudo, setpriv and unshare");
        Assert.NotEmpty(sudoers);
        var file = Path.Combine(_folder, Guid.NewGuid().ToString("n"));
        File.WriteAllText(file, sudoers);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        using var check = Process.Start(new ProcessStartInfo("/usr/sbin/visudo", ["-cqf", file]))!;
        check.WaitForExit();
        Assert.Equal(0, check.ExitCode);
        return new ProcessShell(
            "sudo-host", "ip",
            ["netns", "exec", space.Name, "unshare", "-m", "/bin/sh", "-c", "mount --bind \"$1\" /etc/sudoers && exec setpriv --reuid=nobody --regid=nogroup --clear-groups /bin/sh", "sh", file]);
    }

    private static Task<InvocationResult> ApplyAsync(DockerHost host, IReadOnlyList<FirewallRule> rules, int? seconds) => host.ApplyAsync(
        snapshot => Plan.From(rules, snapshot, new PlanOptions { Force = true, CreateChain = true, Prune = true }), new CollectingSink(), CancellationToken.None,
        seconds is { } after ? new RollbackOptions(TimeSpan.FromSeconds(after)) : null);
}
