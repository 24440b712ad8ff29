using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Analysis;

/// <summary>What a person asks about the way of containers' packets, before any host is read.</summary>
public sealed record TraceRequest
{
    internal static readonly string[] WithPorts = ["tcp", "udp", "sctp"];

    /// <summary>Names of networks; empty for all of the host's bridge networks.</summary>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>Names of containers, or the beginnings of their ids; empty to ask about networks.</summary>
    public IReadOnlyList<string> Containers { get; init; } = [];

    /// <summary>The source; null for every address of the network or the container. Without a network, the question is about the network whose subnet holds the source.</summary>
    public Cidr? Source { get; init; }

    /// <summary>Destinations: addresses, prefixes, or <see cref="AccessTargets.Words"/>, each with ports of its own if wanted (<c>10.0.0.5:5432</c>). If none is named, all of these words are asked about.</summary>
    public IReadOnlyList<TraceDestination> Destinations { get; private init; } = [.. AccessTargets.Words.Select(TraceDestination.Parse)];

    /// <summary>The destination ports; null for those of the destination's word, or else every port.</summary>
    public PortList? Ports { get; private init; }

    /// <summary>The protocol; null for those of the destination's word, or else every protocol.</summary>
    public string? Protocol { get; private init; }

    /// <summary>The same with these destinations.</summary>
    /// <exception cref="RefusedValueException">One is neither an address nor a prefix nor a word, or names ports that were named already.</exception>
    public TraceRequest To(params IReadOnlyList<string> destinations)
    {
        ArgumentNullException.ThrowIfNull(destinations);
        return Checked(this with { Destinations = [.. destinations.Select(TraceDestination.Parse)] });
    }

    /// <summary>The same with these ports of this protocol only. Ports without a protocol are TCP's.</summary>
    /// <exception cref="RefusedValueException">A port is not valid, the protocol is unknown or has no ports, or a destination names ports of its own.</exception>
    public TraceRequest With(string? ports, string? protocol)
    {
        var known = protocol is null ? null : Known(protocol);
        if (ports is not null && known is not null && !WithPorts.Contains(known, StringComparer.Ordinal))
            throw new RefusedValueException("Protocol", protocol, $"the ports {ports} need a protocol that has ports: {string.Join(", ", WithPorts)}.");
        return Checked(this with
        {
            Ports = ports is null ? null : PortList.Parse(ports, "Port"),
            Protocol = known ?? (ports is null ? null : "tcp"),
        });
    }

    // ICMPv6 is not a protocol of IPv4, nor ICMP one of IPv6: each is asked about in its own family.
    internal bool IsOf(Family family) => Protocol switch
    {
        "icmp" => family == Family.IPv4,
        "icmpv6" => family == Family.IPv6,
        _ => true,
    };

    private static TraceRequest Checked(TraceRequest request) => request is { Ports: null, Protocol: null } || request.Destinations.FirstOrDefault(destination => destination.Ports is not null) is not { } twice ? request
        : throw new RefusedValueException("Destination", twice.Text, $"it names its port itself, and {(request.Ports is null ? $"the protocol {request.Protocol}" : $"the ports {request.Ports}")} were named as well; name both in one place, as in 10.0.0.5:53/udp.");

    private static string Known(string protocol)
    {
        var name = protocol.Trim().ToLowerInvariant();
        if (name is "icmpv6" or "ipv6-icmp" or "58")
            return "icmpv6";
        // Turns a number into its name.
        return RuleWords.Protocol(name, Family.IPv4);
    }
}

/// <summary>One question of a request on one host.</summary>
/// <param name="Network">The network by which the packets enter.</param>
/// <param name="Container">The container that the question is about; null for the whole network.</param>
/// <param name="Target">The destination as the user gave it.</param>
/// <param name="Query">The packets in words.</param>
/// <param name="Packets">The packets of the query. If no source was named, without the host's own addresses, because no container can send from them.</param>
public sealed record TraceQuestion(string Network, string? Container, string Target, AccessQuery Query, PacketSet Packets)
{
    /// <summary>
    /// The sources of a part of the answer, in the words of the question if the part has all sources of one of its prefixes. Parts with different ends that apply to the same
    /// destinations never share sources.
    /// </summary>
    /// <param name="part">The part.</param>
    public IReadOnlyList<Cidr> SourcesOf(AccessPart part)
    {
        ArgumentNullException.ThrowIfNull(part);
        if (Query.Sources.Count == 0)
            return part.Packets.Sources;
        return [.. Query.Sources.SelectMany(source =>
        {
            var from = PacketSet.Of(new AccessQuery { Family = Query.Family, InInterface = Query.InInterface, Sources = [source] });
            var (asked, has) = (Packets.Intersect(from).Sources, part.Packets.Intersect(from).Sources);
            return has.Count > 0 && has.SequenceEqual(asked) ? [source] : has;
        })];
    }
}

/// <summary>Why a part of a request cannot be asked on a host.</summary>
public enum TraceProblemKind
{
    /// <summary>The host has no such network.</summary>
    NetworkUnknown,

    /// <summary>The host has no such container.</summary>
    ContainerUnknown,

    /// <summary>No network of the host has the source in one of its subnets.</summary>
    SourceUnknown,

    /// <summary>Its packets enter by no bridge of this host (host, macvlan and ipvlan networks, overlay, none): no rule here is known to decide them.</summary>
    NoBridge,
}

/// <summary>A part of a request that cannot be asked on a host.</summary>
/// <param name="Kind">The reason.</param>
/// <param name="Name">The network, the container or the source.</param>
/// <param name="Message">What is wrong and what the host has, in one sentence.</param>
/// <param name="IsAskedFor">Whether the user named this part; false if it is only one part of everything.</param>
public sealed record TraceProblem(TraceProblemKind Kind, string Name, string Message, bool IsAskedFor);
