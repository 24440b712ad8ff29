using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>What a rule that changes packets, and does not only decide them, turns them into: marks, redirections, packets that conntrack does not see.</summary>
internal static class RuleChange
{
    /// <summary>The packets after the rule, and whether they leave the hook with it.</summary>
    internal static IEnumerable<(Flow Flow, bool Leaves)> Of(CompiledRule rule, Flow flow, Uncertainty? doubt, string inLink, Func<Cidr?> linkAddress)
    {
        var isCertain = doubt is null && flow.State.Doubts is null;
        var cause = new Cause(rule.Place, doubt?.Why ?? (isCertain ? rule.Action.Why ?? "" : Doubt.First(flow.State.Doubts!).Why));
        return rule.Action.Kind switch
        {
            ActionKind.Mark => [(flow with { State = flow.State with { Mark = isCertain ? Marked(flow.State.Mark, rule.Action.Mark) : null } }, false)],
            ActionKind.Untrack when isCertain && rule.Action.Why is null =>
                [(flow with { State = flow.State with { Rewriting = flow.State.Rewriting with { Tracking = Tracking.Untracked } } }, false)],
            ActionKind.Untrack => [(Rerouted(flow, cause), false)],
            ActionKind.Redirect when isCertain && rule.Action.Why is null => Redirected(rule, flow, inLink, linkAddress),
            _ => [(Rerouted(flow, cause), doubt is null)],
        };
    }

    private static Flow Rerouted(Flow flow, Cause cause) => flow with { State = flow.State with { Rerouted = flow.State.Rerouted ?? cause } };

    private static IEnumerable<(Flow Flow, bool Leaves)> Redirected(CompiledRule rule, Flow flow, string inLink, Func<Cidr?> linkAddress)
    {
        var destination = rule.Action.ToLink ? linkAddress()?.Bits : rule.Action.Destination;
        if (rule.Action.ToLink && destination is null)
        {
            yield return (flow with { State = flow.State with { Rerouted = new Cause(rule.Place, $"the address of {inLink}, to which it redirects, is not known") } }, true);
            yield break;
        }
        // To conntrack, packets redirected to their own destination are not redirected.
        var same = flow.Packets.Intersect(PacketsTo(flow.Packets.Family, destination, rule.Action.Port));
        if (!same.IsEmpty)
            yield return (flow with { Packets = same }, true);
        var other = flow.Packets.Subtract(same);
        if (!other.IsEmpty)
            yield return (flow with { Packets = other, State = flow.State with { Rewriting = flow.State.Rewriting with { Destination = destination, Port = rule.Action.Port } } }, true);
    }

    private static PacketSet PacketsTo(Family family, UInt128? address, int? port) => PacketSet.From(
        family,
        port is { } number ? Transport.ToPorts([((UInt128)number, (UInt128)number)]) : Layers.AnyProtocol,
        null,
        address is { } one ? [(one, one)] : null);

    private static uint? Marked(uint? mark, (uint Value, uint Mask)? change) =>
        change is not { } known ? null
        : known.Mask == uint.MaxValue ? known.Value
        : mark is { } old ? (old & ~known.Mask) ^ known.Value
        : null;
}
