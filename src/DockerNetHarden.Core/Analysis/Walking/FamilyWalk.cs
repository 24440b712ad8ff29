using DockerNetHarden.Analysis.Sets;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Analysis.Walking;

/// <summary>
/// The way of packets of one family through a host: the hooks before routing, routing, the hooks to the host itself or through it.
/// Source: the Netfilter packet flow; net/ipv4/ip_input.c, ip_forward.c, ip_output.c.
/// </summary>
internal sealed class FamilyWalk
{
    private readonly HostSnapshot _host;
    private readonly Family _family;
    private readonly List<BaseChain> _hooks = [];
    private readonly Router _router;
    private readonly Bridging _bridging;

    internal FamilyWalk(HostSnapshot host, Family family)
    {
        (_host, _family) = (host, family);
        var context = new RuleContext(host, family);
        _router = new Router(host, family);
        _bridging = new Bridging(host, family, context.AddressTypes);
        var isNft = host.Iptables.Backend == IptablesBackend.Nft;
        if (host.Rules.TryGetValue(family, out var active))
            _hooks.AddRange(new RulesetCompiler(active, isNft ? "nft" : "legacy", isActive: true, context).Compile());
        if (host.OtherRules.TryGetValue(family, out var other))
            _hooks.AddRange(new RulesetCompiler(other, isNft ? "legacy" : "nft", isActive: false, context).Compile());
    }

    internal IReadOnlyList<AccessPart> Ask(PacketSet packets, string inLink)
    {
        var outcome = new Outcome();
        var walk = new HookWalk(outcome, inLink, () => AddressOf(inLink));
        var start = new Flow(packets, new FlowState(), null);
        var bridged = packets.Intersect(_bridging.Stay(inLink));
        if (bridged.IsEmpty)
            Routed(Before(start, walk, outcome), inLink, walk, outcome);
        else
        {
            Routed(Before(start with { Packets = packets.Subtract(bridged) }, walk, outcome), inLink, walk, outcome);
            Bridged(start with { Packets = bridged }, inLink, walk, outcome);
        }
        return outcome.Parts;
    }

    private void Bridged(Flow flow, string inLink, HookWalk walk, Outcome outcome)
    {
        var state = flow.State with { Path = PacketPath.Bridged, OutLink = inLink };
        if (_bridging.IsSeen == false)
        {
            outcome.Arrived(flow with { State = state }, $"it stays on {inLink}, and without br_netfilter iptables does not see what a bridge passes on");
            return;
        }
        var bypass = _bridging.IsSeen is null ? new Cause(null, $"whether iptables sees what {inLink} passes on was not read") : null;
        var before = Before(flow with { State = flow.State with { MayBypass = bypass } }, walk, outcome);
        var stays = before.Where(static each => !each.State.Rewriting.IsRedirected).ToList();
        Routed([.. before.Except(stays)], inLink, walk, outcome);
        Forward([.. stays.Select(each => each with { State = each.State with { Path = PacketPath.Bridged, OutLink = inLink } })], walk, outcome);
    }

    private List<Flow> Before(Flow flow, HookWalk walk, Outcome outcome)
    {
        var flows = Hook("prerouting", flow.Packets.IsEmpty ? [] : [flow], walk, outcome);
        foreach (var rerouted in flows.Where(static each => each.State.Rerouted is not null))
            outcome.Decided(rerouted, Verdict.Unknown, Reasons.Rerouted(rerouted.State.Rerouted!));
        return [.. flows.Where(static each => each.State.Rerouted is null)];
    }

    private void Routed(IReadOnlyList<Flow> flows, string inLink, HookWalk walk, Outcome outcome)
    {
        foreach (var flow in flows)
        {
            foreach (var (packets, way) in _router.From(inLink, flow.State.Mark))
            {
                var routed = flow.Packets.Intersect(flow.State.Rewriting.IsRedirected ? packets.Before(flow.State.Rewriting with { Tracking = null }) : packets);
                if (!routed.IsEmpty)
                    Deliver(flow with { Packets = routed }, way, inLink, walk, outcome);
            }
        }
    }

