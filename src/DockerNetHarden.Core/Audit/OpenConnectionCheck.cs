using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Audit;

/// <summary>
/// Connections from containers, opened before the rules, to what is closed now. For each, the walk is asked about the packets that the container still sends:
/// conntrack calls them ESTABLISHED, in the ORIGINAL direction. Rules that match NEW only, or come after a rule that accepts ESTABLISHED, let them live on.
/// </summary>
internal sealed class OpenConnectionCheck : ICheck
{
    private const int MostCommands = 20;
    private const int AnyPort = 40_000;
    private const int Tcp = 6;

    // FIN, SYN, RST and ACK; a packet with data has only ACK (RFC 9293, 3.1).
    private const int FlagsOfOpening = 0x17;
    private const int Ack = 0x10;

    private static readonly CheckInfo Info = new("OPEN-CONNECTION", "No connection lives on to what is closed", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        if (audit.Host.Connections is not { } connections)
            return [Info.Found(audit, FindingStatus.Warning, $"The connections that conntrack knows were not read{(audit.Host.Unread.TryGetValue("Connections", out var why) ? ": " + why : ".")}")];
        var known = connections.Distinct().Select(connection => (Connection: connection, Verdict: VerdictOf(audit, connection))).ToList();
        var alive = known.Where(pair => pair.Verdict is Verdict.Accept).Select(pair => pair.Connection).ToList();
        var uncertain = known.Where(pair => pair.Verdict is Verdict.Unknown).Select(pair => $"Not certain whether it lives on: {Text(pair.Connection)}").ToList();
        if (audit.Host.Unread.TryGetValue("Connections", out var part))
            uncertain.Add(part);
        if (alive.Count == 0)
            return [Info.Found(audit, uncertain.Count == 0 ? FindingStatus.Pass : FindingStatus.Warning, [.. uncertain.Take(MostCommands)])];
        return
        [
            Info.Found(audit, FindingStatus.Fail, [.. alive.Take(MostCommands).Select(Text), .. uncertain.Take(MostCommands)]) with
            {
                Remedy = string.Join('\n', alive.Take(MostCommands).Select(Command)),
            },
        ];
    }

    // What happens to the next packet that the container sends. Drop if the connection is not a container's, or if new connections are open as well.
    private static Verdict VerdictOf(AuditedHost audit, OpenConnection connection)
    {
        var network = audit.Networks.FirstOrDefault(each => each.Network.Subnets.Any(subnet => subnet.Contains(connection.Source)));
        if (network is null || Number(connection.Protocol) is not { } protocol)
            return Verdict.Drop;
        var first = new Packet(connection.Family, connection.Source, connection.Destination, protocol, AnyPort, connection.DestinationPort);
        var part = new[] { network.Metadata(connection.Family), network.Host(connection.Family), network.Internal(connection.Family) }
            .SelectMany(answer => answer.Closed).FirstOrDefault(part => part.Packets.Contains(first));
        if (part is null)
            return Verdict.Drop;
        // Conntrack translates later packets by what it noted for the first; whether that was this translation is no longer known.
        if (part.NewDestination is not null)
            return Verdict.Unknown;
        var verdicts = audit.Walk.Ask(LaterPackets(connection, protocol), network.Bridge).Select(later => later.Verdict).ToList();
        return verdicts.Exists(verdict => verdict is Verdict.Accept or Verdict.RateLimited) ? Verdict.Accept
            : verdicts.Contains(Verdict.Unknown) ? Verdict.Unknown
            : Verdict.Drop;
    }

    private static PacketSet LaterPackets(OpenConnection connection, int protocol)
    {
        var packets = Transport.Protocol(protocol)
            .Intersect(Transport.ToPorts([((UInt128)connection.DestinationPort, (UInt128)connection.DestinationPort)]))
            ?.Intersect(Transport.InStates([Tracking.Established])!);
        if (protocol == Tcp)
            packets = packets?.Intersect(Transport.WithFlags(FlagsOfOpening, Ack)!);
        return packets is null ? PacketSet.None(connection.Family)
            : PacketSet.From(connection.Family, packets, [(connection.Source.Bits, connection.Source.Last)], [(connection.Destination.Bits, connection.Destination.Last)]);
    }

    private static string Text(OpenConnection connection) =>
        string.Create(CultureInfo.InvariantCulture, $"{connection.Protocol} from {connection.Source.Address} to {connection.Destination.Address}{(connection.DestinationPort > 0 ? " port " + connection.DestinationPort.ToString(CultureInfo.InvariantCulture) : "")}");

    private static string Command(OpenConnection connection) => string.Create(CultureInfo.InvariantCulture,
        $"conntrack -D{(connection.Family == Family.IPv6 ? " -f ipv6" : "")} -p {connection.Protocol} -s {connection.Source.Address} -d {connection.Destination.Address}{(connection.DestinationPort > 0 ? " --dport " + connection.DestinationPort.ToString(CultureInfo.InvariantCulture) : "")}");

    private static int? Number(string protocol) => protocol switch
    {
        "tcp" => Tcp,
        "udp" => 17,
        _ => null,
    };
}
