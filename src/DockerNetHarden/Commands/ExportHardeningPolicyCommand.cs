using System.Management.Automation;
using System.Text;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Commands;

/// <summary>Writes the policies of hosts to files: their networks' profiles, the controls that their rules mean, and single rules for the rest.</summary>
[Cmdlet(VerbsData.Export, "HardeningPolicy", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportHardeningPolicyCommand : HostFileCmdlet
{
    private protected override string What => "the policy";

    private protected override async Task<(Func<string, Task> Write, IReadOnlyList<string> Lacks)> ReadAsync(DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        var snapshot = await host.ReadAsync(stop).ConfigureAwait(false);
        // Without Docker the networks would be missing, and applied with -Prune the policy would not be the host's.
        if (snapshot.DockerError is { } error)
            throw error;
        var policy = PolicyCapture.Of(snapshot);
        if (policy.SingleRules.Count > 0)
            queue.Trace(host.Name, $"{policy.SingleRules.Count} rules belong to no control; they are written one by one.");
        return (path => WholeFile.WriteAsync(path, Encoding.UTF8.GetBytes(policy.ToString()), Force, stop), [.. snapshot.Warnings, .. PolicyCapture.LeftOut(snapshot, policy)]);
    }
}
