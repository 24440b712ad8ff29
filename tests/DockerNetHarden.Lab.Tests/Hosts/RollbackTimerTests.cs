using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using static DockerNetHarden.Lab.Tests.Hosts.RollbackHost;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>The timer beside other writes: those of its own change, and those that hold the lock.</summary>
public sealed class RollbackTimerTests
{
    [SkippableFact]
    public async Task A_further_write_of_the_same_change_is_taken_back_too_and_what_neither_touched_stays()
    {
        using var space = await PreparedAsync(IptablesBackend.Nft);
        var before = Ours(space, IptablesBackend.Nft);
        await using var shell = space.Open();
        var host = new DockerHost(shell);
        async Task<Plan> PlanAsync(IReadOnlyList<FirewallRule> rules) => Plan.From(rules, await host.ReadAsync(CancellationToken.None), new PlanOptions { Force = true });
        async Task WriteAsync(Plan plan, RollbackArm? arm)
        {
            var outcome = await host.WriteAsync(new WriteRequest { Tool = plan.Before.Iptables, Steps = plan.Steps, Premises = plan.Premises, NewChains = plan.NewChains, Rollback = arm }, CancellationToken.None);
            Assert.Equal((WriteStatus.Written, arm is not null), (outcome.Status, outcome.RollbackArmed));
        }
        var custom = await PlanAsync([New[0]]);
        var arm = RollbackArm.For(custom, new RollbackOptions(TimeSpan.FromSeconds(5)));
        await WriteAsync(custom, arm);
        var smtp = await PlanAsync(new SmtpRate { Network = new NetworkReference("apps", "apps0", [Cidr.Parse("172.18.0.0/16")]) }.Rules().ToList());
        arm = arm.With(smtp);
        await WriteAsync(smtp, arm);
        // And a third one, after the timer may have heard of the second.
        await Task.Delay(1500);
        var six = await PlanAsync([FirewallRule.Parse("-6 -A INPUT -i docker0 -p tcp --dport 5002 -j DROP")]);
        arm = arm.With(six);
        Assert.NotEmpty(arm.More);
        await WriteAsync(six, arm);
        await WriteAsync(await PlanAsync([.. new MetadataAccess { Provider = "gcp" }.Rules()]), null);
        var changed = Ours(space, IptablesBackend.Nft);
        Assert.Contains(changed, static line => line.Contains("DNH-SMTP", StringComparison.Ordinal));
        Assert.Contains(changed, static line => line.Contains("5002", StringComparison.Ordinal));

        await UntilAsync(() => !HasTimer(arm.Id), TimeSpan.FromSeconds(20));
        static string[] Part(string[] lines, bool metadata) => [.. lines.Where(line => line.Contains("DNH-METADATA", StringComparison.Ordinal) == metadata)];
        Assert.Equal(Part(before, metadata: false), Part(Ours(space, IptablesBackend.Nft), metadata: false));
        Assert.Equal(Part(changed, metadata: true), Part(Ours(space, IptablesBackend.Nft), metadata: true));
    }

    // A rollback must not run into a write, and a write that hangs must not keep the way in closed.
    [SkippableTheory]
    [InlineData(4, false)]
    [InlineData(30, true)]
    public async Task The_timer_waits_for_the_lock_of_writers_and_three_seconds_at_most(int held, bool hangs)
    {
        using var space = await PreparedAsync(IptablesBackend.Nft);
        var before = Ours(space, IptablesBackend.Nft);
        await using var shell = space.Open();
        var result = await ApplyAsync(new DockerHost(shell), New, 2);
        var changed = Ours(space, IptablesBackend.Nft);
        // The timer itself does not hold the lock, or this would wait longer. Hosts of other tests share /run, and write for some hundredths of a second.
        using var writer = Process.Start(new ProcessStartInfo("flock", ["-w", "1", "/run", "sleep", held.ToString(System.Globalization.CultureInfo.InvariantCulture)]) { UseShellExecute = false })!;
        try
        {
            await Task.Delay(1200);
            Assert.False(writer.HasExited, "The lock was not free while the timer waited.");
            var left = result.RollbackAt!.Value.AddSeconds(1.3) - DateTimeOffset.UtcNow;
            await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            // Its time is up, but somebody is writing.
            Assert.Equal(changed, Ours(space, IptablesBackend.Nft));
            await UntilAsync(() => !HasTimer(result.RollbackId!), TimeSpan.FromSeconds(15));
            Assert.Equal(hangs, !writer.HasExited);
            Assert.Equal(before, Ours(space, IptablesBackend.Nft));
        }
        finally
        {
            if (!writer.HasExited)
                writer.Kill(entireProcessTree: true);
        }
    }
}
