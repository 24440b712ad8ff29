using DockerNetHarden.Analysis;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Matching;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Lab.Tests.Analysis;

/// <summary>Every verdict of a trace, compared with a real connection.</summary>
internal static class TraceAgainstPackets
{
    /// <summary>Asks about all networks; fails if a verdict is unknown, or is not what a connection from one of the containers meets.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">Its host, as it is now.</param>
    /// <param name="targets">The targets.</param>
    /// <param name="ports">The TCP ports, a trace each.</param>
    /// <param name="leads">Whether a question's containers have a route beyond their bridge; they all have if it is null.</param>
    /// <returns>How many verdicts a connection confirmed; it proves nothing about a port on which nobody listens.</returns>
    public static async Task<int> TraceEqualsPacketsAsync(this LabHost lab, HostSnapshot host, IReadOnlyList<string> targets, IReadOnlyList<string> ports, Func<TraceQuestion, bool>? leads = null)
    {
        var walk = new PacketWalk(host);
        var asked = new List<(TraceQuestion Question, AccessPart Part, ConnectionProbe Probe)>();
        foreach (var question in ports.SelectMany(port => TraceQuestions.Of(new TraceRequest().To([.. targets]).With(port, "tcp"), host).All))
        {
            foreach (var part in walk.Ask(question.Packets, question.Query.InInterface))
            {
                Assert.True(part.Verdict != Verdict.Unknown, $"{question.Network} -> {question.Target}: unknown, {part.Reason}");
                if (ProbeChoice.Find(ProbeChoice.Containers(question, host), question, part) is { } probe)
                    asked.Add((question, part, probe));
            }
        }
        var wrong = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var confirmed = 0;
        var names = host.Containers.ToDictionary(container => container.Id, container => container.Name, StringComparer.Ordinal);
        // The lab's own prober instead of the product's: hundreds of dropped packets take no longer than one.
        await Parallel.ForEachAsync(asked.DistinctBy(each => each.Probe), new ParallelOptions { MaxDegreeOfParallelism = 128 }, async (each, stop) =>
        {
            var (question, part, probe) = each;
            var seen = await lab.AskAsync(names[probe.ContainerId], probe.Address.ToShortString(), probe.Port, ProbeProtocol.Tcp, stop: stop);
            var confirms = new DockerNetHarden.Hosts.Probing.ProbeResult(seen.Result switch
            {
                Reach.Open => ProbeOutcome.Connected,
                Reach.Refused => ProbeOutcome.Refused,
                Reach.TimedOut => ProbeOutcome.TimedOut,
                Reach.Unreachable => leads?.Invoke(question) == false ? ProbeOutcome.NoRoute : ProbeOutcome.Unreachable,
                _ => ProbeOutcome.Failed,
            }).Confirms(part.Verdict);
            if (confirms == false || seen.Result == Reach.Broken)
                wrong.Enqueue($"{question.Network} -> {probe.Address}:{probe.Port}: {part.Verdict}, but {seen.Result}");
            else if (confirms == true)
                Interlocked.Increment(ref confirmed);
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Order(StringComparer.Ordinal)));
        return confirmed;
    }
}
