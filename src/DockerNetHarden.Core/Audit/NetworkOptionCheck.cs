using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Audit;

/// <summary>Options of networks that open a way around the packet filter. Source: Docker's bridge network driver, options.</summary>
internal sealed class NetworkOptionCheck : ICheck
{
    private const string Driver = "com.docker.network.bridge.";

    private static readonly CheckInfo Trusted = new("TRUSTED-INTERFACE", "No link of the host is trusted to reach containers directly", Severity.Low);
    private static readonly CheckInfo Isolated = new("INTERNAL-GATEWAY", "Containers on an internal network cannot reach the host", Severity.Medium);
    private static readonly CheckInfo Icc = new("ICC-NOT-FILTERED", "What icc=false forbids is filtered", Severity.Medium);
    private static readonly CheckInfo Outside = new("NETWORK-NOT-FILTERED", "The network's packets pass this host's filter", Severity.Medium);

    private static readonly CheckInfo Named = new("NETWORK-NAME", "Rules can be bound to the network, and its name is its own", Severity.Low);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) => Check(network);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit) =>
        audit.Host.Networks.Where(network => network.Driver is "macvlan" or "ipvlan").Select(network => NotFiltered(audit, network))
            .Concat(audit.Host.Networks.Where(network => network.Driver is "overlay").Select(network => Overlay(audit, network)));

    private static IEnumerable<HardeningFinding> Check(AuditedNetwork network)
    {
        var options = network.Network.Options;
        yield return Name(network);
        yield return OutsideCheck.Of(network);
        var trusted = options.GetValueOrDefault(Driver + "trusted_host_interfaces");
        yield return string.IsNullOrEmpty(trusted) ? Trusted.Found(network, FindingStatus.Pass)
            : Trusted.Found(network, FindingStatus.Warning, $"{Driver}trusted_host_interfaces={trusted}") with
            {
                Remedy = "Whoever is behind these links reaches published ports at the containers' own addresses. If that is not intended, create the network again without that option.",
            };
        if (network.Network.Internal)
            yield return Gateway(network);
        if (GoFlag.Read(options.GetValueOrDefault(DockerNetwork.IccOption)) == false)
            yield return Filtered(network);
    }

    private static HardeningFinding Name(AuditedNetwork network)
    {
        var why = network.WhyUnbindable;
        string[] evidence =
        [
            .. why is not null ? new[] { $"No rule can be bound to the network {network.Network.Id} ({why.TrimEnd('.')})." } : [],
            .. network.Namesakes > 1 ? new[] { $"{network.Namesakes} networks are called '{network.Name}'; the bridge of {network.Network.Id} is {network.Bridge}. Rules for the name are for all of them." } : [],
        ];
        return evidence.Length == 0 ? Named.Found(network, FindingStatus.Pass) : Named.Found(network, FindingStatus.Fail, evidence) with
        {
            Remedy = (network.IsBridgeNameable, why) switch
            {
                (false, _) => "Create it again with a plain bridge name. Until then no rule that names an interface can cover it; those of Block-ContainerMetadataAccess without -Network name none.",
                (true, not null) => "Create it again under a name of its own, of letters and digits. Until then only controls without -Network cover it.",
                _ => "Create it again under a name of its own. Until then rules for the name are for all of these networks, and policies and New-HardenedDockerNetwork refuse it.",
            } + $" To remove this one: docker network rm {network.Network.Id}",
        };
    }

    private static HardeningFinding Gateway(AuditedNetwork network)
    {
        var answer = network.HostFamilies.Where(family => !IsIsolated(network, family)).Aggregate(Answer.Nothing, (all, family) => all.And(HostCheck.Of(network, family)));
        if (answer.Status is FindingStatus.Pass or FindingStatus.NotApplicable)
            return Isolated.Found(network, FindingStatus.Pass, answer.IsEmpty ? "The host has no address on its bridge." : "Rules close the host to it.");
        return Isolated.Found(network, answer.Status, Evidence.Of(answer)) with
        {
            Rules = answer.IsOpen ? Remedies.Host(network) : [],
            Remedy = "--internal stops what is forwarded, not what is for the host. Pipe this finding to Invoke-FirewallRule; "
                + "from engine 28 on the network can be made with -o com.docker.network.bridge.gateway_mode_ipv4=isolated, and gateway_mode_ipv6 likewise, but the bridge keeps its link-local IPv6 address.",
        };
    }

    // In that mode Docker gives the bridge no address, so its containers have no gateway. If the bridge has an address anyway, the option proves nothing.
    private static bool IsIsolated(AuditedNetwork network, Family family) =>
        network.Network.Options.GetValueOrDefault(Driver + (family == Family.IPv4 ? "gateway_mode_ipv4" : "gateway_mode_ipv6")) is "isolated"
        && !network.Audit.Host.Addresses.Any(address => address.Address.Family == family && string.Equals(address.Link, network.Bridge, StringComparison.Ordinal));

    // Packets between two ports of one bridge pass iptables only with br_netfilter, and then rules may still accept them. Source: kernel,
    // Documentation/networking/bridge.rst.
    private static HardeningFinding Filtered(AuditedNetwork network)
    {
        var info = network.Name is "bridge" ? Icc with { CisItem = "2.2" } : Icc;
        var answer = network.Families.Aggregate(Answer.Nothing, (all, family) => all.And(AuditedNetwork.Services(network.Neighbours(family), family)));
        return info.Found(network, answer.Status, Evidence.Of(answer)) with { Remedy = answer.IsOpen ? string.Join(' ', Mend(network, answer)) : null };
    }

    private static IEnumerable<string> Mend(AuditedNetwork network, Answer answer)
    {
        var unseen = answer.Open.Where(part => part.Chain is null).Select(part => part.Packets.Family).Distinct().Order().ToList();
        if (unseen.Count == 0 || answer.Open.Any(part => part.Chain is not null))
            yield return "Look at the rule that decides, and put a rule before it that drops packets that enter and leave by the bridge.";
        if (unseen.Count == 0)
            yield break;
        var sysctls = string.Join(' ', unseen.Select(family => family == Family.IPv4 ? "net.bridge.bridge-nf-call-iptables=1" : "net.bridge.bridge-nf-call-ip6tables=1"));
        yield return $"Load the module and keep it: modprobe br_netfilter; echo br_netfilter > /etc/modules-load.d/br_netfilter.conf; sysctl -w {sysctls}";
        var bridges = network.Audit.Host.LinkDetails.Where(link => link.Kind is "bridge" && !network.Audit.Host.Networks.Any(other => string.Equals(other.Bridge, link.Name, StringComparison.Ordinal)))
            .Select(link => link.Name).ToList();
        if (bridges.Count > 0)
            yield return $"This affects every bridge of the host: from then on packets within {string.Join(", ", bridges)} (not Docker's) pass FORWARD, whose policy may drop them. First add rules there that accept them.";
    }

    private static HardeningFinding NotFiltered(AuditedHost audit, DockerNetwork network)
    {
        var containers = audit.Host.Containers.Where(container => ContainerState.Runs(container) && container.Addresses.Any(address => string.Equals(address.Network, network.Name, StringComparison.Ordinal))).ToList();
        var finding = Outside.Found(audit, containers.Count == 0 ? FindingStatus.Warning : FindingStatus.Fail,
            [$"Its driver is {network.Driver}: its containers' packets go out by the host's link without passing the host's rules.", .. containers.Select(container => container.Name)]);
        return finding with
        {
            Network = network.Name,
            Remedy = "No rule on this host can close anything to them: filter outside of it, or move the containers to a bridge network.",
        };
    }

    // Packets within an overlay network are no way out of it. The findings of the bridge that leads out say what its containers reach.
    private static HardeningFinding Overlay(AuditedHost audit, DockerNetwork network)
    {
        const string Exit = NetworkMembers.OverlayExit;
        var finding = network.Internal ? Outside.Found(audit, FindingStatus.NotApplicable, "It is internal: nothing leaves the overlay network.")
            : audit.Networks.Any(other => other.Name is Exit) ? Outside.Found(audit, FindingStatus.Pass, $"What leaves the overlay network enters by {Exit}: the findings of {Exit} say what its containers reach. Packets within it travel in its tunnel, and no rule for containers meets them.")
            : Outside.Found(audit, FindingStatus.Warning, $"The host has no {Exit}, by which packets leave an overlay network, so it is not known where they enter.");
        return finding with { Network = network.Name };
    }
}
