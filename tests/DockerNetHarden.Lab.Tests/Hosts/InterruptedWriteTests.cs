using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;
using static DockerNetHarden.Lab.Tests.Hosts.DockerHostLabTests;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>What ends a write early or prevents it: a killed shell, a reader that is gone, no rights, a lock.</summary>
public sealed class InterruptedWriteTests
{
    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task A_shell_killed_in_mid_write_leaves_each_table_old_or_new(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        var tool = "iptables" + Suffix(backend);
        string Rules(string table, int generation) => $"*{table}\n:DNH-TEST - [0:0]\n"
            + string.Concat(Enumerable.Range(0, 2000).Select(i => string.Create(CultureInfo.InvariantCulture, $"-A DNH-TEST -d 10.{generation}.{i / 250}.{i % 250}/32 -j DROP\n"))) + "COMMIT\n";
        string[] tables = ["filter", "mangle", "raw"];
        foreach (var table in tables)
            space.Restore(tool, Rules(table, 0));
        var random = new Random(7);
        var mixed = 0;
        for (var generation = 1; generation <= 20; generation++)
        {
            await using var shell = space.Open();
            var host = new DockerHost(shell);
            var reply = await shell.RunAsync(new ShellProgram().Section("pid", "echo $$").Build(TimeSpan.FromSeconds(10)), CancellationToken.None);
            var pid = int.Parse(reply.Find("pid")!.Text, CultureInfo.InvariantCulture);
            var number = generation;
            var applied = host.WriteAsync(
                new WriteRequest { Tool = Tool(backend), Steps = [.. tables.Select(table => new PlanStep(Family.IPv4, table, Rules(table, number), Rules(table, 0)))] }, CancellationToken.None);
            await Task.Delay(random.Next(0, 60));
            using (var victim = Process.GetProcessById(pid))
                victim.Kill(entireProcessTree: generation % 2 == 0);
            try
            {
                await applied;
            }
            catch (HostException error)
            {
                Assert.True(error.Failure is HostFailure.ConnectionLost or HostFailure.NoPosixShell, error.Message);
            }
            var states = tables.Select(table => space.Run(tool + "-save", "-t", table).Split('\n')
                .Where(static line => line.StartsWith("-A DNH-TEST", StringComparison.Ordinal)).ToList()).ToList();
            foreach (var lines in states)
            {
                Assert.Equal(2000, lines.Count);
                Assert.Single(lines.Select(static line => line.Split(' ')[3].Split('.')[1]).Distinct(StringComparer.Ordinal));
            }
            mixed += states.Select(static lines => lines[0]).Distinct(StringComparer.Ordinal).Count() > 1 ? 1 : 0;
        }
        // Some kills must hit between tables, or this shows nothing.
        Assert.True(mixed > 0, "No kill came between two tables.");
    }

    [SkippableTheory]
    [InlineData(IptablesBackend.Nft)]
    [InlineData(IptablesBackend.Legacy)]
    public async Task A_write_whose_reader_is_gone_is_brought_to_its_end(IptablesBackend backend)
    {
        using var space = HostNamespace.Make();
        var recorder = new Recorder();
        await Assert.ThrowsAsync<HostException>(() => new DockerHost(recorder).WriteAsync(
            new WriteRequest { Tool = Tool(backend), Steps = [Step("filter", "192.0.2.1/32"), Step("mangle", "192.0.2.2/32"), Step("raw", "192.0.2.3/32")] }, CancellationToken.None));
        using var process = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", space.Name, "env", "--default-signal=PIPE", "/bin/sh"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        })!;
        // PIPE is at its default, which a test host may have changed for its children; sshd's children have it. A dying connection: both ends that the host writes to are closed before it writes the first byte.
        process.StandardOutput.Close();
        process.StandardError.Close();
        await process.StandardInput.WriteAsync(recorder.Text);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Assert.All(new[] { "filter", "mangle", "raw" }, table => Assert.Contains(":DNH-TEST", space.Run($"iptables{Suffix(backend)}-save", "-t", table), StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task A_user_without_rights_is_told_so_and_nothing_is_changed()
    {
        using var space = HostNamespace.Make();
        Skip.IfNot(File.Exists("/usr/bin/setpriv"), "needs setpriv");
        var before = space.Run("nft", "list", "ruleset");
        await using var shell = new ProcessShell("tested", "ip", ["netns", "exec", space.Name, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh"]);
        var host = new DockerHost(shell);
        Assert.Equal(HostFailure.NoPermission, (await Assert.ThrowsAsync<HostException>(() => host.ReadAsync(CancellationToken.None))).Failure);
        var write = () => host.WriteAsync(new WriteRequest { Tool = Tool(IptablesBackend.Nft), Steps = [Step("filter", "192.0.2.1/32")] }, CancellationToken.None);
        Assert.Equal(HostFailure.NoPermission, (await Assert.ThrowsAsync<HostException>(write)).Failure);
        Assert.Equal(before, space.Run("nft", "list", "ruleset"));
    }

    [SkippableFact]
    public async Task A_legacy_lock_that_is_held_for_a_while_is_waited_for()
    {
        using var space = HostNamespace.Make();
        Skip.IfNot(File.Exists("/usr/bin/flock"), "needs flock");
        // The test's own lock file (iptables uses XTABLES_LOCKFILE): the machine's is left alone.
        var file = Path.Combine(Path.GetTempPath(), space.Name + ".lock");
        using var holder = Process.Start(new ProcessStartInfo("flock", [file, "sleep", "1"]) { UseShellExecute = false })!;
        await Task.Delay(200);
        var watch = Stopwatch.StartNew();
        await using var shell = new ProcessShell("tested", "ip", ["netns", "exec", space.Name, "env", "XTABLES_LOCKFILE=" + file, "/bin/sh"]);
        var outcome = await new DockerHost(shell).WriteAsync(new WriteRequest { Tool = Tool(IptablesBackend.Legacy), Steps = [Step("filter", "192.0.2.1/32")] }, CancellationToken.None);
        Assert.Equal(WriteStatus.Written, outcome.Status);
        Assert.True(watch.Elapsed > TimeSpan.FromMilliseconds(500), $"It did not wait: {watch.Elapsed}.");
        await holder.WaitForExitAsync();
        File.Delete(file);
    }

    // Keeps the program instead of running it.
    private sealed class Recorder : IShell
    {
        internal string Text { get; private set; } = "";

        public string HostName => "recorded";

        public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
        {
            Text = script.Text;
            return Task.FromException<ShellReply>(new HostException(HostFailure.ConnectionLost, HostName, "nothing was run.", "Run it."));
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
