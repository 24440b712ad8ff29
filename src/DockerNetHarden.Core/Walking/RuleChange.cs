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
            ActionKind.Redirect when isCertain && rule.Action is { Why: null, Net: { } net } => Moved(rule, flow, net),
            ActionKind.Redirect when isCertain && rule.Action is { Why: null, Choices.Count: > 0 } => Chosen(rule, flow, inLink, linkAddress),
            ActionKind.Redirect when isCertain && rule.Action.Why is null => Redirected(rule, flow, (rule.Action.Destination, rule.Action.Port), inLink, linkAddress),
            _ => [(Rerouted(flow, cause), doubt is null)],
        };
    }

    private static Flow Rerouted(Flow flow, Cause cause) => flow with { State = flow.State with { Rerouted = flow.State.Rerouted ?? cause } };

    private static IEnumerable<(Flow Flow, bool Leaves)> Chosen(CompiledRule rule, Flow flow, string inLink, Func<Cidr?> linkAddress)
    {
        var chosen = flow with { State = flow.State with { Choice = flow.State.Choice ?? new Cause(rule.Place, "it redirects to one of several destinations") } };
        return rule.Action.Choices.SelectMany(choice => Redirected(rule, chosen, choice, inLink, linkAddress));
    }

    // The bits of the prefix change, all others stay (netmap_tg4 in net/netfilter/xt_NETMAP.c).
    private static IEnumerable<(Flow Flow, bool Leaves)> Moved(CompiledRule rule, Flow flow, Cidr net)
    {
        var rest = flow.Packets;
        foreach (var first in NetsOf(flow.Packets, net.Length))
        {
            var last = first + (net.Last - net.Bits);
            var packets = flow.Packets.Intersect(PacketSet.From(net.Family, Layers.AnyProtocol, null, [(first, last)]));
            rest = rest.Subtract(packets);
            yield return (first == net.Bits ? flow with { Packets = packets }
                : flow with { Packets = packets, State = flow.State with { Rewriting = flow.State.Rewriting with { Move = new Move(first, last, net.Bits) } } }, true);
        }
        if (!rest.IsEmpty)
            yield return (Rerouted(flow with { Packets = rest }, new Cause(rule.Place, "it moves more prefixes than can be told apart")), true);
    }

    // The prefixes of this length that hold destinations, up to a number.
    private static List<UInt128> NetsOf(PacketSet packets, int length)
    {
        const int Most = 64;
        var nets = new List<UInt128>();
        foreach (var span in packets.Root?.InOrder() ?? [])
        {
            for (var net = Cidr.From(packets.Family, span.First, length); ; net = Cidr.From(packets.Family, net.Last + 1, length))
            {
                if (nets.Count == 0 || nets[^1] != net.Bits)
                {
                    if (nets.Count == Most)
                        return nets;
                    nets.Add(net.Bits);
                }
                if (net.Last >= span.Last)
                    break;
            }
        }
        return nets;
    }

    private static IEnumerable<(Flow Flow, bool Leaves)> Redirected(CompiledRule rule, Flow flow, (UInt128? Destination, int? Port) to, string inLink, Func<Cidr?> linkAddress)
    {
        var destination = rule.Action.ToLink ? linkAddress()?.Bits : to.Destination;
        if (rule.Action.ToLink && destination is null)
        {
            yield return (flow with { State = flow.State with { Rerouted = new Cause(rule.Place, $"the address of {inLink}, to which it redirects, is not known") } }, true);
            yield break;
        }
        // To conntrack, packets redirected to their own destination are not redirected.
        var same = flow.Packets.Intersect(PacketsTo(flow.Packets.Family, destination, to.Port));
        if (!same.IsEmpty)
            yield return (flow with { Packets = same }, true);
        var other = flow.Packets.Subtract(same);
        if (!other.IsEmpty)
            yield return (flow with { Packets = other, State = flow.State with { Rewriting = flow.State.Rewriting with { Destination = destination, Port = to.Port } } }, true);
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
