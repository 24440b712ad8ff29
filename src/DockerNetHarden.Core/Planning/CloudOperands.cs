using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>Turns a rule whose destination depends on the host's cloud into the rules that it means there. If the cloud is not known, it means the addresses of all.</summary>
internal static class CloudOperands
{
    /// <summary>The rules.</summary>
    /// <param name="rule">Any rule; one without such a destination stays as it is.</param>
    /// <param name="hostCloud">The host's cloud, which few rules ask for.</param>
    /// <param name="warn">Gets what a person should know.</param>
    /// <exception cref="PlanException">The host does not know the address.</exception>
    public static IEnumerable<FirewallRule> Resolve(FirewallRule rule, Lazy<HostCloud> hostCloud, Action<string> warn)
    {
        if (rule.DestinationPort is "cloud:host-ports")
            return PortSpec.Joined(hostCloud.Value.HostPorts).Select(ports => rule.With(spec => (spec.Protocol, spec.DestinationPort) = (ports.Protocol, ports.Ports)));
        if (rule.OriginalDestination is MetadataAccess.OfCloud)
            return Served(rule, hostCloud.Value, warn);
        if (rule.Destination is not { } text || !text.Contains("cloud:", StringComparison.Ordinal))
            return [rule];
        var cloud = hostCloud.Value;
        var destination = Negatable.Parse(text);
        if (destination.Not)
            throw Unresolved(cloud, destination.Value, "it can mean several addresses, and one rule cannot say 'none of them'.", "Name the address yourself.");
        return destination.Value is "cloud:dhcp-server" ? AtDhcpServer(rule, cloud) : AtMetadata(rule, cloud, warn);
    }

    private static IEnumerable<FirewallRule> AtDhcpServer(FirewallRule rule, HostCloud cloud)
    {
        var servers = cloud.DhcpServers.Where(server => server.Family == rule.Family).ToList();
        return servers.Count > 0 ? servers.Select(server => To(rule, server.ToString()))
            : throw Unresolved(cloud, "cloud:dhcp-server", "no DHCP lease was found there (of systemd-networkd, dhclient or NetworkManager).", "Block the address of the network's virtual router yourself: New-FirewallRule -Destination ADDRESS -Protocol tcp -DestinationPort 80,8080 -Action Reject.");
    }

    private static IEnumerable<FirewallRule> AtMetadata(FirewallRule rule, HostCloud cloud, Action<string> warn)
    {
        WarnIfUnknown(cloud, warn);
        var endpoints = cloud.Endpoints.Where(endpoint => endpoint.Path == EndpointPath.Forward && endpoint.Address.Family == rule.Family).ToList();
        if (rule.DestinationPort is "cloud:kept" or "cloud:kept-without-dns")
            return endpoints.SelectMany(endpoint => Kept(rule, endpoint));
        if (rule.Phase == Phase.Exception || rule.Control is "Custom" || rule.Protocol is not null || rule.DestinationPort is not null)
            return endpoints.Select(endpoint => endpoint.Address).Distinct().Select(address => To(rule, address.ToString()));
        return endpoints.GroupBy(endpoint => string.Join(',', endpoint.Ports), StringComparer.Ordinal)
            .SelectMany(group => Blocks(rule, string.Join(',', group.Select(endpoint => endpoint.Address)), group.First().Ports));
    }

    // What the container asked for, before a redirection. What is at an address of the host itself comes to INPUT only.
    private static IEnumerable<FirewallRule> Served(FirewallRule rule, HostCloud cloud, Action<string> warn)
    {
        WarnIfUnknown(cloud, warn);
        var places = ServedMetadata.PlacesOf(cloud.Endpoints).Where(place => place.Family == rule.Family && (rule.Chain is "INPUT" || place.IsRedirected));
        if (rule.OriginalDestinationPort is not { } text)
            return places.Select(place => From(rule, place.Address, place.Port!.Ports));
        var port = PortSpec.Parse(text);
        return places.Where(place => place.Port!.Overlaps(port)).Select(place => place.Address).Distinct(StringComparer.Ordinal).Select(address => From(rule, address, text));
    }

    private static FirewallRule From(FirewallRule rule, string address, string port) => rule.With(spec => (spec.Protocol, spec.OriginalDestination, spec.OriginalDestinationPort) = ("tcp", address, port));

    private static void WarnIfUnknown(HostCloud cloud, Action<string> warn)
    {
        if (!cloud.IsKnown)
        {
            warn(cloud.Provider is { } provider
                ? $"{cloud.HostName} is in {provider.Name}, but no DHCP lease was found there that tells the address of its metadata: the addresses of all other known clouds are meant. Block the address of the network's virtual router with New-FirewallRule."
                : $"It is not known in which cloud {cloud.HostName} is ({cloud.Said}): the metadata addresses of all known clouds are meant. Name the -Provider to mean fewer.");
        }
    }

    private static IEnumerable<FirewallRule> Kept(FirewallRule rule, MetadataEndpoint endpoint) =>
        PortSpec.Joined(rule.DestinationPort is "cloud:kept" ? endpoint.Keep : endpoint.Keep.Where(port => port.Ports is not "53"))
            .Select(kept => To(rule, endpoint.Address.ToString(), kept.Protocol, kept.Ports));

    private static IEnumerable<FirewallRule> Blocks(FirewallRule rule, string addresses, IReadOnlyList<PortSpec> ports) =>
        ports.Count == 0 ? [To(rule, addresses)] : PortSpec.Joined(ports).Select(joined => To(rule, addresses, joined.Protocol, joined.Ports));

    private static FirewallRule To(FirewallRule rule, string destination) => rule.With(spec => spec.Destination = destination);

    private static FirewallRule To(FirewallRule rule, string destination, string protocol, string ports) => rule.With(spec => (spec.Destination, spec.Protocol, spec.DestinationPort) = (destination, protocol, ports));

    private static PlanException Unresolved(HostCloud cloud, string operand, string reason, string remedy) =>
        new(PlanFailure.UnresolvedOperand, $"'{operand}' cannot be resolved on {cloud.HostName}: {reason}", remedy);
}
