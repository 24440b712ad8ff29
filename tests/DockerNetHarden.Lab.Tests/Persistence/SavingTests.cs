using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Lab.Tests.Hosts;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Persistence;

/// <summary>Saving, loading and taking back on a real kernel, by each method, without Docker: the test writes Docker's chains itself.</summary>
public sealed class SavingTests
{
    internal const string Docker = "*filter\n:DOCKER-USER - [0:0]\n:DOCKER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -j DOCKER\n-A DOCKER-USER -j RETURN\nCOMMIT\n";

    private static readonly IReadOnlyList<FirewallRule> Rules =
        [.. new MetadataAccess().Rules(), FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5000 -j DROP"), FirewallRule.Parse("-6 -A INPUT -i docker0 -p tcp --dport 5000 -j DROP")];

    [SkippableTheory]
    [InlineData("iptables-nft")]
    [InlineData("iptables-legacy")]
    public async Task What_is_saved_is_loaded_again_and_taken_back_completely(string tool)
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        space.Restore(tool, Docker);
        Skip.IfNot(files.RunFor("ipset", "create", "bad", "hash:net").Code == 0, "needs ipset");
        files.Run("ipset", "add", "bad", "10.9.0.0/16");
        await ApplyAsync(shell, [.. Rules, FirewallRule.Parse("-A DOCKER-USER -m set --match-set bad dst -j DROP")]);
        var saver = new RuleSaver(shell);

        var planned = await saver.SaveAsync(PersistenceMethod.Systemd, (_, _) => Task.FromResult(false), CancellationToken.None);
        Assert.Equal((PersistenceStatus.Planned, false), (planned.Status, planned.Enabled));
        Assert.NotEqual(0, files.RunFor("ls", "/etc/docker-net-harden").Code);
        var saved = await SaveAsync(saver, PersistenceMethod.Systemd);
        Assert.Equal((PersistenceStatus.Saved, true, "docker-net-harden.service"), (saved.Status, saved.Enabled, saved.Unit));
        Assert.Equal(PersistenceStatus.Unchanged, (await SaveAsync(saver, PersistenceMethod.Systemd)).Status);
        Assert.Equal("600 root", files.Run("stat", "-c", "%a %U", "/etc/docker-net-harden/saved").Trim());

        var applied = Ours(space, tool);
        Flush(space, files, tool);
        Assert.Empty(Ours(space, tool));
        // Twice: the second time there is nothing to do.
        files.Run(files.CommandOf("docker-net-harden.service"));
        Assert.Equal(applied, Ours(space, tool));
        Assert.DoesNotContain("written", files.RunFor(files.CommandOf("docker-net-harden.service")).Errors, StringComparison.Ordinal);
        Assert.Equal(applied, Ours(space, tool));
        Assert.Contains("10.9.0.0/16", files.Run("ipset", "list", "bad"), StringComparison.Ordinal);
        // Before Docker has started: the jump that engines find and keep or, in older engines, never make.
        Assert.Equal(1, space.Run(tool + "-save").Split('\n').Count(line => line == "-A FORWARD -j DOCKER-USER"));

        var removed = await saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None);
        Assert.Equal((PersistenceStatus.Removed, 4), (removed.Status, removed.Files.Count));
        Assert.Equal("", files.Shell("find /etc/docker-net-harden /etc/systemd/system/ -name '*docker-net-harden*' 2>/dev/null; ls -d /etc/docker-net-harden 2>/dev/null || :"));
        Assert.Equal(applied, Ours(space, tool));
        Assert.Equal(PersistenceStatus.Unchanged, (await saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None)).Status);
    }

    // A folder that is mounted for reading only: it is among the last to be removed, and the first to be written.
    [SkippableTheory]
    [InlineData("/etc/docker-net-harden")]
    [InlineData("/etc/systemd/system")]
    public async Task What_cannot_all_be_removed_or_written_stays_as_it_was(string folder)
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        space.Restore("iptables-nft", Docker);
        await ApplyAsync(shell, Rules);
        var saver = new RuleSaver(shell);
        await SaveAsync(saver, PersistenceMethod.Systemd);
        const string Look = "find /etc/docker-net-harden /etc/systemd/system -name '*dnh*' -o -name '*docker-net-harden*' | sort | while read -r f; do echo \"$f $(stat -c '%a %s' \"$f\") $(cat \"$f\" 2>/dev/null | cksum)\"; done";
        var before = files.Shell(Look);
        Assert.NotEqual("", before);
        // More to save than what is there.
        await ApplyAsync(shell, [FirewallRule.Parse("-A DOCKER-USER -d 10.8.8.8 -j DROP")]);
        files.Shell($"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}");
        var error = await Assert.ThrowsAsync<HostException>(() => saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None));
        Assert.Equal(HostFailure.SaveFailed, error.Failure);
        Assert.Contains("all of them are as they were", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, files.Shell(Look));
        if (folder is "/etc/docker-net-harden")
            Assert.Contains("all of them are as they were", (await Assert.ThrowsAsync<HostException>(() => SaveAsync(saver, PersistenceMethod.Systemd))).Message, StringComparison.Ordinal);
        Assert.Equal(before, files.Shell(Look));

        files.Shell($"umount {folder}");
        Assert.Equal(PersistenceStatus.Saved, (await SaveAsync(saver, PersistenceMethod.Systemd)).Status);
        Assert.Equal(PersistenceStatus.Removed, (await saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None)).Status);
        Assert.Equal("", files.Shell(Look.Replace("find", "find 2>/dev/null", StringComparison.Ordinal)));
    }

    // A systemctl that only writes down what it is asked, and fails as it is told.
    [SkippableTheory]
    [InlineData("", "", "stop docker-net-harden-guard.service,stop docker-net-harden.service,daemon-reload")]
    [InlineData("stop*", "5", "stop docker-net-harden-guard.service,stop docker-net-harden.service,daemon-reload")]
    [InlineData("*guard*", "1", "stop docker-net-harden-guard.service,--no-block start docker-net-harden-guard.service", "Nothing was changed")]
    [InlineData("stop docker-net-harden.service", "1", "stop docker-net-harden-guard.service,stop docker-net-harden.service,daemon-reload", "systemctl daemon-reload")]
    [InlineData("swap", "1", "stop docker-net-harden-guard.service,--no-block start docker-net-harden-guard.service", "all of them are as they were")]
    public async Task What_runs_is_stopped_before_its_files_go(string failing, string code, string asked, string? failure = null)
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using (var plain = files.Open())
        {
            space.Restore("iptables-nft", Docker);
            await ApplyAsync(plain, Rules);
            await SaveAsync(new RuleSaver(plain), PersistenceMethod.Systemd);
        }
        files.Shell($"""
            mkdir -p /run/systemd/system /etc/first
            printf '%s\n' '#!/bin/sh' 'echo "$*" >>/etc/first/asked' 'case "$*" in {(failing.Length == 0 ? "never" : failing.Replace(" ", "?", StringComparison.Ordinal))}) exit {(code.Length == 0 ? "0" : code)} ;; esac' >/etc/first/systemctl
            chmod 755 /etc/first/systemctl
            """);
        if (failing is "swap")
            files.Shell("mount --bind /etc/docker-net-harden /etc/docker-net-harden && mount -o remount,ro,bind /etc/docker-net-harden");
        await using var shell = files.Open("env", "PATH=/etc/first:/usr/sbin:/usr/bin:/sbin:/bin");
        var error = await Record.ExceptionAsync(() => new RuleSaver(shell).RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None));
        Assert.Equal(asked.Split(','), files.Run("cat", "/etc/first/asked").TrimEnd('\n').Split('\n'));
        Assert.Equal(failure is null, error is null);
        Assert.Contains(failure ?? "", error?.Message ?? "", StringComparison.Ordinal);
        Assert.Equal(failing is "*guard*" or "swap", files.RunFor("ls", "/etc/systemd/system/docker-net-harden-guard.service").Code == 0);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_guard_restores_everything_if_no_table_is_left_when_it_starts_or_right_after_it_wrote(bool again)
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        Skip.IfNot(files.RunFor("nft", "--version").Code == 0, "needs nft");
        await using var shell = files.Open();
        space.Restore("iptables-nft", Docker);
        await ApplyAsync(shell, Rules);
        await SaveAsync(new RuleSaver(shell), PersistenceMethod.Systemd);
        var applied = Ours(space, "iptables-nft");
        // What nftables.service does: the tables go too, and iptables-save prints nothing at all.
        space.Run("nft", "flush", "ruleset");
        Assert.Equal("", space.Run("iptables-nft-save"));
        if (again)
        {
            // A flush after the last table that the guard writes, before it checks its work.
            files.Shell("""
                mkdir /etc/first
                for name in ip6tables-restore ip6tables-nft-restore; do
                printf '#!/bin/sh\n%s "$@"; code=$?; mkdir /etc/first/flushed 2>/dev/null && nft flush ruleset; exit $code\n' "$(command -v "$name")" >"/etc/first/$name"
                chmod 755 "/etc/first/$name"
                done
                """);
        }
        files.Background(["env", "PATH=/etc/first:/usr/sbin:/usr/bin:/sbin:/bin", .. files.CommandOf("docker-net-harden-guard.service")]);
        for (var i = 0; i < 100 && (Ours(space, "iptables-nft") != applied || (again && files.RunFor("ls", "/etc/first/flushed").Code != 0)); i++)
            await Task.Delay(100);
        Assert.Equal(applied, Ours(space, "iptables-nft"));
        Assert.Equal(again, files.RunFor("ls", "/etc/first/flushed").Code == 0);
    }

    [SkippableFact]
    public async Task Systemd_accepts_the_units()
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        Skip.IfNot(files.RunFor("systemd-analyze", "--version").Code == 0, "needs systemd-analyze");
        await using var shell = files.Open();
        space.Restore("iptables-nft", Docker);
        await ApplyAsync(shell, Rules);
        await SaveAsync(new RuleSaver(shell), PersistenceMethod.Systemd);
        // A docker.service to be ordered against: a cycle would show.
        files.Shell("printf '[Unit]\\nAfter=network-online.target docker.socket firewalld.service\\n[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/docker.service");
        var verified = files.RunFor("systemd-analyze", "verify", "docker.service", "docker-net-harden.service", "docker-net-harden-guard.service", "multi-user.target");
        Assert.Equal((0, ""), (verified.Code, string.Join('\n', verified.Errors.Split('\n').Where(line => line.Contains("docker", StringComparison.OrdinalIgnoreCase)))));
    }

    [SkippableFact]
    public async Task A_pending_rollback_prevents_saving()
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        space.Restore("iptables-nft", Docker);
        await ApplyAsync(shell, Rules);
        var waiting = await ApplyAsync(shell, [FirewallRule.Parse("-A DOCKER-USER -d 10.8.8.8 -j DROP")], 30);
        var saver = new RuleSaver(shell);
        var error = await Assert.ThrowsAsync<HostException>(() => SaveAsync(saver, PersistenceMethod.Systemd));
        Assert.Equal(HostFailure.RollbackPending, error.Failure);
        Assert.Contains(waiting.RollbackId!, error.Message, StringComparison.Ordinal);
        Assert.NotEqual(0, files.RunFor("ls", "/etc/docker-net-harden").Code);
        await RollbackConfirmation.ConfirmAsync(shell, waiting.RollbackId!, CancellationToken.None);
        Assert.Equal(PersistenceStatus.Saved, (await SaveAsync(saver, PersistenceMethod.Systemd)).Status);
    }

    [SkippableFact]
    public async Task A_host_without_rules_of_ours_has_nothing_to_save()
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        var error = await Assert.ThrowsAsync<HostException>(() => SaveAsync(new RuleSaver(shell), PersistenceMethod.Systemd));
        Assert.Equal(HostFailure.NothingToDo, error.Failure);
    }

    [SkippableFact]
    public async Task Netfilter_persistent_loads_them_after_its_own_rules_and_another_method_replaces_it()
    {
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        space.Restore("iptables-nft", Docker);
        await ApplyAsync(shell, Rules);
        var saver = new RuleSaver(shell);
        // Like iptables-persistent's own plugin: it loads whole tables, and so flushes them.
        const string Plugins = "/usr/share/netfilter-persistent/plugins.d";
        files.Shell($"mkdir -p {Plugins}; printf '#!/bin/sh\\niptables -F; iptables -X; iptables -t mangle -F; iptables -t mangle -X; ip6tables -F; ip6tables -X\\n' >{Plugins}/15-ip4tables; chmod 755 {Plugins}/15-ip4tables");
        Assert.Equal(PersistenceStatus.Saved, (await SaveAsync(saver, PersistenceMethod.NetfilterPersistent)).Status);
        var applied = Ours(space, "iptables-nft");
        // As netfilter-persistent(8) runs its plugins.
        files.Run("run-parts", "-a", "start", Plugins);
        Assert.Equal(applied, Ours(space, "iptables-nft"));

        var other = await SaveAsync(saver, PersistenceMethod.Systemd);
        Assert.Equal((PersistenceStatus.Saved, PersistenceMethod.Systemd), (other.Status, other.Method));
        Assert.Equal("15-ip4tables\n", files.Run("ls", Plugins));
    }

    [SkippableFact]
    public async Task Iptables_services_loads_them_with_the_administrators_own_rules_which_stay_byte_for_byte()
    {
        const string File = "# sample configuration for iptables service\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
            + "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n"
            + "-A FORWARD -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n";
        using var space = HostNamespace.Make();
        using var files = PrivateFiles.Of(space.Name);
        await using var shell = files.Open();
        space.Restore("iptables-nft", Docker);
        await ApplyAsync(shell, Rules);
        var saver = new RuleSaver(shell);
        await Assert.ThrowsAsync<HostException>(() => SaveAsync(saver, PersistenceMethod.IptablesServices));
        files.Run("/bin/sh", "-c", "mkdir -p /etc/sysconfig; printf '%s' \"$1\" >/etc/sysconfig/iptables", "sh", File);
        var saved = await SaveAsync(saver, PersistenceMethod.Auto);
        Assert.Equal((PersistenceStatus.Saved, PersistenceMethod.IptablesServices, false), (saved.Status, saved.Method, saved.Enabled));
        Assert.Equal(PersistenceStatus.Unchanged, (await SaveAsync(saver, PersistenceMethod.Auto)).Status);
        var applied = Ours(space, "iptables-nft");
        // Like iptables.service: whole tables, so that everything else is gone.
        files.Shell("iptables-nft -F; iptables-nft -X; iptables-restore </etc/sysconfig/iptables && ip6tables-restore </etc/sysconfig/ip6tables");
        Assert.Equal(applied, Ours(space, "iptables-nft"));
        Assert.Contains("--dport 22 -j ACCEPT", space.Run("iptables-save"), StringComparison.Ordinal);
        Assert.Equal(PersistenceStatus.Removed, (await saver.RemoveAsync((_, _) => Task.FromResult(true), CancellationToken.None)).Status);
        Assert.Equal(File, files.Run("cat", "/etc/sysconfig/iptables").Replace("*mangle\n:FORWARD ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n", "", StringComparison.Ordinal));
    }

    internal static Task<PersistenceResult> SaveAsync(RuleSaver saver, PersistenceMethod method) => saver.SaveAsync(method, (_, _) => Task.FromResult(true), CancellationToken.None);

    internal static Task<InvocationResult> ApplyAsync(IShell shell, IReadOnlyList<FirewallRule> rules, int? rollbackAfter = null) => new DockerHost(shell).ApplyAsync(
        snapshot => Plan.From(rules, snapshot, new PlanOptions { Force = true }), new CollectingSink(), CancellationToken.None,
        rollbackAfter is { } seconds ? new RollbackOptions(TimeSpan.FromSeconds(seconds)) : null);

    internal static string Ours(HostNamespace space, string tool) => string.Join('\n', new[] { tool, tool.Replace("ip", "ip6", StringComparison.Ordinal) }
        .SelectMany(command => space.Run(command + "-save").Split('\n').Where(line => line.Contains("DNH-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)));

    internal static void Flush(HostNamespace space, PrivateFiles files, string tool)
    {
        foreach (var command in new[] { tool, tool.Replace("ip", "ip6", StringComparison.Ordinal) })
        {
            foreach (var table in new[] { "filter", "mangle" })
            {
                space.Run(command, "-t", table, "-F");
                space.Run(command, "-t", table, "-X");
            }
        }
        files.Run("ipset", "destroy");
    }
}
