using System.Collections.Concurrent;
using DockerNetHarden.Analysis;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Matching;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Lab.Tests.Engines;

/// <summary>Holds a trace's answers against real connections of a lab.</summary>
internal sealed class TraceProof(LabHost lab, HostSnapshot host)
{
    private readonly PacketWalk _walk = new(host);
    private readonly List<(TraceQuestion Question, AccessPart Part, ConnectionProbe Probe)> _asked = [];

    /// <summary>Whether a container of the question's network has a route beyond its bridge.</summary>
    public Func<TraceQuestion, bool> Leads { get; init; } = _ => true;

    /// <summary>Whatever a trace says of a request: nothing may be unknown, and no part of the request unasked.</summary>
    public void Ask(TraceRequest request)
    {
        var questions = TraceQuestions.Of(request, host);
        Assert.DoesNotContain(questions.Problems, problem => problem.IsAskedFor);
        foreach (var question in questions.All)
        {
            foreach (var part in _walk.Ask(question.Packets, question.Query.InInterface))
            {
                Assert.True(part.Verdict != Verdict.Unknown, $"{question.Network} -> {question.Target}:{request.Ports}: unknown, {part.Reason}");
                if (ProbeChoice.Find(ProbeChoice.Containers(question, host), question, part) is { } probe)
                    _asked.Add((question, part, probe));
            }
        }
    }

    /// <summary>Tries a connection for each answer that one can prove; fails if one ends otherwise.</summary>
    /// <returns>How many answers were confirmed.</returns>
    public async Task<int> ConfirmAsync()
    {
        var wrong = new ConcurrentQueue<string>();
        var confirmed = 0;
        var names = host.Containers.ToDictionary(container => container.Id, container => container.Name, StringComparer.Ordinal);
        // The lab's own prober instead of the product's: hundreds of dropped packets take no longer than one.
        await Parallel.ForEachAsync(_asked.DistinctBy(each => each.Probe), new ParallelOptions { MaxDegreeOfParallelism = 128 }, async (each, stop) =>
        {
            var (question, part, probe) = each;
            var seen = await lab.AskAsync(names[probe.ContainerId], probe.Address.ToShortString(), probe.Port, ProbeProtocol.Tcp, stop: stop);
            var confirms = new DockerNetHarden.Hosts.Probing.ProbeResult(seen.Result switch
            {
                Reach.Open => ProbeOutcome.Connected,
                Reach.Refused => ProbeOutcome.Refused,
                Reach.TimedOut => ProbeOutcome.TimedOut,
                Reach.Unreachable => Leads(question) ? ProbeOutcome.Unreachable : ProbeOutcome.NoRoute,
                _ => ProbeOutcome.Failed,
            }).Confirms(part.Verdict);
            if (confirms == false || seen.Result == Reach.Broken)
                wrong.Enqueue($"{question.Network} {names[probe.ContainerId]} -> {probe.Address}:{probe.Port}: {part.Verdict}, but {seen.Result}");
            else if (confirms == true)
                Interlocked.Increment(ref confirmed);
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Order(StringComparer.Ordinal)));
        return confirmed;
    }
}
