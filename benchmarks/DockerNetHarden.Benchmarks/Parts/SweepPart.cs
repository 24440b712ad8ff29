using System.Diagnostics;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Benchmarks;

/// <summary>What is computed of a host that was read, over networks and rules, with the memory that it takes. It needs no host and no root.</summary>
internal sealed class SweepPart : IPart
{
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(5);

    // Two decades are measured however long they take; what lies beyond ends when it takes long.
    private const int Asked = 200;

    public string Name => "sweep";

    public string? WhyUnavailable() => OperatingSystem.IsLinux() ? null : "needs Linux";

    public Task RunAsync(Run run)
    {
        WarmUp(TimeSpan.FromSeconds(run.Quick ? 0.3 : 5));
        foreach (var count in Sizes(run, [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]))
        {
            var bare = PaperHost.Bare(count);
            if (!Measure(run, "networks", "plan", count, () => Plan.From(Hardening.Rules, bare)))
                break;
            var hardened = PaperHost.With(bare, Hardening.Rules);
            Analyse(run, "networks", count, hardened, hardened);
        }
        stopped.Clear();
        var ten = PaperHost.Bare(10);
        var walled = PaperHost.With(ten, Hardening.Rules);
        foreach (var count in Sizes(run, [100, 200, 500, 1000, 2000, 5000, 10_000]))
        {
            var own = Hardening.Own(count);
            if (!Measure(run, "rules", "plan", count, () => Plan.From(own, ten)))
                break;
            // What a policy says of an administrator's rules is nothing.
            Analyse(run, "rules", count, PaperHost.WithLists(walled, count), PaperHost.With(ten, own));
        }
        return Task.CompletedTask;
    }

    // A small size is measured before the compiler has optimised for it, a large one after that: the slope would be too flat.
    private static void WarmUp(TimeSpan time)
    {
        var bare = PaperHost.Bare(10);
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < time;)
        {
            Plan.From(Hardening.Rules, bare);
            var host = PaperHost.With(bare, Hardening.Rules);
            HardeningAudit.Of(host);
            Trace(host);
            PolicyCapture.Of(host);
        }
    }

    private static int Trace(HostSnapshot host)
    {
        var walk = new PacketWalk(host);
        return TraceQuestions.Of(new TraceRequest(), host).All.Sum(question => walk.Ask(question.Packets, question.Query.InInterface).Count);
    }

    // Where a series ended before its last size.
    private readonly HashSet<string> stopped = new(StringComparer.Ordinal);

    private void Analyse(Run run, string over, int count, HostSnapshot host, HostSnapshot exported)
    {
        Measure(run, over, "audit", count, () => HardeningAudit.Of(host));
        Measure(run, over, "trace", count, () => Trace(host));
        Measure(run, over, "policy export", count, () => PolicyCapture.Of(exported).ToString());
        run.Add(new Measurement($"sweep.computing.{over}.peak", "the whole process, peak", "MB", count, [ProcessMemory.Peak(Environment.ProcessId)]));
        ProcessMemory.ForgetPeak(Environment.ProcessId);
    }

    // A large size that took long is the last: the next would take several times as long.
    private bool Measure(Run run, string over, string what, int count, Func<object> action)
    {
        if (stopped.Contains(what))
            return false;
        var (times, allocated) = (new List<double>(), new List<double>());
        var all = Stopwatch.StartNew();
        // Fewer rounds of what takes long, which varies less; one at least is counted.
        for (var round = 0; round <= (run.Quick ? 1 : 5) && (times.Count == 0 || all.Elapsed < 2 * Enough); round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            var clock = Stopwatch.StartNew();
            action();
            var took = clock.Elapsed;
            // The first compiles; but of what takes so long that this does not matter, it counts.
            if (round == 0 && took < Enough)
                continue;
            times.Add(took.TotalMilliseconds);
            allocated.Add((GC.GetTotalAllocatedBytes(precise: true) - before) / (double)(1 << 20));
            if (took < Enough || count < Asked)
                continue;
            stopped.Add(what);
            Run.Say($"{what} of {count} {over} took {took.TotalSeconds:0.0} s: larger ones are left out");
            break;
        }
        run.Add(new Measurement("sweep.computing." + over, what, "ms", count, times));
        run.Add(new Measurement($"sweep.computing.{over}.memory", what, "MB", count, allocated));
        return true;
    }

    private static IEnumerable<int> Sizes(Run run, int[] all) => run.Quick ? all[..3] : all;
}
