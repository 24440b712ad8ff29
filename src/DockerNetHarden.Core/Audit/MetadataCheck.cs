using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;

namespace DockerNetHarden.Audit;

/// <summary>
/// Whether the metadata service of the cloud that the host is in can be reached, for each network; all known addresses count if the cloud is not known. Once for the host: whether the address of another
/// cloud can be reached, where nothing of this one answers.
/// </summary>
internal sealed class MetadataCheck : ICheck
{
    /// <summary>The check of a host whose cloud is not known.</summary>
    public const string AnyCloud = "METADATA-ANY-CLOUD";

    /// <summary>The check of the addresses of other clouds.</summary>
    public const string OtherCloud = "METADATA-OTHER-CLOUD";

    private const int MostOfNetwork = 3;

    private static readonly CheckInfo Other = new(OtherCloud, "Containers cannot reach another cloud's metadata address", Severity.Low);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network)
    {
        var cloud = network.Audit.Cloud;
        if (cloud.IsKnown)
        {
            Note(network);
            return [Check(network, new CheckInfo(IdOf(cloud.Provider!), $"Containers cannot reach metadata of {cloud.Provider!.Name}", Severity.Critical), [])];
        }
        var why = cloud.Provider is { } provider ? $"The host is in {provider.Name}, but no DHCP lease tells the address of its metadata; all other known addresses were asked about."
            : $"It is not known which cloud the host is in ({cloud.Said}); all known addresses were asked about.";
        var finding = Check(network, new CheckInfo(AnyCloud, "Containers cannot reach cloud metadata", Severity.Critical), [why]);
        // The one address that matters was not asked about.
        return [cloud.Provider is not null && finding.Status == FindingStatus.Pass ? finding with { Status = FindingStatus.Warning } : finding];
    }

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        if (!audit.Cloud.IsKnown || audit.OtherClouds.Count == 0)
            return [];
        var open = audit.OtherClouds.Where(network => network.Status is FindingStatus.Fail or FindingStatus.Warning).ToList();
        if (open.Count == 0)
            return [Other.Found(audit, audit.OtherClouds.Any(network => network.Status == FindingStatus.Pass) ? FindingStatus.Pass : FindingStatus.NotApplicable)];
        return
        [
            Other.Found(audit, FindingStatus.Warning, [$"The host is in {audit.Cloud.Provider!.Name}, where these are not addresses of metadata.", .. open.SelectMany(network => network.Evidence.Prepend($"From {network.Network}:"))]) with
            {
                Rules = Remedies.Fit(audit, new MetadataAccess().Rules()),
                Remedy = "It matters if the host moves to another cloud, or something of your own answers there. Pipe this finding to Invoke-FirewallRule, or run the command: Block-ContainerMetadataAccess | Invoke-FirewallRule",
            },
        ];
    }

    public static string IdOf(MetadataProvider provider) => $"METADATA-{provider.Id.ToUpperInvariant()}";

    // The answers about a network are forgotten when the next one has its turn.
    private static void Note(AuditedNetwork network)
    {
        if (network.AllowsMetadata)
            return;
        var answer = MetadataAccessOf.Unexcepted(network, network.Audit.Cloud.Others);
        network.Audit.OtherClouds.Add((network.Name, answer.Status, answer.Status is FindingStatus.Fail or FindingStatus.Warning ? [.. Evidence.Of(answer).Take(MostOfNetwork)] : []));
    }

    private static HardeningFinding Check(AuditedNetwork network, CheckInfo info, string[] notes)
    {
        if (network.AllowsMetadata)
            return info.Found(network, FindingStatus.NotApplicable, [.. notes, "The network's profile, MetadataAccess, allows it."]);
        var endpoints = network.Audit.Cloud.Endpoints;
        var named = MetadataAccessOf.All(network, endpoints);
        var answer = MetadataAccessOf.Unexcepted(network, endpoints);
        var status = answer.Status;
        if (status is FindingStatus.Pass or FindingStatus.NotApplicable && named.IsOpen)
        {
            return answer.Closed.Any()
                ? info.Found(network, status, [.. notes, .. Evidence.Of(answer), "Left open by exceptions of MetadataAccess:", .. Evidence.Of(named.OnlyOpen)])
                : info.Found(network, FindingStatus.NotApplicable, [.. notes, "Exceptions of MetadataAccess leave it open to this network:", .. Evidence.Of(named.OnlyOpen)]);
        }
        var finding = info.Found(network, status, [.. notes, .. answer.IsEmpty ? ["Nothing that containers on it can send goes there."] : Evidence.Of(answer)]);
        if (status is not (FindingStatus.Fail or FindingStatus.Warning))
            return finding;
        var provider = network.Audit.Cloud is { Leased.Count: > 0, Provider: { } leased } ? $" -Provider {leased.Id}" : "";
        return finding with
        {
            Evidence = [.. finding.Evidence, .. network.Audit.MetadataDecoys],
            Rules = Remedies.Metadata(network, answer),
            Remedy = "Pipe this finding to Invoke-FirewallRule, or run the command. It also closes what the host itself serves or redirects (ECS tasks, GKE, EKS Pod Identity). "
                + "If the network's containers need metadata, give them a network of their own (New-HardenedDockerNetwork -Profile MetadataAccess). "
                + $"The command: Block-ContainerMetadataAccess{provider} -Network {network.Name} | Invoke-FirewallRule",
        };
    }
}
