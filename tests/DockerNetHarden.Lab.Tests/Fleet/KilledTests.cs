using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>Whatever dies, and whenever: each chain is the old one or the new one, and the next call makes the host as it should be.</summary>
[Collection(FleetCollection.Name)]
public sealed class KilledTests(FleetLab lab, ITestOutputHelper output) : IAsyncLifetime
{
    private LabHost Host => lab.Fleet.Hosts[0];

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => lab.ResetAsync();

    [FleetTheory]
    [InlineData("ssh")]
    [InlineData("shell")]
    [InlineData("restore")]
    [InlineData("cable")]
    public async Task Killed_at_a_random_moment_each_chain_is_the_old_one_or_the_new_one(string victim)
    {
        // The two forms, and none at all, and what each looks like after an undisturbed write. Many ranges, so that there is a moment to hit.
        var forms = Enumerable.Range(1, 2).Select(generation => new InternalAccess
        {
            Ranges = [.. Enumerable.Range(0, 150).Select(number => Cidr.Parse(string.Create(CultureInfo.InvariantCulture, $"10.{generation}.{number}.0/24")))],
        }).Append(null).ToArray();
        var looks = new List<SortedDictionary<string, string>>();
        var clock = new Stopwatch();
        foreach (var form in forms)
        {
            clock.Restart();
            await ApplyAsync(form);
            clock.Stop();
            looks.Add(await HostState.OursAsync(Host));
        }
        Assert.True(looks[0].Count >= 2, "The control writes one table only: nothing could be in between.");
        Assert.Empty(looks[2]);
        var random = new Random(victim.Length);
        var (current, failed) = (2, 0);
        for (var round = 0; round < FleetLab.Rounds; round++)
        {
            var next = (current + 1) % forms.Length;
            await using (var run = new FleetRun(lab.Fleet))
            {
                var applied = run.ApplyAsync([run.Open(Host.Name, connectTimeout: TimeSpan.FromSeconds(5))], PlannerOf(forms[next]));
                await StrikeAsync(victim, random, (int)clock.ElapsedMilliseconds, applied);
                await applied;
                failed += run.Sink.Failures.Count;
                Assert.All(run.Sink.Failures, failure => Assert.True(failure.Error is HostException, failure.Error.ToString()));
            }
            await QuietAsync();
            var now = await HostState.OursAsync(Host);
            foreach (var table in looks[0].Keys.Concat(now.Keys).Distinct(StringComparer.Ordinal))
            {
                var lines = now.GetValueOrDefault(table);
                Assert.True(
                    lines == looks[current].GetValueOrDefault(table) || lines == looks[next].GetValueOrDefault(table),
                    $"Round {round}: table '{table}' is neither the old one nor the new one:\n{lines}");
            }
            await ApplyAsync(forms[next]);
            Assert.Equal(looks[next], await HostState.OursAsync(Host));
            current = next;
        }
        output.WriteLine($"{failed} of {FleetLab.Rounds} kills ended a conversation, which takes {clock.ElapsedMilliseconds} ms undisturbed.");
        // If nothing ever failed, nothing was hit. A killed iptables-restore is tried again, and may succeed.
        Assert.True(failed > 0 || victim == "restore", "No kill hit a conversation.");
    }

    private static Func<HostSnapshot, Plan> PlannerOf(InternalAccess? form) =>
        form is null ? snapshot => Plan.Without(static _ => true, snapshot) : snapshot => Plan.From(form.Rules(), snapshot);

    private async Task ApplyAsync(InternalAccess? form)
    {
        await using var run = new FleetRun(lab.Fleet);
        await run.ApplyAsync([run.Open(Host.Name)], PlannerOf(form));
        Assert.True(run.Sink.SingleResult().Verified);
    }

    private async Task StrikeAsync(string victim, Random random, int duration, Task applied)
    {
        if (victim == "restore")
        {
            // It lives for milliseconds, so the test waits for it and kills it at a random moment of its life.
            var skip = random.Next(0, 4);
            while (!applied.IsCompleted)
            {
                foreach (var process in HostState.OnHost(Host, (name, arguments) => name.Contains("tables", StringComparison.Ordinal) && arguments[0].EndsWith("-restore", StringComparison.Ordinal)))
                {
                    if (skip-- > 0)
                        continue;
                    Thread.SpinWait(random.Next(0, 20_000));
                    process.Signal(Native.SigKill);
                    return;
                }
            }
            return;
        }
        // At any moment of the conversation: it has begun, and takes about as long as an undisturbed one.
        while (!applied.IsCompleted && (victim == "shell" ? Shells() : HostState.SshOf(lab.Fleet.Client)).Count == 0)
            await Task.Delay(5);
        await Task.WhenAny(applied, Task.Delay(random.Next(0, duration)));
        switch (victim)
        {
            case "ssh":
                Kill(HostState.SshOf(lab.Fleet.Client));
                break;
            case "shell":
                Kill(Shells());
                break;
            case "cable":
                await LinkAsync("down");
                Kill(HostState.SshOf(lab.Fleet.Client));
                await Task.Delay(200);
                await LinkAsync("up");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(victim), victim, "unknown");
        }
    }

    // The conversation's sh and its subshells.
    private IReadOnlyList<ProcessMark> Shells() => HostState.OnHost(Host, (name, arguments) => name == "sh" && arguments[0] == "/bin/sh" && arguments.Length <= 2);

    private static void Kill(IReadOnlyList<ProcessMark> processes)
    {
        foreach (var process in processes)
            process.Signal(Native.SigKill);
    }

    private async Task LinkAsync(string state) => (await Host.ExecAsync(["ip", "link", "set", "adm0", state])).OrThrow();

    // A program without its reader continues to its end.
    private async Task QuietAsync()
    {
        for (var attempt = 0; attempt < 500; attempt++)
        {
            if (HostState.OnHost(Host, (name, _) => name.Contains("tables", StringComparison.Ordinal)).Count == 0 && Shells().Count == 0)
                return;
            await Task.Delay(20);
        }
        throw new InvalidOperationException("The host's programs do not end.");
    }
}
