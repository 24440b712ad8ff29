using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>Collects what happens to packets and turns it into the parts of an answer.</summary>
/// <param name="links">If packets that leave by several links are walked together: these links.</param>
internal sealed class Outcome(OutLinks? links = null)
{
    private readonly Dictionary<PartKey, (PacketSet Packets, Trail? Trail)> _parts = [];
    // By the way that they take: packets for hundreds of networks take as many.
    private readonly Dictionary<(PacketPath, string?, Rewriting), (List<(Place Place, PacketSet Packets, Trail? Trail)> ByRules, List<(Place Place, PacketSet Packets, Trail? Trail)> ByPolicies)> _accepted = [];
    private readonly List<Share> _shares = [];
    private BaseChain? _hook;

    /// <summary>The parts, in the order in which they were found.</summary>
    internal IReadOnlyList<AccessPart> Parts(string inLink)
    {
        var chosen = _parts.Where(static part => part.Key.Choice is not null).ToList();
        foreach (var (key, _) in chosen)
            _parts.Remove(key);
        foreach (var (key, packets, trail) in Choices.Together([.. chosen.Select(static part => (part.Key, part.Value.Packets, part.Value.Trail))]))
            Add(key, packets, trail);
        return [.. _parts.Select(part => part.Key.ToPart(part.Value.Packets, part.Value.Trail, inLink))];
    }

    /// <summary>The hook whose accepting rules count from now on.</summary>
    internal void Enter(BaseChain hook) => _hook = hook;

    /// <summary>A rule lets packets out of the hook.</summary>
    internal void Accepted(Place place, Flow flow)
    {
        if (_hook is { Decides: true })
            AcceptedBy(flow.State).ByRules.Add((place, flow.Packets, flow.Trail));
    }

    /// <summary>A policy lets packets out of the hook.</summary>
    internal void Accepted(BaseChain hook, Place place, Flow flow)
    {
        if (hook.Decides)
            AcceptedBy(flow.State).ByPolicies.Add((place, flow.Packets, flow.Trail));
    }

    /// <summary>Packets end here for certain, if not before.</summary>
    internal void Ended(Flow flow, MayBe end, Place? place, string? why = null)
    {
        var pending = flow.State.Pending;
        if (end == MayBe.Anything)
            Add(flow, Verdict.Unknown, place, Reasons.NotModelled(place, why));
        else if (pending?.Ends.HasFlag(MayBe.Anything) == true)
            Add(flow, Verdict.Unknown, pending.Cause.Place, Reasons.NotKnown(pending));
        else
        {
            var verdict = end == MayBe.Dropped ? Verdict.Drop : Verdict.Reject;
            Add(flow, verdict, place, Reasons.Blocked(verdict, place, why, pending));
        }
    }

    /// <summary>Packets have come to the end of their way.</summary>
    internal void Arrived(Flow flow, string? remark = null)
    {
        if (flow.State.Pending is { } pending)
        {
            var isRate = pending is { When: Chance.AboveRate } && !pending.Ends.HasFlag(MayBe.Anything);
            Add(flow, isRate ? Verdict.RateLimited : Verdict.Unknown, pending.Cause.Place ?? pending.Block, isRate ? Reasons.Limited(pending) : Reasons.NotKnown(pending),
                isRate || pending.Ends.HasFlag(MayBe.Anything) ? null : pending);
            return;
        }
        var rest = flow.Packets;
        var (byRules, byPolicies) = AcceptedBy(flow.State);
        foreach (var (place, accepted, trail) in byRules.Concat(byPolicies))
        {
            var decided = rest.Intersect(accepted);
            if (decided.IsEmpty)
                continue;
            Add(flow with { Packets = decided, Trail = Trail.Longer(flow.Trail, trail) }, Verdict.Accept, place, Reasons.Accepted(place, remark));
            rest = rest.Subtract(decided);
            if (rest.IsEmpty)
                return;
        }
        Add(flow with { Packets = rest }, Verdict.Accept, null, remark ?? Reasons.NoRule(flow.State.Path));
    }

    /// <summary>Something outside the rules decides about packets.</summary>
    internal void Decided(Flow flow, Verdict verdict, string why) =>
        Add(flow, flow.State.Pending?.Ends.HasFlag(MayBe.Anything) == true ? Verdict.Unknown : verdict, null, why);

    /// <summary>What happened to packets that leave by several links, by their link, each in the order in which it would have been found alone.</summary>
    internal ILookup<string, Share> Shares => _shares.ToLookup(static share => share.Key.OutLink!, StringComparer.Ordinal);

    /// <summary>Something happens to packets as it did to others, together with which they were walked.</summary>
    internal void Add(Share share) => Add(share.Key, share.Packets, share.Trail);

    private (List<(Place Place, PacketSet Packets, Trail? Trail)> ByRules, List<(Place Place, PacketSet Packets, Trail? Trail)> ByPolicies) AcceptedBy(FlowState state)
    {
        if (!_accepted.TryGetValue((state.Path, state.OutLink, state.Rewriting), out var there))
            _accepted.Add((state.Path, state.OutLink, state.Rewriting), there = ([], []));
        return there;
    }

    private void Add(Flow flow, Verdict verdict, Place? place, string reason, Pending? unknown = null)
    {
        var state = flow.State;
        var key = new PartKey(flow.Packets.Family, verdict, place, reason, state.Path, state.OutLink, state.Rewriting.Place, state.Proxied,
            unknown is null ? null : Otherwise(unknown), unknown?.IsLimited == true, state.Choice, state.IsMatched);
        if (links is null)
            Add(key, flow.Packets, flow.Trail);
        else
            _shares.AddRange(links.Split(flow.Packets).Select(share => new Share(key with { OutLink = share.Link }, share.Packets, flow.Trail)));
    }

    private void Add(PartKey key, PacketSet packets, Trail? trail) => _parts[key] = _parts.TryGetValue(key, out var there)
        ? (there.Packets.Union(packets), Trail.Longer(there.Trail, trail))
        : (packets, trail);

    private static Verdict Otherwise(Pending unknown) => unknown.Otherwise switch
    {
        Standing.Passes => Verdict.Accept,
        Standing.Limited => Verdict.RateLimited,
        _ => unknown.Ends.HasFlag(MayBe.Dropped) ? Verdict.Drop : Verdict.Reject,
    };

    /// <summary>Packets that meet the same end, and leave by one link of several.</summary>
    internal sealed record Share(PartKey Key, PacketSet Packets, Trail? Trail);
}
