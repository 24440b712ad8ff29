using System.Collections.Concurrent;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>The one queue between workers and the pipeline thread. Workers never wait to post, so a pipeline thread that reads no more blocks nobody.</summary>
internal sealed class PipelineQueue : IFleetSink, IDisposable
{
    private const string Caption = "DockerNetHarden";

    private readonly BlockingCollection<PipelineMessage> _messages = [];

    /// <summary>Why a plan needs a question beyond -Confirm; null where it needs none.</summary>
    public Func<Plan, string?> Danger { get; set; } = _ => null;

    public IEnumerable<PipelineMessage> Read() => _messages.GetConsumingEnumerable();

    public void Complete() => _messages.CompleteAdding();

    public void Write(object value) => _messages.Add(new PipelineMessage.Output(value));

    public void Result(InvocationResult result) => Write(result);

    public void Failure(string host, Exception error) => _messages.Add(new PipelineMessage.Error(ErrorRecords.From(error, host)));

    public void Warning(string host, string message) => _messages.Add(new PipelineMessage.Warning($"{host}: {message}"));

    public void Trace(string host, string message) => _messages.Add(new PipelineMessage.Verbose($"{host}: {message}"));

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => AskAsync(
        $"On {host}, lines that go out (-) and in (+):\n{plan.Diff}",
        $"Change the firewall of {host}? Lines that go out (-) and in (+):\n{plan.Diff}",
        Danger(plan), stop);

    public async Task<bool> AskAsync(string description, string query, string? danger, CancellationToken stop)
    {
        var question = new PipelineMessage.Question(description, query, Caption, danger);
        _messages.Add(question, CancellationToken.None);
        // A worker must not wait for an answer that nobody will give any more.
        return await question.Reply.Task.WaitAsync(stop).ConfigureAwait(false);
    }

    public void Dispose() => _messages.Dispose();
}
