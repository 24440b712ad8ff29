using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Reports;

/// <summary>What decides about a cell: the rules, the packets that each of them decides, and their way.</summary>
internal static class ReportedWays
{
    // A person who opens a cell wants the reasons, not all of them.
    private const int Most = 6;

    /// <summary>How far a destination can be reached, by what the checks count as open and as closed. What the kernel forwards for nobody (multicast, for example) makes nothing partly open.</summary>
    public static AccessLevel LevelOf(Answer answer)
    {
        if (answer.IsEmpty)
            return AccessLevel.None;
        if (answer.IsClosed)
            return AccessLevel.Closed;
        if (answer.Parts.Any(static part => part is { Verdict: Verdict.Accept } or { Otherwise: Verdict.Accept, IsLimited: false }))
            return answer.Closed.Any(static part => part.Table is not null) ? AccessLevel.Partly : AccessLevel.Open;
        return answer.NotClosed.All(static part => part.Verdict is Verdict.RateLimited || part.IsLimited) ? AccessLevel.Limited : AccessLevel.Unknown;
    }

    /// <summary>The ways, what is open first, and how many were left out.</summary>
    public static (IReadOnlyList<ReportedWay> Ways, int More) Of(MatrixCell cell, PacketWalk walk, string bridge)
    {
        var groups = Grouped(cell.Answer.Parts).Select(group => (Parts: group, Excepted: false))
            .Concat(Grouped(cell.Excepted.Parts).Select(group => (Parts: group, Excepted: true)))
            .OrderBy(group => Evidence.Weight(group.Parts[0].Verdict)).ToList();
        PacketOrigin[] origins = [.. cell.Answer.Origins.Union(cell.Excepted.Origins)];
        return ([.. groups.Take(Most).Select(group => Way(group.Parts, group.Excepted, walk, bridge, origins))], Math.Max(0, groups.Count - Most));
    }

    private static IEnumerable<List<AccessPart>> Grouped(IEnumerable<AccessPart> parts) =>
        parts.GroupBy(part => (part.Verdict, part.Backend, part.Table, part.Chain, part.Position, part.Reason)).Select(group => group.ToList());

    private static ReportedWay Way(List<AccessPart> parts, bool excepted, PacketWalk walk, string bridge, IReadOnlyList<PacketOrigin> origins)
    {
        var part = parts[0];
        return new ReportedWay
        {
            Verdict = part.Verdict,
            Packets = ShownText.Plain(Evidence.Packets(parts, origins)),
            Excepted = excepted,
            Place = Evidence.Place(part) is { } place ? ShownText.Plain(place) : null,
            Rule = part.Rule is { } rule ? ShownText.Plain(rule.Text) : null,
            Reason = ShownText.Plain(part.Reason + (part.Otherwise is Verdict.Accept ? " If it does not match, they pass." : "")),
            Path = [.. Path(part, walk, bridge).Select(ShownText.Plain)],
            NewDestination = part.NewDestination?.ToShortString() ?? (part.Proxied is { } proxied ? ShownText.Plain(proxied) : null),
        };
    }

    // The wide question of an audit walks packets for several links together. One packet is asked about alone, so that its chains are its own.
    private static IEnumerable<string> Path(AccessPart part, PacketWalk walk, string bridge)
    {
        var alone = Alone(part, walk, bridge) ?? part;
        yield return bridge;
        foreach (var chain in alone.Chains)
            yield return chain;
        if (alone.OutInterface is { } link && !Answer.IsBlocked(part))
            yield return link;
        else if (alone.Path is PacketPath.Local && !Answer.IsBlocked(part))
            yield return "the host";
    }

    private static AccessPart? Alone(AccessPart part, PacketWalk walk, string bridge)
    {
        if (part.Packets.Sample() is not { } sample)
            return null;
        var one = new AccessQuery { Family = sample.Family, InInterface = bridge, Destinations = [sample.Destination], Protocol = sample.Protocol.ToString(CultureInfo.InvariantCulture) };
        if (sample.Protocol is 6 or 17)
            one = one with { Ports = PortList.Parse(sample.DestinationPort.ToString(CultureInfo.InvariantCulture), "Port") };
        return walk.Ask(part.Packets.Intersect(PacketSet.Of(one)), bridge).FirstOrDefault(other => (other.Verdict, other.Table, other.Chain, other.Position) == (part.Verdict, part.Table, part.Chain, part.Position));
    }
}
