using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Cli;

/// <summary>Sends the messages of a fleet's workers to the report. It asks nobody: whoever applies a policy has agreed to it.</summary>
internal sealed class ReportSink(Report report, string? cause = null, bool quietIfUnchanged = false) : IFleetSink
{
    private int _failures;

    public int Failures => _failures;

    public void Result(InvocationResult result)
    {
        if (!quietIfUnchanged || result is not { Status: InvocationStatus.Unchanged, Verified: true })
            report.Result(result, cause);
        else
            report.Trace(result.HostName, $"unchanged{(cause is null ? "" : $" ({cause})")}");
    }

    public void Failure(string host, Exception error)
    {
        Interlocked.Increment(ref _failures);
        report.Error(host, error.Message);
    }

    public void Warning(string host, string message) => report.Warning(host, message);

    public void Trace(string host, string message) => report.Trace(host, message);

    public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Task.FromResult(true);
}
