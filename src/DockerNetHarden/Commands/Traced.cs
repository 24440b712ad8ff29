using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Commands;

/// <summary>A row of an answer, with the object that is emitted for it.</summary>
internal sealed record Traced(AccessRow Row, AccessTrace Trace)
{
    public TraceQuestion Question => Row.Parts[0].Question;

    public AccessPart Part => Row.Parts[0].Part;

    /// <summary>All rows of a host's answers to a request; anything that cannot be asked there is an error if it was requested.</summary>
    public static IReadOnlyList<Traced> All(TraceRequest request, AnalysedHost host, bool isDetailed, PipelineQueue queue)
    {
        if (host.Snapshot.DockerError is { } error)
        {
            queue.Failure(host.Name, error);
            return [];
        }
        foreach (var warning in host.Snapshot.Warnings.Concat(host.Snapshot.Unread.Select(part => $"{part.Key} was not read, and what depends on it is Unknown: {part.Value}")))
            queue.Warning(host.Name, warning);
        var questions = TraceQuestions.Of(request, host.Snapshot);
        foreach (var problem in questions.Problems)
        {
            if (problem.IsAskedFor)
                queue.Failure(host.Name, CommandFailure.CannotTrace(problem));
            else
                queue.Warning(host.Name, problem.Message);
        }
        var answers = new AccessAnswers(new PacketWalk(host.Snapshot));
        return [.. AccessRow.Of(questions.All.SelectMany(answers.Of), isDetailed).Select(row => new Traced(row, AccessTrace.From(host.Name, row)))];
    }
}

/// <summary>Tries real connections for parts of an answer, and records how they ended.</summary>
internal static class TraceProbes
{
    public static async Task<IReadOnlyList<Traced>> AddAsync(IReadOnlyList<Traced> parts, AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        var attempts = parts.Select(part => Choose(part, host)).ToList();
        var possible = attempts.Where(attempt => attempt.Probe is not null).ToList();
        if (possible.Count > ProbeProgram.MostProbes)
            queue.Warning(host.Name, $"Only the first {ProbeProgram.MostProbes} of {possible.Count} parts of the answer were tried with real connections; ask about fewer destinations or networks to try all.");
        var sent = possible.Take(ProbeProgram.MostProbes).ToList();
        var results = await host.Live!.ProbeAsync([.. sent.Select(attempt => attempt.Probe!)], stop).ConfigureAwait(false);
        foreach (var network in attempts.Where(attempt => !attempt.HasContainer).Select(attempt => attempt.Part.Question.Network).Distinct(StringComparer.Ordinal))
            queue.Warning(host.Name, $"The network '{network}' has no running container that is on no other network, so nothing was tried from there: start one (docker run --rm -d --network {network} IMAGE sleep 60).");
        foreach (var reason in results.Where(result => result.Outcome == ProbeOutcome.Failed).Select(result => result.Detail).Distinct(StringComparer.Ordinal))
            queue.Warning(host.Name, $"A connection could not be tried: {reason}");
        // The results are in the order of the attempts.
        var outcomes = new Queue<ProbeResult>(results);
        return [.. attempts.Select(attempt => attempt.Part with { Trace = Outcome(attempt, outcomes) })];
    }

    private sealed record Attempt(Traced Part, bool HasContainer, ConnectionProbe? Probe);

    private static Attempt Choose(Traced part, AnalysedHost host)
    {
        var containers = ProbeChoice.Containers(part.Question, host.Snapshot);
        return new Attempt(part, containers.Count > 0, ProbeChoice.Find(containers, part.Question, part.Part));
    }

    private static AccessTrace Outcome(Attempt attempt, Queue<ProbeResult> outcomes) =>
        !attempt.HasContainer ? attempt.Part.Trace.With(null, new ProbeResult(ProbeOutcome.NoContainer))
        : attempt.Probe is not null && outcomes.TryDequeue(out var result) ? attempt.Part.Trace.With(attempt.Probe, result)
        : attempt.Part.Trace;
}
