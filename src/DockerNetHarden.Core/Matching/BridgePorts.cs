using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>The bridges of a host, their ports, and whether iptables sees what they pass on. Source: Linux networking/ip-sysctl, "bridge-nf-call-iptables".</summary>
internal sealed class BridgePorts
{
    private const string NotKnown = "by which port of the bridge packets come or go is not known";

    private readonly ILookup<string?, string> _ports;

    internal BridgePorts(HostSnapshot host, Family family)
    {
        var name = family == Family.IPv4 ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables";
        IsFiltered = host.Sysctls.TryGetValue(name, out var value) ? value != "0"
            // Not set: br_netfilter is not loaded, if sysctls were read at all.
            : host.Sysctls.Count > 0 && !host.Unread.Keys.Any(static part => part.Contains("sysctl", StringComparison.OrdinalIgnoreCase)) ? false
            : null;
        AreKnown = host.LinkDetails.Count > 0 && !host.Unread.ContainsKey("LinkDetails");
        Names = [.. host.Networks.Select(static network => network.Bridge).OfType<string>().Concat(host.LinkDetails.Where(static link => link.Kind == "bridge").Select(static link => link.Name)).Distinct(StringComparer.Ordinal)];
        _ports = host.LinkDetails.Where(static link => link.Master is not null).ToLookup(static link => link.Master, static link => link.Name, StringComparer.Ordinal);
    }

    /// <summary>Whether packets that a bridge passes from port to port meet iptables; null if it was not read.</summary>
    internal bool? IsFiltered { get; }

    /// <summary>Whether the ports were read.</summary>
    internal bool AreKnown { get; }

    internal IReadOnlyList<string> Names { get; }

    /// <summary>Packets that enter by a port of this name, or all others.</summary>
    internal IReadOnlyList<LinkCase> EnteringBy(LinkPattern port, bool negated)
    {
        var cases = Names.Select(bridge => (Bridge: bridge, All: Share(bridge, port))).Where(each => each.All != negated)
            .Select(each => new LinkCase(new LinkPattern([each.Bridge], false), null, null, each.All is null ? NotKnown : null));
        // What enters by no bridge has no port.
        return negated ? [.. cases, new LinkCase(new LinkPattern(Names, true), null, null)] : [.. cases];
    }

    /// <summary>Packets that a bridge passes on to a port of this name.</summary>
    internal IReadOnlyList<LinkCase> LeavingBy(LinkPattern port) =>
        [.. Names.Where(bridge => Share(bridge, port) != false).Select(bridge => new LinkCase(null, new LinkPattern([bridge], false), null, Share(bridge, port) is null ? NotKnown : null))];

    // Whether all of a bridge's ports have the name, or none has; null for some.
    private bool? Share(string bridge, LinkPattern port)
    {
        var (all, matching) = (_ports[bridge].Count(), _ports[bridge].Count(port.Matches));
        return matching == 0 ? false : matching == all ? true : null;
    }
}
