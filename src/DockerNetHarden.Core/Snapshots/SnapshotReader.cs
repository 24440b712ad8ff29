using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>Reads a snapshot: the inverse of <see cref="SnapshotWriter"/>, part by part.</summary>
internal static partial class SnapshotReader
{
    internal static HostSnapshot Read(SnapshotNode root)
    {
        // A file of another form must say so, not stumble over its first difference.
        var format = root["format"].Number();
        if (format != SnapshotFile.Format)
        {
            throw new SnapshotFormatException(
                $"The snapshot is of format {format}, and this version of DockerNetHarden reads format {SnapshotFile.Format}: take the version that wrote it, or write it anew with Export-DockerHostSnapshot.",
                "$.format");
        }
        return new HostSnapshot
        {
            HostName = root["hostName"].Text(),
            TakenAt = root["takenAt"].Time(),
            Iptables = Tool(root["iptables"]),
            Engine = root["engine"].Maybe(Engine),
            DockerError = root["dockerError"].Maybe(Error),
            Networks = root["networks"].List(Network),
            Containers = root["containers"].List(Container),
            Rules = Rules(root["rules"]),
            HasIPv6 = root["hasIPv6"].Flag(),
            Links = root["links"].Texts(),
            Addresses = root["addresses"].List(Address),
            Resolvers = root["resolvers"].List(static node => node.Cidr()),
            Session = root["session"].Maybe(Session),
            OtherRules = Rules(root["otherRules"]),
            Nft = root["nft"].Maybe(Nft),
            Routes = root["routes"].List(Route),
            RoutingRules = root["routingRules"].List(RoutingRule),
            LinkDetails = root["linkDetails"].List(Link),
            IpSets = root["ipSets"].List(IpSet),
            IpvsServices = root["ipvsServices"].Texts(),
            Sysctls = root["sysctls"].Map(),
            DaemonSettings = root["daemonSettings"].Map(),
            Connections = root["connections"].Maybe(static node => node.List(Connection)),
            Saved = root["saved"].Maybe(static node => new SavedFiles { Texts = node["texts"].Map(), Links = node["links"].Texts(), Systems = node["systems"].Texts() }),
            Unread = root["unread"].Map(),
            Warnings = root["warnings"].Texts(),
        };
    }

    private static IptablesTool Tool(SnapshotNode node) =>
        new(node["backend"].Name<IptablesBackend>(), node["version"].Text(), node["prefix4"].Text(), node["prefix6"].MaybeText());

    private static Dictionary<Family, Ruleset> Rules(SnapshotNode node)
    {
        var rules = new Dictionary<Family, Ruleset>();
        foreach (var (name, value) in node.Members())
        {
            var family = name switch
            {
                nameof(Family.IPv4) => Family.IPv4,
                nameof(Family.IPv6) => Family.IPv6,
                _ => throw value.Bad("is no family; IPv4 and IPv6 are"),
            };
            try
            {
                rules[family] = Ruleset.Parse(family, value.Text());
            }
            catch (FormatException error) when (error is not SnapshotFormatException)
            {
                throw value.Bad($"is no output of iptables-save: {error.Message}", error);
            }
        }
        return rules;
    }

    private static HostAddress Address(SnapshotNode node) => new(node["link"].Text(), node["address"].Cidr());

    private static SessionConnection Session(SnapshotNode node) => new(node["client"].Cidr(), node["serverPort"].Number(), node["link"].MaybeText());
}
