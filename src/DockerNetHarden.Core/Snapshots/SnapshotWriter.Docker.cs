using System.Text.Json;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Snapshots;

/// <content>What Docker says.</content>
internal static partial class SnapshotWriter
{
    private static void Write(Utf8JsonWriter json, DockerEngine engine)
    {
        json.WriteStartObject();
        json.WriteString("version", engine.Version);
        json.WriteString("apiVersion", engine.ApiVersion);
        json.Texts("addressPools", engine.AddressPools.Select(static pool => pool.ToString()));
        json.WriteBoolean("isRootless", engine.IsRootless);
        json.WriteString("firewallBackend", engine.FirewallBackend);
        json.WriteBoolean("bridgeNfIptables", engine.BridgeNfIptables);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, DockerException error)
    {
        json.WriteStartObject();
        json.WriteString("failure", error.Failure.ToString());
        json.WriteString("message", error.Message);
        json.WriteString("endpoint", error.Endpoint);
        if (error.Status is { } status)
            json.WriteNumber("status", status);
        else
            json.WriteNull("status");
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, DockerNetwork network)
    {
        json.WriteStartObject();
        json.WriteString("name", network.Name);
        json.WriteString("id", network.Id);
        json.WriteString("driver", network.Driver);
        json.WriteString("bridge", network.Bridge);
        json.WriteBoolean("internal", network.Internal);
        json.WriteBoolean("enableIPv6", network.EnableIPv6);
        json.Texts("subnets", network.Subnets.Select(static subnet => subnet.ToString()));
        json.Texts("gateways", network.Gateways.Select(static gateway => gateway.ToShortString()));
        json.Map("options", network.Options);
        json.Map("labels", network.Labels);
        json.Texts("containers", network.Containers);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, DockerContainer container)
    {
        json.WriteStartObject();
        json.WriteString("id", container.Id);
        json.WriteString("name", container.Name);
        json.WriteString("image", container.Image);
        json.WriteString("state", container.State);
        json.WriteString("networkMode", container.NetworkMode);
        json.List("addresses", container.Addresses, Write);
        json.List("ports", container.Ports, Write);
        json.Texts("dns", container.Dns.Select(static server => server.ToShortString()));
        json.WriteNumber("pid", container.Pid);
        json.WriteBoolean("privileged", container.Privileged);
        json.Texts("addedCapabilities", container.AddedCapabilities);
        json.Texts("droppedCapabilities", container.DroppedCapabilities);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ContainerAddress address)
    {
        json.WriteStartObject();
        json.WriteString("network", address.Network);
        json.WriteString("ipv4", address.IPv4?.ToShortString());
        json.WriteString("ipv6", address.IPv6?.ToShortString());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PublishedPort port)
    {
        json.WriteStartObject();
        json.WriteString("hostAddress", port.HostAddress?.ToShortString());
        json.WriteNumber("hostPort", port.HostPort);
        json.WriteNumber("containerPort", port.ContainerPort);
        json.WriteString("protocol", port.Protocol);
        json.WriteEndObject();
    }
}
