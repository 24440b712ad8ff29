using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Docker;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Commands;

/// <summary>Lists Docker's networks with what firewall rules need to know.</summary>
[Cmdlet(VerbsCommon.Get, "DockerNetwork")]
[OutputType(typeof(DockerNetworkInfo))]
public sealed class GetDockerNetworkCommand : HostCmdlet
{
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    [HostNames(nameof(Name))]
    public override string?[]? HostName { get; set; }

    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true, HelpMessage = "Names; wildcards are allowed.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    private readonly List<string> _names = [];

    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        _names.AddRange((Name ?? []).Except(_names, StringComparer.Ordinal));
    }

    protected override void EndProcessing() => WorkOnHosts();

    private protected override async Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        // For Docker, web and Web are different names.
        var patterns = _names.Select(name => (Name: name, Pattern: new WildcardPattern(name))).ToList();
        var (networks, adopted) = await ReadAsync(host, queue, stop).ConfigureAwait(false);
        foreach (var network in networks.Where(network => patterns.Count == 0 || patterns.Exists(wanted => wanted.Pattern.IsMatch(network.Name))))
            queue.Write(DockerNetworkInfo.From(host.Name, network, AdoptedProfiles.ProfileOf(network, adopted)));
        foreach (var (name, pattern) in patterns)
        {
            if (!WildcardPattern.ContainsWildcardCharacters(name) && !networks.Any(network => pattern.IsMatch(network.Name)))
                queue.Failure(host.Name, CommandFailure.NetworkNotFound(host.Name, name, [.. networks.Select(network => network.Name)]));
        }
    }

    // A network that was not made with a profile may have one in the comments of its rules. Whoever may only ask Docker is told what Docker knows.
    private static async Task<(IReadOnlyList<DockerNetwork> Networks, IReadOnlyDictionary<string, string> Adopted)> ReadAsync(DockerHost host, PipelineQueue queue, CancellationToken stop)
    {
        try
        {
            var snapshot = await host.ReadAsync(stop).ConfigureAwait(false);
            return snapshot.DockerError is { } error ? throw error : (snapshot.Networks, AdoptedProfiles.Of(snapshot));
        }
        // The tables of a host with a rootless engine are not those of its networks.
        catch (Exception error) when (error is HostException { Failure: HostFailure.NoPermission or HostFailure.IptablesMissing or HostFailure.UnreadableRules } or DockerException { Failure: DockerFailure.Rootless })
        {
            queue.Trace(host.Name, $"Only profiles in labels are known, because rules of the networks were not read. {error.Message}");
            return (await host.Docker.ListNetworksAsync(stop).ConfigureAwait(false), new Dictionary<string, string>(StringComparer.Ordinal));
        }
    }
}
