using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>
/// What still holds while Docker's jump to DOCKER-USER is away. Docker deletes and inserts it when it starts, and engines up to about 24 also when a network
/// is made: some milliseconds each time, which are enough to fetch credentials. The walk is asked again on the same host without the jump.
/// </summary>
internal sealed class BackstopCheck : ICheck
{
    private static readonly CheckInfo Info = new("DOCKER-USER-BACKSTOP", "Blocks hold while Docker's jump to DOCKER-USER is away", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) =>
        [Enum.GetValues<Family>().Any(family => IsAsked(network.Audit, family)) ? Check(network) : Info.Found(network, FindingStatus.NotApplicable, "Nothing here is decided in DOCKER-USER.")];

    // From engine 27 on each family has a DOCKER-USER.
    private static bool IsAsked(AuditedHost audit, Family family) =>
        !audit.IsNftables && audit.Host.Rules.TryGetValue(family, out var rules) && rules.HasChain("filter", Hook.DockerUser);

    private static HardeningFinding Check(AuditedNetwork network)
    {
        var (metadata, ranges) = (Answer.Nothing, Answer.Nothing);
        foreach (var family in network.Families.Where(family => IsAsked(network.Audit, family)))
        {
            if (!network.AllowsMetadata)
                metadata = metadata.And(Opened(network, family, network.Metadata(family), MetadataAccessOf.All(network, family, network.MetadataWithoutJump(family)), "MetadataAccess", []));
            if (network.ForbidsInternal)
                ranges = ranges.And(Opened(network, family, network.Internal(family), network.InternalWithoutJump(family), "InternalAccess", network.Dns(family)));
        }
        var all = metadata.And(ranges);
        if (all.Parts.Count == 0)
            return Info.Found(network, FindingStatus.Pass, "What is closed is closed without DOCKER-USER too, or is not closed at all.");
        if (!all.IsOpen)
            return Info.Found(network, FindingStatus.Warning, ["Not certain while the jump is away:", .. Evidence.Of(all)]);
        return Info.Found(network, FindingStatus.Fail, ["While the jump is away:", .. Evidence.Of(all)]) with
        {
            Rules = [.. (metadata.IsOpen ? Remedies.Metadata(network, metadata) : []).Concat(ranges.IsOpen ? Remedies.Internal(network) : [])],
            Remedy = "Pipe this finding to Invoke-FirewallRule: its rules have a second half in mangle POSTROUTING, which Docker never touches.",
        };
    }

    // What is closed with the jump and open, or not certain, without it.
    private static Answer Opened(AuditedNetwork network, Family family, Answer with, Answer without, string control, IEnumerable<PacketSet> kept)
    {
        var open = AuditedNetwork.Services(without.Where(part => part.Verdict is Verdict.Unknown || (part.Path is PacketPath.Forward && Answer.IsLetThrough(part))), family);
        if (open.IsEmpty || !with.Closed.Any())
            return Answer.Nothing;
        var closed = with.Closed.Select(part => part.Packets).Aggregate((one, other) => one.Union(other));
        return open.Within(closed).Without(kept).Without(network.Audit.Controls.Exceptions(control, family, network.Bridge));
    }
}
