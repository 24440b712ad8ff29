using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>Collects what happens to packets and turns it into the parts of an answer.</summary>
internal sealed class Outcome
{
    private readonly Dictionary<PartKey, (PacketSet Packets, Trail? Trail)> _parts = [];
    private readonly List<(Place Place, Flow Flow)> _acceptedByRules = [];
    private readonly List<(Place Place, Flow Flow)> _acceptedByPolicies = [];
    private BaseChain? _hook;

    /// <summary>The parts, in the order in which they were found.</summary>
    internal IReadOnlyList<AccessPart> Parts(string inLink) => [.. _parts.Select(part => part.Key.ToPart(part.Value.Packets, part.Value.Trail, inLink))];

    /// <summary>The hook whose accepting rules count from now on.</summary>
    internal void Enter(BaseChain hook) => _hook = hook;

    /// <summary>A rule lets packets out of the hook.</summary>
    internal void Accepted(Place place, Flow flow)
    {
        if (_hook is { Decides: true })
            _acceptedByRules.Add((place, flow));
    }

    /// <summary>A policy lets packets out of the hook.</summary>
    internal void Accepted(BaseChain hook, Place place, Flow flow)
    {
        if (hook.Decides)
            _acceptedByPolicies.Add((place, flow));
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
        foreach (var (place, accepted) in _acceptedByRules.Concat(_acceptedByPolicies))
        {
            if (accepted.State.Path != flow.State.Path || !string.Equals(accepted.State.OutLink, flow.State.OutLink, StringComparison.Ordinal))
                continue;
            var decided = rest.Intersect(accepted.Packets);
            if (decided.IsEmpty)
                continue;
            Add(flow with { Packets = decided, Trail = Trail.Longer(flow.Trail, accepted.Trail) }, Verdict.Accept, place, Reasons.Accepted(place, remark));
            rest = rest.Subtract(decided);
            if (rest.IsEmpty)
                return;
        }
        Add(flow with { Packets = rest }, Verdict.Accept, null, remark ?? Reasons.NoRule(flow.State.Path));
    }

    /// <summary>Something outside the rules decides about packets.</summary>
    internal void Decided(Flow flow, Verdict verdict, string why) =>
        Add(flow, flow.State.Pending?.Ends.HasFlag(MayBe.Anything) == true ? Verdict.Unknown : verdict, null, why);

    private void Add(Flow flow, Verdict verdict, Place? place, string reason, Pending? unknown = null)
    {
        var state = flow.State;
        var key = new PartKey(flow.Packets.Family, verdict, place, reason, state.Path, state.OutLink, state.Rewriting.Destination, state.Proxied,
            unknown is null ? null : Otherwise(unknown), unknown?.IsLimited == true);
        _parts[key] = _parts.TryGetValue(key, out var there)
            ? (there.Packets.Union(flow.Packets), Trail.Longer(there.Trail, flow.Trail))
            : (flow.Packets, flow.Trail);
    }

    private static Verdict Otherwise(Pending unknown) => unknown.Otherwise switch
    {
        Standing.Passes => Verdict.Accept,
        Standing.Limited => Verdict.RateLimited,
        _ => unknown.Ends.HasFlag(MayBe.Dropped) ? Verdict.Drop : Verdict.Reject,
    };

    private sealed record PartKey(Addresses.Family Family, Verdict Verdict, Place? Place, string Reason, PacketPath Path, string? OutLink, UInt128? Destination, string? Proxied, Verdict? Otherwise, bool IsLimited)
    {
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
            NewDestination = Destination is { } address ? Addresses.Cidr.From(Family, address, Addresses.Cidr.Width(Family)) : null,
            Proxied = Proxied,
            Otherwise = Otherwise,
            IsLimited = IsLimited,
        };
    }
}
