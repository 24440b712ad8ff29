using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// Keeps containers from services on the Docker host, on every address of the host: its own, the gateways, the bridges' link-local ones. Bound to the
/// containers' in-interfaces, never to sources: a source match in INPUT locks out clients from 172.31/16 and does not stop a spoofed source.
/// </summary>
public sealed record HostAccess : Control
{
    // Link-local and unique local sources: all that a container on a bridge that is not known yet can have (RFC 4291, RFC 4193).
    private static readonly string[] IPv6Sources = ["fe80::/10", "fc00::/7"];

    /// <summary>Only these addresses of the host are closed. Empty closes all of them, and only that protects the host.</summary>
    public IReadOnlyList<Cidr> HostAddresses { get; init; } = [];

    /// <summary>Ports of the host that stay open. With <see cref="AllowAddresses"/> they stay open at those addresses only.</summary>
    public IReadOnlyList<PortSpec> AllowPorts { get; init; } = [];

    /// <summary>Addresses of the host that stay open; with <see cref="AllowPorts"/> for those ports only.</summary>
    public IReadOnlyList<Cidr> AllowAddresses { get; init; } = [];

    /// <summary>Whether the ports that containers publish on the host stay open to containers.</summary>
    public bool AllowPublishedPorts { get; init; }

    /// <summary>True keeps DNS (53) open at every address of the host. False closes it even if the host is the containers' resolver. Null keeps just that resolver open.</summary>
    public bool? Dns { get; init; }

    /// <summary>Networks whose containers may reach the host.</summary>
    public IReadOnlyList<string> ExceptNetworks { get; init; } = [];

    // A network that may reach metadata may reach it where the host serves it too: controls combine by AND.
    internal bool AllowsMetadata { get; init; }

    private protected override IReadOnlyList<FirewallRule> Blocks()
    {
        CheckAction();
        var list = new RuleList(nameof(HostAccess), null, Network?.Name);
        foreach (var family in new[] { Family.IPv4, Family.IPv6 })
        {
            var host = HostAddresses.Where(address => address.Family == family).ToList();
            // If only addresses of one family are named, only that family is meant.
            if (HostAddresses.Count > 0 && host.Count == 0)
                continue;
            Exceptions(list, family);
            foreach (var place in Places(family))
                list.Block(place with { Destination = host.Count == 0 ? null : string.Join(',', host) }, Action, Log);
        }
        return list.Rules;
    }

    private void Exceptions(RuleList list, Family family)
    {
        var scope = new RuleSpec { Family = family, Chain = "INPUT", InInterface = Network?.Interface };
        // Without neighbour discovery IPv6 does not work at all; without packet-too-big it stalls (RFC 4861, RFC 8201). The chain that blocks share lets them pass too, but nft's form of a block has no such chain.
        if (family == Family.IPv6)
        {
            foreach (var type in new[] { "135", "136", "2" })
                list.Except(scope with { Protocol = "icmpv6", IcmpType = type });
        }
        foreach (var network in ExceptNetworks)
            list.Except(scope with { InInterface = "network:" + network });
        if (AllowsMetadata)
        {
            foreach (var place in ServedMetadata.PlacesOf(MetadataEndpoints.All).Where(place => place.Family == family))
                list.Except(scope with { Protocol = "tcp", OriginalDestination = place.Address, OriginalDestinationPort = place.Port!.Ports });
            foreach (var port in MetadataEndpoints.HostPorts(MetadataEndpoints.Providers))
                list.Except(scope with { Protocol = port.Protocol, DestinationPort = port.Ports });
        }
        if (Dns != false)
        {
            foreach (var protocol in new[] { "udp", "tcp" })
                list.Except(scope with { Destination = Dns == true ? null : "docker:resolvers", Protocol = protocol, DestinationPort = "53" });
        }
        AllowList.Except(list, scope, AllowPorts, AllowAddresses, family);
        if (AllowPublishedPorts)
            list.Except(scope with { DestinationPort = "docker:published" });
    }

    private IEnumerable<RuleSpec> Places(Family family)
    {
        var place = new RuleSpec { Family = family, Chain = "INPUT" };
        if (Network is not null)
            return [place with { InInterface = Network.Interface }];
        var later = place with { InInterface = "docker:new-bridges" };
        return family == Family.IPv4
            ? [place with { InInterface = "docker:bridges" }, later with { Source = "docker:pools" }]
            : [place with { InInterface = "docker:bridges" }, .. IPv6Sources.Select(source => later with { Source = source })];
    }
}
