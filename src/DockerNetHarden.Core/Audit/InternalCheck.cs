using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Audit;

/// <summary>Whether a network reaches internal ranges although its profile forbids it.</summary>
internal sealed class InternalCheck : ICheck
{
    private static readonly CheckInfo Info = new("INTERNAL-ACCESS", "Containers cannot reach internal networks", Severity.High);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) => [Check(network)];

    /// <summary>What happens to packets to internal ranges, without DNS to the containers' resolvers and what InternalAccess leaves open.</summary>
    public static Answer Of(AuditedNetwork network, Family family) => network.Once(nameof(InternalCheck), family, () =>
    {
        var answer = AuditedNetwork.Services(network.Internal(family), family).Without(network.Dns(family));
        return answer.IsOpen ? answer.Without(network.Audit.Controls.Exceptions("InternalAccess", family, network.Bridge)) : answer;
    });

    private static HardeningFinding Check(AuditedNetwork network)
    {
        var answer = network.Families.Aggregate(Answer.Nothing, (all, family) => all.And(Of(network, family)));
        if (!network.ForbidsInternal)
        {
            return answer.Status == FindingStatus.Pass
                ? Info.Found(network, FindingStatus.Pass, Evidence.Of(answer))
                : Info.Found(network, FindingStatus.NotApplicable, $"Its profile ({network.Profile?.ToString() ?? "none"}) does not forbid them.");
        }
        var finding = Info.Found(network, answer.Status, Evidence.Of(answer));
        return finding.Status is not (FindingStatus.Fail or FindingStatus.Warning) ? finding : finding with
        {
            Rules = Remedies.Internal(network),
            Remedy = $"Pipe this finding to Invoke-FirewallRule, or run the command. What its containers need is excepted by -AllowAddress and -AllowPort. The command: Block-ContainerInternalAccess -Network {network.Name} | Invoke-FirewallRule",
        };
    }
}
