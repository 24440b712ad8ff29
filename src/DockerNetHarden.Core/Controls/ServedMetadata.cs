using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// The rules about metadata that the host itself serves or redirects: ECS task credentials (169.254.170.2 to 127.0.0.1:51679), GKE (169.254.169.254 to 169.254.169.252:988), EKS Pod Identity. Behind the
/// redirection only conntrack knows what the container asked for, so these rules match the original destination: in INPUT and, for what may go on to another machine or container, in mangle FORWARD, which
/// Docker does not touch. All of it is HTTP.
/// </summary>
/// <param name="control">The control.</param>
/// <param name="list">Where its rules are collected.</param>
/// <param name="family">The family of the rules.</param>
internal sealed class ServedMetadata(MetadataAccess control, RuleList list, Family family)
{
    // What the host itself asks for comes by lo.
    private const string NotLoopback = "!lo";

    // The names that Docker itself gives to bridges: no host has to be read to know them. Other clients of the host may use these ports for something else.
    private static readonly string[] DockersOwn = ["docker+", "br-+"];

    private readonly RuleSpec _input = new() { Family = family, Chain = "INPUT", Protocol = "tcp" };
    private readonly RuleSpec _forward = new() { Family = family, Table = "mangle", Chain = "FORWARD", Protocol = "tcp" };
    private readonly RuleSpec _atHost = new() { Family = family, Table = "mangle", Chain = "INPUT" };

    /// <summary>A port, or a range of ports, of an address that the host may serve.</summary>
    /// <param name="Family">The family.</param>
    /// <param name="Address">The address, or the symbol for those of a host's cloud.</param>
    /// <param name="Port">The port or the range; null with the symbol.</param>
    /// <param name="IsRedirected">Whether its packets may be redirected to where they are forwarded. An address of the host itself is not.</param>
    public sealed record Place(Family Family, string Address, PortSpec? Port, bool IsRedirected);

    /// <summary>The places of endpoints.</summary>
    public static IReadOnlyList<Place> PlacesOf(IEnumerable<MetadataEndpoint> endpoints) =>
    [
        .. endpoints.SelectMany(endpoint => (endpoint.Path == EndpointPath.Forward ? endpoint.Redirected : endpoint.Ports)
            .Select(port => new Place(endpoint.Address.Family, endpoint.Address.ToString(), port, endpoint.Path != EndpointPath.Local))).Distinct(),
    ];

    /// <summary>Those of the cloud that a host turns out to be in. No cloud redirects an IPv6 address.</summary>
    public static IReadOnlyList<Place> OfCloud(Family family) => [new(family, MetadataAccess.OfCloud, null, family == Family.IPv4)];

    /// <summary>Adds the rules.</summary>
    /// <param name="places">The places, all of the family.</param>
    /// <param name="hostPorts">The ports at every address of the host; null for none.</param>
    public void Add(IReadOnlyList<Place> places, string? hostPorts)
    {
        if (control.Permit)
        {
            Pass(control.Network!, places, hostPorts);
            return;
        }
        foreach (var network in control.ExceptNetworks)
            Pass(new NetworkReference(network), places, hostPorts);
        foreach (var allowed in control.AllowPorts)
        {
            foreach (var place in places.Where(place => place.Port?.Overlaps(allowed) ?? allowed.Protocol is "tcp"))
                Except(place with { Port = allowed }, control.Network?.Interface);
        }
        foreach (var allowed in control.AllowAddresses.Where(allowed => allowed.Family == family && places.Any(place => place.Port is null)))
            Except(new Place(family, allowed.ToString(), null, family == Family.IPv4), control.Network?.Interface);
        Block(places, hostPorts);
    }

    private void Pass(NetworkReference network, IReadOnlyList<Place> places, string? hostPorts)
    {
        foreach (var place in places)
            Except(place, network.Interface);
        if (hostPorts is not null)
            list.Except(HostPorts(hostPorts) with { InInterface = network.Interface });
    }

    private void Block(IReadOnlyList<Place> places, string? hostPorts)
    {
        var network = control.Network?.Interface;
        foreach (var place in places)
        {
            var input = At(_input, place) with { InInterface = network ?? NotLoopback, ConnectionDirection = "ORIGINAL" };
            if (control.Log)
                list.Log(input);
            // A reset from 127.0.0.1 does not find the way back through the redirection, an ICMP error does.
            list.Add(input with { Action = control.Action });
            if (place.IsRedirected)
                list.Add(At(_forward, place) with { InInterface = network, ConnectionDirection = "ORIGINAL", ConnectionState = "DNAT", Action = RuleAction.Drop });
        }
        foreach (var link in hostPorts is null ? [] : network is null ? DockersOwn : [network])
            list.Add(HostPorts(hostPorts!) with { InInterface = link, ConnectionDirection = "ORIGINAL", Action = RuleAction.Drop });
    }

    private void Except(Place place, string? link)
    {
        list.Except(At(_input, place) with { InInterface = link });
        if (place.IsRedirected)
            list.Except(At(_forward, place) with { InInterface = link });
    }

    private static RuleSpec At(RuleSpec hook, Place place) => hook with { OriginalDestination = place.Address, OriginalDestinationPort = place.Port?.Ports };

    // The symbol stands for its protocol too.
    private RuleSpec HostPorts(string ports) => _atHost with { Protocol = ports.StartsWith("cloud:", StringComparison.Ordinal) ? null : "tcp", DestinationPort = ports };
}
