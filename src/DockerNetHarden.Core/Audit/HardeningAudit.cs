using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>Every check on every network of one host. Pure: snapshot in, findings out.</summary>
public static class HardeningAudit
{
    private const int MostEvidence = 100;

    // Each family of checks works alone and knows nothing of the others.
    private static readonly ICheck[] Checks =
    [
        new ReadingCheck(),
        new MetadataCheck(),
        new HostCheck(),
        new InternalCheck(),
        new MailCheck(),
        new IPv6Check(),
        new BackstopCheck(),
        new JumpCheck(),
        new PresenceCheck(),
        new ShadowCheck(),
        new NetworkOptionCheck(),
        new ContainerCheck(),
        new DaemonCheck(),
        new BackendCheck(),
        new SeveralNetworksCheck(),
        new OpenConnectionCheck(),
        new SavedCheck(),
        new HandMadeRuleCheck(),
    ];

    /// <summary>The ids of all checks.</summary>
    public static IReadOnlyList<string> Ids { get; } =
    [
        .. MetadataEndpoints.Providers.Select(MetadataCheck.IdOf), MetadataCheck.AnyCloud, MetadataCheck.OtherCloud,
        "BACKEND-INACTIVE", "BACKEND-NFTABLES", "CONTAINER-DOCKER0", "CONTAINER-HOST-NETWORK", "CONTAINER-NET-ADMIN", "CONTAINER-NET-RAW", "CONTAINER-PRIVILEGED",
        "CONTAINER-SEVERAL-NETWORKS", "DAEMON-IP6TABLES", "DAEMON-IPTABLES", "DAEMON-USERLAND-PROXY", "DOCKER-READ", "DOCKER-ROOTLESS", "DOCKER-USER-BACKSTOP",
        "DOCKER-USER-JUMP", "GATEWAY-ACCESS", "HAND-MADE-RULE", "HOST-ACCESS", "ICC-NOT-FILTERED", "INTERNAL-ACCESS", "INTERNAL-GATEWAY", "INTERNAL-VIA-PROXY", "IPV6-OPEN", "MAIL-RATE",
        "NAT-UNPROTECTED", "NETWORK-NAME", "NETWORK-NOT-FILTERED", "OPEN-CONNECTION", "PART-READ", "ROUTE-LOCALNET", "RULE-INEFFECTIVE", "RULE-INTERFACE-GONE", "RULE-NOT-ASKED",
        "RULES-SAVED", "TABLES-READ", "TRUSTED-INTERFACE",
    ];

    /// <summary>The findings, the worst first.</summary>
    /// <param name="host">The host; what could not be read becomes a finding too.</param>
    public static IReadOnlyList<HardeningFinding> Of(HostSnapshot host) => Of(new PacketWalk(host));

    /// <summary>The findings, the worst first.</summary>
    /// <param name="walk">The host's rule sets, prepared for questions.</param>
    public static IReadOnlyList<HardeningFinding> Of(PacketWalk walk) => Run(walk).Findings;

    /// <summary>The findings together with the host.</summary>
    /// <param name="walk">The host's rule sets, prepared for questions.</param>
    public static HostAudit Run(PacketWalk walk)
    {
        ArgumentNullException.ThrowIfNull(walk);
        var whole = new HostAudit(walk.Host);
        whole.Findings = [.. Found(walk).Select(finding => finding with { Source = whole })];
        return whole;
    }

    private static IEnumerable<HardeningFinding> Found(PacketWalk walk)
    {
        var audit = new AuditedHost(walk);
        var unbindable = audit.Networks.Where(network => network.WhyUnbindable is not null).ToLookup(network => network.Name, Elsewhere, StringComparer.Ordinal);
        return audit.Networks.SelectMany(OfNetwork).Concat(Checks.SelectMany(check => check.Of(audit)))
            .GroupBy(finding => (finding.Id, finding.Network, finding.Container))
            .Select(Merge)
            .Select(finding => Shown(finding, finding.Network is { } network ? unbindable[network].FirstOrDefault() : null))
            .OrderBy(finding => Rank(finding.Status))
            .ThenByDescending(finding => finding.Severity)
            .ThenBy(finding => finding.Id, StringComparer.Ordinal)
            .ThenBy(finding => finding.Network, StringComparer.Ordinal)
            .ThenBy(finding => finding.Container, StringComparer.Ordinal);
    }

    // The answers about a network are as many as the networks to which its packets can go.
    private static List<HardeningFinding> OfNetwork(AuditedNetwork network)
    {
        List<HardeningFinding> findings = [.. Checks.SelectMany(check => check.Of(network))];
        network.Forget();
        return findings;
    }

    private static string Elsewhere(AuditedNetwork network) => network.IsBridgeNameable
        ? "No rule can be bound to this network (finding NETWORK-NAME). Apply the control to all networks: the same command without -Network, for example: Block-ContainerHostAccess | Invoke-FirewallRule"
        : "No rule can name this network's bridge (finding NETWORK-NAME), so no control that names interfaces covers it: create it again with a plain bridge name. Against metadata this holds: Block-ContainerMetadataAccess | Invoke-FirewallRule";

    // Names and rules of others are in it. A command in a remedy is never cut in two: it would be another command.
    private static HardeningFinding Shown(HardeningFinding finding, string? instead) => finding with
    {
        Evidence = [.. finding.Evidence.Take(MostEvidence).Select(ShownText.Message), .. finding.Evidence.Count > MostEvidence ? [FormattableString.Invariant($"and {finding.Evidence.Count - MostEvidence} more.")] : Array.Empty<string>()],
        Remedy = instead is not null && finding is { Rules.Count: 0, Remedy: { } remedy } && !string.Equals(finding.Id, "NETWORK-NAME", StringComparison.Ordinal) && remedy.Contains("Invoke-FirewallRule", StringComparison.Ordinal)
            ? instead
            : finding.Remedy is null ? null : string.Join('\n', finding.Remedy.Split('\n').Select(ShownText.Plain)),
    };

    // One finding per check and subject, so that it can be followed from one audit to the next: findings for two families or two controls are merged.
    private static HardeningFinding Merge(IEnumerable<HardeningFinding> same)
    {
        var all = same.OrderBy(finding => Rank(finding.Status)).ToList();
        return all.Count == 1 ? all[0] : all[0] with
        {
            Evidence = [.. all.SelectMany(finding => finding.Evidence).Distinct(StringComparer.Ordinal)],
            Remedy = string.Join('\n', all.Select(finding => finding.Remedy).OfType<string>().Distinct(StringComparer.Ordinal)) is { Length: > 0 } remedy ? remedy : null,
            Rules = [.. all.SelectMany(finding => finding.Rules).DistinctBy(rule => rule.ToString(), StringComparer.Ordinal)],
        };
    }

    private static int Rank(FindingStatus status) => status switch
    {
        FindingStatus.Fail => 0,
        FindingStatus.Error => 1,
        FindingStatus.Warning => 2,
        FindingStatus.Pass => 3,
        _ => 4,
    };
}
