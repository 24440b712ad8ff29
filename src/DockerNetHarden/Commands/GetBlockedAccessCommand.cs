using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Effects;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Input;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Reads what rules blocked on hosts or, while their control only reports, would have blocked.</summary>
[Cmdlet(VerbsCommon.Get, "BlockedAccess")]
[OutputType(typeof(BlockedAccess))]
public sealed class GetBlockedAccessCommand : HostCmdlet
{
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames]
    public override string?[]? HostName { get; set; }

    [Parameter(Position = 0, HelpMessage = "Only what rules of these controls met.")]
    [ArgumentCompleter(typeof(Completer<ControlNames>))]
    [ValidateNotNullOrEmpty]
    public string[]? Control { get; set; }

    [Parameter(HelpMessage = "Only what controls met that only report.")]
    public SwitchParameter ReportOnly { get; set; }

    private string[]? _controls;

    protected override void EndProcessing() => WorkOnHosts();

    private protected override void Prepare() => _controls = MarkFilter.CheckControls(Control);

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var (snapshot, met) = await host.ReadBlockedAsync(stop).ConfigureAwait(false);
        foreach (var warning in snapshot.Warnings)
            queue.Warning(host.Name, warning);
        if (snapshot.DockerError is { } error)
            queue.Warning(host.Name, $"Docker could not be asked, so containers are shown by their addresses: {error.Message}");
        foreach (var each in met.Where(each => (!ReportOnly || each.ReportOnly) && RuleMark.TryParse(each.Control, out var mark) && MarkFilter.Holds(_controls, mark!.Control)))
            queue.Write(each);
    }
}
