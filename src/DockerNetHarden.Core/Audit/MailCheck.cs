using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Audit;

/// <summary>Whether new connections to mail servers outside are limited or closed.</summary>
internal sealed class MailCheck : ICheck
{
    private static readonly CheckInfo Info = new("MAIL-RATE", "Containers cannot send mail without a limit", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) => [Check(network)];

    /// <summary>What happens to new connections to mail servers outside, without what SmtpRate leaves open.</summary>
    public static Answer Of(AuditedNetwork network, Family family) => network.Once(nameof(MailCheck), family, () =>
    {
        var answer = network.Mail(family);
        return answer.IsOpen ? answer.Without(network.Audit.Controls.Exceptions("SmtpRate", family, network.Bridge)) : answer;
    });

    private static HardeningFinding Check(AuditedNetwork network)
    {
        var answer = network.Families.Aggregate(Answer.Nothing, (all, family) => all.And(Of(network, family)));
        if (answer.Parts.Count == 0 && network.Families.Any(family => network.Mail(family).IsOpen))
            return Info.Found(network, FindingStatus.NotApplicable, "Exceptions of SmtpRate leave mail open to this network.");
        var finding = Info.Found(network, answer.LimitedStatus, Evidence.Of(answer));
        return finding.Status is not (FindingStatus.Fail or FindingStatus.Warning) ? finding : finding with
        {
            Rules = Remedies.Mail(network, answer),
            Remedy = $"Pipe this finding to Invoke-FirewallRule, or run: Set-SmtpRateLimit -Network {network.Name} -PerMinute 5 | Invoke-FirewallRule",
        };
    }
}
