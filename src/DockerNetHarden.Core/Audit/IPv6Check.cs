using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>What is closed in IPv4 but open in IPv6: whoever wrote the rules meant both.</summary>
internal sealed class IPv6Check : ICheck
{
    private static readonly CheckInfo Info = new("IPV6-OPEN", "What is closed in IPv4 is closed in IPv6 too", Severity.High);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) => [Check(network)];

    private static HardeningFinding Check(AuditedNetwork network)
    {
        if (!network.Audit.Host.HasIPv6)
            return Info.Found(network, FindingStatus.NotApplicable, "The kernel has no IPv6.");
        if (!network.HasIPv4)
            return Info.Found(network, FindingStatus.NotApplicable, "The network has no IPv4 to compare with.");
        var open = new List<string>();
        var unknown = new List<string>();
        var rules = new List<FirewallRule>();
        foreach (var (what, answer, isRouted, status, remedy) in Questions(network))
        {
            if (isRouted && !network.HasIPv6)
                continue;
            var (four, six) = (answer(Family.IPv4), answer(Family.IPv6));
            if (status(four) != FindingStatus.Pass || status(six) is FindingStatus.Pass or FindingStatus.NotApplicable)
                continue;
            if (status(six) == FindingStatus.Fail)
                rules.AddRange(remedy(six));
            (status(six) == FindingStatus.Fail ? open : unknown).AddRange([$"{what}, closed in IPv4:", .. Evidence.Of(six.Where(part => !Answer.IsBlocked(part)))]);
        }
        if (open.Count == 0)
            return Info.Found(network, unknown.Count == 0 ? FindingStatus.Pass : FindingStatus.Warning, [.. unknown]);
        return Info.Found(network, FindingStatus.Fail, [.. open, .. unknown]) with
        {
            Rules = [.. rules.DistinctBy(rule => rule.ToString(), StringComparer.Ordinal)],
            Remedy = "Pipe this finding to Invoke-FirewallRule: it closes the same in IPv6.",
        };
    }

    // For mail a limit is enough; for everything else a limit leaves a way open.
    private static IEnumerable<(string What, Func<Family, Answer> Answer, bool IsRouted, Func<Answer, FindingStatus> Status, Func<Answer, IReadOnlyList<FirewallRule>> Remedy)> Questions(AuditedNetwork network)
    {
        if (!network.AllowsMetadata)
            yield return ("Metadata", family => MetadataAccessOf.Unexcepted(network, family), true, answer => answer.Status, answer => Remedies.Metadata(network, answer));
        yield return ("The host", family => HostCheck.Of(network, family), false, answer => answer.Status, _ => Remedies.Host(network));
        yield return ("Internal ranges", family => InternalCheck.Of(network, family), true, answer => answer.Status, _ => Remedies.Internal(network));
        yield return ("Mail without a limit", family => MailCheck.Of(network, family), true, answer => answer.LimitedStatus, answer => Remedies.Mail(network, answer));
    }
}
