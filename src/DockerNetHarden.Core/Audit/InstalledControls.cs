using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>Our rules on a host, looked up by control and in-interface.</summary>
internal sealed class InstalledControls
{
    private readonly ILookup<(string Control, Family Family, string Interface), FirewallRule> _byInterface;
    private readonly Lazy<ILookup<(string Control, Family Family, string Interface), Block>> _blocks;
    private readonly Lazy<Dictionary<FirewallRule, int>> _places;
    private readonly Lazy<ILookup<(string Control, Family Family, Hook Hook), (int Place, CompiledMatch Match)>> _exceptions;

    public InstalledControls(PacketWalk walk)
    {
        Chains = OurChain.OfHost(walk.Host);
        Rules = [.. Chains.SelectMany(chain => chain.Lines).Where(line => line.Mark is not null).Select(line => line.Rule).OfType<FirewallRule>()];
        ByMark = Rules.ToLookup(rule => rule.Mark);
        _byInterface = Rules.ToLookup(rule => (rule.Control, rule.Family, rule.InInterface ?? ""));
        // Each rule is read once, not once for each network: a host can have thousands of both.
        _blocks = new(() => Rules.Where(rule => rule.Action is RuleAction.Drop or RuleAction.Reject && rule.Chain is not "OUTPUT" && RulePackets.IsAskable(rule))
            .Select(rule => new Block(rule, PacketSet.Of(RulePackets.Of(rule, "any")!))).ToLookup(block => (block.Rule.Control, block.Rule.Family, block.Rule.InInterface ?? "")));
        _places = new(() => Rules.Distinct().Select((rule, place) => (rule, place)).ToDictionary(pair => pair.rule, pair => pair.place));
        _exceptions = new(() => Rules.Distinct().Where(rule => rule.Action is RuleAction.Return or RuleAction.Accept && (rule.Control is "Custom" || rule.Phase is Phase.Exception))
            .ToLookup(rule => (rule.Control, rule.Family, rule.Hook), rule => (_places.Value[rule], walk.MatchOf(rule.Family, rule.Tokens))));
    }

    public IReadOnlyList<OurChain> Chains { get; }

    /// <summary>All rules of ours, in order within each chain.</summary>
    public IReadOnlyList<FirewallRule> Rules { get; }

    public ILookup<RuleMark, FirewallRule> ByMark { get; }

    /// <summary>The rules of a control that see packets of a bridge: those for it, and those for every interface.</summary>
    public IEnumerable<FirewallRule> For(string control, Family family, string bridge) => For(_byInterface, control, family, bridge);

    /// <summary>The blocks among them whose packets a set can hold.</summary>
    public IEnumerable<Block> Blocks(string control, Family family, string bridge) => For(_blocks.Value, control, family, bridge);

    /// <summary>
    /// What a control's own exceptions leave open to a bridge, as sets. Only what they certainly leave open: the exceptions in filter and INPUT or, if the control has none there (Docker with
    /// nftables), those of its half in mangle.
    /// </summary>
    public IEnumerable<PacketSet> Exceptions(string control, Family family, string bridge)
    {
        var rules = For(control, family, bridge).ToList();
        return Exceptions(rules.Exists(rule => rule.Table is "filter") ? rules.Where(rule => rule.Table is "filter" || rule.Chain is "INPUT") : rules, bridge);
    }

    /// <summary>
    /// What the exceptions of a block's own control may let past it: those in its chain, for custom rules those before it. Of an exception with a condition that is not known, all that it may
    /// mean counts: whoever wrote it means that some of these packets pass. An exception for replies alone lets no first packet past.
    /// </summary>
    public IEnumerable<CompiledMatch> MayPass(FirewallRule block, string bridge)
    {
        var exceptions = _exceptions.Value[(block.Control, block.Family, block.Hook)];
        return (block.Control is "Custom" && _places.Value.TryGetValue(block, out var place) ? exceptions.TakeWhile(each => each.Place < place) : exceptions)
            .Select(each => each.Match).Where(match => match.In?.Matches(bridge) != false);
    }

