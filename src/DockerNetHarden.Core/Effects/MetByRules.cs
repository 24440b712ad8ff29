using DockerNetHarden.Addresses;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Effects;

/// <summary>
/// What the rules of a host met. How often is in their counters. Which container it was is in the kernel log only, which takes some lines a minute and forgets the oldest: what it does not have is told without
/// a container.
/// </summary>
public static class MetByRules
{
    // One packet can be told by several rules, one line after the other.
    private static readonly TimeSpan SamePacket = TimeSpan.FromMilliseconds(5);

    /// <summary>What the rules met, by container and destination.</summary>
    /// <param name="host">The host.</param>
    /// <param name="log">Its kernel log.</param>
    public static IReadOnlyList<BlockedAccess> Of(HostSnapshot host, KernelLog log)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(log);
        var rules = InstalledRule.ReadAll(host).Where(static rule => rule is { IsOurs: true, Packets: > 0, Rule.Action: RuleAction.Drop or RuleAction.Reject or RuleAction.Report }).ToList();
        var packets = Distinct(log.Packets).ToLookup(packet => packet.Prefix == VerdictChain.ReportPrefix.TrimEnd());
        var owners = OpenConnections.Owners(host);
        return
        [
            .. rules.SelectMany(rule => Of(rule, rules, host, owners, [.. packets[rule.Rule!.Action == RuleAction.Report]], log.Unread))
                .OrderByDescending(static met => met.ReportOnly).ThenBy(static met => met.Control, StringComparer.Ordinal).ThenBy(static met => met.Container is null).ThenByDescending(static met => met.Count),
        ];
    }

    private static IEnumerable<BlockedAccess> Of(InstalledRule installed, IReadOnlyList<InstalledRule> all, HostSnapshot host, Dictionary<Cidr, string> owners, IReadOnlyList<LoggedPacket> packets, string? unread)
    {
        var rule = installed.Rule!;
        var isReport = rule.Action == RuleAction.Report;
        // The log is older than the counter if the rule was written again, so the newest lines are the counter's.
        var logged = packets.Where(packet => (isReport || packet.Prefix == "DNH " + rule.Control) && Asked(rule, packet) && (rule.OriginalDestination is null || !all.Any(other => Asked(other.Rule!, packet) && other.Rule!.OriginalDestination is null)))
            .TakeLast((int)Math.Min(installed.Packets, int.MaxValue)).ToList();
        foreach (var same in logged.GroupBy(packet => (packet.Source, packet.InLink, Destination: rule.OriginalDestination ?? packet.Destination.Address, Port: rule.OriginalDestination is null ? packet.Port : null, packet.Protocol)))
        {
            yield return Met(installed) with
            {
                Container = owners.GetValueOrDefault(same.Key.Source),
                Network = installed.Network ?? host.Networks.FirstOrDefault(network => network.Bridge == same.Key.InLink)?.Name,
                Source = same.Key.Source.Address,
                Destination = same.Key.Destination,
                Port = same.Key.Port is { } port ? port.ToString(System.Globalization.CultureInfo.InvariantCulture) : rule.OriginalDestinationPort,
                Protocol = same.Key.Protocol,
                Count = same.Count(),
                LastSeen = same.Max(static packet => packet.At),
                Note = owners.ContainsKey(same.Key.Source) ? null : "No running container has this address.",
            };
        }
        if (installed.Packets > logged.Count)
            yield return Met(installed) with { Count = installed.Packets - logged.Count, Note = WhyNot(isReport, logged.Count > 0, unread) };
    }

    private static BlockedAccess Met(InstalledRule rule) => new()
    {
        HostName = rule.HostName,
        Network = rule.Network,
        Destination = rule.OriginalDestination ?? rule.Destination,
        Port = rule.OriginalDestinationPort ?? rule.DestinationPort,
        Protocol = rule.Protocol,
        Control = rule.Rule!.Mark.ToString(),
        ReportOnly = rule.Rule!.Action == RuleAction.Report,
    };

    private static string WhyNot(bool isReport, bool hasLines, string? unread) =>
        unread is not null ? $"Which container it was is not known: only the kernel log says, and it could not be read ({unread.TrimEnd('.')})."
        : !isReport && !hasLines ? "Which container it was is not known: a rule only counts. With -Log, or while its control only reports (-ReportOnly), the kernel log gets lines that say it."
        : $"Which container it was is not known: the kernel log has no more lines of this rule. It gets at most {(isReport ? "sixty" : "ten")} a minute and forgets the oldest; a host that is itself a container logs only with net.netfilter.nf_log_all_netns=1.";

    // Whether a rule is about a packet, as far as the log tells: what it was sent to before a redirection is not in it.
    private static bool Asked(FirewallRule rule, LoggedPacket packet) =>
        rule.Family == packet.Source.Family
        && (rule.Chain is "INPUT") == (packet.OutLink.Length == 0)
        && IsLink(rule.InInterface, packet.InLink) && IsLink(rule.OutInterface, packet.OutLink)
        && Holds(rule.Source, packet.Source) && Holds(rule.Destination, packet.Destination)
        && (rule.Protocol is not { } protocol || Negated(protocol, word => string.Equals(word.Replace("ipv6-icmp", "icmpv6", StringComparison.Ordinal), packet.Protocol, StringComparison.Ordinal)))
        && IsPort(rule.SourcePort, packet.SourcePort) && IsPort(rule.DestinationPort, packet.Port);

    private static bool IsLink(string? pattern, string link) => pattern is null || Negated(pattern, name => InterfaceName.Matches(name, link));

    private static bool Holds(string? prefixes, Cidr address) => prefixes is null || Negated(prefixes, list => list.Split(',').Any(prefix => Cidr.TryParse(prefix, out var net) && net.Contains(address)));

    private static bool IsPort(string? ports, int? port) => ports is null || (port is { } number && Negated(ports, list => PortList.Parse(list, nameof(FirewallRule.DestinationPort)).Contains(number)));

    private static bool Negated(string text, Func<string, bool> holds) => text.StartsWith('!') ? !holds(text[1..].Trim()) : holds(text);

    // A packet as often as it was met, and not as often as it was told.
    private static IEnumerable<LoggedPacket> Distinct(IReadOnlyList<LoggedPacket> packets)
    {
        var last = new Dictionary<LoggedPacket, DateTimeOffset>();
        foreach (var packet in packets)
        {
            if (packet.At is { } at)
            {
                var same = packet with { At = null };
                var isTold = last.TryGetValue(same, out var before) && at - before < SamePacket;
                last[same] = at;
                if (isTold)
                    continue;
            }
            yield return packet;
        }
    }
}
