using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>Turns a request into questions to one host: for each network, or container on a network, and each destination, one per family. Pure.</summary>
public sealed class TraceQuestions
{
    // Every interface has a link-local address (RFC 4291, 2.8), whether its network has IPv6 or not, and the host can be reached by it.
    private static readonly Cidr LinkLocal = Cidr.Parse("fe80::/10");

    private readonly TraceRequest _request;
    private readonly HostSnapshot _host;
    private readonly List<TraceProblem> _problems = [];

    private TraceQuestions(TraceRequest request, HostSnapshot host) => (_request, _host) = (request, host);

    /// <summary>The questions, in the order of networks and destinations.</summary>
    public IReadOnlyList<TraceQuestion> All { get; private set; } = [];

    /// <summary>The parts of the request that cannot be asked.</summary>
    public IReadOnlyList<TraceProblem> Problems => _problems;

    /// <summary>Collects the questions.</summary>
    public static TraceQuestions Of(TraceRequest request, HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(host);
        var questions = new TraceQuestions(request, host);
        questions.All = [.. questions.Places().SelectMany(questions.Ask)];
        return questions;
    }

    /// <summary>Where packets enter, which sources they have, and the overlay networks within which they stay unseen.</summary>
    private sealed record Origin(DockerNetwork Network, string Bridge, string? Container, IReadOnlyList<Cidr> Sources, IReadOnlyList<DockerNetwork> Overlays);

    private IEnumerable<Origin> Places()
    {
        if (_request.Containers.Count > 0)
            return _request.Containers.SelectMany(Container);
        if (_request.Networks.Count > 0)
            return _request.Networks.SelectMany(Network);
        if (_request.Source is { } source)
            return Holding(source);
        return Entered(_host.Networks, isAskedFor: false);
    }

    private IEnumerable<Origin> Network(string name)
    {
        var found = _host.Networks.Where(network => string.Equals(network.Name, name, StringComparison.Ordinal)).ToList();
        if (found.Count == 0)
            Report(TraceProblemKind.NetworkUnknown, name, $"{_host.HostName} has no Docker network '{name}'; its networks are {List(_host.Networks.Select(network => network.Name))}.");
        return Entered(found, isAskedFor: true);
    }

    private IEnumerable<Origin> Container(string name)
    {
        var container = _host.Containers.FirstOrDefault(each => string.Equals(each.Name, name, StringComparison.Ordinal))
            ?? _host.Containers.FirstOrDefault(each => name.Length >= 4 && each.Id.StartsWith(name, StringComparison.Ordinal));
        if (container is null)
        {
            Report(TraceProblemKind.ContainerUnknown, name, $"{_host.HostName} has no container '{name}'; its containers are {List(_host.Containers.Select(each => each.Name))}.");
            return [];
        }
        var networks = container.Addresses
            .Select(address => (Address: address, Network: _host.Networks.FirstOrDefault(network => network.Holds(address))!))
            .Where(place => place.Network is not null)
            .ToList();
        DockerNetwork[] overlays = [.. networks.Select(place => place.Network).Where(IsOverlay)];
        var places = networks
            .Where(place => place.Network.Bridge is not null && (place.Address.IPv4 ?? place.Address.IPv6) is not null)
            .Select(place => new Origin(place.Network, place.Network.Bridge!, container.Name, _request.Source is { } source ? [source] : [.. Own(place.Address), LinkLocal], overlays))
            .ToList();
        if (places.Count == 0)
            Report(TraceProblemKind.NoBridge, container.Name, $"The container '{container.Name}' of {_host.HostName} ({container.State}, network {container.NetworkMode}) has no address on a bridge network: {Unbridged(container, networks.Select(place => place.Network))}");
        return places;
    }

    private static string Unbridged(DockerContainer container, IEnumerable<DockerNetwork> networks) => container switch
    {
        { NetworkMode: "host" } => Reason("host"),
        { NetworkMode: "none" } => Reason("null"),
        { IsUp: false } => "it does not run, and sends nothing.",
        { NetworkMode: var mode } when mode.StartsWith("container:", StringComparison.Ordinal) => "the container whose network it shares is not there.",
        _ => networks.FirstOrDefault() is { } network ? Reason(network.Driver) : "it is on no network, and sends nothing.",
    };

    // What is known of packets that enter by no bridge of the host.
    private static string Reason(string driver) => driver switch
    {
        "host" => "its packets are the host's own. They leave by OUTPUT, and no rule for containers meets them.",
        "null" => "it has no network, and sends nothing.",
        "macvlan" or "ipvlan" => "its packets leave by a link of the host without passing the host's rules.",
        "overlay" => $"its packets stay within the overlay network, and leave by {NetworkMembers.OverlayExit} only from an overlay that is not internal. No rule for containers meets packets within it.",
        _ => "no rule is known to decide its packets.",
    };

    private IEnumerable<Origin> Holding(Cidr source)
    {
        var found = _host.Networks.Where(network => network.Bridge is not null && network.Subnets.Any(subnet => subnet.Contains(source))).ToList();
        if (found.Count == 0)
        {
            var subnets = _host.Networks.Where(network => network.Bridge is not null).SelectMany(network => network.Subnets.Select(subnet => $"{network.Name} {subnet}"));
            Report(TraceProblemKind.SourceUnknown, source.ToShortString(), $"No bridge network of {_host.HostName} has {source.ToShortString()} in its subnet (it has {List(subnets)}). To ask about a spoofed source, name the network too.");
        }
        return found.Select(network => Whole(network, network));
    }

