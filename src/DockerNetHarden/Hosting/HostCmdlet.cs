using System.Management.Automation;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>
/// A cmdlet that works on hosts: opens them side by side, lets a worker work on each, and does on the pipeline thread what only that thread may: write, ask.
/// Which hosts is decided here alone; without any parameter it is this machine.
/// </summary>
public abstract partial class HostCmdlet : CancellableCmdlet
{
    // A person's Ctrl-C should look like one second at most. A host that is just being written ends in milliseconds; one that hangs in a write is left to the
    // time limit of that write, which no waiting here would shorten.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether a failure ends the command, instead of being an error beside the other hosts' results.</summary>
    private protected virtual bool EndsAtFailure(int hosts) => false;

    // Runs once, before any host is opened. What it throws ends the command.
    private protected virtual void Prepare()
    {
    }

    // Why a plan needs a question beyond -Confirm; null where it needs none. Runs off the pipeline thread.
    private protected virtual string? Danger(Plan plan) => null;

    // Runs off the pipeline thread, once for each host, side by side: nothing of PowerShell may be touched but through the queue.
    private protected abstract Task WorkAsync(HostConnection host, PipelineQueue queue, CancellationToken stop);

    // As WorkAsync; what is no host needs no connection.
    private protected virtual async Task WorkOnAsync(HostTarget target, PipelineQueue queue, CancellationToken stop)
    {
        // A host is closed before the next one is opened: the limit is one of connections.
        var host = HostConnection.Open(target, Sudo);
        await using (host.ConfigureAwait(false))
            await WorkAsync(host, queue, stop).ConfigureAwait(false);
    }

    // Runs off the pipeline thread when all hosts are done.
    private protected virtual void Finish(PipelineQueue queue)
    {
    }

    private protected void WorkOnHosts()
    {
        var hosts = Checked(() =>
        {
            Prepare();
            return AllTargets();
        });
        // Nothing came down a pipeline: that is no wish for this machine.
        if (hosts.Count == 0)
            return;
        var queue = new PipelineQueue(hosts.Count, ThrottleLimit, Danger);
        var stop = StopToken;
        var work = Task.Run(() => OpenAndWorkAsync(hosts, queue, stop), CancellationToken.None);
        try
        {
            foreach (var message in queue.Read(stop))
                Deliver(message);
            work.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            EndWorkers(work);
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (work.IsFaulted)
        {
            Refuse(error);
        }
        catch
        {
            // Nobody downstream wants more, or an error is to stop the command.
            EndWorkers(work);
            throw;
        }
    }

    // The workers end first, and with them their ssh processes.
    private void EndWorkers(Task work)
    {
        Cancel();
        _ = Task.WhenAny(work, Task.Delay(Patience)).GetAwaiter().GetResult();
    }

    private async Task OpenAndWorkAsync(IReadOnlyList<HostTarget> hosts, PipelineQueue queue, CancellationToken stop)
    {
        try
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = ThrottleLimit, CancellationToken = stop };
            await Parallel.ForEachAsync(hosts, options, async (target, token) =>
            {
                try
                {
                    await WorkOnAsync(target, queue, token).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (token.IsCancellationRequested)
                {
                    throw;
                }
                // Whatever goes wrong with one host must not end the loop over the others.
                catch (Exception error) when (!EndsAtFailure(hosts.Count))
                {
                    queue.Failure(target.Name, error);
                }
                queue.HostDone();
            }).ConfigureAwait(false);
            Finish(queue);
            queue.Summarize();
        }
        finally
        {
            queue.Complete();
        }
    }

    private T Checked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is CommandFailure or FormatException or ArgumentException)
        {
            Refuse(error);
            throw;
        }
    }

    private void Deliver(PipelineMessage message)
    {
        switch (message)
        {
            case PipelineMessage.Output(var value):
                WriteObject(value);
                break;
            case PipelineMessage.Error(var record):
                WriteError(record);
                break;
            case PipelineMessage.Warning(var text):
                WriteWarning(text);
                break;
            case PipelineMessage.Verbose(var text):
                WriteVerbose(text);
                break;
            case PipelineMessage.Progress progress:
                WriteProgress(progress.ToRecord(MyInvocation.MyCommand.Name));
                break;
            case PipelineMessage.Question question:
                Answer(question);
                break;
        }
    }

    private void Answer(PipelineMessage.Question question)
    {
        try
        {
            var yes = ShouldProcess(question.Description, question.Query, question.Caption)
                && (question.Danger is null || ShouldContinue(question.Danger, question.Caption));
            question.Reply.TrySetResult(yes);
        }
        catch (PipelineStoppedException)
        {
            question.Reply.TrySetCanceled();
            throw;
        }
        catch (Exception error)
        {
            // No prompt is possible here (-NonInteractive, a CI job): that is this host's failure, with the way out.
            question.Reply.TrySetException(CommandFailure.CannotAsk(question.Danger ?? question.Query, error));
        }
    }
}
