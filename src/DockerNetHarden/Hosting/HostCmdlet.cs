using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <summary>
/// A cmdlet that works on hosts: opens them, lets workers work, and does on the pipeline thread what only that thread may: write, ask. Which hosts is
/// decided here alone; without any parameter it is this machine.
/// </summary>
public abstract class HostCmdlet : CancellableCmdlet
{
    // Runs off the pipeline thread: nothing of PowerShell may be touched but through the queue. What it throws ends the command.
    private protected abstract Task WorkAsync(IReadOnlyList<HostConnection> hosts, PipelineQueue queue, CancellationToken stop);

    private protected void WorkOnHosts()
    {
        using var queue = new PipelineQueue();
        var stop = StopToken;
        var work = Task.Run(() => OpenAndWorkAsync(queue, stop), CancellationToken.None);
        try
        {
            foreach (var message in queue.Read())
                Deliver(message);
        }
        catch
        {
            // Stopped, or nobody downstream wants more. The workers end first: none may outlive the command.
            Cancel();
            _ = Task.WhenAny(work).GetAwaiter().GetResult();
            throw;
        }
        try
        {
            work.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception error)
        {
            ThrowTerminatingError(ErrorRecords.From(error, null));
        }
    }

    private async Task OpenAndWorkAsync(PipelineQueue queue, CancellationToken stop)
    {
        try
        {
            var local = HostConnection.Local();
            await using (local.ConfigureAwait(false))
                await WorkAsync([local], queue, stop).ConfigureAwait(false);
        }
        finally
        {
            queue.Complete();
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
