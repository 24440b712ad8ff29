using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>
/// What still holds while Docker's jump to DOCKER-USER is away. Docker deletes and inserts it at its start, engines until 24 or so also whenever a network
/// is made: for some milliseconds each time, which are enough to fetch credentials. The walk is asked once more on the same host without the jump.
/// </summary>
internal sealed class BackstopCheck : ICheck
{
    private static readonly CheckInfo Info = new("DOCKER-USER-BACKSTOP", "Blocks hold while Docker takes its jump to DOCKER-USER away", Severity.Medium);

    public IEnumerable<HardeningFinding> Run(AuditedHost audit) => Enum.GetValues<Family>().Any(family => IsAsked(audit, family))
        ? audit.Networks.Select(Check)
        : audit.Networks.Select(network => Info.Found(network, FindingStatus.NotApplicable, "Nothing here is decided in DOCKER-USER."));

    // Engines from 27 on have a DOCKER-USER in each family.
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
            return Info.Found(network, FindingStatus.Warning, ["While the jump is away it cannot be said:", .. Evidence.Of(all)]);
        return Info.Found(network, FindingStatus.Fail, ["While the jump is away:", .. Evidence.Of(all)]) with
        {
            Rules = [.. (metadata.IsOpen ? Remedies.Metadata(network, metadata) : []).Concat(ranges.IsOpen ? Remedies.Internal(network) : [])],
            Remedy = "Pipe this finding to Invoke-FirewallRule: its rules have a second half in mangle POSTROUTING, which Docker never touches.",
        };
    }

    // What is closed with the jump and open, or not to be said, without it.
    private static Answer Opened(AuditedNetwork network, Family family, Answer with, Answer without, string control, IEnumerable<PacketSet> kept)
    {
        var open = AuditedNetwork.Services(without, family).Where(part => part.Verdict is Verdict.Unknown || (part.Path is PacketPath.Forward && Answer.IsLetThrough(part)));
        if (open.IsEmpty || !with.Closed.Any())
            return Answer.Nothing;
        var closed = with.Closed.Select(part => part.Packets).Aggregate((one, other) => one.Union(other));
        return open.Within(closed).Without(kept).Without(network.Audit.Controls.Exceptions(control, family, network.Bridge));
    }
}
