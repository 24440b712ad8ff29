using System.Collections.Concurrent;
using System.Management.Automation;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using DockerNetHarden.Addresses;
using DockerNetHarden.Effects;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosts;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Hosting;

/// <summary>
/// The queue between workers and the pipeline thread. Workers never wait to post, so a pipeline thread that stops reading blocks nobody. There is nothing
/// to dispose: a worker that outlives a stopped command may still post.
/// </summary>
/// <param name="hosts">How many hosts are worked on.</param>
/// <param name="throttle">How many at once.</param>
/// <param name="danger">Why a plan needs a question beyond -Confirm; null if it needs none.</param>
/// <param name="endsAtFailure">Whether a host's failure ends the command.</param>
internal sealed class PipelineQueue(int hosts, int throttle, Func<Plan, string?> danger, bool endsAtFailure) : IFleetSink
{
    private const string Caption = "DockerNetHarden";

    private readonly Channel<PipelineMessage> _messages = Channel.CreateUnbounded<PipelineMessage>();
    private readonly ConcurrentDictionary<string, string> _failed = new(StringComparer.Ordinal);

    /// <summary>How plans are shown.</summary>
    public ShownPlan Shown { get; init; } = ShownPlan.Plain;

    /// <summary>Whether the command is the last one of its pipeline: then a person reads what it emits, and a closing line belongs under it.</summary>
    public bool IsLast { get; init; }

    /// <summary>Whether any host has had an error so far.</summary>
    public bool HasFailures => !_failed.IsEmpty;

    /// <summary>The last error of each host that has had one.</summary>
    public IReadOnlyDictionary<string, string> Failures => _failed;

    /// <summary>Does what the workers ask for, on the pipeline thread, until they are done.</summary>
    /// <exception cref="OperationCanceledException">The command was stopped.</exception>
    public void DrainTo(PSCmdlet cmdlet, CancellationToken stop)
    {
        foreach (var message in _messages.Reader.ReadAllAsync(stop).ToBlockingEnumerable(stop))
        {
            switch (message)
            {
                case PipelineMessage.Output(var value):
                    cmdlet.WriteObject(value);
                    break;
                case PipelineMessage.Error(var record):
                    cmdlet.WriteError(record);
                    break;
                case PipelineMessage.Warning(var text):
                    cmdlet.WriteWarning(text);
                    break;
                case PipelineMessage.Verbose(var text):
                    cmdlet.WriteVerbose(text);
                    break;
                case PipelineMessage.Said(var text):
                    // The tag makes the console show it, as Write-Host does.
                    cmdlet.WriteInformation(new HostInformationMessage { Message = text }, ["PSHOST"]);
                    break;
                case PipelineMessage.Progress progress:
                    cmdlet.WriteProgress(progress.ToRecord(cmdlet.MyInvocation.MyCommand.Name));
                    break;
                case PipelineMessage.Question question:
                    Answer(question, cmdlet);
                    break;
            }
        }
    }

    public void Complete() => _messages.Writer.TryComplete();

    public void Write(object value) => Post(new PipelineMessage.Output(value));

    public void Failure(string host, Exception error)
    {
        if (endsAtFailure)
            ExceptionDispatchInfo.Throw(error);
        _failed[host] = error.Message;
        Post(new PipelineMessage.Error(ErrorRecords.From(error, host)));
    }

    /// <summary>An error that is about no host alone.</summary>
    public void Failure(Exception error) => Post(new PipelineMessage.Error(ErrorRecords.From(error, null)));

    /// <summary>A line for whoever reads the screen; it is not output.</summary>
    public void Say(string text) => Post(new PipelineMessage.Said(ShownText.Message(text)));

    public void Warning(string host, string message) => Post(new PipelineMessage.Warning(ShownText.Message($"{host}: {message}")));

    public void Trace(string host, string message) => Post(new PipelineMessage.Verbose(ShownText.Message($"{host}: {message}")));

    public void Done(int count)
    {
        // One host needs no progress bar: its result comes just as soon.
        if (hosts > 1)
            Post(new PipelineMessage.Progress(count, Math.Min(throttle, hosts - count), hosts));
    }

