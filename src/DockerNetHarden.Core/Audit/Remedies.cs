using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Matching;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>
/// The rules that mend a finding on its host: those of the control records, bound to the network, and complete for their marks. Rules already on the host under
/// one of these marks are kept beside them, so that mending one thing opens no other.
/// </summary>
internal static class Remedies
{
    /// <summary>Closes the metadata endpoints that are not closed.</summary>
    public static IReadOnlyList<FirewallRule> Metadata(AuditedNetwork network, Answer answer)
    {
        var open = answer.NotClosed.ToList();
        var isForwarded = open.Exists(part => part.Path != PacketPath.Local || MetadataAccessOf.IsServed(part));
        var isLocal = open.Exists(part => part.Path == PacketPath.Local && !MetadataAccessOf.IsServed(part));
        var isLeased = network.Audit.Cloud.Leased.Any(endpoint => open.Exists(part => part.Packets.Destinations.Any(place => place.Overlaps(endpoint.Address))));
        var redirected = open.Where(part => part is { Path: PacketPath.Forward, NewDestination: not null } && !MetadataAccessOf.IsServed(part)).SelectMany(part => part.Packets.Destinations).Distinct().ToList();
        // Most clouds are mended by the same rules.
        return network.Once($"{nameof(Metadata)} {isForwarded} {isLocal} {isLeased} {string.Join(' ', redirected)}", () => Bound(network, () =>
        [
            .. isForwarded ? new MetadataAccess { Network = network.Reference }.Rules() : [],
            .. isLeased ? new MetadataAccess { Provider = network.Audit.Cloud.Provider!.Id, Network = network.Reference }.Rules() : [],
            .. isLocal ? new HostAccess { Network = network.Reference }.Rules() : [],
            .. Redirected(network, redirected),
        ]));
    }

    /// <summary>Closes the host.</summary>
    public static IReadOnlyList<FirewallRule> Host(AuditedNetwork network) => network.Once(nameof(Host), () => Bound(network, () => new HostAccess { Network = network.Reference }.Rules()));

    /// <summary>Closes internal ranges.</summary>
    public static IReadOnlyList<FirewallRule> Internal(AuditedNetwork network) => Bound(network, () => new InternalAccess { Network = network.Reference }.Rules());

    /// <summary>Limits mail, in each family where the control can stand and is asked.</summary>
    public static IReadOnlyList<FirewallRule> Mail(AuditedNetwork network, Answer answer) => Bound(network, () =>
    {
        var elsewhere = network.Families.Where(family => (family == Family.IPv4 && !network.Audit.HasDockerUser)
            || answer.NotClosed.Any(part => part.Packets.Family == family && DockerChains.IsBeforeJump(network.Audit.Host, part))).ToList();
        return [.. elsewhere.Count < network.Families.Count ? new SmtpRate { Network = network.Reference }.Rules() : [], .. elsewhere.SelectMany(family => MailElsewhere(network, family))];
    });

    /// <summary>Closes the other networks that are not closed. Each rule is for the network's own bridge: by its name it would be for its namesakes' too, and they would be cut off from themselves.</summary>
    public static IReadOnlyList<FirewallRule> Apart(AuditedNetwork network, Answer answer)
    {
        return Bound(network, () =>
        {
            var list = new RuleList("Custom", "apart", network.Name);
            foreach (var other in answer.NotClosed.Select(part => part.OutInterface).OfType<string>().Where(other => InterfaceName.Problem(other) is null).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
                list.Block(Forward(network, Family.IPv4) with { InInterface = network.Bridge, OutInterface = other }, RuleAction.Drop, log: false);
            return list.Rules;
        });
    }

    /// <summary>Closes a network to what enters by links from outside, but for its published ports.</summary>
    public static IReadOnlyList<FirewallRule> Outside(AuditedNetwork network, IEnumerable<(string Link, Family Family)> ways)
    {
        return Bound(network, () =>
        {
            var list = new RuleList("Custom", "outside", network.Name);
            foreach (var (link, family) in ways)
                list.Add(Forward(network, family) with { InInterface = link, OutInterface = network.Bridge, ConnectionState = "!DNAT", ConnectionDirection = "ORIGINAL", Action = RuleAction.Drop });
            return list.Rules;
        });
    }

    /// <summary>Rules in a form that the host can hold: without DOCKER-USER only those with another place or half elsewhere, and with the existing rules of the same marks.</summary>
    public static IReadOnlyList<FirewallRule> Fit(AuditedHost audit, IReadOnlyList<FirewallRule> rules)
    {
        var possible = rules
            .Where(rule => Placement.Exists(rule, audit.Host))
            .ToList();
        var there = possible.Select(rule => rule.Mark).Distinct().SelectMany(mark => audit.Controls.ByMark[mark]).Where(rule => !IsStale(audit, rule));
        return [.. there.Concat(possible).DistinctBy(rule => rule.ToString(), StringComparer.Ordinal)];
    }

    private static IReadOnlyList<FirewallRule> Bound(AuditedNetwork network, Func<IReadOnlyList<FirewallRule>> rules) =>
        network.WhyUnbindable is null ? Fit(network.Audit, [.. rules().Where(rule => network.HasIPv6 || !Placement.NeedsIPv6(rule))]) : [];

    /// <summary>Whether a rule is for a bridge that no longer exists: a plan with it is refused.</summary>
    public static bool IsStale(AuditedHost audit, FirewallRule rule) => audit.Bridges.Missing(rule) is not null;

    // Every host has mangle FORWARD; it knows both interfaces, and Docker never touches it.
    private static RuleSpec Forward(AuditedNetwork network, Family family) => new() { Family = family, Table = "mangle", Chain = "FORWARD", InInterface = network.Reference.Interface };

    // DNAT to a container: in mangle FORWARD only conntrack still knows the original destination.
    private static IReadOnlyList<FirewallRule> Redirected(AuditedNetwork network, IEnumerable<Cidr> addresses)
    {
        var list = new RuleList("Custom", "metadata-redirected", network.Name);
        foreach (var address in addresses)
            list.Add(Forward(network, address.Family) with { OriginalDestination = address.ToString(), ConnectionDirection = "ORIGINAL", Action = RuleAction.Drop });
        return list.Rules;
    }

    // No RETURN: rules of one chain share it, and the rules behind it would not see returned packets.
    private static IReadOnlyList<FirewallRule> MailElsewhere(AuditedNetwork network, Family family)
    {
        var list = new RuleList("Custom", family == Family.IPv6 ? "mail-ipv6" : "mail", network.Name);
        var rate = new SmtpRate();
        list.Add(Forward(network, family) with
        {
            OutInterface = "!" + network.Reference.Interface,
            Protocol = "tcp",
            TcpFlags = "SYN",
            DestinationPort = rate.Ports,
            ConnectionState = "!DNAT",
            HashLimit = FormattableString.Invariant($"above {rate.PerMinute}/min"),
            HashLimitBurst = rate.Burst,
            Action = RuleAction.Drop,
        });
        return list.Rules;
    }
}
