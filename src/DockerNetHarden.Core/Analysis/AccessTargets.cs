using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis;

/// <summary>What people ask about in words, turned into questions to a host: the metadata endpoints, the host itself, the internal ranges.</summary>
public static class AccessTargets
{
    /// <summary>The metadata endpoints of all known clouds (<see cref="MetadataEndpoints"/>), with the ports that serve metadata.</summary>
    public const string Metadata = "Metadata";

    /// <summary>Every address of the host that a container can send to, on every port.</summary>
    public const string Host = "Host";

    /// <summary>The internal ranges (<see cref="InternalAccess.DefaultRanges"/>) and the IPv6 addresses that lead to those of IPv4, on every port.</summary>
    public const string Internal = "Internal";

    private static readonly Cidr LinkLocal6 = Cidr.Parse("fe80::/10");
    private static readonly Cidr Loopback4 = Cidr.Parse("127.0.0.0/8");

    /// <summary>The words.</summary>
    public static IReadOnlyList<string> Words { get; } = [Metadata, Host, Internal];

    /// <summary>The questions that a word or an address means, about the packets that enter by one link.</summary>
    /// <param name="text">One of <see cref="Words"/>, in any case; or an address or a prefix.</param>
    /// <param name="host">The host.</param>
    /// <param name="inInterface">The link: the bridge of a network.</param>
    /// <returns>The questions, IPv4 first; one for an address. Empty if the host has nothing of the kind.</returns>
    /// <exception cref="FormatException">The text is neither a word nor an address; the message names the words.</exception>
    public static IReadOnlyList<AccessQuery> Of(string text, HostSnapshot host, string inInterface)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(inInterface);
        if (string.Equals(text, Metadata, StringComparison.OrdinalIgnoreCase))
            return [.. MetadataQueries(MetadataEndpoints.All, inInterface)];
        if (string.Equals(text, Host, StringComparison.OrdinalIgnoreCase))
            return ByFamily(HostAddresses(host, inInterface), inInterface);
        if (string.Equals(text, Internal, StringComparison.OrdinalIgnoreCase))
            return ByFamily(InternalRanges, inInterface);
        return Cidr.TryParse(text, out var destination)
            ? [new AccessQuery { Family = destination.Family, InInterface = inInterface, Destinations = [destination] }]
            : throw new FormatException($"'{text}' is not an address, a prefix or one of the words {string.Join(", ", Words)}; write for example 169.254.169.254, 10.0.0.0/8 or {Metadata}.");
    }

    /// <summary>The internal ranges of both families that packets can be forwarded to: IPv6 link-local addresses never are (RFC 4291, 2.5.6).</summary>
    internal static IReadOnlyList<Cidr> InternalRanges { get; } = [.. InternalAccess.WithForms(InternalAccess.DefaultRanges).Where(range => range != LinkLocal6)];

    /// <summary>The questions that endpoints mean; endpoints with the same ports share one.</summary>
    internal static IEnumerable<AccessQuery> MetadataQueries(IEnumerable<MetadataEndpoint> endpoints, string inInterface) =>
        endpoints
            .SelectMany(endpoint => Services(endpoint).Select(service => (endpoint.Address, service.Protocol, service.Ports)))
            .GroupBy(service => (service.Address.Family, service.Protocol, service.Ports))
            .OrderBy(group => group.Key.Family)
            .Select(group => new AccessQuery
            {
                Family = group.Key.Family,
                InInterface = inInterface,
                Destinations = Cidr.Aggregate(group.Select(service => service.Address)),
                Protocol = group.Key.Protocol,
                Ports = group.Key.Ports is { } ports ? PortList.Parse(ports, "Port") : null,
            });

    /// <summary>
    /// The host's addresses that packets from a link can be sent to. Link-local ones count on their own link only; loopback ones only if the kernel
    /// routes them for that link (<c>route_localnet</c>, ip-sysctl: dockerd sets it if its userland proxy is off).
    /// </summary>
    internal static IEnumerable<Cidr> HostAddresses(HostSnapshot host, string inInterface)
    {
        var own = host.Addresses
            .Where(address => !address.Address.IsLoopback)
            .Where(address => !LinkLocal6.Contains(address.Address) || string.Equals(address.Link, inInterface, StringComparison.Ordinal))
            .Select(address => address.Address);
        return (RoutesLoopback(host, inInterface) ? own.Append(Loopback4) : own).Distinct();
    }

    /// <summary>Whether packets from a link to 127.0.0.0/8 are let in: the setting of the link or of all links is enough.</summary>
    internal static bool RoutesLoopback(HostSnapshot host, string link) =>
        new[] { "all", link }.Any(name => host.Sysctls.TryGetValue($"net.ipv4.conf.{name}.route_localnet", out var value) && value is "1");

    private static IEnumerable<(string? Protocol, string? Ports)> Services(MetadataEndpoint endpoint) =>
        endpoint.Ports.Count == 0 ? [(null, null)] : PortSpec.Joined(endpoint.Ports).Select(joined => ((string?)joined.Protocol, (string?)joined.Ports));

    private static IReadOnlyList<AccessQuery> ByFamily(IEnumerable<Cidr> destinations, string inInterface) =>
        [.. destinations.GroupBy(destination => destination.Family).OrderBy(group => group.Key)
            .Select(group => new AccessQuery { Family = group.Key, InInterface = inInterface, Destinations = [.. group] })];
}

/// <summary>The packets of a question that containers can send and get an answer to.</summary>
internal static class ContainerPackets
{
    /// <summary>
    /// The packets of a question without those whose source is one of the host's own addresses or a broadcast address: the kernel lets no such packet in
    /// (RFC 1812, 5.3.8; martian sources, unless accept_local is set), and no answer returns to such a source.
    /// </summary>
    public static PacketSet Of(AccessQuery query, HostSnapshot host)
    {
        var own = host.Addresses.Select(address => address.Address)
            .Concat(host.Routes.Where(route => route.Type is "broadcast").Select(route => route.Destination))
            .Where(address => address.Family == query.Family)
            .Distinct()
            .ToList();
        var packets = PacketSet.Of(query);
        return own.Count == 0 ? packets : packets.Subtract(PacketSet.Of(new AccessQuery { Family = query.Family, InInterface = query.InInterface, Sources = own }));
    }
}