    private static IEnumerable<PacketSet> Exceptions(IEnumerable<FirewallRule> rules, string bridge) => rules
        .Where(rule => rule.Phase is Phase.Exception)
        .Select(rule => RulePackets.OfFirst(rule, bridge))
        .OfType<AccessQuery>()
        .Select(PacketSet.Of);

    // Rules for networks made later: br-+ (iptables(8): a name that ends in '+' is the beginning of names).
    private static IEnumerable<T> For<T>(ILookup<(string Control, Family Family, string Interface), T> rules, string control, Family family, string bridge) =>
        rules[(control, family, bridge)].Concat(rules[(control, family, "")]).Concat(bridge.StartsWith("br-", StringComparison.Ordinal) ? rules[(control, family, "br-+")] : []);
}

/// <summary>A rule of ours that blocks, and the packets that it names.</summary>
internal sealed record Block(FirewallRule Rule, PacketSet Packets);

/// <summary>The packets that a rule names, as a question.</summary>
internal static class RulePackets
{
    /// <summary>
    /// The packets of a rule that enter by a bridge; null if it has a condition that a question cannot express. A negated out-interface is left to the
    /// caller: it means forwarded packets.
    /// </summary>
    public static AccessQuery? Of(FirewallRule rule, string bridge) => IsAskable(rule) ? Question(rule, bridge) : null;

    /// <summary>The same for a rule that names what the packets were sent to before a redirection: that is what a container asks for.</summary>
    public static AccessQuery? OfFirst(FirewallRule rule, string bridge) => rule is { OriginalDestination: { } asked, Destination: null, DestinationPort: null, OriginalDestinationPort: var port }
        ? Of(rule.With(spec => (spec.OriginalDestination, spec.OriginalDestinationPort, spec.Destination, spec.DestinationPort) = (null, null, asked, port)), bridge)
        : Of(rule, bridge);

    public static bool IsAskable(FirewallRule rule) => IsPlain(rule) && rule.OutInterface?.StartsWith('!') != false
        && Operand.IsPlain(rule.Destination) && Operand.IsPlain(rule.Source) && Operand.IsPlain(rule.DestinationPort) && Operand.IsPlain(rule.SourcePort) && Operand.IsPlain(rule.Protocol);

    private static AccessQuery Question(FirewallRule rule, string bridge) => new()
    {
        Family = rule.Family,
        InInterface = bridge,
        Sources = rule.Source is { } source ? [Cidr.Parse(source)] : [],
        Destinations = rule.Destination is { } destination ? [.. AddressLists.Split(destination).Select(Cidr.Parse)] : [],
        Protocol = rule.Protocol,
        SourcePorts = rule.SourcePort is { } from ? PortList.Parse(from, "SourcePort") : null,
        Ports = rule.DestinationPort is { } to ? PortList.Parse(to, "DestinationPort") : null,
    };

    // What a question expresses, or what says nothing about packets. A rule in which any other field is given matches fewer packets than the question names.
    private static readonly HashSet<RuleField> Asked = new(
        [
            RuleFields.Control, RuleFields.Subject, RuleFields.Network, RuleFields.Comment, RuleFields.Family, RuleFields.Table, RuleFields.Chain, RuleFields.InInterface, RuleFields.OutInterface,
            RuleFields.Source, RuleFields.Destination, RuleFields.Protocol, RuleFields.SourcePort, RuleFields.DestinationPort, RuleFields.Action, RuleFields.RejectWith, RuleFields.LogPrefix,
            RuleFields.JumpTarget, RuleFields.ConnectionDirection, RuleFields.Connections, RuleFields.SourceAddressType,
        ],
        ReferenceEqualityComparer.Instance);

    // First packets from containers always meet these conditions: they go in their connection's first direction and do not come from an address of the host.
    private static bool IsPlain(FirewallRule rule) =>
        rule is { ConnectionDirection: null or "ORIGINAL", SourceAddressType: null or "!LOCAL" } && RuleFields.All.All(field => !rule.Spec.Has(field) || Asked.Contains(field));
}
