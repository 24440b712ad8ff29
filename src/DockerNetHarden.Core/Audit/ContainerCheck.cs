using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Audit;

/// <summary>Containers that the rules do not restrain, or that can undo the rules. Source: Docker's "Networking overview" and "Runtime privilege and Linux capabilities".</summary>
internal sealed class ContainerCheck : ICheck
{
    private static readonly CheckInfo HostNetwork = new("CONTAINER-HOST-NETWORK", "No container uses the host's network", Severity.High, "5.10");
    private static readonly CheckInfo Privileged = new("CONTAINER-PRIVILEGED", "No container is privileged", Severity.High, "5.5");
    private static readonly CheckInfo NetAdmin = new("CONTAINER-NET-ADMIN", "No container may configure networks", Severity.Medium, "5.4");
    private static readonly CheckInfo NetRaw = new("CONTAINER-NET-RAW", "No container may forge packets", Severity.Info, "5.4");
    private static readonly CheckInfo DefaultBridge = new("CONTAINER-DOCKER0", "No container is on the default bridge", Severity.Low, "5.30");

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        if (audit.Host.Engine is null)
            return [];
        return
        [
            .. Each(audit, HostNetwork, container => container.NetworkMode is "host", FindingStatus.Fail,
                "Its packets are the host's own: they leave by OUTPUT, and no rule for containers meets them.",
                "Run it on a bridge network and publish its ports."),
            .. Each(audit, Privileged, container => container.Privileged, FindingStatus.Fail,
                "It can change the host's rules.", "Run it without --privileged; give it the devices and capabilities that it needs one by one."),
            .. Each(audit, NetAdmin, container => !container.Privileged && Has(container, "NET_ADMIN"), FindingStatus.Fail,
                "It can give itself addresses and routes: rules that match sources do not restrain it, rules that match the in-interface do.", "Run it without --cap-add NET_ADMIN."),
            Raw(audit),
            .. Each(audit, DefaultBridge, container => container.Addresses.Any(address => address.Network is "bridge"), FindingStatus.Warning,
                "Every container that names no network is its neighbour.", "Run it on a network of its own: New-HardenedDockerNetwork, then docker run --network."),
        ];
    }

    private static IEnumerable<HardeningFinding> Each(AuditedHost audit, CheckInfo info, Func<DockerContainer, bool> isBad, FindingStatus status, string evidence, string remedy)
    {
        var bad = audit.Host.Containers.Where(container => ContainerState.Runs(container) && isBad(container)).ToList();
        return bad.Count == 0 ? [info.Found(audit, FindingStatus.Pass)]
            : bad.Select(container => info.Found(audit, status, evidence) with { Container = container.Name, Remedy = remedy });
    }

    // Nearly every container has it, so one finding names them all.
    private static HardeningFinding Raw(AuditedHost audit)
    {
        var able = audit.Host.Containers.Where(container => ContainerState.Runs(container) && container.NetworkMode is not ("host" or "none") && Has(container, "NET_RAW", isDefault: true))
            .Select(container => container.Name).Order(StringComparer.Ordinal).ToList();
        return able.Count == 0 ? NetRaw.Found(audit, FindingStatus.Pass)
            : NetRaw.Found(audit, FindingStatus.Warning, $"NET_RAW is among Docker's default capabilities and they have it: {string.Join(", ", able)}.", "They can forge sources. Rules that match the in-interface hold against that; rules that match sources do not.") with
            {
                Remedy = "Run them with --cap-drop NET_RAW if they do not need ping or raw sockets.",
            };
    }

    private static bool Has(DockerContainer container, string capability, bool isDefault = false) =>
        container.AddedCapabilities.Any(added => added == capability || added is "ALL")
        || (isDefault && !container.DroppedCapabilities.Any(dropped => dropped == capability || dropped is "ALL"));
}
