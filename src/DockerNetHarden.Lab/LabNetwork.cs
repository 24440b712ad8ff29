using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

/// <summary>The lab's two namespaces and the one cable between them. No route leads out, so no packet leaves.</summary>
internal static class LabNetwork
{
    public static async Task RaiseAsync(string name, LabOptions options, CancellationToken stop)
    {
        var host = LabFolder.HostNamespace(name);
        var outside = LabFolder.OutsideNamespace(name);
        await Task.WhenAll(IpAsync(["netns", "add", host], null, stop), IpAsync(["netns", "add", outside], null, stop)).ConfigureAwait(false);

        // The two networks of the uplink lie in Docker's own address pools (172.31/16 and 192.168/16), as AWS's default VPC and many offices do:
        // a rule that takes such a source for a container's locks real clients out, and the lab shows that.
        await IpAsync(["-n", host, "-batch", "-"], $"""
            link set lo up
            link add up0 type veth peer name in0 netns {outside}
            addr add {LabAddresses.Host}/20 dev up0
            addr add {LabAddresses.HostSecond}/24 dev up0
            link set up0 up
            """, stop).ConfigureAwait(false);
        var far = LabAddresses.Services.Where(service => service.Place == ServicePlace.Outside).Select(service => service.Address).Distinct(StringComparer.Ordinal)
            .Where(address => address is not (LabAddresses.Neighbour or LabAddresses.NeighbourSecond));
        await IpAsync(["-n", outside, "-batch", "-"], $"""
            link set lo up
            addr add {LabAddresses.Gateway}/20 dev in0
            addr add {LabAddresses.Neighbour}/20 dev in0
            addr add {LabAddresses.NeighbourSecond}/24 dev in0
            link set in0 up
            {string.Join('\n', far.Select(address => $"addr add {address}/32 dev lo"))}
            """, stop).ConfigureAwait(false);
        await IpAsync(["-n", host, "route", "add", "default", "via", LabAddresses.Gateway], null, stop).ConfigureAwait(false);

        var inside = NetNamespace.Named(host);
        foreach (var which in (string[])["all", "default"])
        {
            inside.Write($"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "0");
            // A new bridge's link-local address is usable at once, without seconds of duplicate address detection (RFC 4862, 5.4).
            inside.Write($"/proc/sys/net/ipv6/conf/{which}/accept_dad", "0");
        }
        if (options.Ipv6)
            await RaiseIpv6Async(host, outside, stop).ConfigureAwait(false);
        if (options.BridgeNetfilter is { } on)
            SetBridgeNetfilter(name, on);
    }

    private static async Task RaiseIpv6Async(string host, string outside, CancellationToken stop)
    {
        var far = LabAddresses.ServicesV6.Select(service => service.Address).Distinct(StringComparer.Ordinal).Where(address => address is not LabAddresses.NeighbourV6);
        // nodad: the addresses are usable at once, as above.
        await IpAsync(["-n", outside, "-batch", "-"], $"""
            addr add {LabAddresses.GatewayV6}/64 dev in0 nodad
            addr add {LabAddresses.NeighbourV6}/64 dev in0 nodad
            {string.Join('\n', far.Select(address => $"addr add {address}/128 dev lo nodad"))}
            """, stop).ConfigureAwait(false);
        await IpAsync(["-n", host, "-batch", "-"], $"""
            addr add {LabAddresses.HostV6}/64 dev up0 nodad
            route add default via {LabAddresses.GatewayV6}
            """, stop).ConfigureAwait(false);
        // A host with IPv6 networks routes; engines before 27 leave it to the administrator to turn that on.
        NetNamespace.Named(host).Write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    }

    /// <summary>Gives the outside a route to a subnet behind the host, as the network around a host with routed containers has.</summary>
    public static Task RouteAsync(string name, string subnet, CancellationToken stop) =>
        IpAsync(["-n", LabFolder.OutsideNamespace(name), "route", "replace", subnet, "via", subnet.Contains(':', StringComparison.Ordinal) ? LabAddresses.HostV6 : LabAddresses.Host], null, stop);

    public static void SetBridgeNetfilter(string name, bool on)
    {
        var host = NetNamespace.Named(LabFolder.HostNamespace(name));
        foreach (var family in (string[])["iptables", "ip6tables"])
        {
            try
            {
                host.Write("/proc/sys/net/bridge/bridge-nf-call-" + family, on ? "1" : "0");
            }
            catch (IOException error)
            {
                throw new LabException("The kernel has no net.bridge.bridge-nf-call-iptables: the module br_netfilter is not loaded. Load it (modprobe br_netfilter), or ask for no setting.", error);
            }
        }
    }

    public static async Task RemoveAsync(string name, CancellationToken stop)
    {
        foreach (var space in (string[])[LabFolder.HostNamespace(name), LabFolder.OutsideNamespace(name)])
        {
            if (File.Exists("/run/netns/" + space))
                await IpAsync(["netns", "delete", space], null, stop).ConfigureAwait(false);
        }
    }

    private static async Task IpAsync(IReadOnlyList<string> arguments, string? batch, CancellationToken stop) =>
        (await ProcessRun.RunAsync(["ip", .. arguments], stop, batch is null ? null : batch + "\n").ConfigureAwait(false)).OrThrow();
}
