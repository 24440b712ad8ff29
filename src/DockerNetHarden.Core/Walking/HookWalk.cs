using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>
/// Takes packets through the chains of one hook. Only certain matches split packet sets. If a match is not certain, the packets stay together
/// and carry what may have happened (<see cref="Pending"/>, <see cref="Doubt"/>), so that the work grows with the number of rules, not with the number of ways through them.
/// </summary>
internal sealed class HookWalk(Outcome outcome, string inLink, Func<Cidr?> linkAddress, bool losesResets, Bounds bounds)
{
    private const string LostReset = "but its reset does not arrive: br_netfilter sends it from the address to which the packets were redirected";

    // The kernel refuses loops, and nft refuses more than 16 levels; a chain this deep is a mistake, not a firewall.
    private const int DeepestJump = 100;

    // Chains that jump to each other in every way could cost 2^n visits; no real rules come near this.
    private const long MostVisits = 2_000_000;

    // So many spans of destinations are looked up one by one.
    private const int MostPlaces = 16;

    // So many matches that are not certain are followed both ways where packets are redirected.
    private const int MostChoices = 64;

    private UInt128 _low;
    private UInt128 _high;
    private long _visits;
    private int _depth;
    private bool _isBehindRouting;
    private int _choicesLeft;

    /// <summary>Whether something was given up because it was too much to be told apart: fewer packets at a time may tell more.</summary>
    internal bool GaveUp { get; private set; }

    // The rule that jumped to a chain which rules share as their target.
    private Place? _decider;

    /// <summary>The flows that continue after the chain; the outcome collects those that end in it.</summary>
    internal List<Flow> Run(BaseChain hook, IReadOnlyList<Flow> flows)
    {
        var on = new List<Flow>();
        _isBehindRouting = hook.ForgetsLink;
        _choicesLeft = hook is { IsNat: true, Hook: "prerouting" } ? MostChoices : 0;
        foreach (var flow in flows)
        {
            if (flow.Packets.Root is not { } root)
                continue;
            (_low, _high) = (root.Low, root.High);
            var entering = (flow.State.MayBypass ?? hook.MayBypass) is { } bypass ? flow.In(new Doubt(Doubt.BeyondHook, Chance.NotKnown, bypass, null)) : flow;
            foreach (var (level, back) in Walk(hook.Chain, entering, 1))
            {
                if (level == Doubt.BeyondHook)
                    on.Add(back.In(null));
                else
                    ApplyPolicy(hook, back, on);
            }
        }
        return Merged(on);
    }

    private void ApplyPolicy(BaseChain hook, Flow flow, List<Flow> on)
    {
        if (hook.Policy == ActionKind.Accept)
        {
            outcome.Accepted(hook, hook.PolicyPlace, flow);
            on.Add(flow.In(null));
        }
        else if (flow.State.Doubts is null)
            outcome.Ended(flow, MayBe.Dropped, hook.PolicyPlace);
        else
            on.Add(Perhaps(flow, MayBe.Dropped, null, hook.PolicyPlace).In(null));
    }

    private List<(int Level, Flow Flow)> Walk(CompiledChain chain, Flow entering, int depth)
    {
        var done = new List<(int Level, Flow Flow)>();
        var flows = new List<Flow> { entering with { Trail = new Trail(chain.Name, entering.Trail) } };
        chain.IsWalked = true;
        _depth++;
        Span<(UInt128 First, UInt128 Last)> places = stackalloc (UInt128, UInt128)[chain.IsIndexed ? MostPlaces : 0];
        foreach (var rule in chain.RulesFor(inLink, entering.State, _isBehindRouting, Destinations(entering, places), bounds))
        {
            _visits += flows.Count;
            Step(rule, ref flows, depth, done);
            if (flows.Count == 0)
                break;
        }
        _depth--;
        chain.IsWalked = false;
        foreach (var flow in flows)
            Resume(flow, depth - 1, done);
        return done;
    }

    // Walking a chain only removes packets. Beyond a few spans of destinations, what lies between them is looked up too, which is sound.
    private static Span<(UInt128 First, UInt128 Last)> Destinations(Flow flow, Span<(UInt128 First, UInt128 Last)> places)
    {
        if (places.IsEmpty || flow.Packets.Root is not { } root)
            return [];
        if (flow.State.Rewriting.Place is { } place)
            places[0] = place;
        else if (root.Count <= places.Length)
            return places[..root.CopyTo(places)];
        else
            places[0] = (root.Low, root.High);
        return places[..1];
    }

