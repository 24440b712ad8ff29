using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <summary>A cmdlet whose waits end when it is stopped, by Ctrl-C or because nobody downstream wants more.</summary>
public abstract class CancellableCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly object _gate = new();
    private bool _disposed;

    private protected CancellationToken StopToken => _stop.Token;

    // After `Select-Object -First` and after an error downstream PowerShell calls only this, not StopProcessing or EndProcessing.
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected override void StopProcessing() => Cancel();

    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        Cancel();
        lock (_gate)
        {
            if (!_disposed)
                _stop.Dispose();
            _disposed = true;
        }
    }

    // StopProcessing runs on another thread, possibly after the cmdlet is gone.
    private protected void Cancel()
    {
        lock (_gate)
        {
            if (!_disposed)
                _stop.Cancel();
        }
    }
}
