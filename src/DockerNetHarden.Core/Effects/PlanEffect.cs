using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Effects;

/// <summary>
/// What a plan would do to the connections that are open: the packets that both sides still send are taken through the host as it is and as it would be. A connection is affected if they pass now and would not
/// then. No connection is ended in any other way: this module deletes nothing from conntrack.
/// </summary>
public static class PlanEffect
{
    /// <summary>What a plan would do.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="host">The whole host.</param>
    /// <param name="connections">The connections that it tracks.</param>
    public static ChangeEffect Of(Plan plan, HostSnapshot host, IReadOnlyList<TrackedConnection> connections)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(connections);
        var fates = new Fates(new PacketWalk(host), PlannedHost.After(host, plan));
        var known = OpenConnections.OfContainers(host, connections).Select(static each => (Connection: each, Protocol: Protocols.NumberOf(each.Connection.Protocol))).Where(static each => each.Protocol is not null).ToList();
        foreach (var bridge in known.GroupBy(static each => each.Connection.Network.Bridge!, StringComparer.Ordinal))
            fates.Judge([.. bridge.Select(static each => each.Connection.Sent(each.Protocol!.Value))], bridge.Key);
        // Most rules of ours let replies pass whatever they block, and then what the other side sends need not be looked at.
        if (plan.Chains.Concat(plan.TableChains).SelectMany(static chain => chain.Lines).Any(static line => line.Rule is { Action: not (RuleAction.Return or RuleAction.Accept or RuleAction.Log) } rule && !VerdictChain.SparesReplies(rule)))
        {
            foreach (var link in known.Select(each => (each.Connection, each.Protocol, Link: fates.LinkOf(each.Connection))).Where(static each => each.Link is not null).GroupBy(static each => each.Link!, StringComparer.Ordinal).ToList())
                fates.Judge([.. link.Select(static each => each.Connection.Got(each.Protocol!.Value))], link.Key);
        }
        var affected = fates.Affected.GroupBy(static pair => Key(pair.Connection, pair.Fate)).Select(group => Together(host.HostName, [.. group]))
            .OrderBy(static each => each.Effect).ThenBy(static each => each.OpenedBy).ThenBy(static each => each.Container ?? each.Source, StringComparer.Ordinal).ThenBy(static each => each.Destination, StringComparer.Ordinal).ThenBy(static each => each.Port).ToList();
        return new ChangeEffect { Connections = affected, Notes = [.. Notes(plan, host, fates, affected), .. Untracked(host, connections)] };
    }

    private static (string?, string, bool, string, Cidr, int, string, ConnectionEffect) Key(ContainerConnection of, Fate fate) =>
        (of.Container, of.Network.Id, of.IsOpener, of.Connection.Original.Source.Address, of.Connection.Original.Destination, of.Connection.Original.DestinationPort, of.Connection.Protocol, fate.Effect!.Value);

    private static AffectedConnection Together(string host, IReadOnlyList<(ContainerConnection Connection, Fate Fate)> same)
    {
        var (of, fate) = same[0];
        var opened = of.Connection.Original;
        return new AffectedConnection
        {
            HostName = host,
            Container = of.Container,
            Network = of.Network.Name,
            OpenedBy = of.IsOpener ? ConnectionOpener.Container : ConnectionOpener.Other,
            Source = opened.Source.Address,
            Destination = opened.Destination.Address,
            Port = Protocols.NumberOf(of.Connection.Protocol) is { } number && Protocols.HasPorts(number) ? opened.DestinationPort : null,
            Protocol = of.Connection.Protocol,
            Count = same.Count,
            Age = same.Max(static each => each.Connection.Connection.Age),
            Effect = fate.Effect!.Value,
            DecidedBy = fate.DecidedBy,
            Reason = fate.Reason,
        };
    }

    // Conntrack looks at a family's packets only if a rule asks it to (nf_ct_netns_get in net/netfilter/nf_conntrack_proto.c), and Docker may have no such rule in IPv6.
    private static IEnumerable<string> Untracked(HostSnapshot host, IReadOnlyList<TrackedConnection> connections)
    {
        if (connections.All(static each => each.Family == Family.IPv4) && host.Containers.Any(static container => container.IsUp && container.Addresses.Any(static address => address.IPv6 is not null)))
            yield return "The host tracks no IPv6 connection now, as long as no rule asks for the state of one: open ones, if there are any, are not listed.";
    }

    private static IEnumerable<string> Notes(Plan plan, HostSnapshot host, Fates fates, List<AffectedConnection> affected)
    {
        foreach (var (family, table) in PlannedHost.Tables(plan).Where(table => !fates.IsWalkedAsPrinted(table.Family, table.Table)))
            yield return $"What the rules in table {table} of {family} do to open connections is not known: the table also holds native nftables rules that iptables-save cannot show.";
        if (fates.NotKnown is var (count, why) && count > 0)
            yield return FormattableString.Invariant($"Of {count} open connection{(count == 1 ? "" : "s")} it is not known whether the change concerns them: {why}");
        if (affected.Any(static each => each.Age is null))
            yield return "How long a connection without a time has been open is not known: the kernel keeps that only of connections that were opened while net.netfilter.nf_conntrack_timestamp was 1.";
        if (host.Unread.TryGetValue("Connections", out var unread))
            yield return $"Not all open connections are known: {unread}";
    }
}
