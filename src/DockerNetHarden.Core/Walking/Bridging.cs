using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>Which packets stay on the bridge by which they entered, and whether iptables sees them. Source: Linux networking/ip-sysctl, "bridge-nf-call-iptables".</summary>
internal sealed class Bridging(HostSnapshot host, Family family, RuleContext context)
{
    private readonly Dictionary<string, PacketSet> _known = new(StringComparer.Ordinal);
    private readonly ILookup<string?, Cidr> _subnets = host.Networks.SelectMany(static network => network.Subnets, static (network, subnet) => (network.Bridge, Subnet: subnet))
        .ToLookup(static pair => pair.Bridge, static pair => pair.Subnet, StringComparer.Ordinal);
    private readonly HashSet<string> _bridges = context.Bridges.Names.ToHashSet(StringComparer.Ordinal);

    // What no neighbour has as its address; the same for each of what may be hundreds of bridges.
    private PacketSet? _elsewhere;

    /// <summary>Whether bridged packets pass iptables; null if it was not read.</summary>
    internal bool? IsSeen => context.Bridges.IsFiltered;

    /// <summary>
    /// Whether a TCP reset that answers redirected packets from this link gets lost: br_netfilter sends it out by the port of the bridge, without translating it back, and
    /// the client does not know the address that it comes from (nf_send_reset in net/ipv4/netfilter/nf_reject_ipv4.c). An ICMP error takes the normal way.
    /// </summary>
    internal bool LosesResets(string inLink) => IsSeen != false && IsBridge(inLink);

    private bool IsBridge(string link) => _bridges.Contains(link);

    /// <summary>The packets that a container on this link sends straight to a neighbour.</summary>
    internal PacketSet Stay(string inLink)
    {
        if (!_known.TryGetValue(inLink, out var packets))
            _known.Add(inLink, packets = Make(inLink));
        return packets;
    }

    private PacketSet Make(string inLink)
    {
        var subnets = _subnets[inLink].Where(subnet => subnet.Family == family).ToList();
        if (!IsBridge(inLink))
            return PacketSet.None(family);
        if (subnets.Count == 0)
            subnets.AddRange(host.Routes.Where(route => route.Family == family && route is { Type: "unicast", Destination.Length: > 0, Table: "main", Links: [var link] } && link == inLink).Select(static route => route.Destination));
        if (family == Family.IPv6)
            subnets.Add(Cidr.Parse("fe80::/10"));
        _elsewhere ??= To([.. context.AddressTypes.Local, .. context.AddressTypes.Broadcast, .. context.AddressTypes.Multicast, .. host.Addresses.Where(address => address.Address.Family == family).Select(static address => (address.Address.Bits, address.Address.Last))]);
        return To([.. subnets.Select(static subnet => (subnet.Bits, subnet.Last))]).Subtract(_elsewhere);
    }

    private PacketSet To(IReadOnlyList<(UInt128 First, UInt128 Last)> spans) => PacketSet.From(family, Layers.AnyProtocol, null, spans);
}
