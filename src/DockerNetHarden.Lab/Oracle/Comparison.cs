using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>A difference between walk and kernel.</summary>
/// <param name="Packet">The packet; null if only the sum over all packets is wrong.</param>
/// <param name="Text">What each of them says.</param>
internal sealed record Difference(OraclePacket? Packet, string Text);

/// <summary>
/// Compares what the walk says about packets with what the kernel did to them. For each packet: whether it arrived, by which link, with which destination.
/// For each rule and policy that drops packets: how many, by the kernel's counter.
/// </summary>
internal sealed class Comparison
{
    private const int NarrowQuestions = 3;

    private readonly HostSnapshot _host;
    private readonly Family _family;
    private readonly bool _mayBeUnknown;
    private readonly Dictionary<(string Backend, string Table, string Chain, int Position), int> _thrownAway = [];
    private readonly Dictionary<(string Backend, string Table, string Chain, int Position), int> _accepted = [];
    private readonly List<Difference> _differences = [];

    private Comparison(HostSnapshot host, Family family, bool mayBeUnknown) => (_host, _family, _mayBeUnknown) = (host, family, mayBeUnknown);

    /// <summary>The differences, those that name a packet first; empty if walk and kernel agree.</summary>
    public static IReadOnlyList<Difference> Of(
        HostSnapshot host, IReadOnlyList<OraclePacket> packets, IReadOnlyList<Arrival?> arrivals, bool mayBeUnknown, OracleTally? tally = null)
    {
        var comparison = new Comparison(host, packets[0].Header.Family, mayBeUnknown);
        var walk = new PacketWalk(host);
        foreach (var fromLink in packets.Select(static (packet, i) => (packet, i)).GroupBy(static pair => pair.packet.InLink, StringComparer.Ordinal))
        {
            var parts = walk.Ask(new AccessQuery { Family = comparison._family, InInterface = fromLink.Key });
            foreach (var (packet, i) in fromLink)
                comparison.One(packet, arrivals[i], parts, tally);
            foreach (var (packet, _) in fromLink.Take(NarrowQuestions))
                comparison.Narrow(walk, packet, parts);
        }
        comparison.Counters();
        return comparison._differences;
    }

    private void One(OraclePacket packet, Arrival? arrival, IReadOnlyList<AccessPart> parts, OracleTally? tally)
    {
        var found = parts.Where(part => part.Packets.Contains(packet.Header)).ToArray();
        if (found.Length != 1)
        {
            _differences.Add(new Difference(packet, $"{found.Length} parts of the answer hold the packet, and it must be exactly one: {string.Join("; ", found.Select(Says))}"));
            return;
        }
        var part = found[0];
        tally?.Count(part);
        switch (part.Verdict)
        {
            case Verdict.Unknown:
                if (!_mayBeUnknown)
                    _differences.Add(new Difference(packet, $"Nothing is in play that is not modelled, and the walk says {Says(part)}. The kernel: {Did(arrival)}"));
                break;
            case Verdict.Accept:
                Count(_accepted, part);
                if (arrival is null || arrival.OutLink != (part.Path == PacketPath.Local ? null : part.OutInterface) || !MayBe(arrival.Destination, part.NewDestination, packet.Header.Destination))
                    _differences.Add(new Difference(packet, $"The walk says {Says(part)}. The kernel: {Did(arrival)}"));
                break;
            case Verdict.Drop or Verdict.Reject:
                Count(_thrownAway, part);
                if (arrival is not null)
                    _differences.Add(new Difference(packet, $"The walk says {Says(part)}. The kernel: {Did(arrival)}"));
                break;
            default:
                _differences.Add(new Difference(packet, $"No rule limits a rate, and the walk says {Says(part)}"));
                break;
        }
    }

    // NETMAP leaves the last bits as they are. One of several destinations is only known to be within a prefix.
    private bool MayBe(Cidr seen, Cidr? changed, Cidr original)
    {
        if (changed is not { } place)
            return seen == original;
        var last = place.Last - place.Bits;
        return place.Contains(seen) && (_mayBeUnknown || (seen.Bits & last) == (original.Bits & last) || place.IsSingleAddress);
    }