    /// <summary>The closing line: how many hosts succeeded, and which failed.</summary>
    public void Summarize()
    {
        if (hosts > 1)
        {
            var failed = _failed.Keys.Order(StringComparer.Ordinal).ToList();
            var line = $"{hosts - failed.Count} of {hosts} hosts done{(failed.Count == 0 ? "." : $"; with an error: {string.Join(", ", failed)}.")}";
            if (IsLast)
                Say(line);
            else
                Post(new PipelineMessage.Verbose(line));
        }
    }

    /// <summary>Whether a change also says what it would do to open connections.</summary>
    public bool WantsEffect => true;

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => ConfirmAsync(host, plan, "", stop);

    public Task<bool> ConfirmAsync(string host, Plan plan, ChangeEffect effect, CancellationToken stop) => ConfirmAsync(host, plan, "\n" + effect.Text, stop);

    private Task<bool> ConfirmAsync(string host, Plan plan, string effect, CancellationToken stop) => AskAsync(
        $"On {host}, rules that are removed (-) and added (+):\n{Shown.Text(plan)}{effect}",
        $"Change the firewall of {host}? Rules that are removed (-) and added (+):\n{Shown.Text(plan)}{effect}",
        danger(plan), stop);

    /// <summary>Asks before files of a host are changed.</summary>
    public Func<PersistencePlan, CancellationToken, Task<bool>> AskToSave(string host) => (plan, stop) => AskAsync(
        $"On {host}, files that are written (+) and removed (-):\n{plan.Diff}",
        $"Change what {host} loads at its next start? Files that are written (+) and removed (-):\n{plan.Diff}",
        null, stop);

    private void Post(PipelineMessage message) => _messages.Writer.TryWrite(message);

    public async Task<bool> AskAsync(string description, string query, string? danger, CancellationToken stop)
    {
        var question = new PipelineMessage.Question(description, query, Caption, danger);
        Post(question);
        // A worker must not wait for an answer that nobody will give.
        return await question.Reply.Task.WaitAsync(stop).ConfigureAwait(false);
    }

    private static void Answer(PipelineMessage.Question question, PSCmdlet cmdlet)
    {
        try
        {
            var yes = cmdlet.ShouldProcess(question.Description, question.Query, question.Caption)
                && (question.Danger is null || cmdlet.ShouldContinue(question.Danger, question.Caption));
            question.Reply.TrySetResult(yes);
        }
        catch (PipelineStoppedException)
        {
            question.Reply.TrySetCanceled();
            throw;
        }
        catch (Exception error)
        {
            // No prompt is possible here (-NonInteractive, a CI job): a failure of this host, with its remedy.
            question.Reply.TrySetException(CommandFailure.CannotAsk(question.Danger ?? question.Query, error));
        }
    }
}

/// <summary>A message from a worker to the pipeline thread.</summary>
internal abstract record PipelineMessage
{
    private PipelineMessage()
    {
    }

    internal sealed record Output(object Value) : PipelineMessage;

    internal sealed record Error(ErrorRecord Record) : PipelineMessage;

    internal sealed record Warning(string Text) : PipelineMessage;

    internal sealed record Verbose(string Text) : PipelineMessage;

    internal sealed record Said(string Text) : PipelineMessage;

    /// <param name="Done">How many hosts are done, failed ones too.</param>
    /// <param name="InFlight">How many are being worked on.</param>
    /// <param name="Total">How many there are.</param>
    internal sealed record Progress(int Done, int InFlight, int Total) : PipelineMessage
    {
        public ProgressRecord ToRecord(string command) => new(0, command, $"{Done} of {Total} hosts done, {InFlight} in flight")
        {
            PercentComplete = 100 * Done / Total,
            RecordType = Done == Total ? ProgressRecordType.Completed : ProgressRecordType.Processing,
        };
    }

    /// <param name="Description">What -WhatIf prints.</param>
    /// <param name="Query">What -Confirm asks.</param>
    /// <param name="Caption">The headline of the question.</param>
    /// <param name="Danger">What is also asked, even without -Confirm; null for nothing.</param>
    internal sealed record Question(string Description, string Query, string Caption, string? Danger) : PipelineMessage
    {
        // The waiting worker must not continue inside the pipeline thread's call.
        public TaskCompletionSource<bool> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
