using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>What decides packets besides the rules: programs on links, VRFs, chains below IP, virtual servers.</summary>
internal sealed class Mechanisms(HostSnapshot host, Family family, NativeRuleset? native)
{
    private readonly PacketSet _virtualServers = VirtualServers(host, family);
    private readonly Dictionary<string, string?> _entering = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string?> _leaving = new(StringComparer.Ordinal);
    private readonly ILookup<string, HostLink> _named = host.LinkDetails.ToLookup(static link => link.Name, StringComparer.Ordinal);
    private readonly ILookup<string?, HostLink> _ports = host.LinkDetails.ToLookup(static link => link.Master, StringComparer.Ordinal);

    /// <summary>Why nothing is known about packets that enter by a link; null if nothing prevents it.</summary>
    internal string? Entering(string link)
    {
        if (!_entering.TryGetValue(link, out var why))
            _entering.Add(link, why = WhyNotEntering(link));
        return why;
    }

    /// <summary>Why packets sent out by a link may not arrive; null if nothing prevents it.</summary>
    internal string? Leaving(string? link)
    {
        if (link is null)
            return null;
        // Asked for each way that packets take, and a host can have hundreds of links.
        if (!_leaving.TryGetValue(link, out var why))
            _leaving.Add(link, why = _named[link].Any(static each => each.HasTcFilter) ? $"a tc filter on {link} may drop or redirect the packets" : native?.BelowIp(link));
        return why;
    }

    private string? WhyNotEntering(string link)
    {
        if (host.Unread.ContainsKey("LinkDetails") || host.Unread.ContainsKey("TcFilters"))
            return $"whether a program or a tc filter on {link} decides about the packets was not read";
        if (_named[link].FirstOrDefault()?.Master is { } master && _named[master].Any(static each => each.Kind == "vrf"))
            return $"{link} belongs to the VRF {master}, whose routing is not modelled";
        // A program at a port of a bridge sees the packets before the bridge does.
        if (_named[link].Concat(_ports[link]).FirstOrDefault(static each => each.HasXdp || each.HasTcFilter) is { } programmed)
            return $"{(programmed.HasXdp ? "an XDP program" : "a tc filter")} on {programmed.Name} may drop or redirect the packets";
        return native?.BelowIp(link);
    }

    /// <summary>The packets to the host that a virtual server would forward elsewhere.</summary>
    internal PacketSet ToVirtualServers => _virtualServers;

    // "TCP  0A000001:0050 rr", "TCP  [fd00:...:0001]:0050 rr", "FWM  00000001 rr" (by mark: any destination).
    private static PacketSet VirtualServers(HostSnapshot host, Family family)
    {
        var all = PacketSet.None(family);
        foreach (var line in host.IpvsServices)
        {
            var words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words is not [("TCP" or "UDP" or "SCTP") and var protocol, var service, ..])
            {
                if (words is ["FWM", ..])
                    return PacketSet.All(family);
                continue;
            }
            var colon = service.LastIndexOf(':');
            if (colon < 0 || !ushort.TryParse(service.AsSpan(colon + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var port) || Address(service[..colon]) is not { } address)
                return PacketSet.All(family);
            if (address.Family == family)
            {
                var layer = Transport.Protocol(Protocols.NumberOf(protocol)!.Value).Intersect(Transport.ToPorts([(port, port)]))!;
                all = all.Union(PacketSet.From(family, layer, null, [(address.Bits, address.Last)]));
            }
        }
        return all;
    }

    private static Cidr? Address(string text) =>
        text.StartsWith('[') ? Cidr.TryParse(Shortened(text.Trim('[', ']')), out var six) ? six : null
        : uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var four) ? Cidr.From(Family.IPv4, four, 32)
        : null;

    private static string Shortened(string text) => string.Join(':', text.Split(':').Select(static group => group.TrimStart('0') is { Length: > 0 } digits ? digits : group.Length > 0 ? "0" : ""));
}
