using System.Globalization;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis.Checks;

/// <summary>
/// Connections from containers to what is closed now, open since before the rules: a rule that accepts ESTABLISHED lets them live on. Our own blocks end
/// them, for they match the direction and not the state.
/// </summary>
internal sealed class OpenConnectionCheck : ICheck
{
    private const int MostCommands = 20;
    private const int AnyPort = 40_000;

    private static readonly CheckInfo Info = new("OPEN-CONNECTION", "No connection lives on to what is closed", Severity.Medium);

    public IEnumerable<HardeningFinding> Run(AuditedHost audit)
    {
        if (audit.Host.Connections is not { } connections)
            return [Info.Found(audit, FindingStatus.Warning, $"The connections that conntrack knows were not read{(audit.Host.Unread.TryGetValue("Connections", out var why) ? ": " + why : ".")}")];
        var alive = connections.Where(connection => Lives(audit, connection)).ToList();
        if (alive.Count == 0)
            return [audit.Host.Unread.TryGetValue("Connections", out var part) ? Info.Found(audit, FindingStatus.Warning, part) : Info.Found(audit, FindingStatus.Pass)];
        return
        [
            Info.Found(audit, FindingStatus.Fail, [.. alive.Take(MostCommands).Select(Text)]) with
            {
                Remedy = string.Join('\n', alive.Take(MostCommands).Select(Command)),
            },
        ];
    }

    private static bool Lives(AuditedHost audit, OpenConnection connection)
    {
        var network = audit.Networks.FirstOrDefault(each => each.Network.Subnets.Any(subnet => subnet.Contains(connection.Source)));
        if (network is null || Number(connection.Protocol) is not { } protocol)
            return false;
        var packet = new Packet(connection.Family, connection.Source, connection.Destination, protocol, AnyPort, connection.DestinationPort);
        var part = new[] { network.Metadata(connection.Family), network.Host(connection.Family), network.Internal(connection.Family) }
            .SelectMany(answer => answer.Closed).FirstOrDefault(part => part.Packets.Contains(packet));
        return part is not null && !Ends(audit, part);
    }

    // Our blocks match every packet that the container sends, unless an ESTABLISHED is accepted before they are asked. What stands in mangle is asked before
    // and after filter.
    private static bool Ends(AuditedHost audit, AccessPart part) =>
        part.Rule is { } rule
        && Hook.OwnerOf(rule.Table, rule.Chain) is var (_, hook)
        && (hook.Table is not "filter" || !LinesBefore(audit.Host.Rules[rule.Family], hook).Any(line => line.Target is "ACCEPT" && line.Tokens.Any(token => token.Contains("ESTABLISHED", StringComparison.Ordinal))));

    private static IEnumerable<RuleLine> LinesBefore(Ruleset rules, Hook hook)
    {
        var forward = hook.Chain is Hook.DockerUser ? rules["filter", "FORWARD"].TakeWhile(line => !DockerChains.IsJump(line)) : [];
        return forward.Concat(rules[hook.Table, hook.Chain].TakeWhile(line => line.Target?.StartsWith(Hook.Prefix, StringComparison.Ordinal) != true));
    }

    private static string Text(OpenConnection connection) =>
        string.Create(CultureInfo.InvariantCulture, $"{connection.Protocol} from {connection.Source.Address} to {connection.Destination.Address}{(connection.DestinationPort > 0 ? " port " + connection.DestinationPort.ToString(CultureInfo.InvariantCulture) : "")}");

    private static string Command(OpenConnection connection) => string.Create(CultureInfo.InvariantCulture,
        $"conntrack -D{(connection.Family == Family.IPv6 ? " -f ipv6" : "")} -p {connection.Protocol} -s {connection.Source.Address} -d {connection.Destination.Address}{(connection.DestinationPort > 0 ? " --dport " + connection.DestinationPort.ToString(CultureInfo.InvariantCulture) : "")}");

    private static int? Number(string protocol) => protocol switch
    {
        "tcp" => 6,
        "udp" => 17,
        _ => null,
    };
}