    private void Step(CompiledRule rule, ref List<Flow> flows, int depth, List<(int Level, Flow Flow)> done)
    {
        List<Flow>? next = null;
        for (var i = 0; i < flows.Count; i++)
        {
            var flow = flows[i];
            if (rule.Match.Of(flow, _low, _high, bounds) is not { } matched)
            {
                next?.Add(flow);
                continue;
            }
            next ??= flows.GetRange(0, i);
            var hit = ReferenceEquals(matched, flow.Packets) ? flow : flow with { Packets = matched };
            var before = next.Count;
            Act(rule, hit, depth, next, done);
            if (next.Count == before + 1 && ReferenceEquals(next[before].Packets, matched) && next[before].State == flow.State)
                next[before] = next[before] with { Packets = flow.Packets };
            else if (flow.Packets.Subtract(matched) is { IsEmpty: false } rest)
                next.Add(flow with { Packets = rest });
        }
        if (next is not null)
            flows = Merged(next);
    }

    private void Act(CompiledRule rule, Flow flow, int depth, List<Flow> next, List<(int Level, Flow Flow)> done)
    {
        var doubt = rule.Match.Doubt(flow.State);
        // Where packets go depends on it: they are followed both ways, and what happens to them is put together at the end.
        if (doubt is not null && _choicesLeft > 0 && rule.Action.Kind is not ActionKind.Obscure)
        {
            _choicesLeft--;
            flow = flow with { State = flow.State with { Choice = flow.State.Choice ?? new Cause(rule.Place, doubt.Why) } };
            next.Add(flow);
            flow = flow with { State = flow.State with { IsMatched = true } };
            doubt = null;
        }
        switch (rule.Action.Kind)
        {
            case ActionKind.Accept:
                Accept(rule, flow, doubt, next, done);
                break;
            case ActionKind.Drop:
                Block(rule, flow, doubt, MayBe.Dropped, next, done);
                break;
            case ActionKind.Reject:
                Block(rule, flow, doubt, IsLost(rule, flow) ? MayBe.Dropped : MayBe.Rejected, next, done);
                break;
            case ActionKind.Obscure:
                Block(rule, flow, doubt ?? new Uncertainty(Chance.NotKnown, rule.Action.Why!), MayBe.Anything, next, done);
                break;
            case ActionKind.Return when doubt is null:
                Resume(flow, depth - 1, done);
                break;
            case ActionKind.Return:
                next.Add(Doubted(rule, flow, depth - 1, doubt));
                break;
            case ActionKind.Jump:
            case ActionKind.Goto:
                Enter(rule, flow, doubt, depth, next, done);
                break;
            default:
                foreach (var (changed, leaves) in RuleChange.Of(rule, flow, doubt, inLink, linkAddress))
                {
                    if (leaves)
                        Leave(rule, changed, done);
                    else
                        next.Add(changed);
                }
                break;
        }
    }

    private void Accept(CompiledRule rule, Flow flow, Uncertainty? doubt, List<Flow> next, List<(int Level, Flow Flow)> done)
    {
        if (doubt is not null)
            next.Add(Doubted(rule, flow, Doubt.BeyondHook, doubt));
        else
            Leave(rule, flow, done);
    }

    // The rule decides packets that are still here; packets that may have returned before continue there.
    private void Leave(CompiledRule rule, Flow flow, List<(int Level, Flow Flow)> done)
    {
        if (flow.State.Doubts is not { Level: > Doubt.BeyondHook } doubts)
        {
            outcome.Accepted(rule.Place, flow);
            done.Add((Doubt.BeyondHook, flow.In(null)));
            return;
        }
        var left = Doubt.With(doubts.Outer, Doubt.BeyondHook, Doubt.Here(doubts)!.Value, Doubt.First(doubts));
        done.Add((doubts.Level, flow.In(left)));
    }

