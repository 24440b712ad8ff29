using System.Management.Automation;
using DockerNetHarden.Completion;

namespace DockerNetHarden.Commands;

/// <summary>Lists Docker's networks with what firewall rules need of them.</summary>
[Cmdlet(VerbsCommon.Get, "DockerNetwork")]
[OutputType(typeof(DockerNetworkInfo))]
public sealed class GetDockerNetworkCommand : HostCmdlet
{
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Names; wildcards are allowed.")]
    [ArgumentCompleter(typeof(NetworkCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    private readonly List<string> _names = [];

    protected override void ProcessRecord() => _names.AddRange(Name ?? []);

    protected override void EndProcessing()
    {
        // Nothing came down a pipeline: that is no wish for all of them.
        if (_names.Count > 0 || !MyInvocation.ExpectingInput)
            WorkOnHosts();
    }

    private protected override async Task WorkAsync(IReadOnlyList<HostConnection> hosts, PipelineQueue queue, CancellationToken stop)
    {
        // Docker tells web from Web.
        var patterns = _names.Select(name => (Name: name, Pattern: new WildcardPattern(name))).ToList();
        foreach (var host in hosts)
        {
            try
            {
                var networks = await host.Docker.ListNetworksAsync(stop).ConfigureAwait(false);
                foreach (var network in networks.Where(network => patterns.Count == 0 || patterns.Exists(wanted => wanted.Pattern.IsMatch(network.Name))))
                    queue.Write(DockerNetworkInfo.From(host.Name, network));
                foreach (var (name, pattern) in patterns)
                {
                    if (!WildcardPattern.ContainsWildcardCharacters(name) && !networks.Any(network => pattern.IsMatch(network.Name)))
                        queue.Failure(host.Name, CommandFailure.NetworkNotFound(host.Name, name));
                }
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                queue.Failure(host.Name, error);
            }
        }
    }
}
