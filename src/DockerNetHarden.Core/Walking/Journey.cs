using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>
/// The way of one question's packets through a host: the hooks before routing, routing, then the hooks to the host itself or through it.
/// Source: the Netfilter packet flow; net/ipv4/ip_input.c, ip_forward.c, ip_output.c.
/// </summary>
internal sealed class Journey
{
    private readonly FamilyWalk _host;
    private readonly string _inLink;
    private readonly Outcome _outcome;
    private readonly Bounds _bounds;
    private readonly PacketSet _packets;
    private readonly HookWalk _walk;

    private readonly bool _isTogether;

    // DNAT comes here, in the order of the chains (NF_IP_PRI_NAT_DST in linux/netfilter_ipv4.h).
    private const int NatPriority = -100;

    private Journey(FamilyWalk host, PacketSet packets, string inLink, bool isTogether, Outcome outcome)
    {
        (_host, _packets, _inLink, _bounds, _isTogether, _outcome) = (host, packets, inLink, Bounds.Of(packets), isTogether, outcome);
        _walk = Walker(_outcome);
    }

    /// <summary>What happens to packets that enter by a link.</summary>
    /// <param name="host">The host.</param>
    /// <param name="packets">The packets.</param>
    /// <param name="inLink">The link.</param>
    /// <param name="isTogether">Whether packets that leave by different links are walked together: sooner, but the chains of a part may then be those of others.</param>
    internal static IReadOnlyList<AccessPart> Of(FamilyWalk host, PacketSet packets, string inLink, bool isTogether = false)
    {
        var journey = new Journey(host, packets, inLink, isTogether, new Outcome());
        journey.Go();
        return journey._outcome.Parts(inLink);
    }

    /// <summary>What happens to packets of open connections that enter by a link.</summary>
    /// <param name="host">The host.</param>
    /// <param name="packets">The packets, in the states that conntrack gives them.</param>
    /// <param name="inLink">The link.</param>
    /// <param name="connected">What conntrack keeps of their connections.</param>
    internal static IReadOnlyList<AccessPart> Of(FamilyWalk host, PacketSet packets, string inLink, Connected connected)
    {
        var journey = new Journey(host, packets, inLink, isTogether: false, new Outcome());
        journey.Go(new FlowState { Connected = connected });
        return journey._outcome.Parts(inLink);
    }

    private void Go(FlowState? state = null)
    {
        var start = Doubted(new Flow(_packets, state ?? new FlowState(), null), _host.Unseen);
        if (_host.Family == Addresses.Family.IPv6 && !_host.Host.HasIPv6)
            _outcome.Ended(start, MayBe.Dropped, null, "the host's kernel has no IPv6");
        else if (_host.Mechanisms.Entering(_inLink) is { } why)
            _outcome.Decided(start, Verdict.Unknown, why);
        else
        {
            var bridged = _packets.Intersect(_host.Bridging.Stay(_inLink));
            Enter(start with { Packets = _packets.Subtract(bridged) });
            if (!bridged.IsEmpty)
                Bridge(start with { Packets = bridged });
        }
    }

    private void Enter(Flow flow)
    {
        if (!_host.IsOff(_inLink))
            Route(BeforeRouting(flow));
        else if (!flow.Packets.IsEmpty)
            _outcome.Ended(flow, MayBe.Dropped, null, $"net.ipv6.conf.{_inLink}.disable_ipv6 is on: the kernel drops all IPv6 that enters by {_inLink}");
    }

    private void Bridge(Flow flow)
    {
        var isSeen = _host.Bridging.IsSeen;
        if (isSeen == false)
        {
            _outcome.Arrived(
                flow with { State = flow.State with { Path = PacketPath.Bridged, OutLink = _inLink } },
                $"it stays on {_inLink}, and without br_netfilter iptables does not see what a bridge passes on");
            return;
        }
        var bypass = isSeen is null ? new Cause(null, $"whether iptables sees what {_inLink} passes on was not read") : null;
        var flows = BeforeRouting(flow with { State = flow.State with { MayBypass = bypass } });
        Route([.. flows.Where(static each => each.State.Rewriting.IsRedirected)]);
        Forward([.. flows.Where(static each => !each.State.Rewriting.IsRedirected)
            .Select(each => each with { State = each.State with { Path = PacketPath.Bridged, OutLink = _inLink } })]);
    }

    private List<Flow> BeforeRouting(Flow flow)
    {
        var flows = Hook("prerouting", flow.Packets.IsEmpty ? [] : [flow]);
        foreach (var rerouted in flows.Where(static each => each.State.Rerouted is not null))
            _outcome.Decided(rerouted, Verdict.Unknown, Reasons.Rerouted(rerouted.State.Rerouted!));
        return [.. flows.Where(static each => each.State.Rerouted is null)];
    }

