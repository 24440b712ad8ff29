using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>
/// What tells the parts of an answer apart: what happens to the packets, where, and on which way. <c>NewPlace</c> is where a redirection sends them, null for none; <c>Choice</c> says why the same packets may also meet
/// another end, null if they do not, and <c>IsMatched</c> whether they meet this one only if a match that is not certain matches.
/// </summary>
internal sealed record PartKey(
    Family Family, Verdict Verdict, Place? Place, string Reason, PacketPath Path, string? OutLink, (UInt128 First, UInt128 Last)? NewPlace, string? Proxied, Verdict? Otherwise, bool IsLimited, Cause? Choice, bool IsMatched)
{
    // The rest tells few parts apart, and a reason is long.
    public override int GetHashCode() => HashCode.Combine(Verdict, Place, Path, OutLink, NewPlace);

    internal AccessPart ToPart(PacketSet packets, Trail? trail, string inLink) => new()
    {
        Packets = packets,
        Verdict = Verdict,
        Rule = Place?.Rule,
        Backend = Place?.Backend,
        Table = Place?.Table,
        Chain = Place?.Chain,
        Position = Place?.Position ?? 0,
        Chains = trail?.Chains ?? [],
        Reason = Reason + ".",
        Path = Path,
        InInterface = inLink,
        OutInterface = OutLink,
        NewDestination = NewPlace is { } place ? Covering(place) : null,
        Proxied = Proxied,
        Otherwise = Otherwise,
        IsLimited = IsLimited,
    };

    // The smallest prefix that holds them.
    private Cidr Covering((UInt128 First, UInt128 Last) place)
    {
        var length = Cidr.Width(Family);
        while (Cidr.From(Family, place.First, length).Last < place.Last)
            length--;
        return Cidr.From(Family, place.First, length);
    }
}

/// <summary>Puts together what happens to packets that may fare in several ways, because a match that is not certain, or chance, decides where they are redirected.</summary>
internal static class Choices
{
    /// <summary>The parts, which may hold the same packets, as disjoint parts.</summary>
    internal static IEnumerable<(PartKey Key, PacketSet Packets, Trail? Trail)> Together(IReadOnlyList<(PartKey Key, PacketSet Packets, Trail? Trail)> parts)
    {
        var regions = new List<(List<PartKey> Keys, PacketSet Packets, Trail? Trail)>();
        foreach (var (key, packets, trail) in parts)
        {
            var rest = packets;
            var count = regions.Count;
            for (var i = 0; i < count && !rest.IsEmpty; i++)
            {
                var there = regions[i];
                var both = there.Packets.Intersect(rest);
                if (both.IsEmpty)
                    continue;
                if (there.Packets.Subtract(both) is { IsEmpty: false } other)
                    regions.Add(there with { Packets = other });
                regions[i] = ([.. there.Keys, key], both, Trail.Longer(there.Trail, trail));
                rest = rest.Subtract(both);
            }
            if (!rest.IsEmpty)
                regions.Add(([key], rest, trail));
        }
        return regions.Select(static region => (Of(region.Keys), region.Packets, region.Trail));
    }

    // Certain if it is so whichever way they go.
    private static PartKey Of(List<PartKey> keys)
    {
        var cause = keys[0].Choice!;
        var first = keys[0] with { Choice = null, IsMatched = false };
        if (keys.TrueForAll(key => key with { Choice = null, IsMatched = false } == first))
            return first;
        var (isOneWay, isOneLink) = (keys.TrueForAll(key => key.Path == first.Path), keys.TrueForAll(key => key.OutLink == first.OutLink));
        var all = first with
        {
            OutLink = isOneLink ? first.OutLink : null,
            NewPlace = keys.TrueForAll(static key => key.NewPlace is not null) ? (keys.Min(static key => key.NewPlace!.Value.First), keys.Max(static key => key.NewPlace!.Value.Last)) : null,
            Proxied = keys.TrueForAll(key => key.Proxied == first.Proxied) ? first.Proxied : null,
        };
        if (keys.TrueForAll(IsBlocked))
        {
            var chosen = keys.Find(static key => key.Verdict == Verdict.Drop) ?? first;
            return all with { Verdict = chosen.Verdict, Place = chosen.Place, Path = chosen.Path, Reason = $"{chosen.Reason}, and blocked wherever else {cause.Place} sends them" };
        }
        // What is let through certainly is so to a known place.
        var isOnePlace = isOneWay && isOneLink && keys.TrueForAll(key => key.NewPlace is null == first.NewPlace is null);
        if (isOnePlace && keys.TrueForAll(static key => key.Verdict == Verdict.Accept))
            return all with { Reason = $"{first.Reason}, and let through wherever else {cause.Place} sends them" };
        // What becomes of them if no match that is not certain matches. That they are let through on another way says nothing about this one: what the host serves is not what is outside.
        var unmatched = keys.FindAll(static key => !key.IsMatched);
        Verdict? otherwise = isOneWay && unmatched.Exists(static key => key.Verdict is Verdict.Accept or Verdict.RateLimited || key.Otherwise is Verdict.Accept or Verdict.RateLimited) ? Verdict.Accept
            : unmatched.Count > 0 && unmatched.TrueForAll(IsBlocked) ? unmatched[0].Verdict : null;
        return all with
        {
            Verdict = Verdict.Unknown,
            Place = cause.Place,
            Path = isOneWay ? first.Path : PacketPath.None,
            Reason = Reasons.Rerouted(cause),
            Otherwise = otherwise,
            IsLimited = keys.TrueForAll(static key => key.IsLimited || IsBlocked(key)),
        };
    }

    private static bool IsBlocked(PartKey key) => key.Verdict is Verdict.Drop or Verdict.Reject;
}
