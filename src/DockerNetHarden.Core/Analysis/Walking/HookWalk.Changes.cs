using DockerNetHarden.Addresses;


namespace DockerNetHarden.Analysis.Walking;

/// <content>Rules that change packets, and not only decide about them.</content>
internal sealed partial class HookWalk
{
    private void Change(CompiledRule rule, Flow flow, Uncertainty? doubt, List<Flow> next, List<(int Level, Flow Flow)> done)
    {
        var isCertain = doubt is null && flow.State.Doubts is null;
        var cause = new Cause(rule.Place, doubt?.Why ?? (isCertain ? rule.Action.Why ?? "" : Doubt.First(flow.State.Doubts!).Why));
        switch (rule.Action.Kind)
        {
            case ActionKind.Mark:
                next.Add(flow with { State = flow.State with { Mark = isCertain ? Marked(flow.State.Mark, rule.Action.Mark) : null } });
                break;
            case ActionKind.Untrack when isCertain && rule.Action.Why is null:
                next.Add(flow with { State = flow.State with { Rewriting = flow.State.Rewriting with { Tracking = Sets.Tracking.Untracked } } });
                break;
            case ActionKind.Untrack:
                next.Add(flow with { State = flow.State with { Rerouted = flow.State.Rerouted ?? cause } });
                break;
            case ActionKind.Redirect when isCertain && rule.Action.Why is null:
                Redirect(rule, flow, done);
                break;
            default:
                var rerouted = flow with { State = flow.State with { Rerouted = flow.State.Rerouted ?? cause } };
                if (doubt is not null)
                    next.Add(rerouted);
                else
                    Leave(rule, rerouted, done);
                break;
        }
    }

    private void Redirect(CompiledRule rule, Flow flow, List<(int Level, Flow Flow)> done)
    {
        var destination = rule.Action.ToLink ? linkAddress()?.Bits : rule.Action.Destination;
        if (rule.Action.ToLink && destination is null)
        {
            var cause = new Cause(rule.Place, $"the address of {inLink}, to which it redirects, is not known");
            Leave(rule, flow with { State = flow.State with { Rerouted = cause } }, done);
            return;
        }
        // To conntrack what is redirected to where it was going is not redirected.
        var same = flow.Packets.Intersect(PacketsTo(flow.Packets.Family, destination, rule.Action.Port));
        if (!same.IsEmpty)
            Leave(rule, flow with { Packets = same }, done);
        var other = flow.Packets.Subtract(same);
        if (!other.IsEmpty)
            Leave(rule, flow with { Packets = other, State = flow.State with { Rewriting = flow.State.Rewriting with { Destination = destination, Port = rule.Action.Port } } }, done);
    }

    private static PacketSet PacketsTo(Family family, UInt128? address, int? port) => PacketSet.From(
        family,
        port is { } number ? Sets.Transport.ToPorts([((UInt128)number, (UInt128)number)]) : Sets.Layers.AnyProtocol,
        null,
        address is { } one ? [(one, one)] : null);

    private static uint? Marked(uint? mark, (uint Value, uint Mask)? change) =>
        change is not { } known ? null
        : known.Mask == uint.MaxValue ? known.Value
        : mark is { } old ? (old & ~known.Mask) ^ known.Value
        : null;
}
