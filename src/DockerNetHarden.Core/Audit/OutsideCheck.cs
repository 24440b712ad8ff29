using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Audit;

/// <summary>
/// Whether a neighbour of the host who has a route to a network reaches ports of its containers that are not published. Before engine 28 only the policy of
/// FORWARD keeps such a neighbour out, and Docker sets it to DROP only if it turned on forwarding itself. Source: Docker's "Packet filtering and firewalls".
/// </summary>
internal static class OutsideCheck
{
    private static readonly CheckInfo Info = new("NAT-UNPROTECTED", "Ports that are not published cannot be reached from outside", Severity.Medium);

    private static readonly Cidr[] LinkLocal = [Cidr.Parse("fe80::/10"), Cidr.Parse("169.254.0.0/16")];

    private static readonly string[] Modes = ["com.docker.network.bridge.gateway_mode_ipv4", "com.docker.network.bridge.gateway_mode_ipv6"];

    public static HardeningFinding Of(AuditedNetwork network)
    {
        var open = Modes.Where(mode => network.Network.Options.GetValueOrDefault(mode) is "nat-unprotected").ToList();
        if (open.Count > 0)
        {
            return Info.Found(network, FindingStatus.Fail, [.. open.Select(mode => $"{mode}=nat-unprotected")]) with
            {
                Remedy = "Create the network again without that option, and publish the ports that are meant to be reached.",
            };
        }
        if (network.Audit.Host.Addresses.Count == 0)
            return Info.Found(network, FindingStatus.Warning, "The addresses of the host were not read, so its links to the outside are not known.");
        var links = Links(network.Audit).ToList();
        var answers = links.SelectMany(link => network.Families.Select(family => (Link: link, Family: family, Answer: FromOutside(network, link, family)))).ToList();
        var answer = answers.Aggregate(Answer.Nothing, (all, one) => all.And(one.Answer));
        if (answer.IsEmpty)
            return Info.Found(network, FindingStatus.Pass, links.Count == 0 ? "No link of the host leads outside." : "Nothing that comes from outside is routed to it.");
        return Info.Found(network, answer.Status, Evidence.Of(answer)) with
        {
            // Published ports of routed containers are reached like this, and a rule that tells them from others is Docker's business.
            Rules = [.. Remedies.Outside(network, answers.Where(way => way.Answer.IsOpen && !IsRouted(network, way.Family)).Select(way => (way.Link, way.Family)))],
            Remedy = answer.IsOpen
                ? "Pipe this finding to Invoke-FirewallRule: what comes from outside then reaches published ports only, at the host's addresses. Or drop forwarded packets by default: iptables -P FORWARD DROP "
                    + "(and ip6tables), after rules that accept what else this host forwards; or update Docker: from engine 28 on it drops this itself."
                : null,
        };
    }

    private static bool IsRouted(AuditedNetwork network, Family family) => network.Network.Options.GetValueOrDefault(Modes[family == Family.IPv4 ? 0 : 1]) is "routed";

    // A link leads outside if it carries a route to more than one neighbour, whatever its kind: the uplink of a container (LXC) or of a namespace is a veth. So does a link with an
    // address of its own, except ports of bridges and the veths of containers that other tools start. Docker's networks do not.
    private static IEnumerable<string> Links(AuditedHost audit)
    {
        var inside = audit.Host.Networks.Select(network => network.Bridge).Append("lo").ToHashSet(StringComparer.Ordinal);
        var ports = audit.Host.LinkDetails.Where(link => link.Master is not null || link.Kind is "veth").Select(link => link.Name).ToHashSet(StringComparer.Ordinal);
        return audit.Host.Routes.Where(LeadsAway).SelectMany(route => route.Links)
            .Concat(audit.Host.Addresses.Select(address => address.Link).Where(link => !ports.Contains(link)))
            .Where(link => !inside.Contains(link)).Distinct(StringComparer.Ordinal);
    }

    // Every link has a route to link-local addresses (RFC 4291, 2.5.6), and a veth of another tool's container has one to that container.
    private static bool LeadsAway(HostRoute route) =>
        route.Type is "unicast" && route.Destination.Length < Cidr.Width(route.Family) && !LinkLocal.Any(range => range.Contains(route.Destination));

    private static Answer FromOutside(AuditedNetwork network, string link, Family family)
    {
        var query = new AccessQuery { Family = family, InInterface = link, Sources = Neighbours(network.Audit, link, family), Destinations = network.Query(family).Sources };
        var answer = query.Destinations.Count == 0 ? Answer.Nothing : Answer.Of(network.Audit.Walk.Ask(query), network.Origin);
        // Addresses of the host are not a container's, translated packets are published, and packets that leave by another link do not reach the network: a bridge without an address
        // (gateway mode isolated) has no route.
        return AuditedNetwork.Services(answer.Where(part => part is { Path: not PacketPath.Local, NewDestination: null } && (part.OutInterface is null || part.OutInterface == network.Bridge)), family)
            .Without(Published(network, family));
    }

    // A neighbour on the link itself can send there without anybody's help; a router in between would have to know the network's addresses.
    private static IReadOnlyList<Cidr> Neighbours(AuditedHost audit, string link, Family family) =>
    [
        .. from route in audit.Host.Routes
           where route.Family == family && route is { Type: "unicast", Destination.Length: > 0 } && route.Links.Contains(link, StringComparer.Ordinal)
           select route.Destination,
    ];

    // At the container's own address and port too: Docker's rule for a published port requires no more.
    private static IEnumerable<PacketSet> Published(AuditedNetwork network, Family family) =>
        from container in network.Containers
        from place in container.Addresses
        where string.Equals(place.Network, network.Name, StringComparison.Ordinal)
        let address = family == Family.IPv4 ? place.IPv4 : place.IPv6
        where address is not null
        from port in container.Ports
        where port.Protocol is "tcp" or "udp"
        select PacketSet.Of(new AccessQuery
        {
            Family = family,
            InInterface = network.Bridge,
            Destinations = [address.Value],
            Protocol = port.Protocol,
            Ports = PortList.Parse(port.ContainerPort.ToString(CultureInfo.InvariantCulture), "Port"),
        });
}
