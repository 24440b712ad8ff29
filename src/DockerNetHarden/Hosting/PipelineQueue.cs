using System.Collections.Concurrent;
using System.Threading.Channels;
using DockerNetHarden.Hosts;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>
/// The one queue between workers and the pipeline thread. Workers never wait to post, so a pipeline thread that reads no more blocks nobody. There is nothing
/// to dispose: a worker that outlives a stopped command may still post.
/// </summary>
/// <param name="hosts">How many hosts are worked on.</param>
/// <param name="throttle">How many of them at once.</param>
/// <param name="danger">Why a plan needs a question beyond -Confirm; null where it needs none.</param>
internal sealed class PipelineQueue(int hosts, int throttle, Func<Plan, string?> danger) : IFleetSink
{
    private const string Caption = "DockerNetHarden";

    private readonly Channel<PipelineMessage> _messages = Channel.CreateUnbounded<PipelineMessage>();
    private readonly ConcurrentDictionary<string, bool> _failed = new(StringComparer.Ordinal);
    private int _done;

    /// <summary>Whether any host had an error until now.</summary>
    public bool HasFailures => !_failed.IsEmpty;

    /// <exception cref="OperationCanceledException">The command was stopped.</exception>
    public IEnumerable<PipelineMessage> Read(CancellationToken stop) => _messages.Reader.ReadAllAsync(stop).ToBlockingEnumerable(stop);

    public void Complete() => _messages.Writer.TryComplete();

    public void Write(object value) => Post(new PipelineMessage.Output(value));

    public void Result(InvocationResult result) => Write(result);

    public void Failure(string host, Exception error)
    {
        _failed[host] = true;
        Post(new PipelineMessage.Error(ErrorRecords.From(error, host)));
    }

    public void Warning(string host, string message) => Post(new PipelineMessage.Warning($"{host}: {message}"));

    public void Trace(string host, string message) => Post(new PipelineMessage.Verbose($"{host}: {message}"));

    /// <summary>Counts a host that is done, well or not.</summary>
    public void HostDone()
    {
        var done = Interlocked.Increment(ref _done);
        // One host needs no bar: its result comes as soon.
        if (hosts > 1)
            Post(new PipelineMessage.Progress(done, Math.Min(throttle, hosts - done), hosts));
    }

    /// <summary>The closing line: how many hosts did well, and which did not.</summary>
    public void Summarize()
    {
        if (hosts > 1)
        {
            var failed = _failed.Keys.Order(StringComparer.Ordinal).ToList();
            Post(new PipelineMessage.Verbose(
                $"{hosts - failed.Count} of {hosts} hosts done{(failed.Count == 0 ? "." : $"; with an error: {string.Join(", ", failed)}.")}"));
        }
    }

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => AskAsync(
        $"On {host}, lines that go out (-) and in (+):\n{plan.Diff}",
        $"Change the firewall of {host}? Lines that go out (-) and in (+):\n{plan.Diff}",
        danger(plan), stop);

    /// <summary>Asks before files of a host are changed.</summary>
    public Func<PersistencePlan, CancellationToken, Task<bool>> AskToSave(string host) => (plan, stop) => AskAsync(
        $"On {host}, files that are written (+) and that go (-):\n{plan.Diff}",
        $"Change what {host} loads at its next start? Files that are written (+) and that go (-):\n{plan.Diff}",
        null, stop);

    private void Post(PipelineMessage message) => _messages.Writer.TryWrite(message);

    public async Task<bool> AskAsync(string description, string query, string? danger, CancellationToken stop)
    {
        var question = new PipelineMessage.Question(description, query, Caption, danger);
        Post(question);
        // A worker must not wait for an answer that nobody will give any more.
        return await question.Reply.Task.WaitAsync(stop).ConfigureAwait(false);
    }
}