    private void Route(IReadOnlyList<Flow> flows)
    {
        foreach (var flow in flows.SelectMany(WithDoubtfulSources))
        {
            var routing = new Routing(_host.Router, flow, _inLink);
            // By another address or port, packets leave by few links.
            if (_isTogether && !flow.State.Rewriting.IsRedirected && routing.Possible.Count(static way => way.Outcome.Kind == RouteKind.Forward) > 1)
                RouteTogether(flow, routing);
            else
                RouteApart(flow, routing.Ways);
        }
    }

    private void RouteApart(Flow flow, IEnumerable<(PacketSet Packets, RouteOutcome Outcome)> ways)
    {
        foreach (var (packets, way) in ways)
            Deliver(flow with { Packets = packets }, way);
    }

    // Packets that leave by different links are walked once. If that becomes too much to be told apart, each link has its turn.
    private void RouteTogether(Flow flow, Routing routing)
    {
        RouteApart(flow, routing.AtOnce);
        var links = routing.Links(_host.Mechanisms);
        var leaving = routing.Leaving(links);
        var inner = new Journey(_host, _packets, _inLink, isTogether: true, new Outcome(links));
        if (!leaving.IsEmpty)
            inner.Deliver(flow with { Packets = leaving, State = flow.State with { OutLinks = links } }, new RouteOutcome(RouteKind.Forward));
        if (inner._walk.GaveUp)
        {
            RouteApart(flow, routing.ByRoute);
            return;
        }
        var shares = inner._outcome.Shares;
        foreach (var way in routing.Possible)
        {
            if (way.Outcome is { Kind: RouteKind.Forward, Link: { } link } && links.Contains(link))
            {
                foreach (var share in shares[link])
                    _outcome.Add(share);
            }
            else if (routing.Of(way) is { IsEmpty: false } packets)
                Deliver(flow with { Packets = packets }, way.Outcome);
        }
    }

    private IEnumerable<Flow> WithDoubtfulSources(Flow flow)
    {
        var rest = flow.Packets;
        foreach (var source in _host.Sources.Doubtful(_inLink))
        {
            var doubted = rest.Intersect(source.Packets);
            if (doubted.IsEmpty)
                continue;
            rest = rest.Subtract(doubted);
            if (source.IsCertain)
                _outcome.Ended(flow with { Packets = doubted }, MayBe.Dropped, null, source.Why);
            else
                yield return Doubted(flow with { Packets = doubted }, source.Why);
        }
        if (!rest.IsEmpty)
            yield return flow with { Packets = rest };
    }

    private void Deliver(Flow flow, RouteOutcome way)
    {
        switch (way.Kind)
        {
            case RouteKind.Local:
                var local = Doubted(flow with { State = flow.State with { Path = PacketPath.Local } }, way.Why);
                foreach (var arrived in Hook("input", [local]))
                    ArriveHere(arrived);
                break;
            case RouteKind.Forward when _host.IsForwarding(_inLink) is not false:
                var forwarded = flow with { State = flow.State with { Path = PacketPath.Forward, OutLink = way.Link } };
                Forward([Doubted(forwarded, _host.IsForwarding(_inLink) is null ? $"whether {_inLink} forwards {_host.Family} was not read" : null)]);
                break;
            case RouteKind.Forward:
                _outcome.Ended(flow, MayBe.Dropped, null, $"the host does not forward packets of {_host.Family}");
                break;
            case RouteKind.Drop or RouteKind.Reject:
                _outcome.Ended(flow, way.Kind == RouteKind.Drop ? MayBe.Dropped : MayBe.Rejected, null, way.Why);
                break;
            default:
                _outcome.Decided(flow, Verdict.Unknown, way.Why ?? "");
                break;
        }
    }

    private void Forward(IReadOnlyList<Flow> flows)
    {
        foreach (var flow in Hook("postrouting", Hook("forward", flows)))
            _outcome.Arrived(_host.Mechanisms.Leaving(flow.State.OutLink) is { } why ? Unclear(flow, why) : flow);
    }

    private void ArriveHere(Flow flow)
    {
        var rest = flow.Packets;
        var served = rest.Intersect(_host.Mechanisms.ToVirtualServers.Before(flow.State.Rewriting));
        if (!served.IsEmpty)
        {
            _outcome.Arrived(Unclear(flow with { Packets = served }, "an IPVS service takes the packets on to a server of its own"));
            rest = rest.Subtract(served);
        }
        foreach (var (container, packets) in _host.Published)
        {
            var proxied = rest.Intersect(packets.Before(flow.State.Rewriting));
            if (proxied.IsEmpty)
                continue;
            _outcome.Arrived(flow with { Packets = proxied, State = flow.State with { Proxied = container } }, $"docker-proxy carries them to the container {container}");
            rest = rest.Subtract(proxied);
        }
        if (!rest.IsEmpty)
            _outcome.Arrived(flow with { Packets = rest });
    }

