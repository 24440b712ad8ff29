using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>
/// Which addresses have which type for the host. IPv4 looks into the table <c>local</c> only: an address that is not in it is UNICAST, whether or not there is
/// a route. Source: net/netfilter/xt_addrtype.c, inet_addr_type in net/ipv4/fib_frontend.c.
/// </summary>
internal sealed class AddressTypes
{
    private readonly Family _family;
    private readonly Dictionary<(string Type, bool IsSource, bool Negated), PacketSet?> _packets = [];

    internal AddressTypes(HostSnapshot host, Family family)
    {
        _family = family;
        var table = host.Routes.Where(route => route.Family == family && route.Table is "local" or "255").ToList();
        IsKnown = table.Any(route => route.Family == family);
        var local = Of(table, "local");
        Local = IsKnown
            ? local
            : [.. host.Addresses.Where(address => address.Address.Family == family).Select(static address => (address.Address.Bits, address.Address.Last)), Loopback(family)];
        Broadcast = family == Family.IPv6 ? [] : [.. Of(table, "broadcast"), Span("0.0.0.0"), Span("255.255.255.255")];
        Multicast = [family == Family.IPv4 ? Span("224.0.0.0/4") : Span("ff00::/8")];
    }

    /// <summary>Whether the table <c>local</c> was read; otherwise only the addresses of the links are known.</summary>
    internal bool IsKnown { get; }

    internal IReadOnlyList<(UInt128 First, UInt128 Last)> Local { get; }

    internal IReadOnlyList<(UInt128 First, UInt128 Last)> Broadcast { get; }

    internal IReadOnlyList<(UInt128 First, UInt128 Last)> Multicast { get; }

    /// <summary>The packets from or to addresses of a type, or all others; null if the type is not modelled. Made once: a host can have thousands of rules about its own addresses, and hundreds of these.</summary>
    internal PacketSet? Named(string type, bool isSource, bool negated = false)
    {
        if (_packets.TryGetValue((type, isSource, negated), out var known))
            return known;
        var packets = negated ? Others(Named(type, isSource)) : Make(type, isSource);
        _packets.Add((type, isSource, negated), packets);
        return packets;
    }

    private PacketSet? Others(PacketSet? packets) => packets is null ? null : PacketSet.All(_family).Subtract(packets);

    private PacketSet? Make(string type, bool isSource)
    {
        return type switch
        {
            "LOCAL" => Packets(Local),
            "MULTICAST" => Packets(Multicast),
            "BROADCAST" when IsKnown && _family == Family.IPv4 => Packets(Broadcast),
            "UNICAST" when IsKnown && _family == Family.IPv4 =>
                PacketSet.All(_family).Subtract(Packets(Local)).Subtract(Packets(Broadcast)).Subtract(Packets(Multicast)),
            "UNICAST" when _family == Family.IPv6 => PacketSet.All(_family).Subtract(Packets(Multicast)).Subtract(Packets([Span("::")])),
            _ => null,
        };

        PacketSet Packets(IReadOnlyList<(UInt128 First, UInt128 Last)> spans) => PacketSet.From(_family, Layers.AnyProtocol, isSource ? spans : null, isSource ? null : spans);
    }

    private static IReadOnlyList<(UInt128 First, UInt128 Last)> Of(List<HostRoute> table, string type)
    {
        // In the local table the longer prefix wins: a broadcast address inside 127.0.0.0/8 is not a local one.
        var others = table.Where(route => route.Type != type).ToList();
        var spans = new List<(UInt128 First, UInt128 Last)>();
        foreach (var route in table.Where(route => route.Type == type))
        {
            var (first, last) = (route.Destination.Bits, route.Destination.Last);
            foreach (var inner in others.Where(other => route.Destination != other.Destination && route.Destination.Contains(other.Destination)).OrderBy(static other => other.Destination.Bits))
            {
                if (inner.Destination.Bits > first)
                    spans.Add((first, inner.Destination.Bits - 1));
                first = inner.Destination.Last + 1;
            }
            if (first <= last)
                spans.Add((first, last));
        }
        return spans;
    }

    private static (UInt128 First, UInt128 Last) Loopback(Family family) => family == Family.IPv4 ? Span("127.0.0.0/8") : Span("::1");

    private static (UInt128 First, UInt128 Last) Span(string prefix)
    {
        var cidr = Cidr.Parse(prefix);
        return (cidr.Bits, cidr.Last);
    }
}
