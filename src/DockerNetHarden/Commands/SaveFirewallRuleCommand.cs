using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Persistence;

namespace DockerNetHarden.Commands;

/// <summary>Makes the applied rules survive the next start of their hosts.</summary>
[Cmdlet(VerbsData.Save, "FirewallRule", SupportsShouldProcess = true)]
[OutputType(typeof(PersistenceResult))]
public sealed class SaveFirewallRuleCommand : HostCmdlet
{
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames]
    public override string?[]? HostName { get; set; }

    [Parameter(Position = 0, HelpMessage = "What loads the rules when the host starts; Auto uses what the host has, systemd first.")]
    public PersistenceMethod Method { get; set; }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var result = await host.Saver.SaveAsync(Method, queue.AskToSave(host.Name), stop).ConfigureAwait(false);
        if (result is { Method: PersistenceMethod.IptablesServices, Enabled: false })
            queue.Warning(host.Name, "iptables.service is not enabled, so nothing loads what was saved: run 'systemctl enable iptables ip6tables' there.");
        queue.Write(result);
    }
}