    private void Block(CompiledRule rule, Flow flow, Uncertainty? doubt, MayBe end, List<Flow> next, List<(int Level, Flow Flow)> done)
    {
        if (flow.State.Doubts is null && (doubt is null || (end == MayBe.Anything && rule.Match.Doubt(flow.State) is null)))
        {
            outcome.Ended(flow, end, _decider ?? rule.Place, IsLost(rule, flow) ? LostReset : rule.Action.Why);
            return;
        }
        var perhaps = Perhaps(flow, end, doubt is null ? null : (doubt, rule.Place), _decider ?? rule.Place);
        if (rule.Match.Doubt(flow.State) is not null)
            next.Add(perhaps);
        else
            done.Add((flow.State.Doubts!.Level, perhaps.In(flow.State.Doubts.Outer)));
    }

    private bool IsLost(CompiledRule rule, Flow flow) => losesResets && rule.Action.IsReset && flow.State.Rewriting.IsRedirected;

    private void Enter(CompiledRule rule, Flow flow, Uncertainty? doubt, int depth, List<Flow> next, List<(int Level, Flow Flow)> done)
    {
        if (WhyNot(rule.Action) is { } why)
        {
            var cause = new CompiledRule(rule.Place, rule.Match, new CompiledAction(ActionKind.Obscure) { Why = why });
            Block(cause, flow, doubt ?? new Uncertainty(Chance.NotKnown, why), MayBe.Anything, next, done);
            return;
        }
        var (inner, isGoto, outer) = (rule.Action.Target!, rule.Action.Kind == ActionKind.Goto, _decider);
        if (inner.IsTarget)
            _decider = rule.Place;
        if (isGoto && doubt is null)
        {
            done.AddRange(Walk(inner, flow, depth));
            _decider = outer;
            return;
        }
        // What does not match stays behind: that is when a rule of the inner chain does not decide.
        var entering = doubt is null ? flow : Doubted(rule, flow, depth, doubt with { Matches = doubt.Matches.Opposite() }, leftUnmatched: true);
        var ways = Walk(inner, entering, depth + 1);
        _decider = outer;
        foreach (var (level, back) in ways)
        {
            if (level != depth)
                done.Add((level, back));
            else
                next.Add(isGoto ? Doubted(rule, back, depth - 1, doubt!) : back);
        }
    }

    private string? WhyNot(CompiledAction jump) =>
        jump.Target is null ? jump.Why ?? "the chain it jumps to does not exist"
        : jump.Target.IsWalked ? $"it jumps back to {jump.Target.Name}: a loop"
        : _depth >= DeepestJump ? "chains jump to one another too deeply to be followed"
        : GivesUp(_visits > MostVisits) ? "chains jump to one another in too many ways to be followed"
        : null;

    private bool GivesUp(bool isTooMuch)
    {
        GaveUp |= isTooMuch;
        return isTooMuch;
    }

    private List<Flow> Merged(List<Flow> flows) => flows.Count < 2 ? flows : Flows.Merge(flows, GivesUp(flows.Count > Flows.MostHistories));

    private static Flow Doubted(CompiledRule rule, Flow flow, int level, Uncertainty doubt, bool leftUnmatched = false)
    {
        var left = Doubt.Here(flow.State.Doubts)?.And(doubt.Matches) ?? doubt.Matches;
        var cause = flow.State.Doubts is { } doubts ? Doubt.First(doubts) : new Cause(rule.Place, doubt.Why);
        return flow.In(Doubt.With(flow.State.Doubts, level, left, cause, leftUnmatched));
    }

    private static Flow Perhaps(Flow flow, MayBe end, (Uncertainty Doubt, Place Place)? match, Place place)
    {
        var here = Doubt.Here(flow.State.Doubts);
        var when = match is { } uncertain ? here?.And(uncertain.Doubt.Matches) ?? uncertain.Doubt.Matches : here!.Value;
        var cause = flow.State.Doubts is { } doubts ? Doubt.First(doubts) : new Cause(match!.Value.Place, match.Value.Doubt.Why);
        return flow.Perhaps(end, when, cause, place, Doubt.Otherwise(flow.State.Doubts, match?.Doubt.Matches), isLimited: flow.State.Doubts is null && when == Chance.AboveRate);
    }

    private static void Resume(Flow flow, int level, List<(int Level, Flow Flow)> done) =>
        done.Add((level, flow.In(Doubt.At(level, flow.State.Doubts))));
}
