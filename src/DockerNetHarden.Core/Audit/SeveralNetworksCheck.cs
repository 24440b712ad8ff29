using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Audit;

/// <summary>Whether a container on several networks reaches by one network what another forbids: it may do all that any of them allows.</summary>
internal sealed class SeveralNetworksCheck : ICheck
{
    private static readonly CheckInfo Info = new("CONTAINER-SEVERAL-NETWORKS", "A container on several networks reaches the same by each", Severity.Medium);

    private static readonly (string What, Func<AuditedNetwork, Answer> Ask)[] Questions =
    [
        ("metadata", network => MetadataAccessOf.Unexcepted(network, network.FirstFamily)),
        ("the host", network => HostCheck.Of(network, network.FirstFamily)),
        ("internal ranges", network => InternalCheck.Of(network, network.FirstFamily)),
    ];

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        var byName = audit.Networks.ToLookup(network => network.Name, StringComparer.Ordinal);
        var several = audit.Host.Containers.Where(ContainerState.Runs)
            .Select(container => (Container: container, Networks: container.Addresses.SelectMany(address => byName[address.Network].Where(network => network.Network.Holds(address))).Distinct().ToList()))
            .Where(pair => pair.Networks.Count > 1);
        return several.Select(pair => Check(audit, pair.Container, pair.Networks));
    }

    private static HardeningFinding Check(AuditedHost audit, DockerContainer container, IReadOnlyList<AuditedNetwork> networks)
    {
        var differing = new List<string>();
        var isForbidden = false;
        foreach (var (what, ask) in Questions)
        {
            var byAnswer = networks.ToLookup(network => StateOf(ask(network)));
            var (open, closed, uncertain) = (byAnswer[State.Open].ToList(), byAnswer[State.Closed].Where(Forbids).ToList(), byAnswer[State.Uncertain].ToList());
            if (open.Count > 0 && closed.Count > 0)
                differing.Add($"It reaches {what} by {Names(open)}; {Names(closed)} forbids it.");
            if (uncertain.Count > 0 && open.Count + closed.Count > 0)
                differing.Add($"It is not certain whether it reaches {what} by {Names(uncertain)}; {(closed.Count > 0 ? $"{Names(closed)} forbids it" : $"by {Names(open)} it does")}.");
            isForbidden |= open.Count > 0 && closed.Exists(network => network.Profile is not null);
        }
        if (differing.Count == 0)
            return Info.Found(audit, FindingStatus.Pass, $"It is on {Names(networks)}.") with { Container = container.Name };
        return Info.Found(audit, isForbidden ? FindingStatus.Fail : FindingStatus.Warning, [.. differing]) with
        {
            Container = container.Name,
            Remedy = $"Take it off the network that allows more: docker network disconnect {networks[0].Name} {container.Name}; or close the same on each.",
        };
    }

    // Nothing leaves an internal network, so nobody forbade anything there unless a profile did: it is joined for its containers, and another network for the rest (compose, internal: true).
    private static bool Forbids(AuditedNetwork network) => !network.Network.Internal || network.Profile is not null;

    private static State StateOf(Answer answer) => answer.IsEmpty ? State.NotAsked : answer.Parts.Any(Answer.Passes) ? State.Open : answer.IsClosed ? State.Closed : State.Uncertain;

    private static string Names(IEnumerable<AuditedNetwork> networks) => string.Join(", ", networks.Select(network => network.Name));

    private enum State
    {
        NotAsked,
        Open,
        Closed,
        Uncertain,
    }
}