    private void Deliver(Flow flow, RouteOutcome way, string inLink, HookWalk walk, Outcome outcome)
    {
        switch (way.Kind)
        {
            case RouteKind.Local:
                var local = Hook("input", [flow with { State = flow.State with { Path = PacketPath.Local } }], walk, outcome);
                foreach (var arrived in local)
                    outcome.Arrived(arrived);
                break;
            case RouteKind.Forward when IsForwarding(inLink):
                Forward([flow with { State = flow.State with { Path = PacketPath.Forward, OutLink = way.Link } }], walk, outcome);
                break;
            case RouteKind.Forward:
                outcome.Ended(flow, MayBe.Dropped, null, $"the host does not forward packets of {_family}");
                break;
            case RouteKind.Drop:
                outcome.Ended(flow, MayBe.Dropped, null, way.Why);
                break;
            case RouteKind.Reject:
                outcome.Ended(flow, MayBe.Rejected, null, way.Why);
                break;
            default:
                outcome.Decided(flow, Verdict.Unknown, $"{way.Why}.");
                break;
        }
    }

    private void Forward(IReadOnlyList<Flow> flows, HookWalk walk, Outcome outcome)
    {
        foreach (var arrived in Hook("postrouting", Hook("forward", flows, walk, outcome), walk, outcome))
            outcome.Arrived(arrived);
    }

    private List<Flow> Hook(string hook, IReadOnlyList<Flow> flows, HookWalk walk, Outcome outcome)
    {
        List<Flow> on = [.. flows];
        foreach (var chain in _hooks.Where(chain => chain.Hook == hook).OrderBy(static chain => chain.Priority))
        {
            outcome.Enter(chain);
            on = chain.IsNat ? Nat(chain, on, walk) : chain.IsBeforeConntrack ? BeforeConntrack(chain, on, walk) : walk.Run(chain, on);
            if (chain.Why is { } why)
                on = [.. on.Select(flow => flow.Perhaps(MayBe.Anything, Chance.NotKnown, new Cause(null, why)))];
        }
        return on;
    }

    // Conntrack has not seen the packets: to every match they are INVALID, unless they were taken out of tracking.
    private static List<Flow> BeforeConntrack(BaseChain chain, List<Flow> flows, HookWalk walk)
    {
        var blind = flows.Select(static flow => flow with { State = flow.State with { Rewriting = flow.State.Rewriting with { Tracking = flow.State.Rewriting.Tracking ?? Tracking.Invalid } } });
        return [.. walk.Run(chain, [.. blind]).Select(static flow => flow.State.Rewriting.Tracking == Tracking.Invalid
            ? flow with { State = flow.State with { Rewriting = flow.State.Rewriting with { Tracking = null } } }
            : flow)];
    }

    // The nat tables are asked once a connection, and only the first that rewrites does.
    private List<Flow> Nat(BaseChain chain, List<Flow> flows, HookWalk walk)
    {
        var opening = PacketSet.From(_family, Transport.InStates([Tracking.New])!, null, null);
        var done = new List<Flow>();
        var asked = new List<Flow>();
        foreach (var flow in flows)
        {
            if (flow.State.Rewriting.Tracking is not null)
            {
                done.Add(flow);
                continue;
            }
            var first = flow.Packets.Intersect(opening);
            if (!first.IsEmpty)
                asked.Add(flow with { Packets = first });
            if (flow.Packets.Subtract(first) is { IsEmpty: false } other)
                done.Add(flow with { Packets = other });
        }
        done.AddRange(walk.Run(chain, asked));
        return done;
    }

    private bool IsForwarding(string inLink) => _family == Family.IPv4
        ? (_host.Sysctls.GetValueOrDefault($"net.ipv4.conf.{inLink}.forwarding") ?? _host.Sysctls.GetValueOrDefault("net.ipv4.ip_forward")) != "0"
        : _host.Sysctls.GetValueOrDefault("net.ipv6.conf.all.forwarding") != "0";

    private Cidr? AddressOf(string link) => _host.Addresses.Where(address => address.Link == link && address.Address.Family == _family)
        .Select(static address => (Cidr?)address.Address).FirstOrDefault();
}