    // A question about one packet must get the same answer as a question about all of them.
    private void Narrow(PacketWalk walk, OraclePacket packet, IReadOnlyList<AccessPart> parts)
    {
        var header = packet.Header;
        var hasPorts = OraclePacket.HasPorts(header.Protocol);
        var narrow = walk.Ask(new AccessQuery
        {
            Family = header.Family,
            InInterface = packet.InLink,
            Sources = [header.Source],
            Destinations = [header.Destination],
            Protocol = header.Protocol.ToString(CultureInfo.InvariantCulture),
            SourcePorts = hasPorts ? PortList.Parse(header.SourcePort.ToString(CultureInfo.InvariantCulture), "SourcePorts") : null,
            Ports = hasPorts ? PortList.Parse(header.DestinationPort.ToString(CultureInfo.InvariantCulture), "Ports") : null,
        }).Where(part => part.Packets.Contains(header)).Select(Says).ToArray();
        var wide = parts.Where(part => part.Packets.Contains(header)).Select(Says).ToArray();
        if (!narrow.SequenceEqual(wide, StringComparer.Ordinal))
            _differences.Add(new Difference(packet, $"Asked about this packet alone the walk says {string.Join("; ", narrow)}; asked about all, {string.Join("; ", wide)}"));
    }

    private static void Count(Dictionary<(string, string, string, int), int> counts, AccessPart part)
    {
        if (part is not { Backend: { } backend, Table: { } table, Chain: { } chain })
            return;
        var key = (backend, table, chain, part.Position);
        counts[key] = counts.GetValueOrDefault(key) + 1;
    }

    // A packet that an accepting rule let through may have been dropped later: then the kernel's count is higher. If a match is not modelled, the walk may be
    // certain that a packet ends, but not where.
    private void Counters()
    {
        if (_mayBeUnknown)
            return;
        var rules = Rules().ToArray();
        foreach (var rule in rules.Where(rule => rule.Verdict is "ACCEPT" && rule.Kernel < _accepted.GetValueOrDefault(rule.Key)))
            Add(rule.Text, _accepted.GetValueOrDefault(rule.Key), rule.Kernel);
        var throwing = rules.Where(static rule => rule.Verdict is "DROP" or "REJECT");
        if (_host.OtherRules.ContainsKey(_family))
        {
            // If both implementations drop a packet, the one whose hook was registered last does it: only the sum of a table can be known.
            foreach (var table in throwing.GroupBy(static rule => rule.Key.Table, StringComparer.Ordinal))
                Compare($"all rules of the tables '{table.Key}'", table.Sum(rule => _thrownAway.GetValueOrDefault(rule.Key)), table.Sum(static rule => rule.Kernel));
            return;
        }
        foreach (var rule in throwing)
            Compare(rule.Text, _thrownAway.GetValueOrDefault(rule.Key), rule.Kernel);
    }

    private void Compare(string text, long walk, long kernel)
    {
        if (kernel != walk)
            Add(text, walk, kernel);
    }

    private void Add(string text, long walk, long kernel) =>
        _differences.Add(new Difference(null, string.Create(CultureInfo.InvariantCulture, $"The walk says that {walk} packets end at {text}. The kernel counted {kernel}.")));

    private IEnumerable<(string Text, string? Verdict, (string Backend, string Table, string Chain, int Position) Key, long Kernel)> Rules()
    {
        var main = _host.Iptables.Backend;
        var other = main == IptablesBackend.Nft ? IptablesBackend.Legacy : IptablesBackend.Nft;
        foreach (var (backend, rules) in new[] { (main, _host.Rules.GetValueOrDefault(_family)), (other, _host.OtherRules.GetValueOrDefault(_family)) })
        {
            var name = backend == IptablesBackend.Nft ? "nft" : "legacy";
            foreach (var table in rules?.Tables ?? [])
            {
                foreach (var chain in rules!.ChainsOf(table).Where(static chain => chain.Policy is not null && chain.Name is not "OUTPUT"))
                    yield return ($"the policy {chain.Policy} of {name} {table} {chain.Name}", chain.Policy, (name, table, chain.Name, 0), chain.Packets);
            }
            foreach (RuleLine rule in rules?.AllRules ?? [])
                yield return ($"{name} {rule.Table} '{rule.Text}' (position {rule.Position.ToString(CultureInfo.InvariantCulture)})", rule.Target, (name, rule.Table, rule.Chain, rule.Position), rule.Packets);
        }
    }

    private static string Did(Arrival? arrival) => arrival switch
    {
        null => "it did not arrive.",
        { OutLink: null } => $"the router took it as {arrival.Destination.Address}.",
        _ => $"it left by {arrival.OutLink} for {arrival.Destination.Address}.",
    };

    private static string Says(AccessPart part) => string.Create(
        CultureInfo.InvariantCulture,
        $"{part.Verdict} by {part.Backend} {part.Table} {part.Chain} {part.Position} ({part.Rule?.Text ?? "no rule"}), path {part.Path}, out {part.OutInterface ?? "-"}, new destination {part.NewDestination?.ToString() ?? "-"}: {part.Reason}");
}
