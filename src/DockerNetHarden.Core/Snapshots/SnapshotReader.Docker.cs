using DockerNetHarden.Docker;

namespace DockerNetHarden.Snapshots;

/// <content>What Docker said.</content>
internal static partial class SnapshotReader
{
    private static DockerEngine Engine(SnapshotNode node) => new()
    {
        Version = node["version"].Text(),
        ApiVersion = node["apiVersion"].Text(),
        AddressPools = node["addressPools"].List(static item => item.Cidr()),
        IsRootless = node["isRootless"].Flag(),
        FirewallBackend = node["firewallBackend"].MaybeText(),
        BridgeNfIptables = node["bridgeNfIptables"].Flag(),
    };

    private static DockerException Error(SnapshotNode node) => new(
        node["failure"].Name<DockerFailure>(), node["message"].Text(), node["endpoint"].MaybeText(), node["status"].IsNull ? null : node["status"].Number());

    private static DockerNetwork Network(SnapshotNode node) => new()
    {
        Name = node["name"].Text(),
        Id = node["id"].Text(),
        Driver = node["driver"].Text(),
        Bridge = node["bridge"].MaybeText(),
        Internal = node["internal"].Flag(),
        EnableIPv6 = node["enableIPv6"].Flag(),
        Subnets = node["subnets"].List(static item => item.Cidr()),
        Gateways = node["gateways"].List(static item => item.Cidr()),
        Options = node["options"].Map(),
        Labels = node["labels"].Map(),
        Containers = node["containers"].Texts(),
    };

    private static DockerContainer Container(SnapshotNode node) => new()
    {
        Id = node["id"].Text(),
        Name = node["name"].Text(),
        Image = node["image"].Text(),
        State = node["state"].Text(),
        NetworkMode = node["networkMode"].Text(),
        Addresses = node["addresses"].List(static item => new ContainerAddress(item["network"].Text(), item["ipv4"].MaybeCidr(), item["ipv6"].MaybeCidr())),
        Ports = node["ports"].List(static item =>
            new PublishedPort(item["hostAddress"].MaybeCidr(), item["hostPort"].Number(), item["containerPort"].Number(), item["protocol"].Text())),
        Dns = node["dns"].List(static item => item.Cidr()),
        Pid = node["pid"].Number(),
        Privileged = node["privileged"].Flag(),
        AddedCapabilities = node["addedCapabilities"].Texts(),
        DroppedCapabilities = node["droppedCapabilities"].Texts(),
    };
}
