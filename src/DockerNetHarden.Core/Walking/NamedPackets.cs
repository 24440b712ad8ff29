using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>The packets that an installed rule names, followed from the start of their way.</summary>
internal static class NamedPackets
{
    private static readonly Tracking[] s_others = [.. Enum.GetValues<Tracking>().Where(static state => state != Tracking.New)];

    internal static IReadOnlyList<AccessPart> Ask(FamilyWalk walk, RuleLine line)
    {
        var (match, _) = walk.Compile(line.Tokens);
        var hooks = walk.HooksOf(line.Table, line.Chain);
        var named = Packets(match, line, walk.Family);
        var parts = new List<AccessPart>();
        foreach (var link in walk.Host.Links.Where(link => link != "lo" && match.In?.Matches(link) != false))
        {
            parts.AddRange(from part in named.IsEmpty ? [] : Journey.Of(walk, named, link)
                           where IsOnWay(part, hooks) && (match.Out is null || part.OutInterface is null || match.Out.Matches(part.OutInterface))
                           select part);
        }
        return parts;
    }

    private static PacketSet Packets(CompiledMatch match, RuleLine line, Addresses.Family family)
    {
        var named = match.Now ?? PacketSet.All(family);
        if (match.Original is not null)
            named = named.Intersect(match.Original);
        // State NEW stands for packets that open a connection, and a rule without states means those.
        var namesStates = line.Tokens.Any(static token => token is "--ctstate" or "--state");
        var opening = Transport.FirstPackets(family);
        return named.Intersect(PacketSet.From(family, namesStates ? opening.Union(Transport.InStates(s_others)!) : opening, null, null));
    }

    // A rule of INPUT does not concern forwarded packets. Packets that were not routed, or may go anywhere, concern every rule.
    private static bool IsOnWay(AccessPart part, IReadOnlySet<string> hooks) => part.Path switch
    {
        PacketPath.Local => hooks.Count == 0 || hooks.Contains("input") || hooks.Contains("prerouting"),
        PacketPath.Forward or PacketPath.Bridged => hooks.Count == 0 || hooks.Contains("forward") || hooks.Contains("postrouting") || hooks.Contains("prerouting"),
        _ => part.Verdict == Verdict.Unknown || hooks.Contains("prerouting"),
    };
}