    private IEnumerable<Origin> Entered(IEnumerable<DockerNetwork> networks, bool isAskedFor)
    {
        foreach (var network in networks)
        {
            if (network.Bridge is not null)
                yield return Whole(network, network);
            // What leaves an overlay network enters the host by this bridge, with an address of its subnet.
            else if (IsOverlay(network) && !network.Internal && _host.Networks.FirstOrDefault(static other => other is { Name: NetworkMembers.OverlayExit, Bridge: not null }) is { } exit)
                yield return Whole(network, exit);
            // Every engine has these two, so nobody needs to be told.
            else if (isAskedFor || network.Driver is not ("host" or "null"))
                _problems.Add(new TraceProblem(TraceProblemKind.NoBridge, network.Name, $"The network '{network.Name}' of {_host.HostName} is a {network.Driver} network, and its containers' packets enter by no bridge. Of a container on it is known: {Reason(network.Driver)}", isAskedFor));
        }
    }

    private static bool IsOverlay(DockerNetwork network) => network.Driver is "overlay";

    private Origin Whole(DockerNetwork network, DockerNetwork entry) => new(
        network, entry.Bridge!, null, _request.Source is { } source ? [source] : [.. entry.Subnets, LinkLocal], ReferenceEquals(network, entry) ? [] : [network]);

    private IEnumerable<TraceQuestion> Ask(Origin place)
    {
        foreach (var target in _request.Destinations)
        {
            var queries = AccessTargets.Of(target.Place, _host, place.Bridge)
                .Where(query => _request.IsOf(query.Family))
                .Select(query => query with { Sources = [.. place.Sources.Where(source => source.Family == query.Family)] })
                .Select(query => place.Sources.Any(source => source.Family == Family.IPv6 && !LinkLocal.Contains(source)) ? query : WithoutRoutedIPv6(query))
                .Where(query => query.Sources.Count > 0 && query.Destinations.Count > 0);
            foreach (var query in queries)
            {
                if (Narrow(query, target) is not { } narrow)
                    continue;
                var packets = _request.Source is null ? ContainerPackets.Of(narrow, _host) : PacketSet.Of(narrow);
                var leaving = Leaving(packets, narrow, place);
                if (leaving.IsEmpty && !packets.IsEmpty)
                    _problems.Add(new TraceProblem(TraceProblemKind.NoBridge, place.Network.Name, $"From {place.Container ?? place.Network.Name} of {_host.HostName}, {target} is within the overlay network: the packets travel in its tunnel, and no rule for containers meets them.",
                        IsAskedFor: _request.Networks.Count + _request.Containers.Count > 0));
                else
                    yield return new TraceQuestion(place.Network.Name, place.Container, target.Text, narrow, leaving);
            }
        }
    }

    // Packets to the subnet of an overlay network that a container is on take the tunnel, whatever the host's rules say.
    private static PacketSet Leaving(PacketSet packets, AccessQuery query, Origin place)
    {
        Cidr[] inside = [.. place.Overlays.SelectMany(network => network.Subnets).Where(subnet => subnet.Family == query.Family)];
        return inside.Length == 0 ? packets : packets.Subtract(PacketSet.Of(new AccessQuery { Family = query.Family, InInterface = query.InInterface, Destinations = inside }));
    }

    // Without an IPv6 subnet a container has only its link-local address, whose packets no router forwards (RFC 4291, 2.5.6): they reach only the host itself.
    private AccessQuery WithoutRoutedIPv6(AccessQuery query) => query.Family == Family.IPv4 ? query
        : query with { Destinations = [.. query.Destinations.SelectMany(destination => _host.Addresses.Select(address => address.Address).Where(destination.Contains)).Distinct()] };

    // The ports of the word and the ports of the person must both match.
    private AccessQuery? Narrow(AccessQuery query, TraceDestination target)
    {
        var (protocol, ports) = (target.Protocol ?? _request.Protocol, target.Ports ?? _request.Ports);
        if (protocol is not null && query.Protocol is { } asked && !string.Equals(protocol, asked, StringComparison.Ordinal))
            return null;
        var narrow = query with { Protocol = query.Protocol ?? protocol, Ports = query.Ports ?? ports };
        if (query.Ports is null || ports is null)
            return narrow;
        var common = string.Join(',', Common(query.Ports, ports));
        return common.Length == 0 ? null : narrow with { Ports = PortList.Parse(common, "Port") };
    }

    private static IEnumerable<string> Common(PortList one, PortList other) =>
        from first in one.Ranges
        from second in other.Ranges
        let low = Math.Max(first.First, second.First)
        let high = Math.Min(first.Last, second.Last)
        where low <= high
        select string.Create(CultureInfo.InvariantCulture, $"{low}:{high}");

    private static IEnumerable<Cidr> Own(ContainerAddress address) => new[] { address.IPv4, address.IPv6 }.OfType<Cidr>();

    private void Report(TraceProblemKind kind, string name, string message) => _problems.Add(new TraceProblem(kind, name, message, IsAskedFor: true));

    private static string List(IEnumerable<string> names) => ShownText.List(names.Order(StringComparer.Ordinal)) is { Length: > 0 } list ? list : "none";
}
