using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <content>What else the kernel does to packets.</content>
internal static partial class SnapshotReader
{
    private static HostRoute Route(SnapshotNode node) => new(
        node["family"].Name<Family>(), node["table"].Text(), node["type"].Text(), node["destination"].Cidr(), node["links"].Texts(), node["metric"].LongNumber(),
        node["isModelled"].Flag());

    private static RoutingRule RoutingRule(SnapshotNode node) => new(
        node["family"].Name<Family>(), node["priority"].Number(), node["from"].MaybeCidr(), node["to"].MaybeCidr(), node["inLink"].MaybeText(), node["table"].MaybeText(),
        node["isModelled"].Flag(), node["text"].Text());

    private static HostLink Link(SnapshotNode node) =>
        new(node["name"].Text(), node["kind"].MaybeText(), node["master"].MaybeText(), node["hasXdp"].Flag(), node["hasTcFilter"].Flag());

    private static HostIpSet IpSet(SnapshotNode node) =>
        new(node["name"].Text(), node["type"].Text(), node["family"].IsNull ? null : node["family"].Name<Family>(), node["members"].Texts());

    private static OpenConnection Connection(SnapshotNode node) => new(
        node["family"].Name<Family>(), node["protocol"].Text(), node["source"].Cidr(), node["destination"].Cidr(), node["destinationPort"].Number());

    private static NftRuleset Nft(SnapshotNode node)
    {
        try
        {
            return NftText.Read(node.Element);
        }
        catch (FormatException error)
        {
            throw node.Bad($"is no output of nft -j list ruleset: {error.Message}", error);
        }
    }
}
