using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Analysis.Checks;

/// <summary>
/// What still holds while Docker's jump to DOCKER-USER is away. Docker deletes and inserts it at its start, engines until 24 or so also whenever a network
/// is made: for some milliseconds each time, which are enough to fetch credentials. The walk is asked once more on the same host without the jump.
/// </summary>
internal sealed class BackstopCheck : ICheck
{
    private static readonly CheckInfo Info = new("DOCKER-USER-BACKSTOP", "Blocks hold while Docker takes its jump to DOCKER-USER away", Severity.Medium);

    public IEnumerable<HardeningFinding> Run(AuditedHost audit) => audit.HasDockerUser
        ? audit.Networks.Select(Check)
        : audit.Networks.Select(network => Info.Found(network, FindingStatus.NotApplicable, "Nothing here is decided in DOCKER-USER."));

    private static HardeningFinding Check(AuditedNetwork network)
    {
        var metadata = network.AllowsMetadata ? Answer.Nothing : Opened(network, network.Metadata(Family.IPv4), network.MetadataWithoutJump(Family.IPv4), "MetadataAccess", Endpoints(network));
        var ranges = network.ForbidsInternal ? Opened(network, network.Internal(Family.IPv4), network.InternalWithoutJump(Family.IPv4), "InternalAccess", network.Dns(Family.IPv4)) : Answer.Nothing;
        var all = metadata.And(ranges);
        if (all.Parts.Count == 0)
            return Info.Found(network, FindingStatus.Pass, "What is closed is closed without DOCKER-USER too, or is not closed at all.");
        return Info.Found(network, FindingStatus.Fail, ["While the jump is away:", .. Evidence.Of(all)]) with
        {
            Rules = [.. (metadata.IsOpen ? Remedies.Metadata(network, metadata) : []).Concat(ranges.IsOpen ? Remedies.Internal(network) : [])],
            Remedy = "Pipe this finding to Invoke-FirewallRule: its rules have a second half in mangle POSTROUTING, which Docker never touches.",
        };
    }

    // What is closed with the jump and open without it.
    private static Answer Opened(AuditedNetwork network, Answer with, Answer without, string control, IEnumerable<PacketSet> kept)
    {
        var open = AuditedNetwork.Services(without, Family.IPv4).Where(part => part.Path is PacketPath.Forward && Answer.IsLetThrough(part));
        if (!open.IsOpen || !with.Closed.Any())
            return Answer.Nothing;
        var closed = with.Closed.Select(part => part.Packets).Aggregate((one, other) => one.Union(other));
        return open.Within(closed).Without(kept).Without(network.Audit.Controls.Exceptions(control, Family.IPv4, network.Bridge));
    }

    // Ports beside the metadata that stay open with every control.
    private static IEnumerable<PacketSet> Endpoints(AuditedNetwork network) =>
        MetadataEndpoints.Merge(MetadataEndpoints.Providers)
            .Where(endpoint => endpoint.Address.Family == Family.IPv4)
            .SelectMany(endpoint => PortSpec.Joined(endpoint.Keep).Select(joined => PacketSet.Of(new AccessQuery
            {
                Family = Family.IPv4,
                InInterface = network.Bridge,
                Destinations = [endpoint.Address],
                Protocol = joined.Protocol,
                Ports = PortList.Parse(joined.Ports, "Port"),
            })));
}
