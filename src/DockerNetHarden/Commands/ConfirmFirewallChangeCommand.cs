using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Commands;

/// <summary>Keeps a change that its host would take back.</summary>
[Cmdlet(VerbsLifecycle.Confirm, "FirewallChange", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = ResultSet)]
[OutputType(typeof(InvocationResult))]
public sealed class ConfirmFirewallChangeCommand : HostCmdlet
{
    private const string ResultSet = "Result";
    private const string IdSet = "Id";

    private readonly Dictionary<HostTarget, List<InvocationResult>> _waiting = [];

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = ResultSet, HelpMessage = "Results of Invoke-FirewallRule; those that await no confirmation are passed on.")]
    [ValidateNotNull]
    public InvocationResult[] InputObject { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = IdSet, HelpMessage = "The RollbackId of a result, for example from another shell.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [ValidateNotNullOrEmpty]
    public string[] Id { get; set; } = [];

    protected override void ProcessRecord()
    {
        var results = ParameterSetName is IdSet
            ? Id.Select(id => new InvocationResult { HostName = "", Status = InvocationStatus.AwaitingConfirmation, Iptables = "", RollbackId = id })
            : InputObject;
        // A result with nothing to confirm needs no connection.
        foreach (var result in results.Where(result => result.Status != InvocationStatus.AwaitingConfirmation))
            WriteObject(result);
        var waiting = results.Where(result => result.Status == InvocationStatus.AwaitingConfirmation).ToList();
        if (waiting.Count == 0)
            return;
        base.ProcessRecord();
        foreach (var target in CurrentTargets)
        {
            if (!_waiting.TryGetValue(target, out var own))
                _waiting.Add(target, own = []);
            own.AddRange(waiting);
        }
    }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        foreach (var result in _waiting[target])
        {
            var until = result.RollbackAt is { } at ? $" at {at.ToLocalTime():HH:mm:ss}" : "";
            var question = $"Keep the change {result.RollbackId} to the firewall of {host.Name}";
            if (!await queue.AskAsync(question, $"{question}? Without a yes the host puts back what was there{until}.", null, stop).ConfigureAwait(false))
            {
                queue.Write(result with { HostName = host.Name });
                continue;
            }
            await host.ConfirmAsync(result.RollbackId!, stop).ConfigureAwait(false);
            queue.Write(result with { HostName = host.Name, Status = InvocationStatus.Confirmed });
        }
    }
}
