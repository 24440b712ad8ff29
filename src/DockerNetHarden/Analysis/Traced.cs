using DockerNetHarden.Analysis;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Commands;

/// <summary>A part of an answer, with the question that it answers and the object that is emitted of it.</summary>
internal sealed record Traced(TraceQuestion Question, AccessPart Part, AccessTrace Trace)
{
    /// <summary>All parts of the answers that a host gives to a request; what cannot be asked there is an error if it was asked for.</summary>
    public static IReadOnlyList<Traced> All(TraceRequest request, AnalysedHost host, PipelineQueue queue)
    {
        if (host.Snapshot.DockerError is { } error)
        {
            queue.Failure(host.Name, error);
            return [];
        }
        foreach (var warning in host.Snapshot.Warnings.Concat(host.Snapshot.Unread.Select(part => $"{part.Key} was not read, and what rests on it is Unknown: {part.Value}")))
            queue.Warning(host.Name, warning);
        var questions = TraceQuestions.Of(request, host.Snapshot);
        foreach (var problem in questions.Problems)
        {
            if (problem.IsAskedFor)
                queue.Failure(host.Name, CommandFailure.CannotTrace(problem));
            else
                queue.Warning(host.Name, problem.Message);
        }
        var walk = new PacketWalk(host.Snapshot);
        return [.. questions.All.SelectMany(question => walk.Ask(question.Packets, question.Query.InInterface).Select(part => new Traced(question, part, AccessTrace.From(host.Name, question, part))))];
    }
}