    // Something outside the rules may drop the packets: then no way is open for certain, and what a rule blocks stays blocked.
    private static Flow Doubted(Flow flow, string? why) => why is null ? flow : flow.Perhaps(MayBe.Dropped, Chance.NotKnown, new Cause(null, why));

    private static Flow Unclear(Flow flow, string why) => flow.Perhaps(MayBe.Anything, Chance.NotKnown, new Cause(null, why));

    private List<Flow> Hook(string hook, IReadOnlyList<Flow> flows)
    {
        List<Flow> on = [.. flows];
        int? natPriority = null;
        foreach (var chain in _host.HooksAt(hook))
        {
            if (hook == "prerouting" && chain.Priority >= NatPriority)
                on = [.. on.Select(Translated)];
            _outcome.Enter(chain);
            on = chain.IsNat ? Nat(chain, on, natPriority) : chain.IsBeforeConntrack ? BeforeConntrack(chain, on) : _walk.Run(chain, on);
            natPriority = chain.IsNat ? chain.Priority : natPriority;
            if (chain.Why is { } why)
                on = [.. on.Select(flow => Unclear(flow, why))];
        }
        return hook == "prerouting" ? [.. on.Select(Translated)] : on;
    }

    private static Flow Translated(Flow flow) => flow.State.Connected is { } connected && flow.State.Rewriting == default
        ? flow with { State = flow.State with { Rewriting = connected.Rewriting } } : flow;

    // Conntrack has not seen the packets: every match sees them as INVALID, unless they were taken out of tracking.
    private List<Flow> BeforeConntrack(BaseChain chain, List<Flow> flows)
    {
        List<Flow> blind = [.. flows.Select(static flow => Seen(flow, flow.State.Rewriting.Tracking ?? Tracking.Invalid))];
        return [.. _walk.Run(chain, blind).Select(static flow => flow.State.Rewriting.Tracking == Tracking.Invalid ? Seen(flow, null) : flow)];

        static Flow Seen(Flow flow, Tracking? state) => flow with { State = flow.State with { Rewriting = flow.State.Rewriting with { Tracking = state } } };
    }

    // The nat chains see only the first packet of a connection, until one of them has rewritten it.
    private List<Flow> Nat(BaseChain chain, List<Flow> flows, int? before)
    {
        var opening = PacketSet.From(_host.Family, Transport.InStates([Tracking.New])!, null, null);
        var (done, asked) = (new List<Flow>(), new List<Flow>());
        foreach (var flow in flows)
        {
            if (flow.State.Rewriting.Tracking is not null || flow.State.Connected is not null)
                done.Add(flow);
            else if (flow.State.Rewriting.IsRedirected && chain.Hook == "prerouting")
                done.AddRange(before == chain.Priority ? RedirectedTwice(chain, flow) : [flow]);
            else
            {
                var first = flow.Packets.Intersect(opening);
                if (!first.IsEmpty)
                    asked.Add(flow with { Packets = first });
                if (flow.Packets.Subtract(first) is { IsEmpty: false } other)
                    done.Add(flow with { Packets = other });
            }
        }
        done.AddRange(_walk.Run(chain, asked));
        return done;
    }

    // The order of two chains with the same priority is not known: if both redirect, neither is certain.
    private IEnumerable<Flow> RedirectedTwice(BaseChain chain, Flow flow)
    {
        var plain = flow with { State = flow.State with { Rewriting = default, Rerouted = null } };
        var rest = flow.Packets;
        foreach (var other in Walker(new Outcome()).Run(chain, [plain]))
        {
            if (other.State.Rerouted is null && (!other.State.Rewriting.IsRedirected || other.State.Rewriting == flow.State.Rewriting))
                continue;
            var both = rest.Intersect(other.Packets);
            rest = rest.Subtract(both);
            if (!both.IsEmpty)
                yield return flow with { Packets = both, State = flow.State with { Rerouted = new Cause(chain.PolicyPlace, "two nat chains redirect the packets, and which is asked first is not known") } };
        }
        if (!rest.IsEmpty)
            yield return flow with { Packets = rest };
    }

    private HookWalk Walker(Outcome outcome) => new(outcome, _inLink, () => _host.AddressOf(_inLink), _host.Bridging.LosesResets(_inLink), _bounds);
}
